"""Open the image of a sample as an RGB picture, upright, on white."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from graft.base.errors import DataError

SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".avif", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm",
))  # fmt: skip
"""The file names that are taken for images."""
UNREADABLE = frozenset((".heic", ".heif", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".svg"))
"""Suffixes of pictures that Pillow cannot read: from phones, raw camera files, drawings."""


def has_image_suffix(name: str | Path) -> bool:
    """Whether a name ends as those of images do that can be read here."""
    return Path(name).suffix.lower() in SUFFIXES


@dataclass(frozen=True)
class Header:
    """The size of a picture as it is stored, and how its EXIF tag turns it upright."""

    width: int
    height: int
    orientation: int = 1
    """1 is upright already, 6 and 8 are turned by a quarter, see EXIF; from 5 on width and height
    change places."""

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        swaps = self.orientation >= 5
        return (self.height, self.width) if swaps else (self.width, self.height)


# Pillow warns at half the size that it refuses; what it refuses is an error here.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
_PIL_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error,
    Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises on broken files, by format."""
_PNG_TAGS = (b"eXIf", b"exif", b"rientation")
"""One of these stands in a PNG that says how it is turned."""


def open_image(value: Any, name: str, at_least: int | None = None) -> Image.Image:
    """The picture as RGB, upright by its EXIF tag, transparency laid on white.

    `value` is a path, encoded bytes, a Pillow image, or an array (H, W), (H, W, 1), (H, W, 3) or
    (H, W, 4): uint8 as it is, bool, uint16 over 12 or 16 bits, floats from 0 to 1, other numbers
    from 0 to 255. `at_least` lets JPEGs be decoded at a fraction of their size, but no smaller than
    so many pixels a side. Raises DataError, naming the sample `name` and what is wrong with it.
    """
    if isinstance(value, np.ndarray):
        image = Image.fromarray(_bytes_of(value, name))
        return _paint_on_white(image) if image.mode == "RGBA" else image.convert("RGB")
    with refuse_broken(name):
        image = value if isinstance(value, Image.Image) else _open(value, name, at_least)
        image.load()
        return _rgb(ImageOps.exif_transpose(image), name)


def image_size(value: Any, name: str) -> tuple[int, int]:
    """Width and height of the upright picture in pixels; of files and bytes the header is read.

    Raises DataError.
    """
    is_open = isinstance(value, np.ndarray | Image.Image)
    with refuse_broken(name):
        return _header(value if is_open else read_bytes(value, name)).upright


@contextmanager
def refuse_broken(name: str) -> Iterator[None]:
    """Turn what Pillow raises on a broken file into a DataError that names the sample."""
    try:
        yield
    except _PIL_ERRORS as error:
        raise DataError(
            f"The image of {name} cannot be read: {_reason(error)}. Fix or remove it."
        ) from error


def read_header(value: Any) -> Header | None:
    """The size of a picture and how it is turned, without its pixels; None if it cannot be read."""
    try:
        return _header(value)
    except (*_PIL_ERRORS, TypeError, KeyError):
        return None


def _header(value: Any) -> Header:
    """The header of a picture; what cannot be read raises what Pillow raises."""
    if isinstance(value, np.ndarray):
        return Header(value.shape[1], value.shape[0])
    if isinstance(value, Image.Image):
        return Header(*value.size, _orientation(value, _PNG_TAGS[0]))
    raw = value if isinstance(value, bytes) else None
    with Image.open(Path(value) if raw is None else io.BytesIO(raw)) as image:
        if raw is None and image.format == "PNG":
            raw = Path(value).read_bytes()
        # Pillow gives the size of a TIFF as if it were upright, and the tags as it is stored.
        tags = image.tag_v2 if image.format == "TIFF" else None
        size = (tags[256], tags[257]) if tags else image.size
        return Header(*size, _orientation(image, raw or b""))


def _orientation(image: Image.Image, raw: bytes) -> int:
    """How a picture is turned; Pillow would decode a whole PNG to look for a tag at its end."""
    if image.format == "PNG" and not any(mark in raw for mark in _PNG_TAGS):
        return 1
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    return orientation if orientation in range(1, 9) else 1


