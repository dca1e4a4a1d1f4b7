"""Predictions as files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from graft.base import files


def write_rows(path: Path, rows: list[dict[str, Any]], tasks: Collection[str] = ()) -> None:
    """Write predictions as CSV, JSON lines or Parquet, by the ending of `path`.

    In CSV their parts are JSON. Of several `tasks` each has a column, and one of its confidence.
    """
    records = [_by_task(row, tasks) for row in rows] if tasks else rows
    frame = pd.DataFrame(records)
    ending = path.suffix.lower()
    if ending == ".parquet":
        files.write(path, lambda part: frame.to_parquet(part, index=False))
    elif ending == ".jsonl":
        files.write_text(path, "".join(files.json_text(row) + "\n" for row in records))
    else:
        flat = frame.map(
            lambda value: files.json_text(value) if isinstance(value, list | dict) else value
        )
        files.write(path, lambda part: flat.to_csv(part, index=False))


def _by_task(row: dict[str, Any], tasks: Collection[str]) -> dict[str, Any]:
    """Return a row with a column for each of several tasks."""
    sure = row.get("confidences", {})
    columns = {"id": row["id"]}
    for name in tasks:
        columns[name] = row["prediction"][name]
        if name in sure:
            columns[f"{name} confidence"] = sure[name]
    return columns
