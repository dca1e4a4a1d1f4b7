from __future__ import annotations

import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.data.images.open import image_size, open_image, thumbnail


def png(array: np.ndarray, **more) -> bytes:
    return encode(Image.fromarray(array), "PNG", **more)


def encode(image: Image.Image, format: str, **more) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **more)
    return buffer.getvalue()


def pixel(value: object, x: int = 0, y: int = 0) -> tuple[int, ...]:
    image = open_image(value, "it")
    assert image.mode == "RGB"
    return image.getpixel((x, y))


def test_grey_palette_and_bilevel_become_rgb() -> None:
    assert pixel(png(np.full((2, 2), 77, np.uint8))) == (77, 77, 77)
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert pixel(encode(palette, "GIF")) == (10, 20, 30)
    assert pixel(encode(Image.new("1", (2, 2), 1), "PNG")) == (255, 255, 255)


def test_transparency_is_laid_on_white() -> None:
    assert pixel(encode(Image.new("RGBA", (2, 2), (0, 0, 0, 0)), "PNG")) == (255, 255, 255)
    assert pixel(encode(Image.new("RGBA", (2, 2), (200, 0, 0, 255)), "PNG")) == (200, 0, 0)
    assert pixel(encode(Image.new("LA", (2, 2), (0, 0)), "PNG")) == (255, 255, 255)
    half = pixel(encode(Image.new("RGBA", (2, 2), (0, 0, 0, 128)), "PNG"))
    assert all(abs(c - 127) <= 1 for c in half)
    marked = Image.new("P", (2, 2), 0)
    marked.putpalette([5, 6, 7])
    assert pixel(encode(marked, "PNG", transparency=0)) == (255, 255, 255)
    assert pixel(encode(Image.new("RGB", (2, 2), (1, 2, 3)), "PNG", transparency=(1, 2, 3))) == (
        255,
        255,
        255,
    )


def test_cmyk_jpeg_has_its_colors() -> None:
    red = Image.new("RGB", (16, 16), (220, 20, 20)).convert("CMYK")
    r, g, b = pixel(encode(red, "JPEG", quality=95))
    assert r > 200 and g < 40 and b < 40


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(format: str) -> None:
    ramp = np.array([[0, 257 * 64, 257 * 128, 65535]], dtype=np.uint16)
    data = encode(Image.fromarray(ramp), format)
    assert Image.open(io.BytesIO(data)).mode.startswith("I")
    assert [pixel(data, x)[0] for x in range(4)] == [0, 64, 128, 255]


def test_thirty_two_bits_and_floats() -> None:
    assert pixel(encode(Image.fromarray(np.array([[0, 65535]], dtype=np.int32)), "TIFF"), 1) == (
        255,
        255,
        255,
    )
    assert pixel(encode(Image.fromarray(np.array([[0, 0.5]], dtype=np.float32)), "TIFF"), 1) == (
        128,
        128,
        128,
    )


def test_exif_rotation_is_applied() -> None:
    array = np.zeros((10, 20, 3), np.uint8)
    array[:, :10] = 255  # the left half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    data = encode(Image.fromarray(array), "JPEG", exif=exif, quality=95)
    image = open_image(data, "it")
    assert image.size == (10, 20)
    assert image.getpixel((5, 2))[0] > 200 and image.getpixel((5, 17))[0] < 50


def test_arrays() -> None:
    assert pixel(np.full((2, 3), 9, np.uint8)) == (9, 9, 9)
    assert pixel(np.full((2, 3, 1), 9, np.uint8)) == (9, 9, 9)
    assert pixel(np.full((2, 3, 3), 1.0)) == (255, 255, 255)
    assert pixel(np.full((2, 3), 128, np.int64)) == (128, 128, 128)
    assert pixel(np.full((2, 3), 65535, np.uint16)) == (255, 255, 255)
    assert pixel(np.ones((2, 3), bool)) == (255, 255, 255)
    assert pixel(np.zeros((2, 3, 4), np.uint8)) == (255, 255, 255)
    assert (
        open_image(np.zeros((2, 3), np.uint8), "it").size
        == image_size(np.zeros((2, 3), np.uint8), "it")
        == (3, 2)
    )
    assert pixel(np.full((2, 3, 3), 9, np.uint8)[:, ::-1]) == (9, 9, 9)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 8, 8)), "shape"),
        (np.zeros(5), "shape"),
        (np.zeros((0, 4, 3)), "shape"),
        (np.full((2, 2), np.nan), "finite"),
        (np.full((2, 2), -1.0), "from -1 to -1"),
        (np.full((2, 2), 300), "300"),
    ],
)
def test_arrays_that_are_no_images(array: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=f"x.csv:3.*{said}"):
        open_image(array, "x.csv:3")


