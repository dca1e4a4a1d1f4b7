"""The JSON Schema of what each verb prints with `--json`, from the types of the answers below.

A test compares them with what the verbs really print. An answer has no other keys than these,
unless its type says so.
"""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any, Literal, NotRequired

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass
from typing_extensions import TypedDict  # pydantic does not take typing's before Python 3.12

from graft.adaptation import Choice
from graft.data.checks.inspect import Checked
from graft.reports.verdict import Against, Outcome
from graft.studies.plan import StudyPlan
from graft.training.loop.estimate import RunEstimate

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Number = float | None
"""A number, or null if it is undefined."""
FURTHER = ConfigDict(extra="allow", use_attribute_docstrings=True)
"""Of answers with further keys."""


class Row(TypedDict):
    """One name that can be chosen."""

    name: str
    summary: str


class Parameter(TypedDict):
    """One parameter of a technique or a task."""

    name: str
    type: str
    """What it is, in words."""
    default: Any
    """null is chosen from the model and the data, `auto`."""
    allowed: str | None
    """The values that it may have, in words; null if its type says all."""
    meaning: str
    shared: bool
    """Whether every technique has it with this default."""


class Plugin(TypedDict):
    """A task, technique, source, head, kind, format, score or validator."""

    kind: Literal["task", "technique", "source", "head", "kind", "format", "score", "validator"]
    name: str
    description: str
    parameters: list[Parameter]
    example: str
    """A command; "" if there is none."""


class MetricCard(TypedDict):
    """A metric."""

    kind: Literal["metric"]
    name: str
    meaning: str
    example: str
    higher_is_better: bool


class BuiltIn(TypedDict):
    """A built-in backbone."""

    kind: Literal["backbone"]
    name: str
    description: str
    parameters: int
    """The number of its weights."""
    mb: float
    """Its size in memory as float32."""
    license: str
    package: str
    download_mb: float
    example: str


class LayerGroup(TypedDict):
    """A layer group of a network."""

    name: str
    parameters: int


class Network(TypedDict):
    """Any network, as `graft info timm:resnet50` describes it."""

    kind: Literal["network"]
    name: str
    features: str
    parameters: int
    mb: float
    preprocess: dict[str, Any]
    lr: float
    groups: list[LayerGroup]
    """In forward order."""
    notes: list[str]


Card = Plugin | MetricCard | BuiltIn | Network


class Measured(TypedDict):
    """A metric with its 95 % interval."""

    value: Number
    low: Number
    high: Number
    undefined: NotRequired[str]
    """Why it has no value."""


class Metrics(TypedDict):
    """The metrics of a run by split; those of validation have no interval."""

    val: dict[str, Number]
    test: dict[str, Measured]


class Trained(TypedDict):
    """The outcome of a run: its folder, and all of its result.json (docs/folders.md)."""

    __pydantic_config__ = FURTHER

    folder: str
    status: Literal["finished"]
    task: str
    backbone: str
    technique: str
    seed: int
    metrics: Metrics
    primary_metric: str
    baseline: dict[str, dict[str, Measured]]
    cost: dict[str, Any]
    frozen: dict[str, Any]
    warnings: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate(RunEstimate):
    """How long a run takes on this machine now: the answer with `--dry-run`."""

    seconds: float = dataclasses.field()
    """All of it."""


class Interval(TypedDict):
    """A value with its 95 % interval, of which the bounds are null where there is none."""

    value: Number
    low: Number
    high: Number


class Comparison(TypedDict):
    """The selected technique minus `other`, in the unit of the metric."""

    other: str
    other_score: Interval
    difference: Number
    low: Number
    high: Number
    p: Number
    """Corrected for several comparisons (Holm)."""


class TaskVerdict(TypedDict):
    """What a task gains from those that it is learned with, on the same test examples."""

    task: str
    metric: str
    technique: str
    backbone: str | None
    beside: list[str]
    """The tasks that it is learned with."""
    alone: Number
    together: Number
    gain: Number
    """Positive where it is better together."""
    low: Number
    high: Number
    p: Number
    """Corrected for several comparisons (Holm)."""
    outcome: Literal["helped", "no evidence", "hurt"]


class Taught(TypedDict):
    """A student beside its teacher, a run that was tested on the same examples."""

    technique: str
    backbone: str | None
    teacher: str
    """The folder of its run."""
    teacher_backbone: str
    metric: str
    teacher_value: Number
    value: Number
    gain: Number
    """Positive where the student is better."""
    low: Number
    high: Number
    smaller: Number
    """The size of the teacher's saved model over that of the student's."""
    quicker: Number
    """The time of one example through the teacher over that through the student."""


class Verdict(TypedDict):
    """The verdict of a study at one training size."""

    outcome: Outcome
    sentences: list[str]
    cautions: list[str]
    training_size: str
    metric: str
    technique: str | None
    """The selected one."""
    backbone: str | None
    selected_by: str | None
    seeds: int
    score: Interval | None
    control: Comparison | None
    """Against the control, such as training from scratch."""
    baseline: Comparison | None
    against_baseline: Against | None
    others: list[Comparison]
    tasks: list[TaskVerdict]
    """Of several tasks each beside itself alone."""
    teachers: list[Taught]
    """Each technique that learned from a run beside that run."""
    smaller: list[Verdict]
    """The verdicts at smaller training sizes, where the study has several."""


