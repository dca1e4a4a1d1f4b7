"""Text generation: the next token of a text, again and again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from graft.backbones.backbone import Model
from graft.base.baseline import Baseline
from graft.base.errors import DataError
from graft.base.evidence import Shown
from graft.base.job import Form
from graft.base.records import Batch, Output, Sample
from graft.data.data import Data
from graft.data.kinds.completions import prompt_text
from graft.metrics.metric import Metric
from graft.tasks.classes.sure import sure_of
from graft.tasks.pretexts.next_tokens import NextTokens, predicted_text, text_score
from graft.tasks.task import PREVIEW, Task, objects
from graft.tasks.text import ngrams
from graft.tasks.text.generation import Decoding, continue_prompts
from graft.tasks.text.token_blocks import (
    Prompt,
    first_token,
    prompt_tokens,
    tokens,
)

SHOWN = 4
"""Continuations that a run keeps."""
PROMPT, WRITTEN = 48, 64
"""Tokens of a passage that are continued to show what the network writes, and of what it then
writes."""


@dataclass(frozen=True)
class TextGeneration(NextTokens, Task):
    """Continue a text: running text is learned whole, or the completions of prompts with their end.

    The network keeps its own head. Bits per byte are comparable across tokenizers, perplexity is
    not. A text is preceded by the token for a beginning, so that all of it is predicted. Texts
    longer than the network reads at once are predicted in blocks that begin with a quarter of the
    block before; each token counts once. A prompt is never cut. Where no prompt in training ends,
    and no completion begins, with white space, a line break is put between them. Messages are
    rendered by the tokenizer's chat template, and the last one, which is the assistant's, is the
    completion.
    Baseline: bytes by the five before them, with Kneser-Ney smoothing.
    Example: graft fit book.txt --task text-generation:packed=true
    """

    name: ClassVar[str] = "text-generation"
    reads: ClassVar[str] = "text"
    roles: ClassVar[frozenset[str]] = frozenset({"prompt", "completion"})
    or_roles: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"passage"}),)
    target_role: ClassVar[str] = "completion"
    gives: ClassVar[str] = "text"
    heads: ClassVar[dict[Form, str]] = {"causal": "own"}
    generates: ClassVar[bool] = True
    options: ClassVar[tuple[str, ...]] = ("packed",)
    backbone: ClassVar[str | None] = "wheel:smollm2-135m"

    classes: tuple[str, ...] = ()
    chat: bool = False
    """Whether prompts are messages."""

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Raises DataError if some prompts are texts and others messages."""
        train = [sample.roles for sample in data.splits["train"] if "prompt" in sample.roles]
        kinds = {isinstance(roles["prompt"], str) for roles in train}
        if len(kinds) > 1:
            raise DataError(
                f"Some prompts of {data.path or 'the data'} are "
                "texts, others messages. Make all of them the same."
            )
        if kinds != {True}:
            return cls(chat=kinds == {False})
        blank = any(
            roles["prompt"][-1:].isspace() or roles["completion"][:1].isspace() for roles in train
        )
        return cls(separator="" if blank else "\n")

    def without_target(self, sample: Sample) -> Sample:
        """Return the sample to continue: its prompt, its messages, or a text."""
        roles = sample.roles
        prompt = next(
            (roles[role] for role in ("prompt", "messages", "passage", "text") if role in roles),
            None,
        )
        if prompt is None:
            raise DataError(
                f"{sample.id} has {', '.join(sorted(roles))}, and {self.name} continues a prompt: "
                "--columns prompt=NAME."
            )
        return Sample(sample.id, {"prompt": prompt if isinstance(prompt, str) else tuple(prompt)})

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`: the bits that a byte of the text takes.

        `confidence`: the mean (geometric) probability of a byte. `nats`, `tokens` and `bytes` are
        those of the whole text. What the network writes itself is told by `generated`.
        """
        rows = []
        for score in scores:
            nats, count, size = map(float, score)
            bits = nats / math.log(2) / max(size, 1.0)
            row = {
                "prediction": bits,
                "confidence": 2**-bits,
                "nats": nats,
                "tokens": int(count),
                "bytes": int(size),
            }
            rows.append(row)
        return rows

    def answer(self, sample: Sample) -> str:
        return predicted_text(sample)

    def is_right(self, prediction: float, target: str) -> bool:
        """Return True: a text is predicted more or less well, never wrongly."""
        return True

    def say(self, value: float | str) -> str:
        return value if isinstance(value, str) else f"{value:.3f} bits per byte"

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        before = prompt_text(sample.roles["prompt"]) + "\n" if "prompt" in sample.roles else ""
        return Shown("text", (before + predicted_text(sample))[:PREVIEW])

    def right_output(self, batch: Batch) -> Output:
        return sure_of(batch.target, int(batch.target.max()) + 1)

    @property
    def metrics(self) -> dict[str, Metric]:
        return self.watched

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        words = "an n-gram model of bytes (Kneser-Ney)"
        return (Baseline("byte-n-grams", words, self._n_grams),)

    def _n_grams(self, train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
        """Each byte by those before it, prompts read too, and the end of a completion.

        Of tokens it knows none.
        """
        model = ngrams.learn([self._symbols(sample)[0] for sample in train])
        scores = []
        for sample in test:
            symbols, read = self._symbols(sample)
            scores.append(text_score(sample, model.nats(symbols)[read:].sum(), 0))
        return objects(scores)

    def _symbols(self, sample: Sample) -> tuple[np.ndarray, int]:
        """The bytes of a sample, and how many of them are only read."""
        if "passage" in sample.roles:
            return ngrams.symbols(sample.roles["passage"], ends=False), 0
        prompt = prompt_text(sample.roles["prompt"]) + (self.separator or "\n" * self.chat)
        return ngrams.symbols(prompt + sample.roles["completion"], ends=True), len(prompt.encode())

    def generate(self, model: Model, samples: Sequence[Sample], decoding: Decoding) -> list[str]:
        """Generate a text after the prompt of each sample. Raises BadValue."""
        return continue_prompts(
            model, [self._prompt(sample.roles["prompt"], model) for sample in samples], decoding
        )

    def _prompt(self, prompt: Prompt, model: Model) -> list[int]:
        if self.chat and isinstance(prompt, str):
            prompt = ({"role": "user", "content": prompt},)
        return prompt_tokens(prompt, self.separator, model.backbone.preprocess.tokenizer)

    def samples(self, model: Model, samples: Sequence[Sample]) -> list[dict[str, str]]:
        """A few texts continued.

        Completions by the likeliest tokens, passages by drawn ones, since the likeliest repeat.
        """
        chosen = [
            samples[i]
            for i in np.unique(np.linspace(0, len(samples) - 1, SHOWN).round().astype(int))
        ]
        if "passage" in chosen[0].roles:
            return self._continue_passages(model, [sample.roles["passage"] for sample in chosen])
        outputs = self.generate(model, chosen, Decoding(WRITTEN))
        return [
            {
                "prompt": prompt_text(sample.roles["prompt"]),
                "output": output,
                "reference": sample.roles["completion"],
            }
            for sample, output in zip(chosen, outputs, strict=True)
        ]

    def _continue_passages(self, model: Model, texts: Sequence[str]) -> list[dict[str, str]]:
        preprocess = model.backbone.preprocess
        passages = [tokens(text, preprocess.tokenizer) for text in texts]
        cuts = [min(PROMPT, len(ids) // 2) for ids in passages]
        most = max(1, min(WRITTEN, preprocess.max_length - PROMPT))
        prompts = [
            [*first_token(preprocess.tokenizer), *ids[:cut]]
            for ids, cut in zip(passages, cuts, strict=True)
        ]
        outputs = continue_prompts(model, prompts, Decoding(most, temperature=0.8, top_p=0.95))
        text = preprocess.tokenizer.decode
        return [
            {"prompt": text(ids[:cut]), "output": output, "reference": text(ids[cut : cut + most])}
            for ids, cut, output in zip(passages, cuts, outputs, strict=True)
        ]

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)

        def sample(split: str, number: int) -> Sample:
            """A word, repeated twice; one in six is longer than a tiny network reads at once."""
            word = "".join(rng.choice(list("abcde"), int(rng.integers(2, 6))))
            return Sample(
                f"{split}:{number}",
                {"prompt": f"{word}:", "completion": f"{word}." * (40 if number % 6 == 5 else 2)},
            )

        sizes = {"train": 24, "val": 8, "test": 12}
        return Data(
            {split: [sample(split, i) for i in range(n)] for split, n in sizes.items()},
            "tiny words",
        )
