"""A decoder as it is: the class whose words it is likeliest to write after the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from graft.backbones.adapters.added import count_prompts
from graft.backbones.backbone import Backbone, Model, evaluating
from graft.backbones.language.label_words import Prompt, as_classifier
from graft.backbones.language.language_model import language_model
from graft.base.errors import BadValue
from graft.tasks.task import Task
from graft.tasks.text.token_blocks import first_token, tokens
from graft.techniques.specs.checks import check_classes
from graft.techniques.technique import Objective, Phase, Technique
from graft.techniques.text.class_words import class_words

CONTENT_FREE = ("N/A", "[MASK]", "")
"""Texts that say nothing, as Zhao et al. have them."""


@dataclass(frozen=True)
class LabelWords(Technique):
    """Train nothing: a text gets the class whose words a decoder is likeliest to write after it.

    Formula: logit_k = log p(words of k | prompt(x)) - b_k, the prompt being the text x in a
    template. Calibration `contextual`: b_k = log of the mean of softmax_k(log p(words of k |
    prompt(c))) over texts c that say nothing: "N/A", "[MASK]" and "". `domain`: b_k = log p(words
    of k | prompt("")), so that the logit is the pointwise mutual information. `none`: 0.
    Source: Brown et al.: GPT-3, arXiv:2005.14165, section 2.4; calibration by Zhao et al.,
    arXiv:2102.09690, and by Holtzman et al., arXiv:2104.08315. Before a training, as in
    `label-words then full-fine-tuning`, it is that of Schick and Schütze: Pattern-Exploiting
    Training, arXiv:2001.07676.
    When: no labels yet, and a decoder; as the mark that training on few labels must beat.
    When not: a sentence encoder is at hand and classes are topics, where `zero-shot` is quicker and
    mostly better.
    Example: graft compare reviews.csv -b smollm2-135m -t label-words -t lora --shots 16
    """

    template: str = r"{}\nCategory:"
    r"""What is read; `{}` stands for the text, `\n` for a line break. The words follow after a
    blank."""
    words: str = ""
    """`spam=unwanted advertising;ham=a normal message`: what is written for a class, by default its
    name in words."""
    calibration: Literal["none", "contextual", "domain"] = "contextual"
    """What is subtracted for each class, so that words that are likely after any text do not always
    win: see the formula."""
    per_token: bool = False
    """Whether a class has the mean log-likelihood of its words' tokens, not their sum: long words
    are not at a disadvantage."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.template.count("{}") != 1:
            raise BadValue(
                f"The 'template' of 'label-words' has one {{}} for the text in it. Got "
                f"{self.template!r} instead."
            )

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        if task.head is not None:
            raise BadValue(
                "'label-words' classifies by the head that the decoder was "
                f"pretrained with, and the task has 'head={task.head}'. Leave it out."
            )
        self.words_of(task)
        _decoder(backbone)

    def words_of(self, task: Task) -> list[str]:
        """Return the words of each class.

        Raises BadValue for other tasks, words of other classes, and names that are numbers.
        """
        check_classes("label-words", task)
        if task.multi_label:
            raise BadValue(
                "'label-words' says which one of several words comes next, and these "
                "examples have several labels. Use 'zero-shot' with a sentence encoder."
            )
        return class_words("label-words", "words", self.words, task.classes)

    def objective(self, model: Model, task: Task) -> Objective:
        """Puts the network under its own head again; raises BadValue where `check` does."""
        old, words = model.backbone, self.words_of(task)
        causal = replace(_decoder(old), name=old.name, preprocess=old.preprocess)
        model.backbone, model.fresh_head = (
            as_classifier(causal, self.prompt(words, old.preprocess.tokenizer)),
            False,
        )
        model.network = model.backbone.network
        model.network.to(next(old.network.parameters()).device)
        if self.calibration != "none":
            model.network.calibrate(self._prior(model))
        return Objective(model, task)

    def prompt(self, words: Sequence[str], tokenizer: Any) -> Prompt:
        """The template and the words of the classes as tokens."""
        before, _, after = self.template.replace(r"\n", "\n").partition("{}")
        marks = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id} - {None}
        return Prompt(
            before=[*first_token(tokenizer), *tokens(before, tokenizer)],
            after=tokens(after, tokenizer),
            words=[tokens(f" {each}", tokenizer) for each in words],
            marks=sorted(marks),
            prior=[0.0] * len(words),
            per_token=self.per_token,
        )

    def _prior(self, model: Model) -> list[float]:
        """b_k of every class."""
        preprocess = model.backbone.preprocess
        texts = CONTENT_FREE if self.calibration == "contextual" else ("",)
        inputs = preprocess.collate([preprocess(text, None) for text in texts])
        with torch.no_grad(), evaluating(model):
            device = model.network.prior.device
            logits = (
                model.network(**{name: tensor.to(device) for name, tensor in inputs.items()})
                .cpu()
                .double()
            )
        return (
            logits.softmax(1).mean(0).log() if self.calibration == "contextual" else logits[0]
        ).tolist()

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return []


def _decoder(backbone: Backbone) -> Backbone:
    """The causal network with the layers of `backbone` and its own head.

    Raises BadValue where there is none.
    """
    if count_prompts(backbone):
        raise BadValue(
            "'label-words' gives the network a mask for each pair of tokens, which the tokens that "
            "'prompt-tuning' has learned are not in. Use 'prefix-tuning' before it."
        )
    causal = language_model(backbone, "causal", "label-words")
    tied = (
        causal.network.get_output_embeddings().weight
        is causal.network.get_input_embeddings().weight
    )
    if not tied and not causal.own_head:
        raise BadValue(
            f"'label-words' asks a decoder for the next words, and {backbone.name} was saved "
            "without the head for them. Use a decoder with its head, or 'lora'."
        )
    return causal
