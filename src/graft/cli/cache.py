"""The verb about recordings of frozen layers: cache."""

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
        typer.Option(
            "--clear",
            help="Delete all recordings; they are made again when needed.",
            rich_help_panel=o.OUTPUT,
        ),
    ] = False,
    as_json: o.Json = False,
) -> None:
    """Show the recordings of frozen layers, which save running them again, or delete them."""
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
        size = show.size(sum(map(recording.size_of, leftovers)))
        folders = plural(len(leftovers), "folder")
        typer.echo(
            f"{size} were left by processes that were killed, in {folders}. "
            "The next recording deletes them."
        )
    if parts:
        size = show.size(sum(part.written for part in parts))
        typer.echo(f"In progress: {plural(len(parts), 'recording')}, {size} so far")
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
            "There are no recordings yet. A technique that freezes layers makes one: "
            "graft fit DATA -t feature-extraction"
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
