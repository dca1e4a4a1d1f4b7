"""Findings about transcripts: what is not spoken as it is written, or does not fit its sound."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from graft.base.counts import plural
from graft.base.errors import listed
from graft.base.records import Sample
from graft.data.checks.finding import Finding
from graft.data.data import Data
from graft.data.unspaced import is_unspaced

FASTEST, SLOWEST = 25.0, 1.0
"""Characters a second beyond which a transcript is not of its sound: fast speech has about 20."""
SHORTEST_SECONDS = 2.0
"""Sounds below this may hold one word between silences, however slow that makes it."""
MIXED = 0.05
"""The share of the transcripts from which another way to write is no exception."""
_SPOKEN_OTHERWISE = frozenset("0123456789%&@#$€£¥+=/*<>[](){}_~^|\\°§")
"""What a voice says as a word, or does not say: figures, signs, marks of noises."""


def writing_findings(data: Data) -> list[Finding]:
    """Report how transcripts are written, what of it is not spoken, and rare characters."""
    samples = [
        sample
        for name, part in data.splits.items()
        if name != "unlabeled"
        for sample in part
        if sample.roles.get("transcript")
    ]
    if not samples:
        return []
    return [
        *_signs(samples),
        *_mixed_case(samples),
        *_rare_characters(data),
        *_unspaced(samples),
    ]


def pace_findings(samples: Mapping[str, tuple[str, float]]) -> list[Finding]:
    """Warn of transcripts too long or too short for their seconds of sound, by sample id."""
    pace = {
        name: len(text) / seconds for name, (text, seconds) in samples.items() if text and seconds
    }
    fast = [name for name in pace if pace[name] > FASTEST]
    slow = [name for name in pace if pace[name] < SLOWEST and samples[name][1] >= SHORTEST_SECONDS]
    findings = []
    for names, words in (
        (fast, f"too long for their sound: more than {FASTEST:g} characters a second"),
        (slow, f"too short for their sound: less than {SLOWEST:g} character a second"),
    ):
        shown = listed((f"{name} ({pace[name]:.1f})" for name in names), 5)
        message = f"{len(names):,} of {plural(len(pace), 'transcript')} are {words}: {shown}."
        findings += [Finding("pace", "warning", message, tuple(names))] if names else []
    return findings


def _signs(samples: Sequence[Sample]) -> list[Finding]:
    """Digits and signs that a voice says as words, and punctuation, which it does not say."""
    signs = {s.id: sorted(set(s.roles["transcript"]) & _SPOKEN_OTHERWISE) for s in samples}
    written = tuple(name for name, some in signs.items() if some)
    findings = []
    if written:
        shown = listed((f"{name} ({''.join(signs[name])})" for name in written), 5)
        message = (
            f"{len(written):,} of {plural(len(samples), 'transcript')} have figures or signs, "
            f"spoken as words or not at all: {shown}. Write what is said."
        )
        findings.append(Finding("not-spoken", "warning", message, written))
    marks = Counter(
        mark
        for sample in samples
        for mark in set(sample.roles["transcript"]) - _SPOKEN_OTHERWISE - {"'", "’", "-"}
        if unicodedata.category(mark).startswith("P")
    )
    if marks:
        words = " ".join(mark for mark, _ in marks.most_common(8))
        with_marks = sum(
            any(mark in marks for mark in sample.roles["transcript"]) for sample in samples
        )
        message = (
            f"{with_marks:,} of {plural(len(samples), 'transcript')} have punctuation ({words}), "
            "which a network has to guess, as nobody says it."
        )
        findings.append(Finding("punctuation", "info", message))
    return findings


def _mixed_case(samples: Sequence[Sample]) -> list[Finding]:
    """Warn if some transcripts are in capitals or in small letters alone, and others in both."""
    forms: dict[str, list[str]] = {"capitals": [], "small letters": [], "both cases": []}
    for sample in samples:
        text = sample.roles["transcript"]
        if text.lower() != text.upper():
            is_one = {"capitals": text == text.upper(), "small letters": text == text.lower()}
            form = next((form for form, fits in is_one.items() if fits), "both cases")
            forms[form].append(sample.id)
    total = sum(map(len, forms.values()))
    common = {form: names for form, names in forms.items() if len(names) > MIXED * total}
    if len(common) < 2:
        return []
    shown = ", ".join(f"{form} ({len(names):,}, as {names[0]})" for form, names in common.items())
    message = f"Transcripts are written in several ways: {shown}. Write all of them in one."
    return [Finding("mixed-case", "warning", message, tuple(min(common.values(), key=len)))]


def _unspaced(samples: Sequence[Sample]) -> list[Finding]:
    """Report a script without blanks between words, whose words cannot be counted."""
    if not is_unspaced(sample.roles["transcript"] for sample in samples):
        return []
    message = (
        "Most letters of the transcripts are of a script without blanks between words, so errors "
        "are counted in characters before words."
    )
    return [Finding("unspaced", "info", message)]


def _rare_characters(data: Data) -> list[Finding]:
    """Report characters of one transcript alone, and held-out ones that training lacks."""
    texts = {
        split: [
            (s.id, set("".join(s.roles["transcript"].lower().split())))
            for s in part
            if s.roles.get("transcript")
        ]
        for split, part in data.splits.items()
    }
    training = texts.get("train") or texts.get("all") or []
    counts = Counter(sign for _, signs in training for sign in signs)
    findings = []
    once = {sign: name for name, signs in training for sign in sorted(signs) if counts[sign] == 1}
    if once:
        shown = listed((f"{sign!r} ({name})" for sign, name in once.items()), 8)
        message = f"{plural(len(once), 'character')} of one transcript alone, case apart: {shown}."
        findings.append(
            Finding("rare-characters", "info", message, tuple(dict.fromkeys(once.values())))
        )
    learned = _spoken_characters(counts)
    for split in ("val", "test"):
        unseen = {
            sign: name
            for name, signs in texts.get(split, ())
            for sign in sorted(_spoken_characters(signs) - learned)
        }
        if unseen and training:
            shown = listed((f"{sign!r} ({name})" for sign, name in unseen.items()), 8)
            message = (
                f"{split} has {plural(len(unseen), 'character')}, case and punctuation apart, that "
                f"no transcript of training has: {shown}. A network that writes the characters of "
                "training (head=ctc) cannot write them."
            )
            ids = tuple(dict.fromkeys(unseen.values()))
            findings.append(Finding("unseen-characters", "warning", message, ids))
    return findings


def _spoken_characters(characters: Iterable[str]) -> set[str]:
    """The characters in lower case, without blanks, punctuation and signs."""
    kept = (sign for sign in characters if unicodedata.category(sign)[0] not in "PSZ")
    return {small for sign in kept for small in sign.lower()}
