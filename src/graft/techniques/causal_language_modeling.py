"""Go on with the pretraining of a decoder, on the user's own texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Backbone, Model
from graft.backbones.language.language_model import language_model
from graft.base import plugins
from graft.tasks.task import Task
from graft.techniques.technique import Objective, Phase, Technique, everything
from graft.techniques.text.pretraining import Pretraining

NAME = "causal-language-modeling"


@dataclass(frozen=True)
class CausalLanguageModeling(Technique):
    """Let a decoder tell the next token of your unlabeled texts, before a technique that learns the task.

    Formula: min over all weights of mean over tokens i of -log p(x_i | x_1 .. x_(i-1)), in the blocks of text-generation. Texts:
    those of the training split, with the ones that `shots` takes no labels from, and of the split `unlabeled`; never of
    validation and test. 5 % of them are held out to validate.
    Source: Gururangan et al.: Don't Stop Pretraining (domain- and task-adaptive pretraining), arXiv:2004.10964; Howard and
    Ruder: ULMFiT, arXiv:1801.06146.
    When: a decoder, and many more texts than labels, or than prompts with completions.
    When not: a few hundred texts, or texts as the network was pretrained on; texts alone, which text-generation learns itself.
    """

    streams: ClassVar[frozenset[str]] = frozenset({"unlabeled"})

    packed: bool = False
    """Whether several texts share a sequence, none seeing another, as of text-generation."""

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        self._pretext().check(language_model(backbone, "text-generation", NAME))

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue where `check` does."""
        language = model if task.name == "text-generation" else self._language(model)
        return Pretraining(model, language, self._pretext(), "causal")

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [Phase("causal language modeling", epochs, everything, **self.rates(model))]

    def _pretext(self) -> Task:
        return plugins.load("task", "text-generation")(packed=self.packed)

    def _language(self, model: Model) -> Model:
        found = language_model(model.backbone, "text-generation", NAME)
        return Model(found, not found.own_head)
