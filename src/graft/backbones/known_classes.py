"""The classes of a pretrained head, and which of them a name of a user's means.

A class may be known by several words, which commas separate: `tench, Tinca tinca`. Those of
ImageNet-1k are also known by their WordNet ids, as `n01440764`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

IMAGENET = 1000
"""The outputs of networks that were trained on ImageNet-1k, whose order is the same everywhere."""


def imagenet_classes() -> tuple[str, ...]:
    """Return what the 1,000 classes of ImageNet-1k are, in the order of the outputs."""
    from timm.data import ImageNetInfo

    labels = ImageNetInfo()
    return tuple(labels.index_to_description(i) for i in range(labels.num_classes()))


def number_classes(known: Sequence[str]) -> dict[str, int]:
    """Map words and ids to the number of the class that each means.

    A word of several classes means the one of which it is the first, as written or in small
    letters; `crane` is the first of two, and means none.
    """
    firsts = [name.partition(",")[0].strip() for name in known]
    words = [{_plain(word) for word in (name, *name.split(","))} for name in known]
    if len(known) == IMAGENET and _plain(firsts[0]) == "tench":
        for of_class, more in zip(words, _imagenet_words(), strict=True):
            of_class |= more
    ranked = (words, [{_plain(first)} for first in firsts], [{first} for first in firsts])
    return {word: number for each in ranked for word, number in _of_one_class(each).items()}


def find_class(name: str, numbers: dict[str, int]) -> int | None:
    """Return the number of the class that a user's name means, None if it means none."""
    return numbers.get(_blanks(name), numbers.get(_plain(name)))


def _of_one_class(words: Sequence[set[str]]) -> dict[str, int]:
    """Map each word that is of one class alone to the number of that class."""
    uses = Counter(word for of_class in words for word in of_class if word)
    return {word: number for number, each in enumerate(words) for word in each if uses[word] == 1}


def _blanks(word: str) -> str:
    """A word with single blanks in place of underscores."""
    return " ".join(word.replace("_", " ").split())


def _plain(word: str) -> str:
    """A word in small letters, with single blanks in place of underscores."""
    return _blanks(word).lower()


def _imagenet_words() -> list[set[str]]:
    """All words and the WordNet id of each class of ImageNet-1k."""
    from timm.data import ImageNetInfo

    pairs = zip(ImageNetInfo().label_names(), imagenet_classes(), strict=True)
    return [{_plain(word) for word in (name, *words.split(","))} for name, words in pairs]
