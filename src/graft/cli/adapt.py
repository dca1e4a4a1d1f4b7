"""The verb about another domain: adapt."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Any

import typer

from graft.cli import options as o
from graft.cli.train import fail_without_transfer, show_plan, show_study, watch


def adapt(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="The labeled data: a folder or a file.", callback=o.existing
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="Samples of another domain: a path, a folder in SOURCE, or a value of its column "
            "--columns domain=NAME. Their labels, if any, only measure.",
        ),
    ],
    technique: o.Techniques = None,
    backbone: o.BackboneName = None,
    selected_by: Annotated[
        str,
        typer.Option(
            "--selected-by",
            help="What chooses the technique without labels of TARGET: a validator, see graft list "
            "validators, or val, the validation split of SOURCE.",
            rich_help_panel=o.MODEL,
        ),
    ] = "mixval",
    seeds: o.Seeds = 3,
    source_domain: Annotated[
        list[str] | None,
        typer.Option(
            "--source-domain",
            help="A domain of SOURCE to learn from; may be repeated. Default: all others.",
            rich_help_panel=o.DATA,
        ),
    ] = None,
    task: o.TaskName = None,
    epochs: o.Epochs = None,
    batch_size: o.BatchSize = None,
    precision: o.Precision = None,
    weighted: o.Weighted = False,
    jobs: o.Jobs = None,
    checkpoint_seconds: o.CheckpointSeconds = 30.0,
    format: o.Format = None,
    columns: o.Columns = None,
    header: o.Header = None,
    delimiter: o.Delimiter = None,
    label_separator: o.LabelSeparator = None,
    group_by: o.GroupBy = None,
    out: o.Out = None,
    dry_run: o.DryRun = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Adapt a network to another domain without its labels: better than the source alone?

    Without labels in TARGET, predictions are written and there is no verdict. Exits with 1 if all
    runs of adaptation failed.
    """
    from graft import adaptation
    from graft.results import Study

    with watch(quiet, "Run the same command again to go on: finished runs are kept.") as observer:
        adapted = adaptation.adapt(
            source,
            target,
            technique,
            backbone,
            task=task,
            source_domains=source_domain or None,
            seeds=seeds,
            selected_by=selected_by,
            epochs=epochs,
            batch_size=batch_size,
            precision=precision,
            weighted=weighted,
            jobs=jobs,
            out=out,
            dry_run=dry_run,
            checkpoint_seconds=checkpoint_seconds,
            command=shlex.join(["graft", *sys.argv[1:]]),
            observer=observer,
            **o.reading_options(format, columns, header, delimiter, label_separator, group_by),
        )
    if dry_run:
        show_plan(adapted, as_json)
    elif isinstance(adapted, Study):
        show_study(adapted, as_json)
        fail_without_transfer(adapted)
    else:
        _show_chosen(adapted, selected_by, as_json)


def _show_chosen(run: Any, selected_by: str, as_json: bool) -> None:
    """Show which technique was chosen, by what, and where its predictions are."""
    from graft.adaptation import CHOICE, PREDICTIONS
    from graft.base import files
    from graft.cli import show

    predictions, result = run.folder / PREDICTIONS, run.result
    choice = files.read_json(run.folder / CHOICE, "the run that was chosen")
    if as_json:
        answer = {"folder": run.folder, "predictions": predictions, "choice": choice, **result}
        show.answer_json(answer)
        return
    rated = choice["validators"]
    rows = [
        [name, *("-" if each[name] is None else f"{each[name]:.3f}" for each in rated.values())]
        for name in result["validators"]
    ]
    show.table(["validator (more is better)", *rated], rows)
    typer.echo(
        f"{result['technique']} was chosen by {selected_by}. The target has no labels, so nothing "
        "was measured there, and there is no verdict.\n"
        f"{choice['changed']:,} of {choice['samples']:,} predictions differ from those of "
        f"{choice['control']}, which did not learn from the target."
    )
    typer.echo(f"model: {run.folder}\npredictions: {predictions}")
