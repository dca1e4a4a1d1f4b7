"""Some of several tasks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graft.backbones.backbone import Backbone, Model
from graft.tasks.task import Task
from graft.techniques.specs.checks import check_several
from graft.techniques.specs.fine_tuning import FineTuning
from graft.techniques.tasks.chosen import chosen_tasks
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class SomeTasks(FineTuning):
    """Full fine-tuning on some of several tasks, as if the others were not there.

    Or, after a `+`, any technique on some tasks. All are measured; the heads of the others do not
    learn, so that their figures, and the mean, mean nothing.
    Formula: sum over the chosen tasks k of L_k.
    Source: Standley et al.: Which Tasks Should Be Learned Together in Multi-task Learning?,
    arXiv:1905.07553, which compares each set of tasks.
    When: `graft compare` adds it for each task alone, to say which is helped by the others; ask for
    pairs to see which task helps which.
    When not: for one task there is a shorter way: --columns label=NAME.
    Example: graft fit reviews.jsonl --task multi-task -t some-tasks:tasks=words
    """

    tasks: str = ""
    """The names of the tasks, as in "stress, severity"; without any, all."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue for a single task, and UnknownName for a task that there is not."""
        super().check(backbone, task)
        self.learned(task)

    def learned(self, task: Task) -> Task:
        """Return the task with those that are learned; raises as `check`."""
        check_several("some-tasks", task)
        return replace(task, learned=tuple(chosen_tasks(self.tasks, task.parts)))

    def objective(self, model: Model, task: Task) -> Objective:
        return Objective(model, self.learned(task))
