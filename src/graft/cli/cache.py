"""The verb about what was recorded: cache."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from graft.cli import options as o
from graft.cli import show


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete all recordings; they are made again when needed.")] = False,
    as_json: o.Json = False,
) -> None:
    """Show what was recorded of frozen layers, so that they run once an example; or clear it."""
    from graft.training import recording

    rows = recording.everything()
    if clear:
        for row in rows:
            recording.remove(row["key"])
    held, cap = sum(row["bytes"] for row in rows), recording.cap()
    if as_json:
        show.answer_json({"folder": recording.home(), "bytes": held, "cap": cap, "cleared": clear, "recordings": rows})
    elif clear:
        typer.echo(f"{len(rows)} recordings deleted, {show.size(held)} freed")
    else:
        _show(rows)
        typer.echo(f"{show.size(held)} of at most {show.size(cap)} (GRAFT_CACHE_GB) in {recording.home()}")


def _show(rows: list[dict]) -> None:
    if rows:
        header = ["backbone", "before", "examples", "versions", "size", "made in", "last used"]
        show.table(header, [_row(row) for row in rows])
    else:
        typer.echo("Nothing is recorded yet. It is when a technique freezes layers: graft fit DATA -t feature-extraction")


def _row(row: dict) -> list[str]:
    ago = show.duration(time.time() - row["used"]) + " ago"
    made = show.duration(row["seconds"])
    return [row["backbone"], row["before"], f"{row['samples']:,}", str(row["views"]), show.size(row["bytes"]), made, ago]
