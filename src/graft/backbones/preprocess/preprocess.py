"""Preprocessing: from a picture or a text to the inputs that a backbone was pretrained on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from graft.backbones.preprocess.augment import AUGMENTS, Augment, Frame, Recolor, View, none
from graft.backbones.preprocess.geometry import Geometry
from graft.backbones.preprocess.mosaic import Tile


class Preprocess(Protocol):
    """Turns one value into tensors, and the tensors of several samples into a batch."""

    reads: str
    augments: bool
    """Whether the tensors depend on `rng`."""

    def __call__(self, value: Any, rng: np.random.Generator | None) -> dict[str, Tensor]: ...
    def collate(self, encoded: list[dict[str, Tensor]]) -> dict[str, Tensor]: ...
    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None: ...
    def with_distinct_lengths(
        self, several: list[dict[str, Tensor]]
    ) -> list[dict[str, Tensor]]: ...
    def blank(self, count: int, lengths: Sequence[int] | None) -> dict[str, Tensor] | None: ...
    def length(self, value: Any) -> int: ...
    def with_augment(self, augment: Augment) -> Self: ...
    def settings(self) -> dict[str, Any]: ...
    def example(self) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class ImagePreprocess:
    """Resize, crop and normalize; with `rng`, draw a random view for training: see `augment`.

    Yields `{input_name: uint8 (3, H, W)}`; `collate` normalizes to float32 (B, 3, H, W).
    """

    reads: ClassVar[str] = "image"
    size: tuple[int, int]
    """Width and height of the input."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    crop: float = 0.875
    """The share of the resized short side that the center crop keeps."""
    whole: bool = False
    """Whether the whole picture is scaled to fit and padded, instead of a center crop."""
    stretch: bool = False
    """Whether the crop has the shape of the picture, and is stretched to the shape of the input;
    by default it has the shape of the input."""
    scale: tuple[float, float] = (0.25, 1.0)
    """The range of the area that a random crop keeps."""
    input_name: str = "x"
    augment: Augment = "usual"
    channels: Literal["RGB", "BGR"] = "RGB"
    """The order in which the network reads the colors; `mean` and `std` are of RGB."""

    @property
    def augments(self) -> bool:
        return self.augment != "none"

    def __call__(self, value: Image.Image, rng: np.random.Generator | None) -> dict[str, Tensor]:
        return self.encode(value, self.view(value.size, rng))

    def encode(self, value: Image.Image, view: View) -> dict[str, Tensor]:
        """Return the tensors of one view of a picture."""
        return self._tensors(view.recolor(self._pixels(value, view.geometry)))

    def join(
        self, pictures: Iterable[tuple[Image.Image, Tile]], recolor: Recolor
    ) -> dict[str, Tensor]:
        """Return the tensors of an input that tiles of several pictures cover.

        One picture is in memory at a time if they are opened one by one.
        """
        width, height = self.size
        pixels = np.empty((height, width, 3), np.uint8)
        for picture, tile in pictures:
            pixels[tile.place] = self._pixels(picture, tile.geometry)
        return self._tensors(recolor(pixels))

    def _pixels(self, picture: Image.Image, geometry: Geometry) -> NDArray[np.uint8]:
        resample = Image.Resampling[self.interpolation.upper()]
        return geometry.picture(picture, resample, self._mean_color)

    def _tensors(self, pixels: NDArray[np.uint8]) -> dict[str, Tensor]:
        return {self.input_name: torch.from_numpy(pixels).permute(2, 0, 1)}

    def view(self, size: tuple[int, int], rng: np.random.Generator | None) -> View:
        """Draw a view of a picture of this size (width, height); without `rng`, its plain view."""
        frame = Frame(size, self.size, self.crop, self.scale, self.whole, self.stretch)
        return none(frame) if rng is None else AUGMENTS[self.augment](frame, rng)

    @property
    def _mean_color(self) -> tuple[int, int, int]:
        """The color that normalizes to nearly zero."""
        red, green, blue = (round(255 * share) for share in self.mean)
        return red, green, blue

    def collate(self, encoded: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Normalize pictures; they stay channels-last in memory.

        NumPy does it in one thread, which does not compete with the threads of torch.
        """
        std = np.array(self.std, dtype=np.float32)
        pictures = [picture[self.input_name].permute(1, 2, 0).numpy() for picture in encoded]
        pixels = np.stack(pictures).astype(np.float32)
        pixels *= 1 / (255 * std)
        pixels -= np.array(self.mean, dtype=np.float32) / std
        if self.channels == "BGR":
            pixels = np.ascontiguousarray(pixels[..., ::-1])
        return {self.input_name: torch.from_numpy(pixels).permute(0, 3, 1, 2)}

    def mask(self, inputs: dict[str, Tensor]) -> None:
        """Return None: all pictures have the same size."""

    def with_distinct_lengths(self, several: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
        """Return the inputs unchanged: pictures have no length."""
        return several

    def length(self, value: Any) -> int:
        return 1

    def with_augment(self, augment: Augment) -> Self:
        """Return the same preprocessing with another augmentation."""
        return replace(self, augment=augment)

    def with_size(self, size: tuple[int, int] | None) -> Self:
        """Return the preprocessing of whole pictures at another size; None: it stays the same."""
        return self if size is None else replace(self, size=size, whole=True)

    def settings(self) -> dict[str, Any]:
        return {"reads": self.reads, **asdict(self)}

    def blank(self, count: int, lengths: Sequence[int] | None) -> dict[str, Tensor]:
        """Inputs of so many pictures without numbers, of which only the shape is read."""
        width, height = self.size
        return {self.input_name: torch.full((), math.nan).expand(count, 3, height, width)}

    def example(self) -> dict[str, Tensor]:
        """Make the inputs of one gray picture, to trace a network with."""
        return self.collate([self(Image.new("RGB", self.size, "gray"), None)])


@dataclass(frozen=True)
class TextPreprocess:
    """Tokenize, and cut to `max_length` tokens; `collate` pads to the longest text of the batch.

    A value is a text, or a pair of texts, which the tokenizer joins; of a pair, the longer text is
    cut first. The decoder of an encoder-decoder network reads the same tokens, shifted right:
    `decoder_input_ids`.
    """

    reads: ClassVar[str] = "text"
    augments: ClassVar[bool] = False
    tokenizer: Any = field(repr=False)
    max_length: int = 256
    decoder_start: int | None = None
    """The start token of the decoder; None without a decoder, or if the network adds it."""

    def __call__(
        self, value: str | tuple[str, str], rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        encoded = self.tokenize(value)
        names = (name for name in self.tokenizer.model_input_names if name in encoded)
        inputs = {name: torch.tensor(encoded[name]) for name in names}
        if self.decoder_start is not None:
            inputs["decoder_input_ids"] = self.shift_right(inputs["input_ids"])
        return inputs

    def tokenize(self, value: str | tuple[str, str], **asked: Any) -> Any:
        """Tokenize a text and cut it to `max_length` tokens.

        If an empty text has no token at all, its only token is the tokenizer's end token.
        """
        encoded = self.tokenizer(
            *self._texts(value), truncation=True, max_length=self.max_length, **asked
        )
        if encoded["input_ids"]:
            return encoded
        return self.tokenizer(
            self.tokenizer.eos_token or self.tokenizer.unk_token,
            split_special_tokens=False,
            **asked,
        )

    def shift_right(self, ids: Tensor) -> Tensor:
        """Return the inputs (T,) of a decoder that predicts `ids` (T,), its start token first."""
        return torch.cat([torch.tensor([self.decoder_start]), ids[:-1]])

    def collate(self, encoded: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Pad to the longest text; the inputs of a decoder on the right, with their own mask."""
        lists = [
            {name: ids.tolist() for name, ids in text.items() if name != "decoder_input_ids"}
            for text in encoded
        ]
        inputs = dict(self.tokenizer.pad(lists, padding=True, return_tensors="pt"))
        if "decoder_input_ids" not in encoded[0]:
            return inputs
        rows = [text["decoder_input_ids"] for text in encoded]
        ids, mask = pad_right(rows, self.tokenizer.pad_token_id)
        return {**inputs, "decoder_input_ids": ids, "decoder_attention_mask": mask}

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the padding mask (B, T): 1 for tokens, 0 for padding."""
        return inputs.get("attention_mask")

    def with_distinct_lengths(self, several: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
        """Pad the inputs of the decoder, if there is one: see `pad_decoders`."""
        if "decoder_attention_mask" not in several[0]:
            return several
        return pad_decoders(several, {n for one in several for n in one["attention_mask"].shape})

    def _texts(self, value: str | tuple[str, str]) -> tuple[str, ...]:
        """The arguments of the tokenizer; a new line separates a pair if no token does."""
        texts = (value,) if isinstance(value, str) else value
        if len(texts) == 1 or self.tokenizer.num_special_tokens_to_add(pair=True):
            return texts
        return texts[0], f"\n{texts[1]}"

    def cuts(self, value: str | tuple[str, str]) -> bool:
        """Whether the text has more than `max_length` tokens."""
        texts = self._texts(value)
        marks = self.tokenizer.num_special_tokens_to_add(pair=len(texts) > 1)
        num_bytes = sum(len(text.encode()) for text in texts)
        if num_bytes < self.max_length - marks:  # no token is shorter than a byte
            return False
        return len(self.tokenizer(*texts, verbose=False)["input_ids"]) > self.max_length

    def length(self, value: str | tuple[str, str]) -> int:
        """Estimate the number of tokens cheaply, to batch texts of similar length."""
        return len(value) if isinstance(value, str) else sum(map(len, value))

    def with_augment(self, augment: Augment) -> Self:
        """Return the preprocessing unchanged: texts are not augmented."""
        return self

    def settings(self) -> dict[str, Any]:
        return {"reads": self.reads, "max_length": self.max_length}

    def blank(self, count: int, lengths: Sequence[int] | None) -> None:
        """None: the layers behind those that were recorded may read the tokens again."""

    def example(self) -> dict[str, Tensor]:
        """Make the inputs of two texts of different lengths, to trace a network with."""
        return self.collate([self(text, None) for text in ("One two three four five", "one two")])


def pad_right(rows: list[Tensor], value: int) -> tuple[Tensor, Tensor]:
    """Pad rows (T,) with `value` on the right: one tensor (B, T), and its padding mask (B, T)."""
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)
    lengths = torch.tensor([len(row) for row in rows])
    return ids, (torch.arange(ids.shape[1]) < lengths[:, None]).long()


def pad_decoders(several: list[dict[str, Tensor]], used_sizes: set[int]) -> list[dict[str, Tensor]]:
    """Pad the inputs of the decoder in each batch to a length that occurs nowhere else.

    The shape of a tensor then shows whether it is as long as the mask or as the decoder.
    `used_sizes` are those of the masks.
    """
    distinct, used_sizes = [], set(used_sizes)
    for inputs in several:
        width = inputs["decoder_attention_mask"].shape[1]
        length = next(size for size in itertools.count(width) if size not in used_sizes)
        used_sizes.add(length)
        padded = {
            name: nn.functional.pad(tensor, (0, length - width))
            for name, tensor in inputs.items()
            if name.startswith("decoder_")
        }
        distinct.append(inputs | padded)
    return distinct


def restore_preprocess(preprocess: Preprocess, settings: dict[str, Any]) -> Preprocess:
    """Return the preprocessing with saved `settings()`, which JSON has made lists of tuples."""
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in settings.items()
        if name != "reads"
    }
    return replace(preprocess, **values)
