"""Label sets: classes that one domain has and the other lacks."""

from __future__ import annotations

from collections.abc import Iterable


def missing_classes(classes: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the classes that are not among the known ones, each once, in their order.

    `missing_classes(target, source)` are those that no adaptation can predict (open set),
    `missing_classes(source, target)` those that alignment of the domains draws target examples to
    (partial set).
    """
    names = set(known)
    return [name for name in dict.fromkeys(classes) if name not in names]