def read_bytes(value: Any, name: str) -> bytes:
    """The bytes of an image file, from its path or as they are. Raises DataError."""
    if isinstance(value, str | Path):
        if (suffix := Path(value).suffix.lower()) in UNREADABLE:
            words = f"{suffix} is not among the forms known here. Turn it into JPEG."
            raise DataError(f"The image of {name} cannot be read: {words}")
        try:
            value = Path(value).read_bytes()
        except (OSError, ValueError) as error:  # a path with a NUL byte is a ValueError
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"The image of {name} cannot be read: {value}: {reason}.") from error
    if not isinstance(value, bytes | bytearray | memoryview):
        raise DataError(
            f"The image of {name} is of type {type(value).__name__}. "
            "Give a path, encoded bytes or an array (H, W[, C])."
        )
    if not len(value):
        raise DataError(
            f"The image of {name} cannot be read: it is empty (0 bytes). Fix or remove it."
        )
    return bytes(value)


def image_digest(value: Any) -> str | None:
    """Hash the bytes of an image file or the pixels of a picture; None if it cannot be read."""
    if isinstance(value, np.ndarray):
        raw = f"{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
    elif isinstance(value, Image.Image):
        raw = f"{value.size}".encode() + value.tobytes()
    else:
        try:
            raw = read_bytes(value, "")
        except DataError:
            return None
    return hashlib.sha256(raw).hexdigest()


def thumbnail(value: Any, name: str, side: int = 128) -> str:
    """A small JPEG of the picture, `side` pixels at most, as a data URI for a page."""
    image = open_image(value, name, at_least=side)
    image.thumbnail((side, side))
    return jpeg_uri(image)


def jpeg_uri(image: Image.Image) -> str:
    """A picture as a JPEG in a data URI for a page."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _open(value: Any, name: str, at_least: int | None) -> Image.Image:
    image = Image.open(io.BytesIO(read_bytes(value, name)))
    if at_least is not None:
        image.draft(None, (at_least, at_least))
    return image


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        size, most = (f"{int(digits):,}" for digits in re.findall(r"\d+", str(error))[:2])
        return f"it has {size} pixels, and at most {most} are opened; save it smaller"
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is not an image of a known format"
    words = str(error) or type(error).__name__
    return f"it is truncated or damaged ({words})"


def _rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):  # Pillow's own conversion clips 16 bits at 255
        values = np.asarray(image)
        scaled = values.astype(np.float64) * (255 / _white(float(values.max(initial=0))))
        return Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        return Image.fromarray(_bytes_of(np.asarray(image), name)).convert("RGB")
    if image.has_transparency_data:
        return _paint_on_white(image)
    return image.convert("RGB")


def _white(highest: float) -> int:
    """White in a picture of more than 8 bits: microscopes and scanners write 12 bits in 16."""
    return next(full for full in (4095, 65535, np.iinfo(np.int32).max) if highest <= full)


def _paint_on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _bytes_of(array: np.ndarray, name: str) -> np.ndarray:
    """Convert the array to uint8 (H, W) or (H, W, 3 or 4)."""
    if (
        array.ndim not in (2, 3)
        or (array.ndim == 3 and array.shape[2] not in (1, 3, 4))
        or not array.size
    ):
        raise DataError(
            f"The image of {name} is an array of shape {array.shape}. "
            "Allowed: (H, W), (H, W, 1), (H, W, 3), (H, W, 4)."
        )
    array = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "buif" or not np.isfinite(array).all():
        raise DataError(
            f"The image of {name} holds values that are not finite numbers (dtype {array.dtype})."
        )
    low, high = float(array.min()), float(array.max())
    is_share = array.dtype == bool or (array.dtype.kind == "f" and high <= 1)
    full = 1 if is_share else _white(high) if array.dtype == np.uint16 else 255
    if low < 0 or high > full:
        raise DataError(
            f"The image of {name} ({array.dtype}) has values from {low:g} "
            f"to {high:g}. Allowed: floats from 0 to 1, other numbers from "
            "0 to 255, uint16 over its whole range. Scale it to uint8."
        )
    return np.ascontiguousarray((array * (255.0 / full)).round().astype(np.uint8))
