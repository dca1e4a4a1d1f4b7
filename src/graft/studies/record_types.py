"""The types of the JSON files of a run or a study, as far as a reader relies on them.

docs/folders.md says what it means. `base/typed_json.py` checks files against these types.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from graft.base.ranges import Count, Fraction, Positive, Range, Seed

Number = float | None
"""A number, or None if it is undefined."""
Amount = Annotated[int, Range("a whole number from 0 on", lambda value: value >= 0)]
NOT_EMPTY = Range("a list of at least one value", len)
PAIR = Annotated[list[str], Range("a list of two texts", lambda texts: len(texts) == 2)]
Share = Annotated[float, Range("a number from 0 to 1", lambda value: 0 <= value <= 1)]
RunName = Annotated[
    str,
    Range(
        "16 hexadecimal digits",
        lambda name: len(name) == 16 and set(name) <= set("0123456789abcdef"),
    ),
]
"""The name of a run's folder; a path would lead out of the study."""
FileName = Annotated[
    str,
    Range(
        "a file name without a folder",
        lambda name: Path(name).name == name and name not in ("", ".."),
    ),
]


class Reading(TypedDict):
    """The options of reading; the others are those of `load_data`, which checks them."""

    unlabeled: NotRequired[str | None]
    target: NotRequired[str | None]


class DataOf(TypedDict):
    """The data of a run or study."""

    path: str
    hash: str
    options: Reading
    folder: NotRequired[str]
    format: NotRequired[str]


class ForgettingOf(TypedDict):
    """The samples on which it is measured what a network forgets."""

    path: str
    hash: str


class Settings(TypedDict):
    """The entries that spec.json and study.json share."""

    data: DataOf
    task: str
    shots: NotRequired[Count | None]
    epochs: NotRequired[Positive | None]
    batch_size: NotRequired[Count | None]
    precision: NotRequired[str]
    weighted: NotRequired[bool]
    folders: NotRequired[dict[str, str]]
    forgetting: NotRequired[ForgettingOf | None]
    threads: NotRequired[Count]
    versions: NotRequired[dict[str, str]]
    hardware: NotRequired[dict[str, Any]]


class Spec(Settings):
    """spec.json: what a run was asked to do."""

    hash: str
    backbone: str
    technique: str
    seed: NotRequired[Seed]
    fraction: NotRequired[Fraction]


class Study(Settings):
    """study.json: what a study compares."""

    command: str
    techniques: Annotated[list[str], NOT_EMPTY]
    backbones: Annotated[list[str], NOT_EMPTY]
    seeds: Annotated[list[Seed], NOT_EMPTY]
    fractions: Annotated[list[Fraction], NOT_EMPTY]
    runs: list[RunName]
    jobs: NotRequired[Count]


class Status(TypedDict):
    """status.json: how a run ended."""

    state: Literal["running", "finished", "failed", "interrupted"]
    message: NotRequired[str]


class Measured(TypedDict):
    """A metric with its interval, or a sentence that says why it has no value."""

    value: Number
    low: Number
    high: Number
    undefined: NotRequired[str]


class Metrics(TypedDict):
    """The metrics of a run."""

    val: dict[str, Number]
    test: dict[str, Measured]


class Counts(TypedDict):
    """The examples of each split."""

    train: Amount
    val: Amount
    test: Amount


class Unknown(TypedDict):
    """The unknown tokens of a split."""

    share: Share
    examples: list[str]


class ResultData(TypedDict):
    """The data in result.json."""

    hash: str
    counts: Counts
    classes: list[str]
    cut: NotRequired[dict[str, Amount]]
    cut_words: NotRequired[str]
    unknown: NotRequired[dict[str, Unknown]]
    notes: NotRequired[list[str]]


class Cache(TypedDict):
    """The savings of the recording of frozen features."""

    used: bool
    estimated_gain: Number


class Cost(TypedDict):
    """The cost of a run."""

    train_seconds: float
    total_seconds: NotRequired[float]
    samples_per_second: NotRequired[float]
    peak_memory_mb: NotRequired[float]
    trainable_parameters: NotRequired[float]
    total_parameters: NotRequired[float]
    model_mb: NotRequired[float]
    example_ms: NotRequired[float]
    cache: NotRequired[Cache]


