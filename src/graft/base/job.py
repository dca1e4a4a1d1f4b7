"""The job of a network, in terms that are independent of tasks and libraries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["vector", "sequence", "pyramid", "causal", "seq2seq", "masked", "finished"]
"""The form of what a network yields.

Features: `vector` (B, D) of the whole input, `sequence` (B, T, D) with one vector per token,
`pyramid` (B, C, H, W) at several resolutions. Logits: `causal` of the next token, `seq2seq` of the
tokens of another text, `masked` of masked tokens. A `finished` network already has the head of the
task, whatever its features.
"""

READS = {"text": "texts", "image": "images", "audio": "sounds"}
"""What a network may read, and what such inputs are called."""
WRITING: tuple[Form, ...] = ("causal", "seq2seq")
"""The forms of networks that generate text, token by token."""


@dataclass(frozen=True)
class Job:
    """What a network must read and predict. A task describes it, a source opens such a network."""

    id: str
    """The Hugging Face id of the task, if there is one: some libraries have a class per task. Also
    names the purpose of the network in messages."""
    reads: str
    """`image`, `text` or `audio`."""
    form: Form
    outputs: int | None = None
    """The outputs of a new head; None: the network keeps its pretrained head."""
    size: tuple[int, int] | None = None
    """Width and height of the input; the whole picture is scaled to fit and padded. None: the usual
    input of the network."""
    classes: tuple[str, ...] = ()
    """The names of the outputs of a finished network, which may know some of them already."""

    def __post_init__(self) -> None:
        """Turn lists from JSON into tuples again."""
        object.__setattr__(self, "classes", tuple(self.classes))
        if self.size is not None:
            width, height = self.size
            object.__setattr__(self, "size", (width, height))