def test_broken_files_name_the_sample_and_the_fault(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = encode(Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")
    with pytest.raises(DataError, match=r"ants/1.jpg.*truncated"):
        open_image(whole[: len(whole) // 2], "ants/1.jpg")
    with pytest.raises(DataError, match=r"ants/1.jpg.*truncated"):
        open_image(whole[: len(whole) // 2], "ants/1.jpg", at_least=16)
    with pytest.raises(DataError, match="truncated"):
        open_image(png(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))[:4000], "it")
    (tmp_path / "zero.jpg").touch()
    with pytest.raises(DataError, match="it cannot be read: it is empty"):
        open_image(tmp_path / "zero.jpg", "it")
    (tmp_path / "text.jpg").write_text("not an image at all")
    with pytest.raises(DataError, match="not an image of a known format"):
        open_image(tmp_path / "text.jpg", "it")
    with pytest.raises(DataError, match=r"gone\.jpg: No such file"):
        open_image(tmp_path / "gone.jpg", "it")
    with pytest.raises(DataError, match="type int"):
        open_image(3, "it")


def test_draft_decodes_smaller_but_never_below_what_is_asked() -> None:
    data = encode(Image.new("RGB", (400, 320), (250, 10, 10)), "JPEG")
    image = open_image(data, "it", at_least=60)
    assert image.size == (100, 80)
    assert open_image(data, "it").size == image_size(data, "it") == (400, 320)
    r, g, _ = image.getpixel((50, 40))
    assert r > 230 and g < 30


def test_non_ascii_paths(tmp_path: Path) -> None:
    file = tmp_path / "蟻 ümlaut" / "fourmi é.png"
    file.parent.mkdir()
    file.write_bytes(png(np.full((2, 2), 7, np.uint8)))
    assert pixel(file) == pixel(str(file)) == (7, 7, 7)


def test_thumbnail_is_a_small_jpeg() -> None:
    uri = thumbnail(np.full((300, 600, 3), 200, np.uint8), "it", side=64)
    head, data = uri.split(",")
    assert head == "data:image/jpeg;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.format == "JPEG" and image.size == (64, 32)


@pytest.mark.parametrize(("highest", "white"), [(4095, 255), (3000, 187), (4096, 16), (65535, 255)])
def test_twelve_bits_in_sixteen_are_seen_at_their_full_range(highest: int, white: int) -> None:
    ramp = np.array([[0, highest]], dtype=np.uint16)
    assert pixel(encode(Image.fromarray(ramp), "PNG"), 1) == pixel(ramp, 1) == (white, white, white)


def test_too_large_a_picture_says_its_size_and_the_limit() -> None:
    with pytest.raises(
        DataError,
        match=r"it has 256,000,000 pixels, and at most 178,956,970 are opened; save it smaller",
    ):
        image_size(b"P5 16000 16000 255\n", "large.pgm")


def test_a_large_picture_is_opened_without_a_warning() -> None:
    code = (
        "from graft.data.images.open import image_size; "
        "print(image_size(b'P5 10000 10000 255\\n', 'it'))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("(10000, 10000)\n", "")


@pytest.mark.parametrize("ending", [".heic", ".HEIF", ".nef", ".svg"])
def test_forms_that_are_not_read_are_named_with_the_way_out(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"1{ending}").write_bytes(b"\0" * 64)
    with pytest.raises(
        DataError, match=rf"{ending.lower()} is not among the forms known here\. Turn it into JPEG"
    ):
        open_image(tmp_path / f"1{ending}", "1")
