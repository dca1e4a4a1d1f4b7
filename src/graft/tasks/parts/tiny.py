"""Tiny data of several tasks."""

from __future__ import annotations

from graft.base import plugins
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.several import ROLE


def tiny_texts() -> Data:
    """Return texts with their topic and their length, one of which some texts lack."""
    source = plugins.load("task", "text-classification").tiny_data()

    def sample(number: int, text: Sample) -> Sample:
        topic = None if number % 4 == 3 else text.roles["label"]
        length = None if number % 5 == 4 else float(len(text.roles["text"].split()))
        parts = {"topic": {"label": topic}, "words": {"value": length}}
        return Sample(text.id, {"text": text.roles["text"], ROLE: parts})

    splits = {
        split: [sample(number, text) for number, text in enumerate(samples)]
        for split, samples in source.splits.items()
    }
    return Data(splits, "tiny texts with two targets")
