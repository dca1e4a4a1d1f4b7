"""What a run leaves of its predictions: a row an example, the worst mistakes, and galleries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graft.base import files
from graft.base.evidence import Gallery
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.groups import groups
from graft.metrics.metric import plain_term
from graft.studies.records import EXAMPLES, MISTAKES, PREDICTIONS
from graft.tasks.task import Task
from graft.training.evaluate import Evaluation

MOST_MISTAKES = 24
"""The number of the worst mistakes that are kept for reports."""

Row = dict[str, Any]


def write_predictions(
    folder: Path,
    task: Task,
    data: Data,
    evaluations: dict[str, Evaluation],
    galleries: Sequence[Gallery] = (),
) -> None:
    """Write predictions.parquet and mistakes.jsonl of a run, and examples.jsonl of its galleries.

    The rows are those of validation and test; of test alone if only there a text is generated.
    """
    splits = ["test"] if task.measures_texts else list(evaluations)
    rows = {
        split: prediction_rows(
            task, split, data.splits[split], evaluations[split].scores, data.kind
        )
        for split in splits
    }
    write_rows(folder / PREDICTIONS, [row for split in rows.values() for row in split])
    samples = data.splits["test"]
    mistakes = [
        _example(task, samples[i], task.mistake(rows["test"][i]))
        for i in _worst(task, rows["test"])
    ]
    _write_examples(folder / MISTAKES, mistakes)
    if galleries:
        examples = [
            {"gallery": gallery.title, **_example(task, samples[i], rows["test"][i])}
            for gallery in galleries
            for i in gallery.rows
        ]
        _write_examples(folder / EXAMPLES, examples)


def prediction_rows(
    task: Task, split: str, samples: Sequence[Sample], scores: np.ndarray, kind: str
) -> list[Row]:
    """The rows of predictions.parquet for one split of data of this kind.

    `group` names what the sample is about, as its speaker, else it is the id of the first sample
    that is about the same, often its own. `terms` is the JSON of what the primary metric reads of
    the example, from which a report computes and compares it.
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


def _worst(task: Task, rows: Sequence[Row]) -> list[int]:
    """The worst mistakes, the worst first."""
    severities = [task.severity(row) for row in rows]
    wrong = [i for i, severity in enumerate(severities) if severity is not None]
    return sorted(wrong, key=lambda i: -severities[i])[:MOST_MISTAKES]


def _write_examples(path: Path, examples: Sequence[Row]) -> None:
    files.write_text(path, "".join(files.json_text(example) + "\n" for example in examples))


def _example(task: Task, sample: Sample, row: Row) -> Row:
    """The example as a person sees it."""
    shown = task.show(sample, row["prediction"], row["target"])
    return {
        "id": row["id"],
        "target": task.say(row["target"]),
        "prediction": task.say(row["prediction"]),
        "confidence": row.get("confidence"),
        "caption": shown.caption,
        "kind": shown.kind,
        "preview": shown.value,
        **({"is_large": True} if shown.is_large else {}),
        **({"picture": shown.picture} if shown.picture else {}),
        **({"edits": shown.edits} if shown.edits else {}),
    }
