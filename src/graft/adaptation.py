"""`graft.adapt`: from a labeled domain to another one, chosen without the labels of the latter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graft import api
from graft.deploy.predictions import write_rows
from graft.results import Run, Study
from graft.studies.arguments import read_names
from graft.studies.study import slug
from graft.training.loop.stage import CHECKPOINT_SECONDS
from graft.training.observers import Observer
from graft.training.validators.validator import USUAL, find

TECHNIQUES = ("mcc", "deep-coral", "dann")
"""The techniques that `adapt` compares by default, with source-only as their control."""
PREDICTIONS = "target.csv"
"""The predictions for a target without labels, in the folder of the run that was chosen."""


def adapt(
    source: Any,
    target: str | Path,
    techniques: str | Sequence[str] | None = None,
    backbone: str | None = None,
    *,
    task: str | None = None,
    seeds: int | Sequence[int] = 3,
    selected_by: str = USUAL,
    epochs: float | None = None,
    batch_size: int | None = None,
    precision: str | None = None,
    weighted: bool = False,
    jobs: int | None = None,
    out: str | Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    command: str | None = None,
    observer: Observer | None = None,
    **data_options: Any,
) -> Study | Run:
    """Adapt a network to another domain: by labels of `source`, and samples of `target` without.

    If the target has labels, the techniques and their controls are compared as by `compare`. The
    validator `selected_by` chooses among them, which looks at no label of the target: these are
    used for the figures on its held-out samples alone. If the target has none, each technique is
    trained once, and the run that the validator chooses is returned: nothing is measured on the
    target, there is no verdict, and the folder of the run has `target.csv` with its predictions.
    `seeds`, `jobs` and `command` are of the comparison: without labels they have no effect.
    `data_options` say how both are read: see `load_data`. Raises GraftError.
    """
    find(selected_by)
    names = read_names("techniques", techniques) or list(TECHNIQUES)
    loaded = api.load_data(source, task=task, target=target, **data_options)
    training = {
        "task": task,
        "epochs": epochs,
        "batch_size": batch_size,
        "precision": precision,
        "weighted": weighted,
        "checkpoint_seconds": checkpoint_seconds,
        "observer": observer,
        "target": str(target),
        **data_options,
    }
    if loaded.target == "labeled":
        backbones = None if backbone is None else [backbone]
        how = {"seeds": seeds, "selected_by": selected_by, "jobs": jobs, "out": out}
        return api.compare(source, names, backbones, command=command, **how, **training)
    home = Path(out) if out else api.default_home(loaded) / "adapt"
    runs = [api.fit(source, backbone, name, out=home / slug(name), **training) for name in names]
    chosen = max(runs, key=lambda run: _value(run, selected_by))
    write_rows(chosen.folder / PREDICTIONS, chosen.model.predict(str(target)))
    return chosen


def _value(run: Run, validator: str) -> float:
    value = run.result["validators"][validator]
    return -math.inf if value is None else value
