"""The verbs that use what was trained: evaluate, predict, embed, generate, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft.base.counts import plural
from graft.base.errors import BadValue
from graft.base.records import Sample
from graft.cli import options as o

if TYPE_CHECKING:  # torch costs seconds to import
    from graft.tasks.task import Task

Model = Annotated[
    str, typer.Argument(metavar="RUN", help="The folder of a run, or a model folder.")
]


NumBeams = Annotated[
    int | None,
    typer.Option(
        "--num-beams",
        help="Search for the likeliest text with this "
        "number of beams; by default as the task sets it.",
        rich_help_panel=o.GENERATION,
    ),
]


def evaluate(
    model: Model,
    data: o.DataPath,
    format: o.Format = None,
    columns: o.Columns = None,
    header: o.Header = None,
    delimiter: o.Delimiter = None,
    label_separator: o.LabelSeparator = None,
    group_by: o.GroupBy = None,
    num_beams: NumBeams = None,
    precision: o.FixedPrecision = "fp32",
    as_json: o.Json = False,
) -> None:
    """Measure a trained model on the test split of DATA, or on all of DATA without such a split."""
    from graft import api
    from graft.cli import show

    reading = o.reading_options(format, columns, header, delimiter, label_separator, group_by)
    predictor = api.load(model, precision)
    scores = predictor.evaluate(data, num_beams, **reading)
    if as_json:
        show.answer_json(scores)
    else:
        units = {name: metric.unit for name, metric in predictor.task.metrics.items()}
        show.metrics(scores, "metric", units)


def predict(
    model: Model,
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Files, a folder, a table, or texts.")
    ],
    format: o.Format = None,
    columns: o.Columns = None,
    header: o.Header = None,
    delimiter: o.Delimiter = None,
    skip_broken: Annotated[
        bool,
        typer.Option(
            "--skip-broken",
            help="Skip pictures and sounds that cannot be read, with a note.",
            rich_help_panel=o.DATA,
        ),
    ] = False,
    draw: Annotated[
        str | None,
        typer.Option(
            "--draw",
            help="Write each picture, with its predictions drawn on it, as a PNG to this folder.",
            rich_help_panel=o.OUTPUT,
        ),
    ] = None,
    timestamps: Annotated[
        bool,
        typer.Option(
            "--timestamps",
            help="Say when each part of a transcript is spoken, in seconds.",
            rich_help_panel=o.OUTPUT,
        ),
    ] = False,
    precision: o.FixedPrecision = "fp32",
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="The .csv, .jsonl or .parquet file to write.",
            rich_help_panel=o.OUTPUT,
        ),
    ] = None,
    as_json: o.Json = False,
) -> None:
    """Predict labels, values, texts, boxes or masks with a trained model."""
    from graft import api
    from graft.cli import show
    from graft.deploy.predictions import write_rows

    if out:
        o.check_output(out, inputs)
        if Path(out).suffix.lower() not in (".csv", ".jsonl", ".parquet"):
            raise BadValue(f"--out {out} has no known ending. Use .csv, .jsonl or .parquet.")
    predictor = api.load(model, precision)
    reading = o.reading_options(format, columns, header, delimiter)
    asked = inputs[0] if len(inputs) == 1 else inputs
    rows = predictor.predict(
        asked, skip_broken=skip_broken, draw=draw, timestamps=timestamps, **reading
    )
    if draw:
        typer.echo(f"{plural(len(rows), 'picture')} in {draw}", err=True)
    if out:
        write_rows(Path(out), rows, predictor.task.parts)
        typer.echo(f"{plural(len(rows), 'prediction')} in {out}", err=True)
    if as_json:
        show.answer_json(rows)
    elif timestamps and not out:
        spoken = [(row["id"], segment) for row in rows for segment in row["segments"]]
        cells = [_segment_cells(*each) for each in spoken]
        show.table(["input", "start", "end", "text"], cells, texts=["text"])
    elif not out:
        what = list(predictor.task.parts) or ["prediction"]
        header = ["input", *what, *(["confidence"] if "confidence" in rows[0] else [])]
        show.table(header, [_cells(row, inputs, predictor.task) for row in rows])


def embed(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A run, a model folder, or a backbone. See: graft list backbones."
        ),
    ],
    data: o.DataPath,
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            help="The .npy file to write, with a file of ids next to it; or a .parquet file.",
            rich_help_panel=o.OUTPUT,
        ),
    ],
    normalize: Annotated[
        bool,
        typer.Option(
            "--normalize", help="Scale each vector to length 1.", rich_help_panel=o.OUTPUT
        ),
    ] = False,
    precision: o.FixedPrecision = "fp32",
    format: o.Format = None,
    columns: o.Columns = None,
    header: o.Header = None,
    delimiter: o.Delimiter = None,
    as_json: o.Json = False,
) -> None:
    """Write embeddings of texts, images or sounds: features of a trained model or any backbone."""
    from graft import api
    from graft.cli import show
    from graft.deploy.embedding import check_ending

    check_ending(out)
    o.check_output(out, [data])
    reading = o.reading_options(format, columns, header, delimiter)
    embeddings = api.embed(model, Path(data), precision=precision, normalize=normalize, **reading)
    embeddings.save(out)
    count, width = embeddings.vectors.shape
    if as_json:
        show.answer_json({"file": out, "embeddings": count, "numbers": width})
    else:
        typer.echo(f"{plural(count, 'embedding')} of {plural(width, 'number')} in {out}")


def generate(
    model: Model,
    prompts: Annotated[
        list[str],
        typer.Argument(metavar="PROMPT...", help="Texts to continue, translate or summarize."),
    ],
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-new-tokens",
            help="The maximum number of tokens to generate; by default as the task sets it.",
            rich_help_panel=o.GENERATION,
        ),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature",
            help="0 takes the likeliest token; above 0, tokens are sampled.",
            rich_help_panel=o.GENERATION,
        ),
    ] = 0.0,
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k",
            help="Sample from this number of the likeliest tokens.",
            rich_help_panel=o.GENERATION,
        ),
    ] = None,
    top_p: Annotated[
        float,
        typer.Option(
            "--top-p",
            help="Sample from the smallest set of tokens with this total probability.",
            rich_help_panel=o.GENERATION,
        ),
    ] = 1.0,
    seed: Annotated[
        int,
        typer.Option("--seed", help="The seed of sampling.", rich_help_panel=o.GENERATION),
    ] = 0,
    num_beams: NumBeams = None,
    precision: o.FixedPrecision = "fp32",
    as_json: o.Json = False,
) -> None:
    """Generate text with a trained model: continue, translate or summarize texts."""
    from graft import api
    from graft.cli import show

    predictor = api.load(model, precision)
    samples = predictor.prompts(prompts)
    texts = predictor.generate(samples, max_new_tokens, temperature, top_k, top_p, seed, num_beams)
    pairs = list(zip(map(_asked, samples), texts, strict=True))
    if as_json:
        show.answer_json([{"prompt": prompt, "output": text} for prompt, text in pairs])
        return
    for prompt, text in pairs:
        if len(samples) > 1:
            typer.echo(f"> {prompt if isinstance(prompt, str) else prompt[-1]['content']}")
        typer.echo(text)


def report(
    folder: Annotated[str, typer.Argument(metavar="STUDY", help="The folder of a study.")],
    as_json: o.Json = False,
) -> None:
    """Write the report of a study again, and show its verdict."""
    from graft import api
    from graft.cli.train import show_study

    show_study(api.open_study(folder), as_json)


def _asked(sample: Sample) -> Any:
    """The prompt of a text to generate, a text or a chat; of a sound its name."""
    # A task that generates keeps only the prompt of an input.
    (prompt,) = sample.roles.values()
    return prompt if isinstance(prompt, str | list | tuple) else sample.id


def _cells(row: dict[str, Any], inputs: list[str], task: Task) -> list[str]:
    """Return the cells of one prediction: its input, what is predicted, the confidence if any."""
    kind, _, number = row["id"].partition(":")
    is_text = kind == "text" and number.isdigit() and int(number) <= len(inputs)
    name = inputs[int(number) - 1] if is_text else row["id"]
    sure = [f"{row['confidence']:.3f}"] if "confidence" in row else []
    prediction = row["prediction"]
    texts = [part.say(prediction[name]) for name, part in task.parts.items()]
    return [name, *(texts or [task.say(prediction)]), *sure]


def _segment_cells(name: str, segment: dict[str, Any]) -> list[str]:
    """Return the cells of one segment of a transcript."""
    return [name, f"{segment['start']:.2f}", f"{segment['end']:.2f}", segment["text"]]
