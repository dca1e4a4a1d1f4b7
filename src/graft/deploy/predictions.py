"""Predictions as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from graft.base import files


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write predictions as CSV, JSON lines or Parquet, by the ending of `path`.

    In CSV their parts are JSON.
    """
    frame = pd.DataFrame(rows)
    ending = path.suffix.lower()
    if ending == ".parquet":
        files.write(path, lambda part: frame.to_parquet(part, index=False))
    elif ending == ".jsonl":
        files.write_text(path, "".join(files.json_text(row) + "\n" for row in rows))
    else:
        flat = frame.map(
            lambda value: files.json_text(value) if isinstance(value, list | dict) else value
        )
        files.write(path, lambda part: flat.to_csv(part, index=False))
