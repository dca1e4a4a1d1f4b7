"""Rows for files and for programs: one row per run."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from graft.reports.read import Run, Study

BOTH = ("before", "after")
"""When it is measured what a network still knows."""
ASKED = ("technique", "backbone", "fraction", "shots", "seed")


def run_rows(study: Study) -> list[dict[str, Any]]:
    """One row a run, finished or not: what was asked, its state, metrics, cost, frozen tensors."""
    return [_row(run) for run in (*study.runs, *study.alone)]


def to_csv(rows: Sequence[dict[str, Any]]) -> str:
    """CSV with a header; a value that a row does not have is empty."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(run: Run) -> dict[str, Any]:
    row = {
        "run": run.folder.name,
        **{name: run.spec.get(name) for name in ASKED},
        "state": run.state,
        "message": run.message,
    }
    if not run.result:
        return row
    for name, score in run.result["metrics"]["test"].items():
        row |= {
            f"test_{name}": score["value"],
            f"test_{name}_low": score["low"],
            f"test_{name}_high": score["high"],
        }
    row |= {f"val_{name}": value for name, value in run.result["metrics"]["val"].items()}
    row |= {name: value for name, value in run.result["cost"].items() if name != "cache"}
    row |= {
        f"cache_{name}": value for name, value in (run.result["cost"].get("cache") or {}).items()
    }
    frozen = run.result.get("frozen") or {}
    data = run.result["data"]
    row |= {"frozen_tensors": frozen.get("tensors"), "frozen_unchanged": frozen.get("unchanged")}
    row |= {f"validator_{n}": value for n, value in (run.result.get("validators") or {}).items()}
    if forgetting := run.result.get("forgetting"):
        row |= {f"source_{forgetting['metric']}_{when}": forgetting[when] for when in BOTH}
    row |= {"selected_by": run.result["selected_by"], "data_hash": data["hash"]}
    return row | {f"{split}_examples": count for split, count in data["counts"].items()}
