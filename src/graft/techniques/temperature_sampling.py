"""Examples of tasks with few labels more often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Backbone, Model
from graft.base.ranges import FromOne
from graft.tasks.task import Task
from graft.techniques.specs.checks import check_several
from graft.techniques.specs.fine_tuning import FineTuning
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class TemperatureSampling(FineTuning):
    """Full fine-tuning on several tasks in which those with few labels are drawn more often.

    Or, after a `+`, any technique on examples that are drawn so.
    Formula: task k is drawn with the share n_k^(1/T) / sum over j of n_j^(1/T), n_k its number of
    labels, and then one of its examples, which teaches all tasks whose label it has. An epoch has
    as many examples as before. The loss of each task stays a mean over its labels, so that T
    changes how often labels are seen, and not what a task counts.
    Source: Arivazhagan et al.: Massively Multilingual Neural Machine Translation in the Wild,
    arXiv:1907.05019, section 4.1, where T = 5; there the share is also what a task counts.
    When: tasks with far fewer labels than others, of which most batches have none: joined data
    sets of different sizes, a column that is mostly empty.
    When not: each example has all labels, so that it is the usual training with chance added; a
    head that is solved for. The few labels are seen more often, and may be learned by heart.
    Example: graft fit reviews.jsonl --task multi-task -t temperature-sampling:temperature=5
    """

    about_tasks: ClassVar[bool] = True

    temperature: FromOne = 5.0
    """1 draws each label alike, as the plain training; a large one draws each task alike."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue for a single task."""
        super().check(backbone, task)
        check_several("temperature-sampling", task)

    def learned(self, task: Task) -> Task:
        return task.drawn_by(self.temperature)

    def objective(self, model: Model, task: Task) -> Objective:
        return Objective(model, self.learned(task))
