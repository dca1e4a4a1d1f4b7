"""The verb about what was recorded: cache."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from graft.base.counts import plural
from graft.cli import options as o
from graft.cli import show


def cache(
    clear: Annotated[
        bool,
        typer.Option("--clear", help="Delete all recordings; they are made again when needed."),
    ] = False,
    as_json: o.Json = False,
) -> None:
    """Show what was recorded of frozen layers, so that they run once an example; or clear it."""
    from graft.training.frozen import recording

    rows, leftovers, parts = recording.everything(), recording.leftovers(), recording.active()
    held = recording.total_bytes()
    freed = recording.clear() if clear else 0
    cap = recording.cap()
    if as_json:
        counts = {"leftovers": len(leftovers), "active": len(parts)}
        sizes = {"folder": recording.home(), "bytes": held, "cap": cap, **counts}
        show.answer_json({**sizes, "recordings": rows, "cleared": clear, "freed": freed})
        return
    if clear:
        typer.echo(f"{plural(len(rows), 'recording')} deleted, {show.size(freed)} freed")
    else:
        _show(rows)
    if leftovers and not clear:
        size, folders = (
            show.size(sum(map(recording.size_of, leftovers))),
            plural(len(leftovers), "folder"),
        )
        typer.echo(
            f"{size} were left by processes that were killed, in {folders}. The next recording "
            "deletes them."
        )
    if parts:
        size = show.size(sum(part.written for part in parts))
        typer.echo(f"Being made now: {plural(len(parts), 'recording')}, {size} so far")
    if not clear:
        typer.echo(
            f"{show.size(held)} of at most {show.size(cap)} (GRAFT_CACHE_GB) in {recording.home()}"
        )


def _show(rows: list[dict]) -> None:
    if rows:
        header = ["backbone", "before", "examples", "versions", "size", "made in", "last used"]
        show.table(header, [_row(row) for row in rows])
    else:
        typer.echo(
            "Nothing is recorded yet. It is when a technique freezes layers: graft fit DATA "
            "-t feature-extraction"
        )


def _row(row: dict) -> list[str]:
    ago = show.duration(time.time() - row["used"]) + " ago"
    made = show.duration(row["seconds"])
    return [
        row["backbone"],
        row["before"],
        f"{row['samples']:,}",
        str(row["views"]),
        show.size(row["bytes"]),
        made,
        ago,
    ]
