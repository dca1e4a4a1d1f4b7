"""The verbs that check data and train on them: check, fit, compare, resume."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from graft.cli import options as o


def check(
    data: o.DataPath,
    task: o.TaskNames = None,
    format: o.Format = None,
    columns: o.Columns = None,
    header: o.Header = None,
    delimiter: o.Delimiter = None,
    label_separator: o.LabelSeparator = None,
    group_by: o.GroupBy = None,
    unlabeled: o.Unlabeled = None,
    as_json: o.Json = False,
) -> None:
    """Check data before training: counts, classes, unreadable files, duplicates, leaks.

    Exits with 1 if a finding prevents training.
    """
    from graft import api
    from graft.cli import show
    from graft.data.checks.inspect import summarize
    from graft.tasks.specs.find_task import fitting_tasks
    from graft.tasks.specs.several import join_specs

    reading = o.reading_options(format, columns, header, delimiter, label_separator, group_by)
    loaded = api.read_for(data, task, **reading, **o.keep_given(unlabeled=unlabeled))
    task = join_specs(task)
    fitting = [] if task else fitting_tasks(loaded)
    name = None if len(fitting) > 1 else api.find_task(loaded, task)
    findings = api.check(loaded)
    if as_json:
        show.answer_json(asdict(summarize(loaded, name, findings)))
    else:
        several = f"{loaded.kind}. Several tasks learn from it; choose one with --task: "
        use = f"for {name}" if name else f"{several}{', '.join(fitting)}."
        typer.echo(f"{loaded.path}: {loaded.format}, {use}")
        for finding in findings:
            typer.echo(f"{finding.severity + ':':<9}{finding.message}")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


def fit(
    data: o.DataPath,
    technique: o.TechniqueName = None,
    backbone: o.BackboneName = None,
    task: o.TaskNames = None,
    seed: o.Seed = 0,
    epochs: o.Epochs = None,
    batch_size: o.BatchSize = None,
    precision: o.Precision = None,
    weighted: o.Weighted = False,
    fraction: o.Fraction = 1.0,
    shots: o.Shots = None,
    forgetting: o.Forgetting = None,
    format: o.Format = None,
    columns: o.Columns = None,
    header: o.Header = None,
    delimiter: o.Delimiter = None,
    label_separator: o.LabelSeparator = None,
    group_by: o.GroupBy = None,
    unlabeled: o.Unlabeled = None,
    out: o.Out = None,
    checkpoint_seconds: o.CheckpointSeconds = 30.0,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only estimate what is trained, what is recorded, and how long it takes.",
            rich_help_panel=o.OUTPUT,
        ),
    ] = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Adapt a pretrained backbone to DATA by one technique."""
    from graft import api

    with watch(quiet) as observer:
        run = api.fit(
            data,
            backbone,
            technique,
            task=task,
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
            precision=precision,
            weighted=weighted,
            fraction=fraction,
            shots=shots,
            forgetting=forgetting,
            out=out,
            checkpoint_seconds=checkpoint_seconds,
            dry_run=dry_run,
            observer=observer,
            **o.reading_options(format, columns, header, delimiter, label_separator, group_by),
            **o.keep_given(unlabeled=unlabeled),
        )
    if dry_run:
        _show_estimate(run, as_json)
    else:
        _show_run(run, as_json)


def compare(
    data: o.DataPath,
    technique: o.Techniques = None,
    backbone: o.Backbones = None,
    seeds: o.Seeds = 3,
    fractions: Annotated[
        str,
        typer.Option(
            "--fractions",
            help="Shares of the training split to compare, such as 0.1,0.3,1.",
            rich_help_panel=o.TRAINING,
        ),
    ] = "1",
    task: o.TaskNames = None,
    epochs: o.Epochs = None,
    batch_size: o.BatchSize = None,
    precision: o.Precision = None,
    weighted: o.Weighted = False,
    shots: o.Shots = None,
    forgetting: o.Forgetting = None,
    jobs: o.Jobs = None,
    checkpoint_seconds: o.CheckpointSeconds = 30.0,
    format: o.Format = None,
    columns: o.Columns = None,
    header: o.Header = None,
    delimiter: o.Delimiter = None,
    label_separator: o.LabelSeparator = None,
    group_by: o.GroupBy = None,
    unlabeled: o.Unlabeled = None,
    leave_one_domain_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-domain-out",
            help="Test on each domain in turn and train on the others: the folders in DATA, or "
            "the values of --columns domain=NAME.",
            rich_help_panel=o.DATA,
        ),
    ] = False,
    out: o.Out = None,
    dry_run: o.DryRun = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Compare techniques with a from-scratch control and trivial baselines: did transfer help?

    If stopped, run it again to continue. Exits with 1 if all runs of transfer techniques failed.
    """
    from graft import api, left_out

    verb = left_out.leave_one_domain_out if leave_one_domain_out else api.compare
    with watch(quiet, "Run the same command again to go on: finished runs are kept.") as observer:
        study = verb(
            data,
            technique,
            backbone,
            seeds=seeds,
            fractions=o.fractions(fractions),
            shots=shots,
            forgetting=forgetting,
            epochs=epochs,
            task=task,
            batch_size=batch_size,
            precision=precision,
            weighted=weighted,
            jobs=jobs,
            checkpoint_seconds=checkpoint_seconds,
            out=out,
            command=shlex.join(["graft", *sys.argv[1:]]),
            dry_run=dry_run,
            observer=observer,
            **o.reading_options(format, columns, header, delimiter, label_separator, group_by),
            **o.keep_given(unlabeled=unlabeled),
        )
    if leave_one_domain_out:
        _show_domains(study, as_json)
    elif dry_run:
        show_plan(study, as_json)
    else:
        show_study(study, as_json)
        fail_without_transfer(study)


def resume(
    folder: Annotated[
        str, typer.Argument(metavar="RUN", help="The folder of a run or a study that was stopped.")
    ],
    checkpoint_seconds: o.CheckpointSeconds = 30.0,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Continue a stopped run or study, with the same weights at the end as without the stop."""
    from graft import api

    with watch(quiet) as observer:
        resumed = api.resume(folder, observer, checkpoint_seconds=checkpoint_seconds)
    if isinstance(resumed, api.Study):
        show_study(resumed, as_json)
        fail_without_transfer(resumed)
    else:
        _show_run(resumed, as_json)


