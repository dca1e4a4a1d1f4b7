"""Questions on contexts, with the parts of the context that answer them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, ClassVar

from graft.base.counts import plural
from graft.base.records import Sample
from graft.data.checks.finding import Finding, counts
from graft.data.checks.texts import text_findings
from graft.data.data import Data
from graft.data.kinds.kind import GROUP, Kind, make_splits
from graft.data.tables.cells import SAMPLE_VALUES, are_words, as_list, as_text, is_missing
from graft.data.tables.columns import Columns, Fit, Match
from graft.data.tables.rows import Rows


class Answers(Kind):
    """A `question`, its `context`, and `answers`, () if there are none.

    An answer is (text, start), in characters of the context.
    """

    inputs: ClassVar = (frozenset({"question", "context"}),)
    target: ClassVar = "answers"
    columns: ClassVar = {
        "question": ("question", "query"),
        "context": ("context", "passage", "paragraph"),
        "answers": ("answers", "answer", "answer_text"),
        "starts": ("answer_start", "answer_starts", "answers_start"),
        "impossible": ("is_impossible",),
        "id": ("id", "qas_id", "qid", "question_id"),
    }
    groups: ClassVar = (*GROUP, "title")
    texts: ClassVar = {"question": "Questions", "context": "Contexts"}
    shared: ClassVar = ("context",)
    blanks: ClassVar = (
        {"question": ""},
        {"context": "", "answers": ()},
        {"question": "", "context": "", "answers": ()},
    )  # fmt: skip

    def match(self, columns: Columns) -> Match | None:
        contexts = columns.asked.get("context") or columns.first(self.columns["context"], are_words)
        fits = {
            **dict.fromkeys(("question", "context"), are_words),
            "answers": lambda values: bool(contexts) and _are_answers(values, columns[contexts[0]]),
            **dict.fromkeys(("starts", "impossible", "id"), lambda values: True),
        }
        needed = ["question", "context", *(["answers"] * columns.needs_target)]
        return columns.match(self.columns, fits, needed, Fit.THREE_COLUMNS)

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        parts = [_read(rows) for rows in tables]
        if searched := sum(count for _, count in parts):
            tables[0].notes[
                f"{searched:,} answers came without a start; the first place where they stand in "
                "their context was taken."
            ] = None
        return [values for values, _ in parts]

    def row(self, sample: Sample) -> dict[str, Any]:
        """Answers as Hugging Face has them."""
        answers = sample.roles.get("answers")
        if answers is None:
            return dict(sample.roles)
        columns = {
            "text": [text for text, _ in answers],
            "answer_start": [start for _, start in answers],
        }
        return {**sample.roles, "answers": columns}

    def passage(self, sample: Sample) -> str:
        """The context, which several questions may share."""
        return sample.roles.get("context") or self.text(sample)

    def problem(self, samples: Sequence[Sample]) -> str | None:
        has_answers = any(sample.roles["answers"] for sample in samples)
        return None if has_answers else "no question has an answer"

    def findings(self, data: Data) -> list[Finding]:
        """Report the number of questions, contexts, and questions without an answer."""
        findings = [counts(data.splits, "questions")]
        for split, part in data.splits.items():
            known = [s.roles["answers"] for s in part if s.roles.get("answers") is not None]
            contexts = {s.roles["context"] for s in part if "context" in s.roles}
            none = sum(not answers for answers in known)
            several = sum(len(set(answers)) > 1 for answers in known)
            size = f"{plural(len(part), 'question')} on {plural(len(contexts), 'context')}"
            share = "answers not known"
            if known:
                empty = f"{none:,} ({none / len(known):.0%}) without an answer"
                share = f"{empty}, {several:,} with several"
            findings.append(Finding("answers", "info", f"{split}: {size}; {share}."))
        return [*findings, *text_findings(data, self.texts)]

    def difference(self, one: Sample, other: Sample) -> str:
        return " / ".join(f"{s.id} is {_write_answers(s.roles['answers'])!r}" for s in (one, other))

    def tiny(self) -> dict[str, Data]:
        context = "Zoë lives in \u2028 Köln. She says “hi” to Köln."
        answers = ((("Köln", 15),), (), (("Köln", 15), ("Köln", 38), ("“hi”", 30)))

        def asked(split: str, i: int) -> dict[str, Any]:
            return {
                "question": f"Where, {i}?",
                "context": f"{context} {split}",
                "answers": answers[i % 3],
                "group": split,
            }

        return {"answers": Data(make_splits(asked, 6, ["train", "test"]), kind=self.name)}


def _are_answers(values: Sequence[Any], contexts: Sequence[Any]) -> bool:
    """Lists or dicts; or strings that mostly occur in their context, which yes and no do not."""
    pairs = [
        (v, c)
        for v, c in islice(zip(values, contexts, strict=True), SAMPLE_VALUES)
        if v is not None
    ]
    if pairs and all(isinstance(v, dict) or as_list(v) is not None for v, _ in pairs):
        return True
    strings = [(text, c) for v, c in pairs if (text := as_text(v)) and text.strip()]
    return bool(strings) and sum(v in str(c) for v, c in strings) >= len(strings) / 2


def _read(rows: Rows) -> tuple[list[dict[str, Any]], int]:
    """The roles of each row, and how many answers came without a start."""
    needed = ["question", "context", "answers"] if rows.needs_target else ["question", "context"]
    rows.require(needed)
    texts = [rows.texts(role) for role in ("question", "context")]
    impossible = [
        bool(value) and str(value).lower() not in ("false", "0")
        for value in rows.column("impossible")
    ]
    values, wrong, missing, searched = [], [], [], 0
    columns = (*texts, *(rows.column(role) for role in ("answers", "starts")))
    for question, context, cell, starts, is_impossible in zip(*columns, impossible, strict=True):
        answers, count, problem = _answers(cell, starts, context)
        if is_impossible and answers:
            problem = f"is_impossible, but with the answer {answers[0][0]!r}"
        missing.append(cell is None and rows.needs_target and not is_impossible)
        wrong.append(problem)
        searched += count
        known = () if is_impossible else None if cell is None else answers
        values.append({"question": question, "context": context, "answers": known})
    rows.refuse(
        missing, "have no answers", "Fill them in; a question without an answer has an empty list."
    )
    advice = (
        "Starts count characters from 0; without a start the answer is searched in its context."
    )
    rows.refuse(wrong, "have an answer that is not in its context at its place", advice)
    return values, searched


def _answers(
    cell: Any, starts: Any, context: str
) -> tuple[tuple[tuple[str, int], ...], int, str | None]:
    """The answers with their starts, how many had to be searched, and what is wrong with one."""
    texts, places = _texts_and_places(cell, starts)
    if len(texts) != len(places):
        return (), 0, f"{len(texts)} answers, {len(places)} starts"
    answers: list[tuple[str, int]] = []
    searched = 0
    for text, place in zip(texts, places, strict=True):
        text = as_text(cell := text)
        if text is None:
            return (), 0, f"{cell!r} is not a text"
        if not text.strip():  # how tables write that there is no answer
            continue
        given = not is_missing(place) and place != -1
        start = _whole(place) if given else context.find(text)
        if start is None:
            return (), 0, f"{text!r} at {place!r}, which is not a number"
        searched += not given
        if start < 0:
            where = f"at {start}" if given else "is nowhere in the context"
            return (), 0, f"{text!r} {where}"
        if (there := context[start : start + len(text)]) != text:
            return (), 0, f"{text!r} at {start}, where the context has {there!r}"
        answers.append((text, start))
    return tuple(answers), searched, None


def _texts_and_places(cell: Any, starts: Any) -> tuple[list[Any], list[Any]]:
    """Texts and starts in any form in which answers are written; None for a missing start."""
    if isinstance(cell, dict):
        return _texts_and_places(cell.get("text"), cell.get("answer_start", cell.get("start")))
    several = as_list(cell)
    if several and all(isinstance(one, dict) for one in several):
        return [one.get("text") for one in several], [
            one.get("answer_start", one.get("start")) for one in several
        ]
    if several and all(_is_pair(one) for one in several):
        return [one[0] for one in several], [one[1] for one in several]
    texts = several if several is not None else [] if cell is None else [cell]
    places = as_list(starts)
    if places is None:
        places = [starts] if several is None and not is_missing(starts) else [None] * len(texts)
    return texts, places if places or not texts else [None] * len(texts)


def _whole(value: Any) -> int | None:
    """12 of 12, "12" and "12.0": numbers in a column are written so if one of them is missing."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _is_pair(value: Any) -> bool:
    """("Paris", 17), as samples have it."""
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int)
    )


def _write_answers(answers: Sequence[tuple[str, int]]) -> str:
    return " | ".join(dict.fromkeys(text for text, _ in answers)) or "no answer"