class Frozen(TypedDict):
    """The proof that frozen weights did not change."""

    tensors: Amount
    unchanged: bool
    phases: list[dict[str, Any]]


class Confusion(TypedDict):
    """The confusion matrix."""

    classes: list[str]
    matrix: list[list[Amount]]
    form: NotRequired[Literal["count", "fraction"]]
    note: NotRequired[str]


class Curve(TypedDict):
    """A line of a panel."""

    name: str
    x: list[float]
    y: list[float]


class Curves(TypedDict):
    """A panel of lines between fractions."""

    heading: str
    x_title: str
    y_title: str
    lines: list[Curve]


class Column(TypedDict):
    """A column of the table of parts: its key in `per_class`, and how a report writes it."""

    key: str
    heading: str
    form: Literal["fraction", "number", "count"]


class PartsTable(TypedDict):
    """The table `per_class`: of classes, entity types, or ranges of values."""

    part: PAIR
    columns: Annotated[list[Column], NOT_EMPTY]
    rank: str


class Points(TypedDict):
    """Predicted and true numbers."""

    predicted: list[float]
    true: list[float]
    unit: str


class Shares(TypedDict):
    """The share of a class in two domains."""

    source: float
    target: float


class Domains(TypedDict):
    """How far apart the domains of a run are, without labels of the target."""

    proxy_a_distance: Number
    class_shares: dict[str, Shares] | None


class Bounded(TypedDict):
    """A difference with its interval."""

    value: Number
    low: Number
    high: Number


class Forgetting(TypedDict):
    """How well a network does what it was pretrained on, before and after its training."""

    metric: str
    before: Number
    after: Number
    difference: Bounded
    examples: Amount
    data: str


class Part(TypedDict):
    """One of several tasks: its metric among `metrics`, and its labels by split."""

    task: str
    metric: str
    labels: dict[str, Amount]
    model: str


class Result(TypedDict):
    """result.json: the outcome of a run."""

    task: str
    backbone: str
    technique: str
    seed: Seed
    fraction: NotRequired[Fraction]
    shots: NotRequired[Count | None]
    data: ResultData
    metrics: Metrics
    primary_metric: str
    selected_by: str
    validators: NotRequired[dict[str, Number]]
    domains: NotRequired[Domains]
    baseline: NotRequired[dict[str, dict[str, Measured]]]
    cost: Cost
    frozen: NotRequired[Frozen]
    baseline_words: NotRequired[dict[str, str]]
    units: NotRequired[dict[str, str]]
    per_class: NotRequired[dict[str, dict[str, Number]]]
    per_class_table: NotRequired[PartsTable]
    confusion: NotRequired[Confusion]
    points: NotRequired[Points]
    curves: NotRequired[list[Curves]]
    mistakes: NotRequired[PAIR]
    galleries: NotRequired[list[PAIR]]
    samples: NotRequired[list[dict[str, str | None]]]
    parts: NotRequired[dict[str, Part]]
    forgetting: NotRequired[Forgetting]
    warnings: NotRequired[list[str]]


class TestMetrics(TypedDict):
    """The metrics of a baseline."""

    test: dict[str, Measured]


class Baseline(TypedDict):
    """A row of baselines.json."""

    baseline: str
    metrics: TestMetrics
    predictions: FileName
    words: NotRequired[str]
    seconds: NotRequired[Number]
    fraction: NotRequired[Fraction]
    seed: NotRequired[Seed | None]


class Finding(TypedDict):
    """A row of findings.json."""

    severity: Literal["info", "warning", "error"]
    message: str
    samples: NotRequired[list[str]]


class Epoch(TypedDict):
    """A line of history.jsonl."""

    epoch: float
    train_seconds: float
    val: NotRequired[dict[str, Number]]
    held_out: NotRequired[dict[str, Number]]
    cosines: NotRequired[dict[str, Number]]


class Example(TypedDict):
    """A line of mistakes.jsonl, or of examples.jsonl with the heading of its gallery."""

    id: str
    target: str
    prediction: str
    caption: NotRequired[str]
    confidence: NotRequired[Number]
    kind: NotRequired[str]
    preview: NotRequired[str | None]
    is_large: NotRequired[bool]
    picture: NotRequired[str]
    edits: NotRequired[list[list[str]]]
    gallery: NotRequired[str]
