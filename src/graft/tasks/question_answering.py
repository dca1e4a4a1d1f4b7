"""Extractive question answering: the part of a text that answers a question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.errors import DataError
from graft.base.evidence import Shown
from graft.base.job import Form
from graft.base.records import Batch, Output, Sample, Windows, targets_of
from graft.data.data import Data
from graft.metrics import answers
from graft.metrics.metric import Metric, Terms
from graft.tasks.classes.sure import sure_of
from graft.tasks.task import PREVIEW, Task, objects
from graft.tasks.text.answer_baselines import BEST_OVERLAP, NO_ANSWER
from graft.tasks.text.answer_spans import (
    AnswerScores,
    Span,
    best_spans,
    best_threshold,
    join_pieces,
)
from graft.tasks.text.question_windows import (
    answer_tokens,
    cut_context,
    short_question,
    window_of,
)

SHOWN = 5


@dataclass(frozen=True)
class QuestionAnswering(Task):
    """Find the words of a text that answer a question, or say that there are none.

    Two numbers a token say whether the answer begins and ends there; no answer is the first token,
    as in Devlin et al. (arXiv:1810.04805, sections 4.2 and 4.3). Contexts longer than the network
    reads are cut between words into windows that share a third of it; of all windows the best
    answer of up to 30 tokens is taken. Questions are cut at half of what the network reads. Where
    training has questions without an answer, none is predicted if its score is more than
    `threshold` above the best answer's; that is chosen on the validation split for the highest F1.
    Training stops after two epochs without a higher F1 on validation, and keeps the weights of the
    highest: answers are soon learned by heart, but the loss rises while F1 still does.
    Baselines: the sentence of the context that shares most words with the question, rare ones
    counting more; no answer at all, where training has such questions.
    Example: graft fit questions --task question-answering -t full-fine-tuning
    """

    name: ClassVar[str] = "question-answering"
    reads: ClassVar[str] = "text"
    roles: ClassVar[frozenset[str]] = frozenset({"question", "context", "answers"})
    target_role: ClassVar[str] = "answers"
    gives: ClassVar[str] = "spans"
    heads: ClassVar[dict[Form, str]] = {"sequence": "linear"}
    patience: ClassVar[int | None] = 2
    best_by: ClassVar[Literal["loss", "metric"]] = "metric"

    classes: tuple[str, ...] = ("start", "end")
    threshold: float | None = None
    """The lead at which "no answer" is predicted; None if every question has an answer."""

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Raises DataError where no question in training has an answer."""
        train = [
            sample.roles["answers"]
            for sample in data.splits["train"]
            if sample.roles.get("answers") is not None
        ]
        if not any(train):
            raise DataError(
                "No question in the training split of "
                f"{data.path or 'the data'} has an answer; give some that have."
            )
        return cls(threshold=None if all(train) else 0.0)

    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows:
        """Cut contexts that do not fit next to the question into parts.

        `window` is their (start, end).
        """
        windows = Windows.of(samples, lambda sample: cut_context(sample, preprocess))
        return Windows(samples) if len(windows.pieces) == len(samples) else windows

    def count_cut(self, samples: Sequence[Sample], preprocess: Preprocess) -> int:
        """Count the questions that are cut; contexts never are."""
        return sum(
            short_question(sample, preprocess) != sample.roles["question"] for sample in samples
        )

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        start, end = window_of(piece)
        return len(piece.roles["question"]) + end - start

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        """Encode a piece with `offsets` (T, 2), the characters of the context of each token.

        They are (0, 0) for tokens outside the context.
        """
        tokenizer = preprocess.tokenizer
        start, end = window_of(sample)
        pair = (short_question(sample, preprocess), sample.roles["context"][start:end])
        asked = {
            "truncation": "only_second",
            "max_length": preprocess.max_length,
            "return_offsets_mapping": True,
        }
        if not any(pair):  # a tokenizer may mark neither beginning nor end
            pair = (tokenizer.eos_token or tokenizer.unk_token, "")
            asked["split_special_tokens"] = False
        encoded = tokenizer(*pair, **asked)
        tensors = {
            name: torch.tensor(encoded[name])
            for name in tokenizer.model_input_names
            if name in encoded
        }
        in_context = torch.tensor([sequence == 1 for sequence in encoded.sequence_ids(0)])
        offsets = torch.tensor(encoded["offset_mapping"])
        in_context &= offsets[:, 1] > offsets[:, 0]
        tensors["offsets"] = torch.where(in_context[:, None], offsets + start, 0)
        marks = (
            torch.nonzero(tensors["input_ids"] == tokenizer.cls_token_id)
            if tokenizer.cls_token_id is not None
            else []
        )
        tensors["none"] = marks[0, 0] if len(marks) else torch.tensor(0)
        if sample.roles.get("answers") is not None:
            reached = end if len(offsets) < preprocess.max_length else int(tensors["offsets"].max())
            places = answer_tokens(sample, tensors["offsets"].numpy(), (start, reached))
            tensors["target"] = torch.tensor(places or [int(tensors["none"])] * 2)
        return tensors

    def collate(self, encoded: list[dict[str, Tensor]], preprocess: Preprocess) -> Batch:
        extra_names = ("offsets", "none", "target")
        inputs = preprocess.collate(
            [{key: value for key, value in e.items() if key not in extra_names} for e in encoded]
        )
        width = inputs["input_ids"].shape[1]
        pads_left = preprocess.tokenizer.padding_side == "left"
        shifts = torch.tensor([(width - len(e["input_ids"])) * pads_left for e in encoded])
        offsets = torch.zeros(len(encoded), width, 2, dtype=torch.long)
        for row, e, shift in zip(offsets, encoded, shifts, strict=True):
            row[shift : shift + len(e["offsets"])] = e["offsets"]
        extras = {"offsets": offsets, "none": torch.stack([e["none"] for e in encoded]) + shifts}
        targets = targets_of(encoded)
        target = torch.stack(targets) + shifts[:, None] if targets else None
        return Batch(inputs, target, extras=extras, mask=preprocess.mask(inputs))

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The mean cross-entropy of the first and the last token.

        It is over the tokens of the context and the one for no answer.
        """
        offsets, none = batch.extras["offsets"], batch.extras["none"]
        allowed = (offsets[..., 1] > 0).scatter(1, none[:, None], True)
        logits = _logits(output).float().masked_fill(~allowed[..., None], -math.inf)
        return nn.functional.cross_entropy(
            logits.transpose(1, 2).flatten(0, 1), batch.target.flatten()
        )

    def rows(self, output: Output, batch: Batch) -> list[tuple[np.ndarray, float]]:
        """Return the best answers (n, 3) of each piece: first character, last character + 1, score.

        And the score of no answer.
        """
        logits = _logits(output).float().cpu().numpy()
        offsets, none = batch.extras["offsets"].cpu().numpy(), batch.extras["none"].tolist()
        return [
            (best_spans(row, place), float(row[at].sum()))
            for row, place, at in zip(logits, offsets, none, strict=True)
        ]

    def scores(self, rows: Sequence[tuple[np.ndarray, float]], windows: Windows) -> np.ndarray:
        """Join the `AnswerScores` of the windows of each question.

        That is the best answers, and the lowest score of no answer.
        """
        each = zip(windows.samples, windows.by_sample(rows), strict=True)
        return objects(
            [
                join_pieces(sample.roles["context"], [row for _, row in pieces])
                for sample, pieces in each
            ]
        )

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """Return a tuple of the accepted answers for each question, empty if there are none."""
        return objects([tuple(text for text, _ in sample.roles["answers"]) for sample in samples])

    def tune(self, scores: np.ndarray, targets: np.ndarray) -> Self:
        """Return the task with the `threshold` of the highest F1."""
        if self.threshold is None or not len(scores):
            return self
        answered = [
            scored.spans[0] if scored.spans else Span("", 0, 0, -math.inf) for scored in scores
        ]
        gains = [
            answers.overlap(best.text, true) - answers.overlap("", true)
            for best, true in zip(answered, targets, strict=True)
        ]
        lead = [scored.none - best.score for scored, best in zip(scores, answered, strict=True)]
        return replace(self, threshold=best_threshold(np.array(lead), np.array(gains)))

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`, its `start` and `end` in the context, `confidence`, `n_best`.

        No answer is "", from None to None. Confidence is the softmax over the best answers and,
        where it may be predicted, no answer. `n_best` are the five most likely of them, each with
        `text`, `start`, `end`, `confidence`.
        """
        rows = []
        for scored in scores:
            spans, shares = self._rank_answers(scored)
            best = [
                _as_json(span, float(share))
                for span, share in zip(spans[:SHOWN], shares, strict=False)
            ]
            first = best[0]
            rows.append(
                {
                    "prediction": first["text"],
                    **{k: first[k] for k in ("start", "end", "confidence")},
                    "n_best": best,
                }
            )
        return rows

    def _rank_answers(self, scored: AnswerScores) -> tuple[list[Span | None], np.ndarray]:
        """The possible answers, None being no answer, and their probabilities.

        The best one first.
        """
        choices: list[tuple[float, Span | None]] = [(span.score, span) for span in scored.spans]
        if self.threshold is not None:
            choices.append((scored.none - self.threshold, None))
        choices = sorted(choices or [(0.0, None)], key=lambda choice: -choice[0])
        logits = np.array([score for score, _ in choices])
        shares = np.exp(logits - logits[0])
        return [span for _, span in choices], shares / shares.sum()

    def _read_texts(self, scores: np.ndarray) -> np.ndarray:
        best = [self._rank_answers(scored)[0][0] for scored in scores]
        return objects([span.text if span else "" for span in best])

    def answer(self, sample: Sample) -> list[str]:
        """The accepted answers, each once."""
        return list(dict.fromkeys(text for text, _ in sample.roles["answers"]))

    def is_right(self, prediction: str, target: Sequence[str]) -> bool:
        return answers.exact(prediction, target) == 1

    def say(self, value: str | Sequence[str]) -> str:
        return " / ".join([value] if isinstance(value, str) else value) or "no answer"

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        text = f"{sample.roles['question']}\n{sample.roles['context']}"
        return Shown("text", text[:PREVIEW])

    def right_output(self, batch: Batch) -> Output:
        """The tokens (B, T) at which the answers begin and end."""
        both = sure_of(batch.target, batch.inputs["input_ids"].shape[1])
        starts, ends = both.logits.unbind(1)
        return replace(both, raw={"start_logits": starts, "end_logits": ends})

    @property
    def metrics(self) -> dict[str, Metric]:
        return {
            metric.name: metric.with_reader(self._read_texts)
            for metric in (answers.answer_f1, answers.exact_match)
        }

    @property
    def watched(self) -> dict[str, Metric]:
        """The metrics at the threshold that is chosen on these very scores."""

        def tune_metric(metric: Metric) -> Metric:
            def terms(scores: np.ndarray, targets: np.ndarray) -> Terms:
                return self.tune(scores, targets).metrics[metric.name].terms(scores, targets)

            return replace(metric, terms=terms)

        return {name: tune_metric(metric) for name, metric in self.metrics.items()}

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        return (BEST_OVERLAP,) if self.threshold is None else (BEST_OVERLAP, NO_ANSWER)

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)
        colors = ("red", "blue", "green", "pink", "gray", "black", "white")
        things = ("lamp", "box", "cup", "hat", "key", "pen", "coat")

        def sample(split: str, number: int) -> Sample:
            """One of four is long, one of six without an answer."""
            there = rng.permutation(colors)[: 7 if number % 4 == 3 else 2]
            asked = (
                next(c for c in colors if c not in there)
                if number % 6 == 4
                else there[rng.integers(len(there))]
            )
            pairs = zip(there, rng.permutation(things), strict=False)
            context = " ".join(f"the {color} thing is a {thing}." for color, thing in pairs)
            before = f"the {asked} thing is a "
            start = context.find(before) + len(before)
            answer = (
                ((context[start : context.index(".", start)], start),) if before in context else ()
            )
            return Sample(
                f"{split}:{number}",
                {"question": f"what is {asked}?", "context": context, "answers": answer},
            )

        sizes = {"train": 36, "val": 12, "test": 12}
        return Data(
            {split: [sample(split, i) for i in range(n)] for split, n in sizes.items()},
            "tiny questions",
        )


def _logits(output: Output) -> Tensor:
    """Return the logits of each token to be the start and the end of the answer (B, T, 2)."""
    return torch.stack([output.raw["start_logits"], output.raw["end_logits"]], -1)


def _as_json(span: Span | None, share: float) -> dict[str, Any]:
    place = (
        {"text": "", "start": None, "end": None}
        if span is None
        else {"text": span.text, "start": span.start, "end": span.end}
    )
    return {**place, "confidence": share}
