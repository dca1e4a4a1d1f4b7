"""What a network is to do, in words that no task and no library owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["vector", "sequence", "pyramid", "causal", "seq2seq", "masked", "finished"]
"""What a network yields, or how it writes.

Features (B, D) of the whole input; (B, T, D), one vector a token; (B, C, H, W) at several
resolutions. Logits of the next token; of the tokens of another text; of masked tokens. The last is
a network that already gives what the task asks for, whatever its form.
"""

WRITING: tuple[Form, ...] = ("causal", "seq2seq")
"""The forms of networks that write text, token by token."""


@dataclass(frozen=True)
class Job:
    """What a network is to do. A task says it, a source makes such a network."""

    id: str
    """The Hugging Face id of the task where there is one, for a library that has a network a task;
    in messages, what the network is wanted for."""
    reads: str
    """`image` or `text`."""
    form: Form
    outputs: int | None = None
    """The outputs of a fresh head; with None the network keeps the head that it comes with."""
