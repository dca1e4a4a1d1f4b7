"""history.jsonl: a line an epoch, cut back to the checkpoint when a run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graft.base import files


def cut(path: Path, lines: int) -> None:
    """Keep the first `lines` lines, since those behind them are trained again.

    Makes the file if it is missing.
    """
    whole = path.read_text(encoding="utf-8") if path.exists() else ""
    files.write_text(path, "".join(whole.splitlines(keepends=True)[:lines]))


def append(path: Path, row: dict[str, Any]) -> None:
    """Add a line to history.jsonl; raises FolderError."""
    files.append(path, files.json_text(row))
