"""Running text in passages: parts of about a page that together are the text, character for character."""

from __future__ import annotations

from graft.base.records import Sample

LONGEST = 1500
"""Characters of a passage: some 300 to 500 tokens, as many as a network reads at once here, so that few are cut again."""
_ENDS = ("\n\n", "\n", ". ", " ")
"""Where a passage may end, the best first."""


def passages(text: str, name: str) -> list[Sample]:
    """Samples with the role `passage`, named by the line on which each begins: `book.txt:17`.

    A passage ends at the last blank line of its second half, else at the end of a line, of a sentence, of a word; one of
    nothing but white space is part of the one before it.
    """
    found: list[Sample] = []
    start = line = 0
    while start < len(text):
        end = _end(text, start)
        found.append(Sample(f"{name}:{line + 1}", {"passage": text[start:end]}))
        line += text.count("\n", start, end)
        start = end
    return _with_own_names(found)


def _end(text: str, start: int) -> int:
    """Where the passage that begins at `start` ends."""
    furthest = start + LONGEST
    if furthest < len(text):
        places = (text.rfind(mark, start + LONGEST // 2, furthest) + len(mark) for mark in _ENDS)
        furthest = next((place for place in places if place > start + LONGEST // 2), furthest)
    rest = text[furthest:]
    blank = len(rest) - len(rest.lstrip()) if furthest < len(text) else 0
    return len(text) if blank == len(rest) else furthest + (blank if text[furthest - 1 : furthest] == "\n" else 0)


def _with_own_names(samples: list[Sample]) -> list[Sample]:
    """Passages that begin on one line are numbered: `book.txt:17`, `book.txt:17.2`."""
    seen: dict[str, int] = {}
    found = []
    for sample in samples:
        seen[sample.id] = count = seen.get(sample.id, 0) + 1
        found.append(sample if count == 1 else Sample(f"{sample.id}.{count}", sample.roles))
    return found
