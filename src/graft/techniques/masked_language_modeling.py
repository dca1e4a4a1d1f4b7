"""Go on with the pretraining of an encoder, on the user's own texts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from graft.backbones.backbone import Backbone, Model
from graft.backbones.language.language_model import language_model
from graft.base.errors import BadValue
from graft.base.ranges import InnerShare
from graft.tasks.pretexts.masked_tokens import MaskedTokens, chosen_nats
from graft.tasks.task import Task
from graft.techniques.specs.places import everything
from graft.techniques.specs.stream import Stream
from graft.techniques.technique import Objective, Phase, Technique
from graft.techniques.text.pretraining import PASSAGES, Pretraining

NAME = "masked-language-modeling"


@dataclass(frozen=True)
class MaskedLanguageModeling(Technique):
    """Let an encoder predict masked tokens of your unlabeled texts, before the task is learned.

    Formula: min over all weights of mean over chosen tokens i of -log p(x_i | x~), x~ the text in
    which of 15 % of the tokens, chosen anew each epoch, 80 % are masked, 10 % any token, 10 % left.
    Texts: those of the training split, with the ones that `shots` takes no labels from, and of the
    split `unlabeled`; never of validation and test. 5 % of them are held out, with fixed masks, to
    validate. The head is the checkpoint's own, else a fresh one; it is dropped afterwards.
    Source: Gururangan et al.: Don't Stop Pretraining (domain- and task-adaptive pretraining),
    arXiv:2004.10964; Devlin et al.: BERT, arXiv:1810.04805.
    When: many more texts than labels, in a language that is not that of books and the web: clinical
    notes, reports, code.
    When not: a few hundred texts, or texts as the network was pretrained on; sentence encoders,
    whose vectors were made on pairs and may come off worse: compare, as `masked-language-modeling
    then full-fine-tuning` beside `full-fine-tuning`.
    Example: graft fit reviews.csv -t "masked-language-modeling then full-fine-tuning"
    """

    transfer: ClassVar[str] = "unsupervised"

    probability: InnerShare = 0.15
    """The share of tokens that are chosen."""

    def streams(self) -> dict[str, Stream]:
        return PASSAGES

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        self._language(backbone)

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue where `check` does."""
        language = self._language(model.backbone)
        return Pretraining(
            model,
            Model(replace(language, call=chosen_nats(language.head[0])), not language.own_head),
            MaskedTokens(self.probability),
            "masked",
        )

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [Phase("masked language modeling", epochs, everything, **self.rates(model))]

    def _language(self, backbone: Backbone) -> Backbone:
        masked = language_model(backbone, "masked", NAME)
        if masked.preprocess.tokenizer.mask_token_id is None:
            raise BadValue(
                f"{NAME!r} is not made for {backbone.name}, "
                "whose tokenizer has no token for a mask. Use 'causal-language-modeling' for "
                "decoders."
            )
        return masked
