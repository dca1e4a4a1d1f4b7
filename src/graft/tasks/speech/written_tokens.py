"""Transcripts as the tokens that the decoder of a network writes one after the other."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.backbones.preprocess.transcript import TranscriptPreprocess
from graft.base.counts import plural
from graft.base.errors import BadValue, listed
from graft.base.records import Batch, Output, Sample
from graft.tasks.classes.sure import sure_of
from graft.tasks.sounds.read import encode_sound, sound_length
from graft.tasks.speech.coding import Coded, Coding
from graft.tasks.text.generation import Decoding, write_tokens
from graft.tasks.text.token_loss import (
    IGNORED,
    mean_nats,
    num_targets,
    pad_targets,
    sums_of_rows,
)

_LOG = logging.getLogger("graft")
BATCH = 16
"""Sounds that are transcribed at a time."""
TIMES = 16
"""Tokens of times that a text may have beside its own."""
TIME_STEP = 0.02
"""Seconds between two tokens of times."""

Segment = dict[str, Any]
"""A part of a transcript: its `text`, and its `start` and `end` in seconds."""


class WrittenTokens(Coding):
    """The tokens of a transcript and the end token, behind a prompt that is only read."""

    cut_words: ClassVar[str] = "transcripts are longer than the network writes, and are cut"

    def code(self, text: str, preprocess: TranscriptPreprocess) -> Coded:
        """The text begins with a blank, as in the pretraining of Whisper."""
        tokenizer, text = preprocess.tokenizer, text.strip()
        encoded = tokenizer(f" {text}" if text else "", add_special_tokens=False, verbose=False)
        ids = [*encoded["input_ids"], tokenizer.eos_token_id]
        room = preprocess.max_length - len(preprocess.prompt) + 1
        kept = np.array(ids[:room], dtype=np.int64)
        if len(ids) <= room:
            return Coded(kept, len(text.encode()))
        return Coded(kept, len(read_text(kept, preprocess).encode()), is_cut=True)

    def add_target(
        self, inputs: dict[str, Tensor], coded: Coded, preprocess: TranscriptPreprocess
    ) -> dict[str, Tensor]:
        """`target` (N,) is the token that each of the decoder's is to be followed by.

        It is IGNORED within the prompt, which the decoder is not to learn.
        """
        prompt, target = inputs["decoder_input_ids"], torch.from_numpy(coded.ids)
        only_read = torch.full((len(prompt) - 1,), IGNORED)
        return {
            **inputs,
            "decoder_input_ids": torch.cat([prompt, target[:-1]]),
            "target": torch.cat([only_read, target]),
        }

    def collate_targets(self, targets: Sequence[Tensor]) -> Tensor:
        return pad_targets(targets)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        return mean_nats(output.logits, batch.target)

    def loss_weight(self, batch: Batch) -> Tensor:
        return num_targets(batch.target)

    def rows(self, output: Output, batch: Batch) -> list[tuple[float, int]]:
        if batch.target is None:
            return [(math.nan, 0)] * len(batch)
        return sums_of_rows(output.logits, batch.target)

    def right_output(self, batch: Batch) -> Output:
        return sure_of(batch.target, int(batch.target.max()) + 1)

    def write(self, model: Model, samples: Sequence[Sample], decoding: Decoding) -> list[str]:
        preprocess = model.backbone.preprocess
        written = _write_all(model, samples, decoding, preprocess.prompt)
        return [read_text(ids, preprocess) for ids in written]

    def write_timed(
        self, model: Model, samples: Sequence[Sample], decoding: Decoding
    ) -> list[list[Segment]]:
        """Write times before and after each segment, by the rules of Whisper's authors."""
        preprocess = model.backbone.preprocess
        if preprocess.timeless is None:
            raise BadValue(
                f"{model.backbone.name} has no tokens for times. Leave the timestamps out, or use "
                "a Whisper whose generation config names its no_timestamps_token_id."
            )
        times = replace(decoding, max_new_tokens=decoding.max_new_tokens + TIMES)
        written = _write_all(model, samples, times, preprocess.timed_prompt)
        seconds = (sound_length(sample, preprocess) / 100 for sample in samples)
        return [
            read_segments(ids.tolist(), length, preprocess)
            for ids, length in zip(written, seconds, strict=True)
        ]


