"""`graft.adapt`: from a labeled domain to another one, chosen without the labels of the latter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from graft import api
from graft.backbones.load import default_backbone, full_name
from graft.base import files
from graft.base.errors import BadValue, DataError, UnknownName
from graft.base.ranges import check_flag, check_word
from graft.data.data import Data
from graft.data.domains import ROLE, domain_folders
from graft.deploy.predictions import write_rows
from graft.metrics.find import find_or_assume
from graft.reports.board import watched_metric
from graft.results import Run, Study
from graft.studies.arguments import read_names
from graft.studies.plan import CellPlan, StudyPlan
from graft.studies.run import is_finished
from graft.studies.study import slug
from graft.tasks.specs.find_task import find_task
from graft.tasks.specs.options import read_task
from graft.techniques.specs.combine import controls_of
from graft.training.loop.stage import CHECKPOINT_SECONDS
from graft.training.observers import Observer
from graft.training.validators.validator import USUAL, VAL, check_selection

TECHNIQUES = ("feature-extraction + mcc", "feature-extraction + bnm")
"""The techniques that `adapt` compares by default, on recorded features: those that held up best in
the measured pairs (docs/adaptation.md), in minutes. Their control is `source-only`."""
SOURCE_ONLY = "source-only"
PREDICTIONS = "target.csv"
"""The predictions for a target without labels, in the folder of the run that was chosen."""
CHOICE = "choice.json"
"""The fields of `Choice`, beside the predictions."""


def adapt(
    source: Any,
    target: str | Path,
    techniques: str | Sequence[str] | None = None,
    backbone: str | None = None,
    *,
    task: str | None = None,
    source_domains: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    selected_by: str = USUAL,
    epochs: float | None = None,
    batch_size: int | None = None,
    precision: str | None = None,
    weighted: bool = False,
    jobs: int | None = None,
    out: str | Path | None = None,
    dry_run: bool = False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    command: str | None = None,
    observer: Observer | None = None,
    **data_options: Any,
) -> Study | Run | StudyPlan:
    """Adapt a network to another domain: by labels of `source`, and samples of `target` without.

    If the target has labels, the techniques and their controls are compared as by `compare`. The
    validator `selected_by` chooses among them, which looks at no label of the target: these are
    used for the figures on its held-out samples alone. `val` is the validation split of the source,
    which shows nothing of the target. If the target has none, each technique is
    trained once, and the run that the validator chooses is returned: nothing is measured on the
    target, there is no verdict, and the folder of the run has `target.csv` with its predictions and
    `choice.json`: see `Choice`.
    `seeds`, `jobs` and `command` are of the comparison: without labels they have no effect.
    With `dry_run`, nothing is written, and the plan says how long all of this takes.
    `target` may also name a domain of the source: one of the folders in it, or a value of the
    column that `columns={"domain": NAME}` names. It needs labels then; all other domains, or those
    of `source_domains`, are learned from.
    `data_options` say how both are read: see `load_data`. Raises GraftError.
    """
    check_selection(check_word("selected_by", selected_by))
    check_flag("dry_run", dry_run)
    names = read_names("techniques", techniques) or list(TECHNIQUES)
    data_options |= _name_target(source, target, source_domains, data_options)
    loaded = api.load_data(source, task=task, **data_options)
    training = {
        "task": task,
        "epochs": epochs,
        "batch_size": batch_size,
        "precision": precision,
        "weighted": weighted,
        "checkpoint_seconds": checkpoint_seconds,
        "observer": observer,
        **data_options,
    }
    if loaded.target == "labeled":
        backbones = None if backbone is None else [backbone]
        how = {"seeds": seeds, "selected_by": selected_by, "jobs": jobs, "out": out}
        how |= {"dry_run": dry_run, "command": command}
        return api.compare(source, names, backbones, **how, **training)
    if "target_domain" in data_options:
        raise DataError(
            f"The domain {target!r} has no labels. Give the path of its samples as the target."
        )
    home = Path(out) if out else api.default_home(loaded) / "adapt"
    if dry_run:
        names = list(dict.fromkeys([*names, _control_of(names[0])]))
        folders = {name: home / slug(name) for name in names}
        backbone = full_name(backbone or _usual_backbone(loaded, task))
        return _plan(source, backbone, folders, training)
    runs = [api.fit(source, backbone, name, out=home / slug(name), **training) for name in names]
    chosen = max(runs, key=lambda run: _rate(run.result, selected_by))
    rows = chosen.model.predict(str(target))
    write_rows(chosen.folder / PREDICTIONS, rows)
    control = _control_of(chosen.result["technique"])
    held = api.fit(source, backbone, control, out=home / slug(control), **training)
    choice = Choice(
        selected_by,
        {run.result["technique"]: run.result["validators"] for run in runs},
        control,
        sum(
            one["prediction"] != other["prediction"]
            for one, other in zip(rows, held.model.predict(str(target)), strict=True)
        ),
        len(rows),
    )
    files.write_json(chosen.folder / CHOICE, asdict(choice))
    return chosen


@dataclass(frozen=True)
class Choice:
    """Why a technique was chosen without labels of the target, and what it changed there."""

    selected_by: str
    validators: dict[str, dict[str, float | None]]
    """Technique -> validator -> its value; more is better."""
    control: str
    """The technique that learned from the labels of the source alone."""
    changed: int
    """The samples of the target of which the chosen technique predicts something else."""
    samples: int


def _control_of(technique: str) -> str:
    """The technique that learns from the labels of the source alone, by the same layers."""
    named = [control.technique for control in controls_of(technique)]
    return next((name for name in named if name.partition(":")[0] == SOURCE_ONLY), SOURCE_ONLY)


def _plan(
    source: Any, backbone: str, folders: Mapping[str, Path], training: Mapping[str, Any]
) -> StudyPlan:
    """How long the run of each technique takes; `folders` has the folder of each.

    Those in which it is finished take no time.
    """
    cells = []
    for name in folders:
        if is_finished(folders[name]):
            continue
        run = api.fit(source, backbone, name, dry_run=True, **training)
        cells.append(CellPlan(name, backbone, 1, run.seconds))
    return StudyPlan(
        runs=len(cells),
        finished=len(folders) - len(cells),
        jobs=1,
        seconds=sum(cell.seconds for cell in cells),
        baselines_seconds=0.0,
        cells=tuple(cells),
        savings=(),
        run_seconds={},
    )


def _usual_backbone(data: Data, task: str | None) -> str:
    fitted = read_task(find_task(data, task), data)
    return fitted.backbone or default_backbone(fitted.reads)


def _name_target(
    source: Any, target: str | Path, sources: Sequence[str] | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The options of `load_data` for a target that is a path, or a domain of the source."""
    is_path = isinstance(source, str | Path)
    folders = [folder.name for folder in domain_folders(Path(source))] if is_path else []
    has_column = ROLE in (options.get("columns") or {})
    if has_column or (str(target) in folders and not Path(target).exists()):
        chosen = {"target_domain": str(target)}
        return chosen if sources is None else {**chosen, "source_domains": list(sources)}
    if sources is not None:
        raise BadValue(
            f"source_domains are named, and {target} is no domain of the source. Give the name of "
            "a folder in it, or name the column of domains: columns domain=NAME."
        )
    if is_path and not files.expand_home(target).exists():
        if folders:
            raise UnknownName.of(f"path, or folder in {source}:", str(target), folders)
        raise DataError(
            f"No such file or folder: {target}. If it is a value of a column of {source}, name the "
            "column: --columns domain=NAME."
        )
    return {"target": str(target)}


def _rate(result: Mapping[str, Any], by: str) -> tuple[float, float]:
    """The value of a validator or of `val`, more is better, and the loss by which ties are broken.

    It is -inf where it is not defined.
    """
    val = result["metrics"]["val"]
    metric = find_or_assume(watched_metric(val, result["primary_metric"]))
    value = val[metric.name] if by == VAL else result["validators"][by]
    sign = metric.sign if by == VAL else 1
    return -math.inf if value is None else sign * value, -(val["loss"] or 0)
