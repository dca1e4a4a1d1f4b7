"""The names of tasks, and their weights, in the text of a setting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graft.base.errors import BadValue, UnknownName

LARGEST = 1_000_000
"""The largest weight of a task."""


def chosen_tasks(text: str, known: Sequence[str]) -> list[str]:
    """Return the tasks that a text names, each of which may have a comma in its name.

    Raises UnknownName.
    """
    names, rest = _split(text, lambda name: name in known)
    if rest:
        raise UnknownName.of("task in 'tasks':", rest, known)
    return names


def weighted_tasks(text: str, known: Sequence[str]) -> dict[str, float]:
    """Return the weights of the tasks that a text names, as "stress=2, severity=0.5".

    Raises UnknownName, and BadValue for what is no weight or is given twice.
    """
    pairs, rest = _split(text, lambda pair: _name(pair) in known)
    weights: dict[str, float] = {}
    for pair in [*pairs, *filter(None, [_first_of(rest)])]:
        name, value = _name(pair), _weight(pair)
        if not name or value is None:
            raise BadValue(
                f"{pair!r} in 'weights' must be a task and its weight, a number from 0 to "
                f'{LARGEST:,}. Write weights="stress=2, severity=0.5".'
            )
        if name not in known:
            raise UnknownName.of("task in 'weights':", name, known)
        if name in weights:
            raise BadValue(f"The task {name!r} has two weights in {text!r}. Leave out one.")
        weights[name] = value
    return weights


def _first_of(rest: str) -> str:
    """The first pair of what names no known task: up to the first comma behind a `=`."""
    name, equals, value = rest.partition("=")
    return f"{name}{equals}{value.partition(',')[0]}"


def _name(pair: str) -> str:
    return pair.rpartition("=")[0].strip()


def _weight(pair: str) -> float | None:
    try:
        weight = float(pair.rpartition("=")[2])
    except ValueError:
        return None
    return weight if 0 <= weight <= LARGEST else None


def _split(text: str, is_whole: Callable[[str], bool]) -> tuple[list[str], str]:
    """Split a text at those commas that end something whole; also return what is left of it."""
    pieces, piece = [], ""
    for part in text.split(","):
        piece = f"{piece},{part}" if piece else part
        if is_whole(piece.strip()):
            pieces.append(piece.strip())
            piece = ""
    return pieces, piece.strip()
