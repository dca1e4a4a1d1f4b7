"""From a picture or a text to the tensors that a backbone was pretrained on."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from graft.backbones.preprocess.augment import AUGMENTS, Augment, Frame, View, none


class Preprocess(Protocol):
    """Turns one value into tensors, and tensors of several samples into a batch's inputs."""

    reads: str
    augments: bool
    """Whether what it yields depends on `rng`."""

    def __call__(self, value: Any, rng: np.random.Generator | None) -> dict[str, Tensor]: ...
    def collate(self, encoded: list[dict[str, Tensor]]) -> dict[str, Tensor]: ...
    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None: ...
    def with_distinct_lengths(
        self, several: list[dict[str, Tensor]]
    ) -> list[dict[str, Tensor]]: ...
    def length(self, value: Any) -> int: ...
    def augmented(self, augment: Augment) -> Self: ...
    def settings(self) -> dict[str, Any]: ...
    def example(self) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class ImagePreprocess:
    """Resize, crop, normalize. Given `rng`, a random view of the picture for training: `augment`.

    Yields `{input_name: uint8 (3, size, size)}`; `collate` normalizes to float32
    (B, 3, size, size).
    """

    reads: ClassVar[str] = "image"
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    crop: float = 0.875
    """The share of the resized short side that the center crop keeps."""
    scale: tuple[float, float] = (0.25, 1.0)
    """The range of the area that a random crop keeps."""
    input_name: str = "x"
    augment: Augment = "usual"

    @property
    def augments(self) -> bool:
        return self.augment != "none"

    def __call__(self, value: Image.Image, rng: np.random.Generator | None) -> dict[str, Tensor]:
        view = self.view(value.size, rng)
        resample = Image.Resampling[self.interpolation.upper()]
        pixels = view.recolor(view.geometry.picture(value, resample))
        return {self.input_name: torch.from_numpy(pixels).permute(2, 0, 1)}

    def view(self, size: tuple[int, int], rng: np.random.Generator | None) -> View:
        """What is seen of a picture of this size (width, height); without `rng` its middle."""
        frame = Frame(size, (self.size, self.size), self.crop, self.scale)
        return none(frame) if rng is None else AUGMENTS[self.augment](frame, rng)

    def collate(self, encoded: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Normalize pictures, channels-last in memory, as they come.

        By NumPy, whose one thread does not get in the way of torch's.
        """
        std = np.array(self.std, dtype=np.float32)
        pixels = np.stack([e[self.input_name].permute(1, 2, 0).numpy() for e in encoded]).astype(
            np.float32
        )
        pixels *= 1 / (255 * std)
        pixels -= np.array(self.mean, dtype=np.float32) / std
        return {self.input_name: torch.from_numpy(pixels).permute(0, 3, 1, 2)}

    def mask(self, inputs: dict[str, Tensor]) -> None:
        """None: all pictures have one size."""

    def with_distinct_lengths(self, several: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
        """The inputs as they are: pictures have no lengths."""
        return several

    def length(self, value: Any) -> int:
        return 1

    def augmented(self, augment: Augment) -> Self:
        """The same with other random views for training."""
        return replace(self, augment=augment)

    def settings(self) -> dict[str, Any]:
        return {"reads": self.reads, **asdict(self)}

    def example(self) -> dict[str, Tensor]:
        """Inputs of one grey picture, to trace a network with."""
        return self.collate([self(Image.new("RGB", (self.size, self.size), "grey"), None)])


@dataclass(frozen=True)
class TextPreprocess:
    """Tokenize, and cut to `max_length` tokens; `collate` pads to the longest text of the batch.

    A value is a text, or a pair of texts, which the tokenizer joins in its own way; of a pair the
    longer text is cut first. If a decoder stands beside the encoder, it reads the tokens of the
    text itself, one later: `decoder_input_ids`.
    """

    reads: ClassVar[str] = "text"
    augments: ClassVar[bool] = False
    tokenizer: Any = field(repr=False)
    max_length: int = 256
    decoder_start: int | None = None
    """The first token of a decoder beside an encoder; None if there is none or it adds it."""

    def __call__(
        self, value: str | tuple[str, str], rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        encoded = self.tokenized(value)
        names = (name for name in self.tokenizer.model_input_names if name in encoded)
        inputs = {name: torch.tensor(encoded[name]) for name in names}
        if self.decoder_start is not None:
            inputs["decoder_input_ids"] = self.one_later(inputs["input_ids"])
        return inputs

    def tokenized(self, value: str | tuple[str, str], **asked: Any) -> Any:
        """What the tokenizer makes of a text, cut.

        Of an empty text that it does not mark: what it makes of its token for an end.
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

    def one_later(self, ids: Tensor) -> Tensor:
        """What a decoder reads (T,) to predict the tokens (T,): its first, and all but the last."""
        return torch.cat([torch.tensor([self.decoder_start]), ids[:-1]])

    def collate(self, encoded: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """What a decoder beside an encoder reads is padded on the right, with a mask of its own."""
        lists = [
            {key: value.tolist() for key, value in e.items() if key != "decoder_input_ids"}
            for e in encoded
        ]
        inputs = dict(self.tokenizer.pad(lists, padding=True, return_tensors="pt"))
        if "decoder_input_ids" not in encoded[0]:
            return inputs
        ids, mask = right_padded(
            [e["decoder_input_ids"] for e in encoded], self.tokenizer.pad_token_id
        )
        return {**inputs, "decoder_input_ids": ids, "decoder_attention_mask": mask}

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Where there are tokens and no padding (B, T), which is where the network has features."""
        return inputs.get("attention_mask")

    def with_distinct_lengths(self, several: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
        """Pad what a decoder reads in each batch to a length that nothing else in them has.

        Then the shapes of tensors show which of them are as long as the mask.
        """
        if "decoder_attention_mask" not in several[0]:
            return several
        taken = {size for inputs in several for size in inputs["attention_mask"].shape}
        distinct = []
        for inputs in several:
            width = inputs["decoder_attention_mask"].shape[1]
            length = next(size for size in itertools.count(width) if size not in taken)
            taken.add(length)
            padded = {
                name: nn.functional.pad(tensor, (0, length - width))
                for name, tensor in inputs.items()
                if name.startswith("decoder_")
            }
            distinct.append(inputs | padded)
        return distinct

    def _texts(self, value: str | tuple[str, str]) -> tuple[str, ...]:
        """What the tokenizer is given; a second text begins on a new line if nothing parts them."""
        texts = (value,) if isinstance(value, str) else value
        if len(texts) == 1 or self.tokenizer.num_special_tokens_to_add(pair=True):
            return texts
        return texts[0], f"\n{texts[1]}"

    def cuts(self, value: str | tuple[str, str]) -> bool:
        """Whether the text has more tokens than are read of it."""
        texts = self._texts(value)
        marks = self.tokenizer.num_special_tokens_to_add(pair=len(texts) > 1)
        if (
            sum(len(text.encode()) for text in texts) < self.max_length - marks
        ):  # no token is shorter than a byte
            return False
        return len(self.tokenizer(*texts, verbose=False)["input_ids"]) > self.max_length

    def length(self, value: str | tuple[str, str]) -> int:
        """A cheap estimate of the number of tokens, to batch texts of like length."""
        return len(value) if isinstance(value, str) else sum(map(len, value))

    def augmented(self, augment: Augment) -> Self:
        """The same: texts are read as they are."""
        return self

    def settings(self) -> dict[str, Any]:
        return {"reads": self.reads, "max_length": self.max_length}

    def example(self) -> dict[str, Tensor]:
        """Inputs of two texts of unlike length, to trace a network with."""
        return self.collate([self(text, None) for text in ("One two three four five", "one two")])


def right_padded(rows: list[Tensor], value: int) -> tuple[Tensor, Tensor]:
    """Rows (T,) as one tensor (B, T), `value` behind each, and a mask (B, T) of where they are."""
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)
    lengths = torch.tensor([len(row) for row in rows])
    return ids, (torch.arange(ids.shape[1]) < lengths[:, None]).long()


def restored(preprocess: Preprocess, settings: dict[str, Any]) -> Preprocess:
    """`preprocess` with the values that `settings()` returned, also after a way through JSON."""
    values = {
        key: tuple(v) if isinstance(v, list) else v for key, v in settings.items() if key != "reads"
    }
    return replace(preprocess, **values)
