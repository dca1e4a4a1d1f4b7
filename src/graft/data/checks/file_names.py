"""A finding about sound files without groups: their names may contain the speaker."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from graft.base.errors import listed
from graft.data.checks.finding import Finding
from graft.data.data import Data
from graft.data.groups import file_of

BEGINNING = r"^[^-_]+"
"""What stands before the first - or _ of a name."""
FEWEST = 2
"""Files that a beginning needs to be one of a speaker, and beginnings that need to differ."""


def speaker_findings(data: Data) -> list[Finding]:
    """Note that the names of sounds without groups begin with few words, which may be speakers.

    Words that each come with one class alone say the class, not the speaker.
    """
    samples = [s for split, part in data.splits.items() if split != "unlabeled" for s in part]
    if not samples or any(s.roles.get("group") is not None for s in samples):
        return []
    folder = Path(data.path) if data.path else None
    files = [file_of(s, folder) if "audio" in s.roles else None for s in samples]
    words = [file and re.match(rf"({BEGINNING})[-_]", file.stem) for file in files]
    if not all(words):
        return []
    counts = Counter(word[1] for word in words if word)
    pairs = {
        (word[1], s.roles.get("label")) for s, word in zip(samples, words, strict=True) if word
    }
    are_classes = len(pairs) == len(counts) and any(s.roles.get("label") for s in samples)
    if len(counts) < FEWEST or min(counts.values()) < FEWEST or are_classes:
        return []
    words_shown = listed(sorted(counts), 3)
    message = (
        f"The names of files begin with {len(counts):,} words ({words_shown}): if these are "
        f"speakers, --group-by '{BEGINNING}' keeps each in one split that Graft cuts, and says "
        "which splits of your own share one."
    )
    return [Finding("speakers-in-names", "info", message)]
