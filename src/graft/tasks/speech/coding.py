"""The contract between transcripts and a network: targets, their loss, and decoding.

There is one for each form of networks: those that write token by token, see `written_tokens`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray
from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.records import Batch, Output, Sample
from graft.tasks.text.generation import Decoding


@dataclass(frozen=True)
class Coded:
    """A transcript as the numbers (N,) that a network is to predict.

    They stand for so many `bytes` of it; `is_cut` if these are not all.
    """

    ids: NDArray
    bytes: int
    is_cut: bool = False


class Coding(ABC):
    """How transcripts become targets of a network, and its outputs transcripts."""

    cut_words: ClassVar[str]
    """What is said of transcripts that the network cannot give, after their number."""

    @abstractmethod
    def code(self, text: str, preprocess: Any) -> Coded:
        """Code a transcript."""

    def fits(self, coded: Coded, seconds: float, preprocess: Any) -> bool:
        """Whether a sound of so many seconds is long enough for its transcript."""
        return True

    @abstractmethod
    def add_target(
        self, inputs: dict[str, Tensor], coded: Coded, preprocess: Any
    ) -> dict[str, Tensor]:
        """Return the inputs of a sound with its `target`, and what else the network then reads."""

    @abstractmethod
    def collate_targets(self, targets: Sequence[Tensor]) -> Tensor:
        """Pad targets of several lengths to one tensor (B, N)."""

    @abstractmethod
    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The mean loss of the batch, in nats."""

    @abstractmethod
    def loss_weight(self, batch: Batch) -> float | Tensor:
        """The total weight that `loss` averages over."""

    @abstractmethod
    def rows(self, output: Output, batch: Batch) -> list[tuple[float, int]]:
        """Return the nats of the target of each sound, and the count that `loss` averages over."""

    @abstractmethod
    def right_output(self, batch: Batch) -> Output:
        """The output of a network that is right about the batch."""

    @abstractmethod
    def write(self, model: Model, samples: Sequence[Sample], decoding: Decoding) -> list[str]:
        """Transcribe sounds."""

    @abstractmethod
    def write_timed(
        self, model: Model, samples: Sequence[Sample], decoding: Decoding
    ) -> list[list[dict[str, Any]]]:
        """Transcribe sounds in segments: `text`, `start` and `end`, in seconds.

        Raises BadValue if the network writes no times.
        """
