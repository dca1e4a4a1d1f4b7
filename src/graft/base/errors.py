"""Every error that Graft raises on purpose.

GraftError         the user can fix it; the CLI prints it without a traceback and exits with 2
├── UnknownName    a technique, task, backbone, format or parameter that does not exist
├── BadValue       a parameter with a value that is not allowed
├── DataError      the user's data cannot be read or cannot be used for this task
├── BackboneError  a pretrained network cannot be found, fetched, verified or wrapped
├── FolderError    a run, study or model folder is missing, broken, changed or cannot be written
└── MissingExtra   a feature needs a package that is not installed

A message says what was asked, what was found, what is allowed and how to fix it. For programs, an
error has its `kind`, which is its class, and its `fix`, the part that says what to do.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_VERBS = (
    "add|ask|check|choose|close|compare|continue|convert|correct|delete|describe|export|fix|"
    "for others use|free|give|ignore|install|keep|leave|lower|make|multiply|name|pass|pip install|"
    "put|remove|rename|resize|restore|resume|run|save|say|see|set|shorten|start|train|undo|update|"
    "use|wait|write"
)
"""The verbs of sentences that say what to do."""
_ALLOWED = (
    "Allowed|At least|Built-in backbones for it|Did you mean|Expected|Heads that fit|Images need|"
    "Its columns|Known|Roles|These are"
)
"""The first words of sentences that say what is allowed."""
_FIX = re.compile(
    rf"(?:(?<=[.?!]\s)|^)(?:(?i:{_VERBS})|{_ALLOWED})\b.*|(?<=[:;]\s)(?:{_VERBS})\b.*", re.DOTALL
)
_RULE = re.compile(r"^[^.]* must (?:be|name|have) .*?(?=\. Got |\.?$)", re.DOTALL)


class GraftError(Exception):
    """An error that the user can fix."""

    @property
    def kind(self) -> str:
        """The kind in words with hyphens: `bad-value`; `error` of this class itself."""
        words = re.findall(r"[A-Z][a-z]+", type(self).__name__.removeprefix("Graft"))
        return "-".join(words).lower()

    @property
    def fix(self) -> str | None:
        """The part of the message from the first sentence on that says what to do.

        If there is none, what the value must be; None if the message says no more than what is
        wrong.
        """
        message = str(self)
        if asked := _FIX.search(message):
            return asked[0]
        rule = _RULE.search(message)
        return f"{rule[0]}." if rule else None


class UnknownName(GraftError):
    """A name that does not exist."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str], see: str = "") -> UnknownName:
        """Make the error for `name`, with the nearest known names; `see` lists them all."""
        known = sorted(known)
        in_lower_case = {each.lower(): each for each in known}
        near = difflib.get_close_matches(name.lower(), in_lower_case, n=3, cutoff=0.5)
        near = [name.lower()] if name.lower() in in_lower_case else near
        near = [in_lower_case[each] for each in near]
        guess = f"Did you mean {' or '.join(map(repr, near))}?"
        if not near:
            guess = f"Known: {listed(map(repr, known), 12)}."
        return cls(f"Unknown {kind} {name!r}. {guess}" + (f" See: {see}" if see else ""))


def listed(items: Iterable[str], most: int = 10) -> str:
    """Join the first items, and count the others."""
    items = list(items)
    others = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + others


class BadValue(GraftError):
    """A value outside what its parameter allows."""


class DataError(GraftError):
    """Data that cannot be read or used."""


class BackboneError(GraftError):
    """A pretrained network that cannot be found or opened."""


class FolderError(GraftError):
    """A folder of Graft's that is missing, broken, changed or not writable."""


class MissingExtra(GraftError):
    """A package that an optional feature needs."""

    @classmethod
    def of(cls, feature: str, package: str, extra: str) -> MissingExtra:
        return cls(
            f"{feature} needs the package {package!r}, which is not installed. Install it: "
            f"pip install 'graft-learn[{extra}]'"
        )
