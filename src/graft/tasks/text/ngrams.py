"""A model of bytes by their last few: interpolated Kneser-Ney with three discounts.

Source: Chen and Goodman, TR-10-98, section 4.1.6.
Formula: P(w | h) = max(c(hw) - D(c(hw)), 0) / c(h) + (D1 N1(h) + D2 N2(h) + D3 N3(h)) / c(h) P(w |
h'), h' being h without its first symbol, N_k(h) the symbols that follow h k times (3 or more for
N3). Of shorter contexts c(hw) counts not how often, but after how many different symbols hw stands.
The shortest is mixed with the uniform distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORDER = 6
BEGIN, END = 256, 257
"""Symbols in addition to the 256 bytes."""
OUTCOMES = 257
"""The number of possible next symbols: a byte or the end."""
_BITS = 9


@dataclass(frozen=True)
class _Level:
    """The n-grams of one order: (U,) sorted keys with their share after discount.

    (H,) contexts with the mass left over.
    """

    grams: NDArray
    shares: NDArray
    contexts: NDArray
    left: NDArray


@dataclass(frozen=True)
class NGrams:
    """`nats(symbols)`: the negative log-likelihood of each symbol (N,) by those before it."""

    order: int
    levels: tuple[_Level, ...]

    def nats(self, symbols: NDArray) -> NDArray:
        probabilities = np.full(len(symbols), 1 / OUTCOMES)
        for length, level in enumerate(self.levels, 1):
            keys = _keys(symbols, length)
            probabilities = (
                _read(level.grams, level.shares, keys, 0.0)
                + _read(level.contexts, level.left, keys >> _BITS, 1.0) * probabilities
            )
        return -np.log(probabilities)


def learn(texts: Sequence[NDArray], order: int = ORDER) -> NGrams:
    """The model of these texts, each an array of symbols without the beginning."""
    counts = _counts(texts, order)
    levels: list[_Level] = []
    for length in range(order, 0, -1):
        grams, times = counts
        levels.append(_level(grams, times))
        if length > 1:  # how many different symbols each n-gram of the next order down follows
            suffixes = grams & ((1 << _BITS * (length - 1)) - 1)
            counts = np.unique(suffixes, return_counts=True)
    return NGrams(order, tuple(reversed(levels)))


def symbols(text: str, *, ends: bool) -> NDArray:
    """The bytes of the text (N,), and the end where it is one."""
    symbols = np.frombuffer(text.encode(), np.uint8).astype(np.int64)
    return np.append(symbols, END) if ends else symbols


def _counts(texts: Sequence[NDArray], order: int) -> tuple[NDArray, NDArray]:
    keys = [_keys(text, order) for text in texts]
    return np.unique(np.concatenate(keys), return_counts=True)


def _keys(symbols: NDArray, length: int) -> NDArray:
    """Encode each symbol (N,) and the `length` - 1 before it as one number."""
    padded = np.concatenate([np.full(length - 1, BEGIN), symbols])
    keys = np.zeros(len(symbols), np.int64)
    for place in range(length):
        keys = (keys << _BITS) | padded[place : place + len(symbols)]
    return keys


def _level(grams: NDArray, times: NDArray) -> _Level:
    kinds = np.minimum(times, 3)
    discounts = np.array([0.0, *_discounts(times)])[kinds]
    contexts, where = np.unique(grams >> _BITS, return_inverse=True)
    total = np.bincount(where, times)
    return _Level(
        grams, (times - discounts) / total[where], contexts, np.bincount(where, discounts) / total
    )


def _discounts(times: NDArray) -> tuple[float, float, float]:
    """D1, D2, D3 by the numbers of n-grams that are there once to four times.

    A half of each where one is not.
    """
    n1, n2, n3, n4 = ((times == count).sum() for count in (1, 2, 3, 4))
    if not (n1 and n2 and n3 and n4):
        return 0.5, 0.5, 0.5
    y = n1 / (n1 + 2 * n2)
    discounts = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return tuple(float(np.clip(d, 0.05, count - 0.05)) for count, d in enumerate(discounts, 1))


def _read(keys: NDArray, values: NDArray, asked: NDArray, otherwise: float) -> NDArray:
    """Look up the value of each key; `otherwise` for a key that is missing."""
    places = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[places] == asked, values[places], otherwise)