def read_text(ids: Sequence[int] | Tensor, preprocess: TranscriptPreprocess) -> str:
    """The text of tokens, without special ones."""
    return preprocess.tokenizer.decode(ids, skip_special_tokens=True).strip()


def read_segments(
    ids: Sequence[int], seconds: float, preprocess: TranscriptPreprocess
) -> list[Segment]:
    """The segments of tokens with times, of a sound of so many seconds.

    A segment without its last time ends with the sound.
    """
    first_time, segments = preprocess.timeless + 1, []
    start, inside = 0.0, []
    for token in [*ids, preprocess.tokenizer.eos_token_id]:
        is_time, is_end = token >= first_time, token == preprocess.tokenizer.eos_token_id
        if not is_time and not is_end:
            inside.append(token)
            continue
        time = min(TIME_STEP * (token - first_time), seconds) if is_time else seconds
        if text := read_text(inside, preprocess):
            segments.append({"start": round(start, 2), "end": round(time, 2), "text": text})
        start, inside = time, []
        if is_end:
            return segments
    return segments


def _write_all(
    model: Model, samples: Sequence[Sample], decoding: Decoding, prompt: list[int]
) -> list[Tensor]:
    """The tokens (N,) behind the prompt of each sound; sounds of similar length are batched."""
    preprocess = model.backbone.preprocess
    lengths = [sound_length(sample, preprocess) for sample in samples]
    most = [_most_tokens(length, preprocess, decoding, prompt) for length in lengths]
    order = sorted(range(len(samples)), key=lengths.__getitem__)
    written: list[Tensor] = [torch.empty(0)] * len(samples)
    unfinished: list[str] = []
    with torch.random.fork_rng():
        torch.manual_seed(decoding.seed)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            longest = replace(decoding, max_new_tokens=max(most[row] for row in rows))
            behind = _write(model, [samples[row] for row in rows], longest, prompt)
            for row, ids in zip(rows, behind, strict=True):
                written[row] = ids[: most[row]]
                if len(ids) >= most[row] and preprocess.tokenizer.eos_token_id not in written[row]:
                    unfinished.append(samples[row].id)
    if unfinished := list(dict.fromkeys(unfinished)):  # one of several parts has its name too
        bound = "as many tokens as are written for a sound of its length"
        sounds = len({sample.id for sample in samples})
        if not decoding.by_length:
            bound = f"{most[0]:,} tokens, the most that are written here"
        _LOG.warning(
            f"{plural(len(unfinished), 'transcript')} of {sounds:,} without an end after "
            f"{bound}: the rest is missing, or words repeat. {listed(unfinished, 5)}."
        )
    return written


def _most_tokens(
    length: int, preprocess: TranscriptPreprocess, decoding: Decoding, prompt: list[int]
) -> int:
    """The most tokens behind the prompt of a sound of so many hundredths of a second.

    By length, a sound has the same share of the decoder's positions as of the encoder's seconds,
    some 15 tokens a second of Whisper; speech has about four. `max_new_tokens` are allowed to each.
    """
    room = preprocess.max_length - len(prompt) + 1
    share = math.ceil(room * length / 100 / preprocess.seconds) if decoding.by_length else 0
    return min(room, max(decoding.max_new_tokens, share))


def _write(
    model: Model, samples: Sequence[Sample], decoding: Decoding, prompt: list[int]
) -> Tensor:
    preprocess = model.backbone.preprocess
    inputs = preprocess.collate([encode_sound(sample, preprocess, None) for sample in samples])
    del inputs["decoder_attention_mask"]  # the prompts are of one length
    inputs["decoder_input_ids"] = torch.tensor([prompt] * len(samples))
    rules = {} if preprocess.timeless in prompt else _time_rules(preprocess, len(prompt))
    return write_tokens(model, inputs, decoding, **rules)[:, len(prompt) :]


def _time_rules(preprocess: TranscriptPreprocess, begin: int) -> dict[str, Any]:
    """What keeps times in pairs and in order."""
    if preprocess.timeless is None:
        return {}
    from transformers import LogitsProcessorList
    from transformers.generation.logits_process import WhisperTimeStampLogitsProcessor

    rules = WhisperTimeStampLogitsProcessor(preprocess.generation, begin_index=begin)
    return {"logits_processor": LogitsProcessorList([rules])}
