"""Techniques made of techniques.

`a.then(b)` runs one after the other, `a + b` adds the losses or layers of `b` to those of `a`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, reduce
from operator import add
from typing import Any

from graft.backbones.backbone import Backbone, Model
from graft.base import plugins, specs
from graft.base.errors import BadValue, GraftError, UnknownName
from graft.tasks.task import Task
from graft.techniques.specs.stream import Stream
from graft.techniques.specs.sum_objective import SumObjective
from graft.techniques.technique import Objective, Phase, Technique


@dataclass(frozen=True)
class Control:
    """A technique that a comparison holds others against, and what it is called."""

    technique: str
    words: str
    lacks: str
    """What others have that it does without."""


@dataclass(frozen=True)
class Then(Technique):
    """Run `first`, then `second` on its model, each with its own settings and budget."""

    first: Technique = field(kw_only=True)
    second: Technique = field(kw_only=True)

    def __post_init__(self) -> None:
        """Raise BadValue if a later part begins with random weights."""
        super().__post_init__()
        for part in self.second.parts:
            if part.pretrained < self.first.pretrained:
                name = plugins.name_of(type(part))
                raise BadValue(
                    f"{name!r} begins with random weights, so nothing "
                    f"can come before it. Write: '{name} then ...'."
                )
        _check_kept(self.parts)

    @cached_property
    def parts(self) -> tuple[Technique, ...]:
        return (*self.first.parts, *self.second.parts)

    @property
    def pretrained(self) -> bool:
        return self.first.pretrained

    @property
    def about_head(self) -> bool:
        return any(part.about_head for part in self.parts)

    @property
    def trains_head_alone(self) -> bool:
        """Whether no part learns from labels that trains more than the head."""
        return all(part.trains_head_alone for part in self.parts if part.learns_labels)

    @property
    def controls(self) -> tuple[str, ...]:
        return _join_controls(self.parts, self.trains_head_alone)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(model for part in self.parts for model in part.models)

    def check(self, backbone: Backbone, task: Task) -> None:
        with ExitStack() as left:
            for part in self.parts:
                part.check(backbone, task)
                left.enter_context(part.leave(backbone))

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [phase for part in self.parts for phase in part.phases(model, epochs)]


@dataclass(frozen=True)
class Sum(Technique):
    """The phases and settings of `main`, its losses plus the extra losses of `extra`.

    The loss of `main` stays: a technique that alone takes the place of the task's loss, such as
    mixup, adds its own to it here. Phases with which `extra` closes a training come last.
    """

    main: Technique = field(kw_only=True)
    extra: Technique = field(kw_only=True)

    def __post_init__(self) -> None:
        """Raise BadValue for techniques that cannot be added."""
        super().__post_init__()
        if len(self.main.parts) > 1 or len(self.extra.parts) > 1:
            raise BadValue(
                "'+' adds losses within one technique; it "
                "cannot follow 'then'. Write: 'a then b + c'."
            )
        _check_streams(self.main, self.extra)
        _check_added(self.main, self.extra)
        if self.extra.keeps_adapter:
            raise _changed_beside(self.extra, self.main)

    @property
    def pretrained(self) -> bool:
        return self.main.pretrained

    @property
    def about_head(self) -> bool:
        return self.main.about_head or self.extra.about_head

    @property
    def keeps_adapter(self) -> bool:
        return self.main.keeps_adapter

    @property
    def adds_layers(self) -> bool:
        return self.main.adds_layers or self.extra.adds_layers

    @property
    def weighs_tasks(self) -> bool:
        return self.main.weighs_tasks or self.extra.weighs_tasks

    @property
    def trains_head_alone(self) -> bool:
        return self.main.trains_head_alone

    @property
    def controls(self) -> tuple[str, ...]:
        return _join_controls((self.main, self.extra), self.trains_head_alone)

    @property
    def models(self) -> tuple[str, ...]:
        return (*self.main.models, *self.extra.models)

    def check(self, backbone: Backbone, task: Task) -> None:
        self.main.check(backbone, self.extra.learned(task))
        self.extra.check(backbone, self.main.learned(task))

    @contextmanager
    def leave(self, backbone: Backbone) -> Iterator[None]:
        with self.main.leave(backbone), self.extra.leave(backbone):
            yield

    def streams(self) -> dict[str, Stream]:
        return {**self.main.streams(), **self.extra.streams()}

    def learned(self, task: Task) -> Task:
        return self.extra.learned(self.main.learned(task))

    def objective(self, model: Model, task: Task) -> Objective:
        task = self.learned(task)
        return SumObjective(self.main.objective(model, task), self.extra.objective(model, task))

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        phases = self.main.phases(model, epochs)
        return [*phases, *self.extra.closing_phases(phases[-1])] if phases else []

    def closing_phases(self, last: Phase) -> list[Phase]:
        phases = self.main.closing_phases(last)
        return [*phases, *self.extra.closing_phases(last)]


def run_in_turn(first: Technique, second: Technique) -> Then:
    """The technique `first then second`, with the settings of the first."""
    return Then(first=first, second=second, **_shared_settings(first))


def add_losses(main: Technique, extra: Technique) -> Sum:
    """The technique `main + extra`, with the settings of `main`."""
    return Sum(main=main, extra=extra, **_shared_settings(main))


def _shared_settings(technique: Technique) -> dict[str, Any]:
    return {shared.name: getattr(technique, shared.name) for shared in fields(Technique)}


def first_of(technique: Technique) -> Technique:
    """The technique itself, or the one whose phases and settings a sum takes."""
    while isinstance(technique, Sum):
        technique = technique.main
    return technique


def _check_streams(main: Technique, extra: Technique) -> None:
    """Raise BadValue for streams that cannot be drawn from together."""
    for part in (main, extra):
        if any(stream.passages for stream in part.streams().values()):
            name = plugins.name_of(type(part))
            raise BadValue(
                f"'+' adds losses on the same labeled batches, and {name!r} reads other texts. "
                f"Write: '{name} then ...'."
            )
    ours, theirs = main.streams(), extra.streams()
    for name in ours.keys() & theirs.keys():
        if ours[name] != theirs[name]:
            first, second = (plugins.name_of(type(part)) for part in (main, extra))
            raise BadValue(
                f"{first!r} and {second!r} draw different batches of the stream {name!r}, so '+' "
                f"cannot add them. Give both the same settings, or write: '{first} then {second}'."
            )


def _check_kept(parts: Sequence[Technique]) -> None:
    """Raise BadValue if an adapter is kept of a network that another part changes."""
    for number, part in enumerate(parts):
        others = [other for other in parts[:number] if not other.trains_head_alone]
        others += parts[number + 1 :]
        if part.keeps_adapter and others:
            raise _changed_beside(part, others[0])


def _changed_beside(keeping: Technique, other: Technique) -> BadValue:
    names = [plugins.name_of(type(first_of(part))) for part in (keeping, other)]
    return BadValue(
        f"keep=adapter of {names[0]!r} keeps all that changes beside the pretrained network, and "
        f"{names[1]!r} changes the network itself. Leave out keep=adapter."
    )


def _check_added(main: Technique, extra: Technique) -> None:
    """Raise BadValue if `extra` adds nothing, or settings that would have no effect.

    How the sum trains is said by the phases and rates of `main`.
    """
    if main.adds_layers and extra.adds_layers:
        raise BadValue(
            "Both sides of '+' add layers to the network, and layers cannot be added to added "
            "ones. Leave one out, or write: 'a then b'."
        )
    if main.weighs_tasks and extra.weighs_tasks:
        raise BadValue("Both sides of '+' weigh the tasks. Leave one of them out.")
    first, extra = first_of(main), first_of(extra)
    names = [plugins.name_of(type(part)) for part in (first, extra)]
    if type(extra).objective is Technique.objective:
        raise BadValue(
            f"{names[1]!r} has no loss of its own that '+' could add: it says how a network is "
            f"trained, as {names[0]!r} does. Write: '{names[0]} then {names[1]}', or one of them."
        )
    if not extra.can_be_added:
        raise BadValue(
            f"{names[1]!r} needs phases of its own, which '+' would leave out: it adds losses to "
            f"the phases of {names[0]!r}. Write: '{names[0]} then {names[1]}'."
        )
    shared = {setting.name for setting in fields(Technique)}
    for setting in fields(extra):
        if setting.name in shared and getattr(extra, setting.name) != setting.default:
            raise BadValue(
                f"{setting.name!r} of {names[1]!r} has no effect after '+', which adds losses "
                "only: how it trains is said by what stands before the '+'. Leave it out, or give "
                f"{setting.name} to {names[0]!r}."
            )


def _join_controls(parts: Sequence[Technique], head_alone: bool) -> tuple[str, ...]:
    """The controls that parts have in place of the usual ones; without such parts, the usual.

    `head_alone` is whether labels train the head alone: then those of the head count.
    """
    named: dict[str, None] = {}
    for part in parts:
        if part.controls != Technique.controls:
            of_head = part.controls_of_head if head_alone else ()
            named |= dict.fromkeys(of_head or part.controls)
    return tuple(named) or Technique.controls


def parse(text: str) -> Technique:
    """The technique that a spec names.

    As `lora:r=8`, `full-fine-tuning + l2-sp:weight=0.01`, `feature-extraction then lora`. `+` binds
    more tightly than `then`; within double quotes both are text. Raises UnknownName and BadValue.
    """
    if not isinstance(text, str):
        raise BadValue(f"A technique must be a text, as 'lora:r=8'. Got {text!r} instead.")
    stages = stages_of(text)
    try:
        return reduce(Technique.then, [reduce(add, map(_single, stage)) for stage in stages])
    except UnknownName as error:
        if reads := _reading_model(stages):
            raise UnknownName(
                f"{error} '+' and 'then' also end the path in {reads!r}. Put a path that holds "
                "them in double quotes."
            ) from error
        raise


def _reading_model(stages: Sequence[Sequence[str]]) -> str | None:
    """The first spec before a '+' or 'then' that names a model without quotes, if one does."""
    for spec in [spec.strip() for stage in stages for spec in stage][:-1]:
        name, parameters = specs.parse(spec)
        if '"' not in spec and name in plugins.names("technique"):
            kind = plugins.load("technique", name)
            if specs.build(kind, "technique", name, parameters).models:
                return spec
    return None


def stages_of(text: str) -> list[list[str]]:
    """The specs that `then` separates, each as those that `+` joins."""
    return [specs.split(stage, r"\+") for stage in specs.split(text, r"\s+then\s+")]


def _single(text: str) -> Technique:
    if not text.strip():
        raise BadValue(
            "A technique is missing beside '+' or 'then'. Write: 'full-fine-tuning + l2-sp' or "
            "'feature-extraction then lora'."
        )
    name, parameters = specs.parse(text)
    return specs.build(plugins.load("technique", name), "technique", name, parameters)


def control_named(text: str) -> Control | None:
    """The control that a spec names, with any settings; None for another technique.

    A technique that is combined with others is no control. None need be installed.
    """
    stages = stages_of(text)
    name = stages[0][0].partition(":")[0].strip()
    is_alone = len(stages) == len(stages[0]) == 1
    if not is_alone or name not in plugins.names("technique"):
        return None
    words, lacks = (
        plugins.class_variable("technique", name, variable)
        for variable in ("control_words", "control_lacks")
    )
    return Control(name, words, lacks) if words else None


def controls_of(text: str) -> tuple[Control, ...]:
    """The controls that a technique is held against; the usual ones if it is not installed."""
    try:
        names = parse(text).controls
    except GraftError:
        names = Technique.controls
    return tuple(replace(control_named(name), technique=name) for name in names)


def models_of(text: str) -> tuple[str, ...]:
    """The models that a technique reads beside the network; none if it is not installed."""
    try:
        return parse(text).models
    except GraftError:
        return ()


def is_held_against(text: str, other: str) -> bool:
    """Whether `other` is a control of the technique, whatever further settings it has."""
    if control_named(other) is None:
        return False
    name, settings = specs.parse(other)
    needed = (specs.parse(each.technique) for each in controls_of(text))
    return any(name == each and asked.items() <= settings.items() for each, asked in needed)


def canonical(text: str) -> str:
    """The shortest spec of the technique that `text` names, the same however it is written."""
    return " then ".join(" + ".join(map(_shortest, stage)) for stage in stages_of(text))


def _shortest(text: str) -> str:
    technique = _single(text)
    return specs.text(plugins.name_of(type(technique)), technique)
