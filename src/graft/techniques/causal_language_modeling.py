"""Go on with the pretraining of a decoder, on the user's own texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Backbone, Model
from graft.backbones.language.language_model import language_model
from graft.tasks.pretexts.next_tokens import NextTokens
from graft.tasks.task import Task
from graft.techniques.specs.places import everything
from graft.techniques.specs.stream import Stream
from graft.techniques.technique import Objective, Phase, Technique
from graft.techniques.text.pretraining import PASSAGES, Pretraining

NAME = "causal-language-modeling"


@dataclass(frozen=True)
class CausalLanguageModeling(Technique):
    """Let a decoder predict the next token of your unlabeled texts, before the task is learned.

    Formula: min over all weights of mean over tokens i of -log p(x_i | x_1 .. x_(i-1)); long texts
    are read in blocks that share a quarter of their tokens. Texts: those of the training split,
    with the ones that `shots` takes no labels from, and of the split `unlabeled`; never of
    validation and test. 5 % of them are held out to validate.
    Source: Gururangan et al.: Don't Stop Pretraining (domain- and task-adaptive pretraining),
    arXiv:2004.10964; Howard and Ruder: ULMFiT, arXiv:1801.06146.
    When: a decoder, and many more texts than labels, or than prompts with completions.
    When not: a few hundred texts, or texts as the network was pretrained on; texts alone, where
    this is the task itself.
    Example: graft fit reviews.csv -b smollm2-135m -t "causal-language-modeling then lora"
    """

    transfer: ClassVar[str] = "unsupervised"

    packed: bool = False
    """Whether several texts share a sequence, none seeing another."""

    def streams(self) -> dict[str, Stream]:
        return PASSAGES

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        self._pretext().check(language_model(backbone, "causal", NAME))

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue where `check` does."""
        language = model if model.backbone.form == "causal" else self._language(model)
        return Pretraining(model, language, self._pretext(), "causal")

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [Phase("causal language modeling", epochs, everything, **self.rates(model))]

    def _pretext(self) -> NextTokens:
        return NextTokens(packed=self.packed)

    def _language(self, model: Model) -> Model:
        backbone = language_model(model.backbone, "causal", NAME)
        return Model(backbone, not backbone.own_head)