def fail_without_transfer(study: Any) -> None:
    """Exit with 1 if there are runs of transfer techniques and all of them failed."""
    from graft.techniques.specs.combine import control_named

    states = [row["state"] for row in study.rows if not control_named(row["technique"])]
    if states and "finished" not in states:
        raise typer.Exit(1)


@contextmanager
def watch(quiet: bool, when_stopped: str = "") -> Iterator[Any]:
    """Yield an observer for the terminal; on Ctrl-C, print one line on how to continue."""
    from graft.cli import show

    observer = show.observer(quiet)
    try:
        yield observer
    except KeyboardInterrupt as stop:
        observer.close()
        advice = when_stopped
        if observer.folder and not advice:
            command = f"graft resume {shlex.quote(observer.folder)}"
            advice = f"The run is in {observer.folder}. Go on with: {command}"
        typer.echo(f"\nStopped. {advice}".rstrip(), err=True)
        raise typer.Exit(130) from stop
    finally:
        observer.close()


def show_study(study: Any, as_json: bool) -> None:
    """Show the leaderboard, the verdict and the path of the report."""
    from graft.cli import board, show

    if as_json:
        show.answer_json(
            {
                "folder": study.folder,
                "report": study.report,
                "verdict": asdict(study.verdict),
                "rows": study.rows,
            }
        )
        return
    board.leaderboard(study.folder)
    board.verdict(study.verdict)
    typer.echo(f"\nreport: {study.report}")


def _show_domains(domained: Any, as_json: bool) -> None:
    """Show a row a technique over the domains, and where the study of each is."""
    from graft.cli import show
    from graft.reports.domains import format_domains

    if as_json:
        reports = {name: study.report for name, study in domained.studies.items()}
        rows = [asdict(row) for row in domained.rows]
        metric = domained.metric.name
        answer = {"folder": domained.folder, "metric": metric, "rows": rows, "reports": reports}
        show.answer_json(answer)
        return
    show.table(*format_domains(domained.metric, domained.rows))
    for name, study in domained.studies.items():
        typer.echo(f"{name}: {study.verdict.sentences[0]}")
    typer.echo(f"\npage: {domained.page}")


def _show_run(run: Any, as_json: bool) -> None:
    from graft.cli import show

    if as_json:
        show.answer_json({"folder": run.folder, **run.result})
    else:
        show.result(str(run.folder), run.result)


def _show_estimate(run: Any, as_json: bool) -> None:
    from graft.cli import show

    if as_json:
        show.answer_json({**asdict(run), "seconds": run.seconds})
        return
    if run.phases:
        header = [
            "phase",
            "epochs",
            "batch",
            "trained parameters",
            "recorded before",
            "computes less",
            "on disk",
            "takes about",
        ]
        show.table(header, [_estimate_row(phase) for phase in run.phases])
    else:
        typer.echo("nothing is trained")
    for phase in run.phases:
        if phase.because:
            typer.echo(f"{phase.phase}: nothing is recorded, since {phase.because}.")
    training, evaluation = (
        show.duration(run.training_seconds),
        show.duration(run.evaluation_seconds),
    )
    typer.echo(
        f"in all about {show.duration(run.seconds)}: training {training}, evaluation "
        f"{evaluation}; nothing was written"
    )


def show_plan(plan: Any, as_json: bool) -> None:
    """Show what each technique of a study takes, and what would shorten it."""
    from graft.cli import show
    from graft.training.observers import savings_line, total_line

    if as_json:
        show.answer_json(plan.to_json())
        return
    rows = [_plan_row(cell) for cell in plan.cells]
    if plan.baselines_seconds:
        rows.append(["baselines", "", "", show.duration(plan.baselines_seconds)])
    show.table(["technique", "backbone", "runs", "computing"], rows)
    typer.echo(total_line(plan.to_json()))
    if plan.savings:
        typer.echo(savings_line(plan.to_json()))
    typer.echo("nothing was written")


def _plan_row(cell: Any) -> list[str]:
    from graft.cli import show

    seconds = "unknown" if cell.seconds is None else show.duration(cell.seconds)
    return [cell.technique, cell.backbone.rpartition(":")[2], str(cell.runs), seconds]


def _estimate_row(phase: Any) -> list[str]:
    from graft.cli import show

    epochs = f"{phase.epochs:.3g}" if phase.candidates is None else f"{phase.candidates} tried"
    recorded = (
        [phase.recorded_before, f"x{phase.gain:.1f}", show.size(phase.bytes)]
        if phase.recorded_before
        else ["", "", ""]
    )
    return [
        phase.phase,
        epochs,
        str(phase.batch_size),
        f"{phase.trainable_parameters:,}",
        *recorded,
        show.duration(phase.seconds),
    ]
