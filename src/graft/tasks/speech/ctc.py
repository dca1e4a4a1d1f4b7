"""Connectionist temporal classification: characters of a text from frames of sound.

Each frame is one of the characters or the blank. A text is read off by joining equal neighbors and
leaving out blanks, so a text has many paths; its likelihood is the sum over all of them.
Source: Graves et al.: Connectionist Temporal Classification, ICML 2006.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.backbones.speech.ctc_folder import BOUNDARY

BLANK = "<pad>"
"""How transformers writes the blank in a vocabulary; it is the first of it."""
PRUNED = 12.0
"""Nats below the likeliest output of a frame from which on a beam search follows none."""


def vocabulary_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The blank, the boundary of words, and each character of the texts in order."""
    characters = {character for text in texts for character in "".join(text.split())}
    return (BLANK, BOUNDARY, *sorted(characters - {BOUNDARY}))


def encode(text: str, vocabulary: Sequence[str]) -> list[int]:
    """The numbers of the characters of a text; those that the vocabulary lacks are left out."""
    numbers = {character: number for number, character in enumerate(vocabulary)}
    written = BOUNDARY.join(text.split())
    return [numbers[character] for character in written if character in numbers]


def decode(numbers: Iterable[int], vocabulary: Sequence[str]) -> str:
    """The text of characters without blanks."""
    written = "".join(vocabulary[number] for number in numbers)
    return " ".join(written.replace(BOUNDARY, " ").split())


def count_frames_needed(numbers: Sequence[int]) -> int:
    """The fewest frames that have such a text: equal neighbors need a blank between them."""
    return len(numbers) + sum(a == b for a, b in pairwise(numbers))


def negative_log_likelihoods(logits: Tensor, mask: Tensor, targets: Tensor) -> Tensor:
    """In nats (B,), of texts given the logits (B, T, K) of frames; in float32.

    `mask` (B, T) says which are frames and no padding, `targets` (B, N) has 0 behind a text. For a
    text that is not possible it is 0 in place of infinity, without a gradient.
    """
    # Half precision is too coarse for sums over paths, and CUDA's function takes float32 alone.
    log_probabilities = logits.float().log_softmax(-1).transpose(0, 1)  # (T, B, K)
    lengths = mask.sum(1).long(), (targets > 0).sum(1)
    return nn.functional.ctc_loss(
        log_probabilities, targets, *lengths, reduction="none", zero_infinity=True
    )


def are_possible(mask: Tensor, targets: Tensor) -> Tensor:
    """Whether each text (B,) has enough frames: equal neighbors need a blank between them."""
    repeats = (targets[:, 1:] == targets[:, :-1]) & (targets[:, 1:] > 0)
    return (targets > 0).sum(1) + repeats.sum(1) <= mask.sum(1)


def find_text(log_probabilities: NDArray[np.floating], beams: int) -> list[int]:
    """The text of frames (T, K): of the best path, or the best of so many beams."""
    return best_path(log_probabilities) if beams == 1 else beam_search(log_probabilities, beams)


def best_path(log_probabilities: NDArray[np.floating]) -> list[int]:
    """The text of the likeliest frame each (T, K): fast, and near to the likeliest text."""
    path = log_probabilities.argmax(1)
    changes = np.flatnonzero(np.diff(path, prepend=-1))
    return [int(number) for number in path[changes] if number]


def find_words(
    log_probabilities: NDArray[np.floating], vocabulary: Sequence[str]
) -> list[tuple[str, int, int]]:
    """The words of the best path (T, K), each with its first and its last frame."""
    words: list[tuple[str, int, int]] = []
    last = is_inside = 0
    for place, number in enumerate(log_probabilities.argmax(1).tolist()):
        character = vocabulary[number]
        if number and number == last and is_inside:
            words[-1] = (*words[-1][:2], place)
        elif number and character != BOUNDARY:
            word, first, _ = words.pop() if is_inside else ("", place, place)
            words.append((word + character, first, place))
        is_inside = bool(number and character != BOUNDARY) or (is_inside and character != BOUNDARY)
        last = number
    return words


def beam_search(log_probabilities: NDArray[np.floating], beams: int) -> list[int]:
    """The likeliest text of those that `beams` beginnings lead to, over all their paths (T, K).

    A beginning has two likelihoods: of paths that end in a blank, and in its last character.
    Source: Hannun et al.: First-Pass Large Vocabulary Continuous Speech Recognition using
    Bi-Directional Recurrent DNNs, arXiv:1408.2873, without a language model.
    """
    kept = {(): (0.0, -math.inf)}
    for frame in log_probabilities.astype(float):
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-math.inf, -math.inf])
        likely = np.flatnonzero(frame >= frame.max() - PRUNED).tolist()
        frame = frame.tolist()
        for text, (blank, character) in kept.items():
            either = _log_add(blank, character)
            for number in likely:
                if number == 0:
                    _add(grown[text], 0, either + frame[0])
                    continue
                repeats = bool(text) and text[-1] == number
                if repeats:
                    _add(grown[text], 1, character + frame[number])
                _add(grown[(*text, number)], 1, (blank if repeats else either) + frame[number])
        ranked = sorted(grown, key=lambda text: -_log_add(*grown[text]))
        kept = {text: tuple(grown[text]) for text in ranked[:beams]}
    return list(next(iter(kept)))


def _add(likelihoods: list[float], place: int, more: float) -> None:
    likelihoods[place] = _log_add(likelihoods[place], more)


def _log_add(one: float, other: float) -> float:
    """The logarithm of the sum of two numbers given by theirs; numpy's is slow on single ones."""
    larger, smaller = max(one, other), min(one, other)
    return larger if smaller == -math.inf else larger + math.log1p(math.exp(smaller - larger))
