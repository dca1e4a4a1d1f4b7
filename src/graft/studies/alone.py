"""The techniques of a study that learn one of several tasks alone, beside all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from graft.base import plugins, specs
from graft.base.errors import GraftError
from graft.tasks.specs.several import split_parts
from graft.techniques.specs.combine import canonical, control_named, first_of, parse, stages_of
from graft.techniques.tasks.chosen import chosen_tasks
from graft.techniques.technique import Technique

SOME = "some-tasks"
"""The technique that learns some of the tasks."""
USUAL = "full-fine-tuning"
BEHIND = "partial-fine-tuning"
"""How those that only weigh tasks train otherwise, all layers or those from a group on."""


def alone_techniques(techniques: Iterable[str], task: str) -> list[str]:
    """Return for each technique that learns all tasks one for each task alone; none of one task."""
    names = [part.column for part in split_parts(task)]
    learning = [each for each in techniques if not control_named(each) and not learns_some(each)]
    made = (learn_some(technique, [name]) for technique in learning for name in names)
    return list(dict.fromkeys(made))


def learns_some(technique: str) -> bool:
    """Whether a spec names a technique that learns some of the tasks."""
    return bool(_asked(technique))


def learned_tasks(technique: str, tasks: Sequence[str]) -> list[str]:
    """Return those of the tasks that a technique learns."""
    asked = _asked(technique)
    return chosen_tasks(specs.parse(asked[0])[1].get("tasks", ""), tasks) if asked else list(tasks)


def learn_all(technique: str) -> str:
    """Return the spec of a technique without what says which tasks are learned."""
    stages = [
        [part for part in stage if part.strip().partition(":")[0] != SOME]
        or [_usual(parse(stage[0]))]
        for stage in stages_of(technique)
    ]
    return canonical(" then ".join(" + ".join(stage) for stage in stages))


def learn_some(technique: str, names: Sequence[str]) -> str:
    """Return the spec that learns these tasks alone in the same way; what weighs tasks is left out.

    A part of it that learns without labels stays as it is.
    """
    some = f'{SOME}:tasks="{", ".join(names)}"'
    return canonical(" then ".join(_learn_some(stage, some) for stage in stages_of(technique)))


def _learn_some(stage: Sequence[str], some: str) -> str:
    kept = [part for part in stage if not _is_about_tasks(part)]
    if stage[0] not in kept:  # it stands for full fine-tuning with its settings
        kept.insert(0, _usual(parse(stage[0])))
    try:
        parse(" + ".join([*kept, some]))
    except GraftError:
        return " + ".join(kept)
    return " + ".join([*kept, some])


def _usual(technique: Technique) -> str:
    """The spec of plain fine-tuning with the shared settings of a technique."""
    first, names = first_of(technique), [shared.name for shared in fields(Technique)]
    settings = {name: getattr(first, name) for name in names}
    name = USUAL
    if from_group := getattr(first, "from_group", 0):
        name, settings["from_group"] = BEHIND, from_group
    return specs.text(name, plugins.load("technique", name)(**settings))


def _asked(technique: str) -> list[str]:
    """The parts of a technique that say which tasks are learned."""
    parts = [part.strip() for stage in stages_of(technique) for part in stage]
    return [part for part in parts if part.partition(":")[0] == SOME]


def _is_about_tasks(part: str) -> bool:
    return part.strip().partition(":")[0] == SOME or parse(part).about_tasks
