"""Classes in words: what a technique that reads them takes their names for."""

from __future__ import annotations

import re

from graft.base.errors import BadValue


def class_words(technique: str, parameter: str, given: str, classes: tuple[str, ...]) -> list[str]:
    """Return the words for each class, given as `class=words;class=words`, else its name.

    Raises BadValue for words of other classes, and for names that are numbers; `parameter` of
    `technique` is what to fix.
    """
    words_by_class = {}
    for part in filter(None, map(str.strip, given.split(";"))):
        name, equals, words = (piece.strip() for piece in part.partition("="))
        if not equals or not words or name not in classes:
            raise BadValue(
                f"The {parameter!r} of {technique!r} are written 'class=words;class=words', "
                f"without commas and '+'. Got {part!r}. The classes are: {', '.join(classes[:9])}."
            )
        words_by_class[name] = words
    silent = [
        name for name in classes if name not in words_by_class and not re.search(r"[^\W\d_]", name)
    ]
    if silent:
        described = ";".join(f"{name}=some words" for name in silent[:3])
        raise BadValue(
            f"{technique!r} knows a class by its name, and these say nothing: "
            f"{', '.join(map(repr, silent[:9]))}. "
            f"Describe them: {technique}:{parameter}={described}"
        )
    return [words_by_class.get(name) or to_words(name) for name in classes]


def to_words(name: str) -> str:
    """Split the name of a class into words.

    `sci_tech` is "sci tech", `CreditCard` is "credit card", `USA` and `World` stay.
    """
    if re.search(r"[a-z][A-Z]", name):
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return " ".join(name.replace("_", " ").split())
