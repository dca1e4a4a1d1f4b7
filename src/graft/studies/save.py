"""What a run leaves of its predictions: a row an example, and the worst mistakes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graft.base import files
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.groups import groups
from graft.metrics.metric import plain_term
from graft.studies.records import PREDICTIONS
from graft.tasks.task import Task
from graft.training.evaluate import Evaluation

MISTAKES = 24
"""How many of the worst mistakes are kept, as a person sees them."""

Row = dict[str, Any]


def write_predictions(folder: Path, task: Task, data: Data, found: dict[str, Evaluation]) -> None:
    """Write predictions.parquet and mistakes.jsonl of a run.

    The rows are those of validation and test; of test alone if only there a text is generated.
    """
    splits = ["test"] if task.measures_texts else list(found)
    rows = {
        split: prediction_rows(task, split, data.splits[split], found[split].scores, data.kind)
        for split in splits
    }
    write_rows(folder / PREDICTIONS, [row for split in rows.values() for row in split])
    _write_mistakes(folder / "mistakes.jsonl", task, data.splits["test"], rows["test"])


def prediction_rows(
    task: Task, split: str, samples: Sequence[Sample], scores: np.ndarray, kind: str
) -> list[Row]:
    """The rows of predictions.parquet for one split of data of this kind.

    `group` is the id of the first sample that is about the same, often its own. `terms` is the JSON
    of what the primary metric reads of the example, from which a report computes and compares it.
    """
    metric = next(iter(task.metrics.values()))
    columns = zip(
        samples,
        groups(samples, kind),
        task.decode(scores, samples),
        metric.terms(scores, task.targets(samples)),
        strict=True,
    )
    return [
        {
            "split": split,
            "id": sample.id,
            "group": group,
            "target": task.answer(sample),
            **decoded,
            "terms": json.dumps(plain_term(term)),
        }
        for sample, group, decoded, term in columns
    ]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as a parquet file."""
    files.write(path, lambda part: pd.DataFrame(rows).to_parquet(part, index=False))


def _write_mistakes(path: Path, task: Task, samples: Sequence[Sample], rows: Sequence[Row]) -> None:
    severities = [task.severity(row) for row in rows]
    wrong = [i for i, severity in enumerate(severities) if severity is not None]
    worst = sorted(wrong, key=lambda i: -severities[i])[:MISTAKES]
    lines = [files.json_text(_mistake(task, samples[i], rows[i])) for i in worst]
    files.write_text(path, "".join(line + "\n" for line in lines))


def _mistake(task: Task, sample: Sample, row: Row) -> Row:
    shown = task.show(sample, row["prediction"], row["target"])
    return {
        "id": row["id"],
        "target": task.say(row["target"]),
        "prediction": task.say(row["prediction"]),
        "confidence": row.get("confidence"),
        "caption": shown.caption,
        "kind": shown.kind,
        "preview": shown.value,
    }
