"""Sources and targets: texts and what is written from them, as translations and summaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from graft.data.checks.finding import Finding
from graft.data.checks.texts import character_counts, text_findings
from graft.data.data import Data
from graft.data.kinds.kind import Kind, make_splits
from graft.data.tables.cells import are_texts, are_words, as_list, is_missing, present
from graft.data.tables.columns import Columns, Fit, Match
from graft.data.tables.rows import Rows

SOURCES = {
    "target": ("source", "src"),
    "tgt": ("source", "src"),
    "summary": ("source", "document", "article", "dialogue", "dialog", "email", "text"),
    "highlights": ("source", "document", "article", "text"),
    "subject": ("email",),
}
"""Name of a column of targets -> names of the columns of their sources.

Other names mean something only together."""


class Pairs(Kind):
    """A `source` and the `target` that is written from it; `references` are further targets."""

    inputs: ClassVar = (frozenset({"source"}),)
    target: ClassVar = "target"
    columns: ClassVar = {
        "source": tuple(dict.fromkeys(name for names in SOURCES.values() for name in names)),
        "target": tuple(SOURCES),
        "references": ("references", "extra_subjects"),
    }
    texts: ClassVar = {"source": "Sources", "target": "Targets"}
    shared: ClassVar = ("source",)
    blanks: ClassVar = (
        {"source": ""},
        {"target": ""},
        {"source": "", "target": ""},
        {"source": " ", "target": " "},
    )

    def match(self, columns: Columns) -> Match | None:
        asked = {
            role: names
            for role, names in columns.asked.items()
            if role in ("source", "target", "references")
        }
        roles = {**_pair(columns), **asked}
        if not roles:
            return None
        columns.require(roles, ["source", "target"] if columns.needs_target else ["source"])
        notes = []
        if columns.table.languages and not asked:
            source, target = columns.table.languages
            turned = f"--columns source={target} --columns target={source}"
            notes.append(
                f"The source is {source!r}, the target {target!r}; the other way: {turned}."
            )
        return Match(roles, Fit.TWO_COLUMNS, notes)

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        return [_read(rows) for rows in tables]

    def findings(self, data: Data) -> list[Finding]:
        return [
            character_counts(data, "sources with targets", "target"),
            *text_findings(data, self.texts),
        ]

    def tiny(self) -> dict[str, Data]:
        def pair(split: str, i: int) -> dict[str, Any]:
            return {
                "source": f"{split} {i}:\u2028 one; „two“",
                "target": f"{i}\tjedna, dvě " * (i > 0),
            }

        return {"pairs": Data(make_splits(pair, 4), kind=self.name)}


def _pair(columns: Columns) -> dict[str, list[str]]:
    """The columns of a source and of what is written from it, where there are both."""
    if len(columns.table.languages) == 2:
        return {
            role: [name]
            for role, name in zip(("source", "target"), columns.table.languages, strict=True)
        }
    for name, sources in SOURCES.items():
        target = columns.find_named([name, f"{name}1"])[:1]
        source = columns.first(sources, are_words)
        if source and target and are_texts(columns[target[0]]):
            return {"source": source, "target": target}
    return {}


def _read(rows: Rows) -> list[dict[str, Any]]:
    """The pairs of a table, with further targets in numbered columns or a list of references.

    Tables of the same data may have more or fewer of these than others.
    """
    target = rows.columns.get("target", [""])[0]
    numbered = _find_numbered(list(rows.table.columns), target) if rows.table.header else [target]
    rows = rows.with_columns({"target": numbered[:1] or [target], **_references_of(rows)})
    rows.require(["source", "target"] if rows.needs_target else ["source"])
    sources, targets, further = rows.texts("source"), rows.texts("target"), numbered[1:]
    if further:
        shown = ", ".join(map(repr, further))
        rows.notes[f"Beside {rows.columns['target'][0]!r}, {shown} are references too."] = None
    lists = rows.check(
        "references",
        "have references that are not texts",
        'Write them as a list: ["one", "another"].',
        lambda value: all(isinstance(text, str) for text in _texts(value)),
    )  # fmt: skip
    values = [
        {"source": source, "target": target}
        for source, target in zip(sources, targets, strict=True)
    ]
    if not further and not rows.has("references"):
        return values
    for row, value in enumerate(values):
        texts = (*_texts(lists[row]), *(rows.table.columns[name][row] for name in further))
        value["references"] = tuple(text for text in texts if text)
    return values


def _references_of(rows: Rows) -> dict[str, list[str]]:
    """Return the column of references, if given or known by name; often only the test has one."""
    if rows.columns.get("references"):
        return {}
    low = {name.strip().lower(): name for name in reversed(rows.table.columns)}
    named = [low[name] for name in Pairs.columns["references"] if name in low]
    return {
        "references": [
            n for n in named if any(as_list(v) is not None for v in present(rows.table.columns[n]))
        ][:1]
    }


def _find_numbered(names: list[str], target: str) -> list[str]:
    """Return the numbered columns of one name: `summary`, or `summary1`, `summary2`, `summary3`."""
    stem = target.removesuffix("1")
    numbered = [name for name in (stem, f"{stem}1") if name in names][:1]
    for number in range(2, len(names) + 1):
        if not numbered or f"{stem}{number}" not in names:
            break
        numbered.append(f"{stem}{number}")
    return numbered


def _texts(value: Any) -> list[Any]:
    """The items of a list, a text alone, or nothing where there is none."""
    items = as_list(value)
    return items if items is not None else [] if is_missing(value) else [value]
