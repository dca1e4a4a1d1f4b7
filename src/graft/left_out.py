"""`graft.leave_one_domain_out`: how techniques do on a domain that they did not learn from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from graft import api
from graft.adaptation import TECHNIQUES
from graft.base import files
from graft.base.errors import BadValue, DataError, listed
from graft.base.ranges import check_flag, check_path
from graft.data.data import Data
from graft.data.domains import Domains
from graft.data.formats.format import ReadOptions
from graft.data.load import read_domains
from graft.reports.domains import summarize_domains, to_markdown
from graft.reports.leaderboard import build
from graft.reports.read import read
from graft.results import Domained
from graft.studies.arguments import read_names
from graft.studies.study import slug
from graft.tasks.specs.options import reading_for
from graft.tasks.specs.several import join_specs
from graft.training.observers import Observer

LEAST = 3
"""Of two domains one would be left out and one learned from, which is no leaving out."""
PAGE, RECORD = "report.md", "domains.json"


def leave_one_domain_out(
    data: Any,
    techniques: str | Sequence[str] | None = None,
    backbones: str | Sequence[str] | None = None,
    *,
    adapt: bool = False,
    task: str | Sequence[str] | None = None,
    out: str | Path | None = None,
    **options: Any,
) -> Domained:
    """Compare techniques once for each domain, which is tested on, while the others teach.

    Domains are the folders of a folder, or the values of a column, `columns={"domain": NAME}`.
    Each domain gets a study of its own, by the options of `compare`, in a folder of its name;
    finished runs are kept. All samples of the domain are tested on; with `adapt` a part of them is
    learned from without labels, as by `graft.adapt`. The mean over domains has an interval of
    Student's t, which is wide over few of them. Raises GraftError.
    """
    check_flag("adapt", adapt)
    if options.pop("dry_run", False):
        raise BadValue(
            "dry_run estimates one study, and each domain has one. Leave it out, or in Python use "
            "graft.compare(..., test_domain=NAME, dry_run=True)."
        )
    reading = {name: options[name] for name in ("format", *_READING) if name in options}
    task = join_specs(task)
    domains = read_domains(data, **reading, **reading_for(task))
    names = _names(domains)
    home = check_path("out", out) if out else _home(domains, adapt)
    role = "target_domain" if adapt else "test_domain"
    asked = read_names("techniques", techniques) or (list(TECHNIQUES) if adapt else None)
    studies = {}
    observer = options.get("observer") or Observer()
    for number, name in enumerate(names, 1):
        observer.note(f"Domain {number} of {len(names)}: {name} is left out.")
        study = {"task": task, "out": home / slug(name), **options}
        if isinstance(data, str | os.PathLike):
            studies[name] = api.compare(data, asked, backbones, **study, **{role: name})
        else:  # what Python holds is split here, since a study keeps no copy of it
            part = api.load_data(data, task=task, **reading, **{role: name})
            rest = {key: value for key, value in study.items() if key not in reading}
            studies[name] = api.compare(part, asked, backbones, **rest)
    boards = {name: build(read(study.folder)) for name, study in studies.items()}
    rows = summarize_domains(boards)
    metric = boards[names[0]].metric
    title = f"{Path(domains.path).name or 'data'}, one domain left out"
    files.write_text(home / PAGE, to_markdown(title, metric, rows))
    files.write_json(home / RECORD, {"metric": metric.name, "rows": [asdict(row) for row in rows]})
    return Domained(home, studies, rows, metric, home / PAGE)


_READING = tuple(ReadOptions.__dataclass_fields__)
"""The options by which data are read."""


def _names(domains: Domains) -> list[str]:
    """The names of the domains; raises DataError if they are too few."""
    names = list(domains.by_name)
    if len(names) < LEAST:
        raise DataError(
            f"{domains.path or 'The data'} have {len(names)} domains, {listed(names)}, and leaving "
            f"one out needs at least {LEAST}: one is tested on, and several are learned from. Use "
            "graft adapt SOURCE TARGET for two domains."
        )
    folders: dict[str, str] = {}
    for name in names:
        other = folders.setdefault(slug(name), name)
        if other != name:
            raise DataError(
                f"The domains {other!r} and {name!r} would have one folder, {slug(name)}. Rename "
                "one of them."
            )
    return names


def _home(domains: Domains, adapt: bool) -> Path:
    data = next(iter(domains.by_name.values()))
    folder = "leave-one-domain-out" + ("-adapted" if adapt else "")
    return api.default_home(Data(data.splits, path=domains.path)) / folder
