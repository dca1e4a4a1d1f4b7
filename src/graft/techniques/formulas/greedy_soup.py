"""Which networks go into a soup: from the best on, each that makes it better."""

from __future__ import annotations

from collections.abc import Generator

Rank = list[float]


def greedy_soup(count: int) -> Generator[list[int], Rank, None]:
    """Yield the numbers of the networks whose mean is to be measured, and be sent its rank.

    Less is a better rank. First each of the `count` networks alone; then, in the order of their
    ranks, the soup so far with one more. That one stays in the soup if the rank is better than
    without it, so the best of all that are yielded is the greedy soup.
    Source: Wortsman et al.: Model soups, arXiv:2203.05482, recipe 1; there one stays if the soup
    is as good as without it.
    """
    ranks = []
    for number in range(count):
        ranks.append((yield [number]))
    first, *others = sorted(range(count), key=ranks.__getitem__)
    soup, best = [first], ranks[first]
    for number in others:
        rank = yield [*soup, number]
        if rank < best:
            soup, best = [*soup, number], rank
