"""What a network reads of a question and its context, and where the answer is in it."""

from __future__ import annotations

import numpy as np

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.tasks.text.answer_spans import tokens_of
from graft.tasks.text.words import SPARE, parts_of_text


def cut_context(sample: Sample, preprocess: Preprocess) -> list[Sample]:
    """The sample as pieces that the network can read whole, each with its `window`."""
    windows = _windows(sample, preprocess)
    return (
        [sample]
        if len(windows) == 1
        else [Sample(sample.id, {**sample.roles, "window": window}) for window in windows]
    )


def _windows(sample: Sample, preprocess: Preprocess) -> list[tuple[int, int]]:
    """The (start, end) of the parts of the context, cut before white space where there is some."""
    context, tokenizer = sample.roles["context"], preprocess.tokenizer
    room = preprocess.max_length - tokenizer.num_special_tokens_to_add(pair=True) - SPARE
    num_bytes = len((sample.roles["question"] + context).encode())
    if num_bytes <= room:  # no token is shorter than a byte
        return [(0, len(context))]
    question = short_question(sample, preprocess)
    room -= len(tokenizer(question, add_special_tokens=False, verbose=False)["input_ids"])
    encoded = tokenizer(
        context, add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    offsets = encoded["offset_mapping"]
    if len(offsets) <= room:
        return [(0, len(context))]
    return parts_of_text(context, offsets, room, min(preprocess.max_length // 3, room // 2))


def short_question(sample: Sample, preprocess: Preprocess) -> str:
    """The question, cut at half of what the network reads."""
    question, most = sample.roles["question"], preprocess.max_length // 2 - SPARE
    if len(question.encode()) <= most:
        return question
    encoded = preprocess.tokenizer(
        question, add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    offsets = encoded["offset_mapping"]
    return question if len(offsets) <= most else question[: offsets[most - 1][1]]


def window_of(piece: Sample) -> tuple[int, int]:
    """The (start, end) of the context that the piece shows."""
    return piece.roles.get("window", (0, len(piece.roles["context"])))


def answer_tokens(
    sample: Sample, offsets: np.ndarray, window: tuple[int, int]
) -> tuple[int, int] | None:
    """The first and last token of the first answer that lies wholly in the window."""
    for text, start in sample.roles["answers"]:
        there = sample.roles["context"][start : start + len(text)]
        if there != text or start < 0:
            raise DataError(
                f"{sample.id}: the answer {text!r} does not stand at character {start} of its "
                f"context; {there!r} does. Fix answer_start, which counts characters from 0."
            )
        first, end = start + len(text) - len(text.lstrip()), start + len(text.rstrip())
        if window[0] <= first < end <= window[1]:
            return tokens_of(offsets, first, end)
    return None
