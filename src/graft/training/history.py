"""history.jsonl: a line an epoch, cut back to the checkpoint when a run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graft.base import files


def cut(path: Path, lines: int) -> None:
    """Keep the first `lines` lines: those behind them are trained again.

    Afterwards the file exists. Raises FolderError.
    """
    whole = path.read_bytes() if path.is_file() else b""
    kept = b"".join(whole.splitlines(keepends=True)[:lines])
    files.write(path, lambda part: part.write_bytes(kept))


def append(path: Path, row: dict[str, Any]) -> None:
    """Add a line to history.jsonl; raises FolderError."""
    files.append(path, files.json_text(row))
