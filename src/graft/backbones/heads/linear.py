"""One linear layer."""

from __future__ import annotations

from typing import ClassVar

from graft.backbones.heads.head import Head
from graft.base.job import Form


class Linear(Head):
    """One linear layer, on a vector or on each token: what the libraries' own classifiers are.

    Some classifiers of transformers have a hidden layer before it. A single layer on recorded
    features is solved for instead of trained step by step: see feature-extraction.
    """

    gives: ClassVar[dict[Form, frozenset[str]]] = {
        "vector": frozenset({"classes", "parts"}),
        "sequence": frozenset({"tags", "spans", "parts"}),
    }
    solvers: ClassVar[tuple[str, ...]] = ("logistic",)
