"""What tasks on whole texts, or on pairs of texts, share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.errors import DataError
from graft.base.evidence import Shown
from graft.base.records import Sample, Windows
from graft.data.data import Data
from graft.tasks.task import PREVIEW
from graft.tasks.text.words import SPARE, head_and_tail, parts_of_text


@dataclass(frozen=True)
class TextsAndPairs:
    """Reads texts or pairs of texts: what is named first among the bases of such a task.

    Of a text of more tokens than the network reads, `long` says what is read: its `head`;
    `head+tail`, a quarter of the tokens from its beginning and three from its end (Sun et al.,
    arXiv:1905.05583, section 5.3.1); `windows`, all of it in parts that share a quarter of their
    tokens. Of a pair that is too long, the longer text is cut at its end.
    """

    reads: ClassVar[str] = "text"
    options: ClassVar[tuple[str, ...]] = ("long",)

    long: Literal["head", "head+tail", "windows"] = "head"
    """What is read of a text of more tokens than the network reads: its beginning; a quarter of the
    tokens from its beginning and three from its end (Sun et al., arXiv:1905.05583, section 5.3.1);
    or all of it, in parts that share a quarter of their tokens."""
    pairs: bool = False
    """Whether it was learned from pairs of texts, which are then predicted too."""

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        return replace(super().from_data(data, weighted=weighted), pairs="text_pair" in data.roles)

    @property
    def inputs(self) -> list[str]:
        return [*super().inputs, "text_pair"] if self.pairs else super().inputs

    def without_target(self, sample: Sample) -> Sample:
        """Raises DataError also for a pair if single texts were learned, and the reverse."""
        bare = super().without_target(sample)
        self._check_pair(bare.roles, sample.id)
        return bare

    def check_data(self, data: Data) -> None:
        """Raise DataError also for pairs if single texts were learned, and the reverse."""
        super().check_data(data)
        self._check_pair(data.roles, data.path or "The data")

    def _check_pair(self, roles: Collection[str], where: str) -> None:
        if self.pairs and "text_pair" not in roles:
            raise DataError(
                f"{where}: there is one text, and the model reads pairs of texts. Name the "
                "columns: --columns text=NAME --columns text_pair=NAME."
            )
        if not self.pairs and "text_pair" in roles:
            raise DataError(
                f"{where}: there are pairs of texts, and the model reads "
                "single texts. Name the column that it reads, or the two that "
                "it reads as one text: --columns text=NAME, or text=NAME+NAME."
            )

    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows:
        """Cut texts that are too long into parts, or to their head and tail."""
        if self.long == "head":
            return Windows(samples)
        return Windows.of(samples, lambda sample: self._pieces(sample, preprocess))

    def _pieces(self, sample: Sample, preprocess: Preprocess) -> list[Sample]:
        text, tokenizer = sample.roles["text"], preprocess.tokenizer
        if self.pairs or not preprocess.cuts(text):
            return [sample]
        room = preprocess.max_length - tokenizer.num_special_tokens_to_add() - SPARE
        tokens = tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )["offset_mapping"]
        if self.long == "head+tail":
            parts = [head_and_tail(text, tokens, room)]
        else:
            parts = [text[start:end] for start, end in parts_of_text(text, tokens, room, room // 4)]
        return [Sample(sample.id, {**sample.roles, "text": part}) for part in parts]

    def count_cut(self, samples: Sequence[Sample], preprocess: Preprocess) -> int:
        read_whole = self.long == "windows" and not self.pairs
        return 0 if read_whole else sum(preprocess.cuts(text_or_pair(s)) for s in samples)

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        return preprocess.length(text_or_pair(piece))

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        return Shown("text", joined_text(sample)[:PREVIEW], self.caption(prediction, target))


def text_or_pair(sample: Sample) -> str | tuple[str, str]:
    """The text, or the pair of texts."""
    text, other = sample.roles["text"], sample.roles.get("text_pair")
    return text if other is None else (text, other)


def joined_text(sample: Sample) -> str:
    """Return the text; of a pair, one line each."""
    value = text_or_pair(sample)
    return value if isinstance(value, str) else "\n".join(value)
