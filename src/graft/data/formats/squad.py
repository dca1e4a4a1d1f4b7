"""Questions on paragraphs, as SQuAD has them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, split_file
from graft.data.tables.encodings import read_beginning
from graft.data.tables.files import TableFiles
from graft.data.tables.objects import read_json
from graft.data.tables.table import Table

_FORM = (
    'Expected {"data": [{"title": ..., "paragraphs": [{"context": ..., '
    '"qas": [{"id", "question", "answers"}]}]}]}.'
)


class Squad(TableFiles):
    """SQuAD 1.1 and 2.0: JSON of articles, paragraphs, questions, answers; `is_impossible` if none.

    One file, or a folder with train and dev files: train-v2.0.json, dev-v2.0.json. Article titles
    become groups.
    """

    suffixes: ClassVar = (".json",)
    kind: ClassVar = "answers"
    form: ClassVar = " in the form of SQuAD"

    def is_one(self, file: Path) -> bool:
        if not super().is_one(file):
            return False
        start = read_beginning(file)
        return re.search(r'"data"\s*:\s*\[', start) is not None and '"paragraphs"' in start

    def table(self, file: Path, options: ReadOptions) -> Table:
        content, note = read_json(file)
        rows = _questions(content, file)
        if not rows:
            raise DataError(f"{file} holds no questions.")
        names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
        columns = {name: [row[name] for row in rows] for name in names}
        return Table(file.name, columns, range(1, len(rows) + 1), notes=(note,) if note else ())

    def write_tiny(self, data: Data, path: Path) -> None:
        for split, samples in data.splits.items():
            articles = []
            for sample in samples:
                if "answers" not in sample.roles:
                    raise DataError(
                        f"{sample.id} is not a question with answers, "
                        "and SQuAD's form holds nothing else."
                    )
                asked: dict[str, Any] = {"id": sample.id, "question": sample.roles["question"]}
                if (answers := sample.roles["answers"]) is not None:
                    asked["answers"] = [
                        {"text": text, "answer_start": start} for text, start in answers
                    ]
                    asked["is_impossible"] = not answers
                titled = {"title": sample.roles["group"]} if "group" in sample.roles else {}
                articles.append(
                    {**titled, "paragraphs": [{"context": sample.roles["context"], "qas": [asked]}]}
                )
            text = json.dumps({"version": "v2.0", "data": articles}, ensure_ascii=False)
            split_file(path, split, "-v2.0.json").write_text(text, encoding="utf-8", newline="")


def _questions(content: Any, file: Path) -> list[dict[str, Any]]:
    """A row a question, with its context and the title of its article."""
    rows: list[dict[str, Any]] = []
    for number, article in enumerate(_list(content, "data", file, "the file")):
        for paragraph in _list(article, "paragraphs", file, f"article {number + 1}"):
            for asked in _list(paragraph, "qas", file, f"a paragraph of article {number + 1}"):
                if not isinstance(asked, dict):
                    raise DataError(
                        f"{file}: article {number + 1} has a "
                        f"question that is not an object. {_FORM}"
                    )
                keys = ("id", "question", "answers", "is_impossible")
                context, title = paragraph.get("context"), article.get("title")
                rows.append({key: asked.get(key) for key in keys})
                rows[-1] |= {"context": context, "title": title}
    return rows


def _list(entry: Any, key: str, file: Path, where: str) -> list[Any]:
    items = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(items, list):
        raise DataError(f"{file} is not in the form of SQuAD: {where} has no list {key!r}. {_FORM}")
    return items
