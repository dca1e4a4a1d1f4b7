"""One linear layer with one output."""

from __future__ import annotations

from typing import ClassVar

from graft.backbones.heads.head import Head
from graft.base.job import Form


class Number(Head):
    """One linear layer with one output on a vector: a score, a price, an age.

    Transformers saves it with the problem type regression.
    """

    gives: ClassVar[dict[Form, frozenset[str]]] = {"vector": frozenset({"number"})}
    solvers: ClassVar[tuple[str, ...]] = ("ridge", "logistic")
