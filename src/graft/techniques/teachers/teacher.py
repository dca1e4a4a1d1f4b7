"""A teacher: the model of a run, a backbone, or the network as it was."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

from graft.backbones.backbone import Backbone, Model
from graft.backbones.folder import CARD, open_model, read_card
from graft.backbones.load import load_backbone, resolve
from graft.base import files, plugins
from graft.base.errors import BackboneError, BadValue, GraftError
from graft.tasks.task import Task
from graft.techniques.specs.checks import check_vectors

SELF = "self"
"""The teacher that is the network itself, as it was when the part of the training began."""


def model_folder_of(teacher: str) -> Path | None:
    """The folder of the model if the teacher is a run or model folder of Graft, else None."""
    path = files.expand_home(teacher.removeprefix("local:"))
    folders = (path / "model", path)
    return next((folder for folder in folders if (folder / CARD).exists()), None)


def spec_of(teacher: str) -> tuple[str, ...]:
    """The spec of the model that is read for the teacher; none if it is the network itself."""
    if teacher == SELF:
        return ()
    folder = model_folder_of(teacher)
    return (teacher if folder is None else f"local:{folder}",)


def check_teacher(
    technique: str, teacher: str, backbone: Backbone, task: Task, reads_vectors: bool
) -> None:
    """Raise BadValue for a teacher that there is not, or one that reads something else.

    With `reads_vectors`, also for one that has not one vector of features for each example.
    """
    if not teacher:
        raise BadValue(
            f"{technique!r} needs a teacher. Give the folder of a run, as in "
            f"'{technique}:teacher=runs/large', or write teacher=self."
        )
    if teacher == SELF:
        return
    folder, reads = model_folder_of(teacher), backbone.preprocess.reads
    if folder is None:
        opened = _load_backbone(teacher, task)
    elif (other := read_card(folder)["job"]["reads"]) != reads:
        raise BadValue(
            f"The teacher {teacher} reads {other}, and {backbone.name} reads {reads}. Give a "
            "teacher that reads the same."
        )
    elif reads_vectors:
        opened = open_model(folder)[0].backbone
    if reads_vectors:
        check_vectors(technique, opened, instead(task), role="teacher")


def instead(task: Task) -> str:
    """What to use where there is not one vector of features for each example."""
    return "'distillation'" if task.gives == "classes" and not task.parts else "'full-fine-tuning'"


def _load_backbone(teacher: str, task: Task) -> Backbone:
    """Open a backbone as a teacher; raises BadValue for one that there is not."""
    try:
        resolve(teacher)
    except GraftError as error:
        raise BadValue(
            f"The teacher {teacher!r} is no run with a trained model, and no backbone. Give the "
            "folder of a finished run or a name of 'graft list backbones', or write teacher=self."
        ) from error
    try:
        return load_backbone(teacher, task.job())
    except BackboneError as error:
        raise BadValue(f"The teacher {teacher!r} cannot be one here: {error}") from error


def check_classes_of(technique: str, teacher: str, task: Task) -> None:
    """Raise BadValue for a teacher that does not give the classes of the task."""
    if teacher == SELF:
        return
    folder = model_folder_of(teacher)
    if folder is None:
        raise BadValue(
            f"{technique!r} learns what the teacher says of the classes, and {teacher!r} is no "
            "trained model of Graft. Give the folder of a run, or use 'feature-distillation'."
        )
    card = read_card(folder)
    theirs, classes = plugins.load("task", card["task"]), card["classes"]
    if theirs.gives != task.gives:
        raise BadValue(
            f"The teacher {teacher} is for {theirs.name}, and the data are for {task.name}. Give a "
            "teacher for the same task."
        )
    if card["task_settings"].get("multi_label", False) != task.multi_label:
        one, several = "one class of each example", "several labels of each example"
        pair = (one, several) if task.multi_label else (several, one)
        raise BadValue(
            f"The teacher {teacher} predicts {pair[0]}, and the data have {pair[1]}, so that its "
            "probabilities mean something else. Give a teacher of the same, or use "
            "'feature-distillation'."
        )
    if set(classes) != set(task.classes):
        lacking = sorted(set(task.classes) ^ set(classes))
        raise BadValue(
            f"The teacher {teacher} and the data have different classes: only one of them has "
            f"{', '.join(map(repr, lacking[:5]))}. Give a teacher of the same classes, or use "
            "'feature-distillation'."
        )


def open_teacher(teacher: str, model: Model, task: Task) -> Model:
    """Return the teacher in evaluation mode, without gradients, on the CPU or where the model is.

    Raises GraftError if it cannot be opened.
    """
    if teacher == SELF:
        network = copy.deepcopy(model.network)
        opened = Model(replace(model.backbone, network=network), model.fresh_head)
    elif (folder := model_folder_of(teacher)) is not None:
        opened = open_model(folder)[0]
    else:  # a backbone, whose features alone are of use
        opened = Model(task.with_head(load_backbone(teacher, task.job())))
    return opened.eval().requires_grad_(False)


def class_order(teacher: str, task: Task) -> list[int]:
    """The number of each class of the task among the outputs of the teacher."""
    folder = None if teacher == SELF else model_folder_of(teacher)
    classes = task.classes if folder is None else read_card(folder)["classes"]
    return [list(classes).index(name) for name in task.classes]
