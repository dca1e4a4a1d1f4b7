"""Questions on paragraphs, as SQuAD has them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.formats.folders.class_folders import is_hidden
from graft.data.formats.format import ReadOptions
from graft.data.tables.encodings import read_text
from graft.data.tables.rows import read_files
from graft.data.tables.table import Table

_LOOKED_AT = 65_536
"""Bytes of a file that it is judged by."""
_FORM = 'Expected {"data": [{"title": ..., "paragraphs": [{"context": ..., "qas": [{"id", "question", "answers"}]}]}]}.'


class Squad:
    """SQuAD 1.1 and 2.0: JSON of articles with paragraphs, questions and answers; `is_impossible` where there is none.

    One file, or a folder with train and dev files: train-v2.0.json, dev-v2.0.json. Article titles become groups.
    """

    def sniff(self, path: Path) -> float:
        if path.is_file():
            return float(_is_one(path))
        return 0.8 * bool(path.is_dir() and _files(path))

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = [path] if path.is_file() else _files(path)
        if not files:
            raise DataError(f"{path} holds no JSON files in the form of SQuAD. {_FORM}")
        return read_files(path, files, options, _read, kind="answers")

    def write_tiny(self, data: Data, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        for split, samples in data.splits.items():
            articles = []
            for sample in samples:
                if "answers" not in sample.roles:
                    raise DataError(f"{sample.id} is no question with answers, and SQuAD's form holds nothing else.")
                asked: dict[str, Any] = {"id": sample.id, "question": sample.roles["question"]}
                if (answers := sample.roles["answers"]) is not None:
                    asked["answers"] = [{"text": text, "answer_start": start} for text, start in answers]
                    asked["is_impossible"] = not answers
                titled = {"title": sample.roles["group"]} if "group" in sample.roles else {}
                articles.append({**titled, "paragraphs": [{"context": sample.roles["context"], "qas": [asked]}]})
            text = json.dumps({"version": "v2.0", "data": articles}, ensure_ascii=False)
            (path / f"{'samples' if split == 'all' else split}-v2.0.json").write_text(text, encoding="utf-8", newline="")


def _files(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.iterdir()) if p.is_file() and not is_hidden(p) and _is_one(p)]


def _is_one(file: Path) -> bool:
    if file.suffix.lower() != ".json":
        return False
    with open(file, "rb") as opened:
        start = opened.read(_LOOKED_AT)
    return re.search(rb'"data"\s*:\s*\[', start) is not None and b'"paragraphs"' in start


def _read(file: Path, options: ReadOptions) -> Table:
    text, note = read_text(file)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataError(f"{file} is not JSON: {error}.") from error
    rows: list[dict[str, Any]] = []
    for number, article in enumerate(_list(found, "data", file, "the file")):
        for paragraph in _list(article, "paragraphs", file, f"article {number + 1}"):
            for asked in _list(paragraph, "qas", file, f"a paragraph of article {number + 1}"):
                if not isinstance(asked, dict):
                    raise DataError(f"{file}: article {number + 1} has a question that is no object. {_FORM}")
                own = {key: asked.get(key) for key in ("id", "question", "answers", "is_impossible")}
                rows.append({**own, "context": paragraph.get("context"), "title": article.get("title")})
    if not rows:
        raise DataError(f"{file} holds no questions.")
    names = [name for name in rows[0] if name == "answers" or any(row[name] is not None for row in rows)]
    names = [name for name in names if name != "answers" or any(row["answers"] is not None for row in rows)]
    columns = {name: [row[name] for row in rows] for name in names}
    return Table(file.name, columns, range(1, len(rows) + 1), notes=(note,) if note else ())


def _list(entry: Any, key: str, file: Path, where: str) -> list[Any]:
    found = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(found, list):
        raise DataError(f"{file} is not in the form of SQuAD: {where} has no list {key!r}. {_FORM}")
    return found
