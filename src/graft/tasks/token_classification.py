"""Token classification: named entities, parts of speech, chunks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.errors import DataError
from graft.base.evidence import Details, Shown, Table
from graft.base.job import Form
from graft.base.records import Batch, Output, Sample, Windows, targets_of
from graft.base.tags import OUTSIDE, scheme_of, spans, to_bio
from graft.data.data import Data
from graft.data.kinds.text.spans import words
from graft.metrics import entities
from graft.metrics.classification import RANK, columns
from graft.metrics.metric import Metric
from graft.tasks.classes.sure import sure_of
from graft.tasks.task import PREVIEW, Task, objects
from graft.tasks.text.words import NOWHERE, part, positions, spans_of_windows, text_of, words_of

IGNORED = -100
"""The target of a token without a loss: special tokens, padding, the later tokens of a word."""


@dataclass(frozen=True)
class TokenClassification(Task):
    """Say what each word of a text is: part of the name of a person or place, or any other tag.

    Tags in IOB1, BIO or BIOES are entities, learned as BIO; all others are classes of words. The
    first token of a word carries its tag, as Devlin et al. have it (arXiv:1810.04805, section 5.3),
    and tells it; with `subwords=all` the others are learned too, as the inside of what the first
    begins. Longer texts than the network reads are cut between words into windows that overlap; a
    word is told by the window in which most words stand around it.
    Baseline: the tag that each word has most often in training.
    Example: graft fit conll2003 --task token-classification:subwords=all
    """

    name: ClassVar[str] = "token-classification"
    reads: ClassVar[str] = "text"
    roles: ClassVar[frozenset[str]] = frozenset({"tokens", "tags"})
    target_role: ClassVar[str] = "tags"
    gives: ClassVar[str] = "tags"
    heads: ClassVar[dict[Form, str]] = {"sequence": "linear"}

    options: ClassVar[tuple[str, ...]] = ("subwords",)

    scheme: str = "plain"
    """The scheme of the tags in the data: `iob1`, `bio`, `bioes`, or `plain` where they are no
    entities."""
    subwords: Literal["first", "all"] = "first"
    """Which tokens of a word are learned: the first, which carries its tag, or the others as well,
    as the inside of what the first begins."""

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Raises DataError if there are fewer than two tags."""
        sequences = [
            s.roles["tags"]
            for split in data.splits.values()
            for s in split
            if s.roles.get("tags") is not None
        ]
        scheme = scheme_of(sequences)
        known = {tag for tags in sequences for tag in tags}
        if scheme == "plain":
            classes = tuple(sorted(known))
        else:
            types = sorted({tag.partition("-")[2] for tag in known if tag != OUTSIDE})
            classes = (OUTSIDE, *(f"{mark}-{kind}" for kind in types for mark in "BI"))
        if len(classes) < 2:
            raise DataError(
                f"All words of {data.path or 'the data'} have the "
                f"tag {', '.join(known)}; there is nothing to learn."
            )
        return cls(classes, scheme)

    def without_target(self, sample: Sample) -> Sample:
        """Split a running text into words and punctuation."""
        if "tokens" in sample.roles or "text" not in sample.roles:
            return super().without_target(sample)
        text = sample.roles["text"]
        offsets = words(text)
        tokens = tuple(text[start:end] for start, end in offsets)
        return Sample(sample.id, {"text": text, "offsets": offsets, "tokens": tokens})

    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows:
        """Texts of more tokens than the network reads, in parts.

        Each shares a quarter of its tokens with the next.
        """
        windows = Windows.of(samples, lambda sample: self._pieces(sample, preprocess))
        return Windows(samples) if len(windows.pieces) == len(samples) else windows

    def _pieces(self, sample: Sample, preprocess: Preprocess) -> list[Sample]:
        text = text_of(sample)
        room = preprocess.max_length - preprocess.tokenizer.num_special_tokens_to_add()
        if len(text.text.encode()) <= room:  # no token is shorter than a byte
            return [sample]
        tokens = preprocess.tokenizer(
            text.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        count = len(tokens["input_ids"])
        if count <= room:
            return [sample]
        first = positions(text, tokens["offset_mapping"])
        first = np.maximum.accumulate(np.where(first == NOWHERE, 0, first))
        return [
            part(sample, *span, ("tokens", "tags"))
            for span in spans_of_windows(first, count, room, room // 4)
        ]

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        return sum(map(len, piece.roles["tokens"])) + len(piece.roles["tokens"])

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        text = text_of(sample)
        encoded = preprocess.tokenize(text.text, return_offsets_mapping=True)
        first = torch.from_numpy(positions(text, encoded["offset_mapping"]))
        tensors = {
            name: torch.tensor(encoded[name])
            for name in preprocess.tokenizer.model_input_names
            if name in encoded
        }
        tensors["first"] = first
        if sample.roles.get("tags") is not None:
            target, numbers = torch.full_like(tensors["input_ids"], IGNORED), self._numbers(sample)
            if self.subwords == "all":
                of = torch.from_numpy(words_of(text, encoded["offset_mapping"]))
                target[of >= 0] = self._inside[numbers[of[of >= 0]]]
            target[first[first >= 0]] = numbers[first >= 0]
            tensors["target"] = target
        return tensors

    @property
    def _inside(self) -> Tensor:
        """The class (K,) of a word's later tokens by that of its first: `I-PER` of `B-PER`."""
        number = {name: i for i, name in enumerate(self.classes)}
        later = [
            name.replace("B-", "I-", 1) if self._has_entities and name.startswith("B-") else name
            for name in self.classes
        ]
        return torch.tensor([number[name] for name in later])

    def collate(self, encoded: list[dict[str, Tensor]], preprocess: Preprocess) -> Batch:
        """Shift the first tokens of words by the padding on the left."""
        inputs = preprocess.collate(
            [{k: v for k, v in e.items() if k not in ("first", "target")} for e in encoded]
        )
        width = inputs["input_ids"].shape[1]
        pads_left = preprocess.tokenizer.padding_side == "left"
        shifts = [(width - len(e["input_ids"])) * pads_left for e in encoded]
        words = max(len(e["first"]) for e in encoded)
        first = torch.full((len(encoded), words), NOWHERE)
        targets = targets_of(encoded)
        target = torch.full((len(encoded), width), IGNORED)
        for row, (one, shift) in enumerate(zip(encoded, shifts, strict=True)):
            first[row, : len(one["first"])] = torch.where(
                one["first"] == NOWHERE, NOWHERE, one["first"] + shift
            )
            if "target" in one:
                target[row, shift : shift + len(one["target"])] = one["target"]
        return Batch(
            inputs,
            target if targets else None,
            extras={"first": first},
            mask=preprocess.mask(inputs),
        )

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The mean cross-entropy of the tokens that are learned from.

        0 where there is none, of a batch of empty texts.
        """
        logits, target = output.logits.float().flatten(0, 1), batch.target.flatten()
        total = nn.functional.cross_entropy(logits, target, ignore_index=IGNORED, reduction="sum")
        return total / self.loss_weight(batch)

    def loss_weight(self, batch: Batch) -> Tensor:
        """One for each token that is learned from."""
        return (batch.target != IGNORED).sum().clamp(min=1)

    def amount(self, sample: Sample) -> float:
        """The words, each of which has a token that is learned from."""
        return float(len(sample.roles["tokens"]))

    def unknown_target(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Return the target of a text whose tags are not known: no token is learned from."""
        return torch.full_like(tensors["input_ids"], IGNORED)

    def rows(self, output: Output, batch: Batch) -> list[np.ndarray]:
        """Probabilities (W, K) of the words of each piece.

        Those of a word without a token are nan.
        """
        probabilities = output.logits.float().softmax(-1).cpu().numpy()
        first = batch.extras["first"].cpu().numpy()
        rows = []
        for each, places in zip(probabilities, first, strict=True):
            words = each[places]
            words[places == NOWHERE] = np.nan
            rows.append(words)
        return rows

    def scores(self, rows: Sequence[np.ndarray], windows: Windows) -> np.ndarray:
        """Return the probabilities (W, K) of the words of each text, NaN without a token."""
        return objects([self._join_pieces(parts) for parts in windows.by_sample(rows)])

    def _join_pieces(self, parts: list[tuple[Sample, np.ndarray]]) -> np.ndarray:
        spans = [piece.roles.get("window", (0, len(piece.roles["tokens"]))) for piece, _ in parts]
        joined = np.full((spans[-1][1], len(self.classes)), np.nan, dtype=np.float32)
        around = np.full(len(joined), -1)
        for (start, end), (_, row) in zip(spans, parts, strict=True):
            places = np.arange(start, end)
            context = np.minimum(places - start, end - 1 - places)
            better = places[context > around[places]]
            joined[better], around[better] = row[better - start], context[better - start]
        return joined

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """Return the tags of each text, those of entities in BIO."""
        return objects([self._tags(sample) for sample in samples])

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`: the entities, each with `type`, `text`, `start` and `end` in the text.

        Or the tag of each word.
        `confidence` is that of the least certain word; `tags` are the tags of all words.
        """
        rows = []
        for each, sample in zip(scores, samples, strict=True):
            tags = self._best_tags(each)
            sure = float(np.nanmin(each.max(1), initial=1.0))
            rows.append(
                {
                    "prediction": self._to_entities(tags, sample),
                    "confidence": sure,
                    "tags": list(tags),
                }
            )
        return rows

    def answer(self, sample: Sample) -> list[Any]:
        return self._to_entities(self._tags(sample), sample)

    def say(self, value: Sequence[Any]) -> str:
        return (
            ", ".join(
                one if isinstance(one, str) else f"{one['text']} [{one['type']}]" for one in value
            )
            or "no entity"
        )

    def details(self, scores: np.ndarray, targets: np.ndarray) -> Details:
        """Precision, recall and F1 of each type of entity."""
        if not self._has_entities:
            return Details()
        rows = entities.per_type(self._all_best_tags(scores), targets)
        if not rows:
            return Details()
        return Details(Table(("type", "types"), columns("entities"), rows, RANK))

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        return Shown("text", text_of(sample).text[:PREVIEW])

    def right_output(self, batch: Batch) -> Output:
        return sure_of(batch.target, len(self.classes))

    @property
    def metrics(self) -> dict[str, Metric]:
        measures = (entities.token_accuracy,)
        if self._has_entities:
            measures = (
                entities.entity_f1,
                entities.entity_precision,
                entities.entity_recall,
                *measures,
            )
        return {metric.name: metric.with_reader(self._all_best_tags) for metric in measures}

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        words = "the most frequent tag of each word"
        return (Baseline("most-frequent-tag", words, self._most_frequent),)

    def _most_frequent(self, train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
        """Each word gets the shares of its tags in training.

        A word that is not there, those of all words seen once.
        """
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for sample in train:
            for word, tag in zip(sample.roles["tokens"], self._tags(sample), strict=True):
                counts[word][tag] += 1
        once = sum((tags for tags in counts.values() if tags.total() == 1), Counter())
        fallback = once or sum(counts.values(), Counter())

        def shares(words: Sequence[str]) -> np.ndarray:
            by_word = [counts.get(word, fallback) for word in words]
            rows = [[tags[name] / tags.total() for name in self.classes] for tags in by_word]
            return np.array(rows, dtype=np.float32).reshape(len(words), len(self.classes))

        return objects([shares(sample.roles["tokens"]) for sample in test])

    @property
    def _has_entities(self) -> bool:
        return self.scheme != "plain"

    def _tags(self, sample: Sample) -> tuple[str, ...]:
        tags = sample.roles["tags"]
        bio = tuple(to_bio(tags, self.scheme)) if self._has_entities else tuple(tags)
        unknown = sorted(set(bio) - set(self.classes))
        if unknown:
            raise DataError(
                f"{sample.id}: the tag {unknown[0]!r} is none of those in training: "
                f"{', '.join(self.classes)}."
            )
        return bio

    def _numbers(self, sample: Sample) -> Tensor:
        number = {name: i for i, name in enumerate(self.classes)}
        return torch.tensor([number[tag] for tag in self._tags(sample)], dtype=torch.long)

    def _best_tags(self, scores: np.ndarray) -> tuple[str, ...]:
        """Return the most probable tag of each word.

        A word without a token is outside, or of the first class.
        """
        return tuple(self.classes[i] for i in np.nan_to_num(scores, nan=0.0).argmax(1))

    def _all_best_tags(self, scores: np.ndarray) -> np.ndarray:
        return objects([self._best_tags(each) for each in scores])

    def _to_entities(self, tags: Sequence[str], sample: Sample) -> list[Any]:
        if not self._has_entities:
            return list(tags)
        text = text_of(sample)
        entities = []
        for kind, first, last in spans(tags, "bio"):
            start, end = text.offsets[first][0], text.offsets[last - 1][1]
            entities.append(
                {"type": kind, "text": text.text[start:end], "start": start, "end": end}
            )
        return entities

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)
        names = {"PER": ("ada", "bob", "eve"), "LOC": ("rome", "oslo", "lima")}

        def sample(split: str, number: int) -> Sample:
            person, place = (names[kind][rng.integers(3)] for kind in ("PER", "LOC"))
            middle = ("is in", "went to", "likes")[rng.integers(3)].split()
            tokens = (person, *middle, place, ".")
            return Sample(
                f"{split}:{number}",
                {"tokens": tokens, "tags": ("B-PER", *["O"] * len(middle), "B-LOC", "O")},
            )

        sizes = {"train": 24, "val": 8, "test": 12}
        return Data(
            {split: [sample(split, i) for i in range(n)] for split, n in sizes.items()},
            "tiny names",
        )