class RunRow(TypedDict):
    """One run of a study; a finished one has its metrics and costs as well, as results.csv has."""

    __pydantic_config__ = FURTHER

    run: str
    state: str
    message: str | None
    technique: str
    backbone: str
    seed: int


class Judged(TypedDict):
    """The outcome of a study."""

    folder: str
    report: str
    verdict: Verdict
    rows: list[RunRow]


class Predicted(Trained):
    """The run that a validator chose, and its predictions for a target without labels."""

    predictions: str
    """A CSV file."""
    validators: dict[str, Number]
    choice: Choice


class Demonstrated(TypedDict):
    """One study of the demo."""

    report: str
    verdict: Verdict


class Segment(TypedDict):
    """A part of a transcript, and when it is spoken: seconds from the beginning."""

    start: float
    end: float
    text: str


class Prediction(TypedDict):
    """The prediction for one input; a task may add more keys."""

    __pydantic_config__ = FURTHER

    id: str
    prediction: Any
    confidence: NotRequired[Number]
    probabilities: NotRequired[list[float]]
    """Of each class, in the order of the classes."""
    drawing: NotRequired[str]
    segments: NotRequired[list[Segment]]


class Embedded(TypedDict):
    """The file of embeddings, how many they are, and of how many numbers each is."""

    file: str
    embeddings: int
    numbers: int


class Message(TypedDict):
    """A message of a conversation."""

    role: str
    content: str


class Spread(TypedDict):
    """A mean over domains with its 95 % interval; null where a domain was not measured."""

    mean: Number
    low: Number
    high: Number


class OverDomains(TypedDict):
    """A technique or baseline over all domains."""

    technique: str
    backbone: str | None
    """Null for a baseline."""
    scores: dict[str, Number]
    """Domain -> the test metric, as the mean over the seeds."""
    score: Spread
    to_control: Spread


class LeftOut(TypedDict):
    """The answer with `--leave-one-domain-out`."""

    folder: str
    metric: str
    rows: list[OverDomains]
    reports: dict[str, str]
    """Domain that was left out -> the page of its study."""


class Generated(TypedDict):
    """A text that was generated."""

    prompt: str | list[Message]
    output: str


class Recordings(TypedDict):
    """The recordings of frozen layers."""

    folder: str
    bytes: int
    cap: Number
    """The bytes that all of them may take; null is no limit."""
    leftovers: int
    active: int
    recordings: list[dict[str, Any]]
    cleared: bool
    freed: int
    """Bytes."""


class Diagnosis(TypedDict):
    """This machine, what prevents Graft from working, and what could be better."""

    machine: dict[str, Any]
    fix: list[str]
    notes: list[str]


class Refusal(TypedDict):
    """Why a command was refused."""

    kind: Literal[
        "unknown-name",
        "bad-value",
        "data-error",
        "backbone-error",
        "folder-error",
        "missing-extra",
        "error",
        "usage",
    ]
    message: str
    """All that is printed without `--json`."""
    fix: str | None
    """The part of the message that says what to do, or what is allowed; null without one."""


class Error(TypedDict):
    """The answer of any verb that ends with exit code 2."""

    error: Refusal


ANSWERS: dict[str, Any] = {
    "adapt": Judged | Predicted | StudyPlan,
    "cache": Recordings,
    "check": Checked,
    "compare": Judged | StudyPlan | LeftOut,
    "demo": dict[str, Demonstrated],
    "doctor": Diagnosis,
    "embed": Embedded,
    "error": Error,
    "evaluate": dict[str, Measured],
    "fit": Trained | Estimate,
    "generate": list[Generated],
    "info": Card | list[Card],
    "list": list[Row] | dict[str, list[Row]],
    "predict": list[Prediction],
    "pull": dict[str, str],
    "report": Judged,
    "resume": Trained | Judged,
}
"""Verb -> the type of its answer, which with `--dry-run` is a plan."""


def write(verb: str) -> str:
    """Return the schema of the answer of a verb as JSON."""
    schema = _adapter(verb).json_schema(mode="serialization")
    answer, kinds = schema["properties"]["answer"], schema.get("$defs", {})
    if "$ref" in answer:  # the answer is one object: it stands at the top
        answer = kinds.pop(answer["$ref"].rpartition("/")[2])
    kinds = {"$defs": kinds} if kinds else {}
    title = "graft VERB --json, refused" if verb == "error" else f"graft {verb} --json"
    whole = {"$schema": DIALECT, "title": title, **_without_titles(answer)}
    return json.dumps({**whole, **_without_titles(kinds)}, indent=2) + "\n"


def check(verb: str, printed: str) -> None:
    """Raise pydantic's ValidationError if the printed answer does not follow the schema."""
    _adapter(verb).validate_json(f'{{"answer": {printed}}}', strict=True)


@cache
def _adapter(verb: str) -> TypeAdapter:
    """The type for pydantic, which reads attribute docstrings only of an inner type."""
    strict = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    answer = dataclasses.make_dataclass("Answer", [("answer", ANSWERS[verb])])
    return TypeAdapter(dataclass(answer, config=strict))


def _without_titles(schema: Any) -> Any:
    """Return the schema without the titles that pydantic derives from names."""
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value)
        for key, value in schema.items()
        if key != "title" or isinstance(value, dict)
    }
