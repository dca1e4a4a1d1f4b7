"""The source task: what a network was pretrained on, as far as its pretrained head can say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from graft.backbones.backbone import Backbone, Model
from graft.backbones.beside import under_own_head
from graft.backbones.known_classes import find_class, number_classes
from graft.base import plugins
from graft.base.errors import BackboneError, DataError
from graft.base.job import Job
from graft.base.records import Sample
from graft.data.data import Data
from graft.metrics.language import perplexity
from graft.metrics.metric import Metric
from graft.tasks.pretexts.masked_tokens import MaskedTokens, chosen_nats
from graft.tasks.pretexts.next_tokens import NextTokens
from graft.tasks.pretexts.pretext import Pretext

NAMES = {
    "image": "image-classification",
    "text": "language modeling",
    "audio": "automatic-speech-recognition",
}
"""What networks were pretrained on, by what they read."""


@dataclass(frozen=True)
class SourceTask:
    """A network under the head that it was pretrained with, and what this head learned."""

    model: Model
    """It shares the trunk of the network that is adapted."""
    pretext: Pretext
    metric: Metric
    """What says how well the head still does."""

    def choose_known(self, samples: Sequence[Sample], path: str) -> list[Sample]:
        """Return the samples of `path` whose classes the head knows, as it calls them.

        Texts and sounds have no classes, and are all known. Raises DataError if none is known.
        """
        known = self.model.backbone.known
        if self.model.backbone.preprocess.reads != "image":
            return list(samples)
        numbers, classes = number_classes(known), unique_names(known)
        pairs = [(sample, find_class(str(sample.roles["label"]), numbers)) for sample in samples]
        kept = [
            Sample(sample.id, {"image": sample.roles["image"], "label": classes[number]})
            for sample, number in pairs
            if number is not None
        ]
        if not kept:
            labels = sorted({str(sample.roles["label"]) for sample in samples})
            raise DataError(
                f"None of the classes of {path}, as {', '.join(map(repr, labels[:3]))}, is one "
                f"that {self.model.backbone.name} was pretrained on, as "
                f"{', '.join(map(repr, known[:2]))}. Name class folders or labels as the network's "
                "classes, or by their WordNet ids."
            )
        return kept


def open_source_task(backbone: Backbone, samples: Sequence[Sample]) -> SourceTask:
    """Return the task that a network was pretrained on, around the trunk of `backbone`.

    Of sounds the `samples` say how transcripts are written; other tasks do not read them. Raises
    BackboneError if its pretrained head is not known.
    """
    reads = backbone.preprocess.reads
    if reads == "audio":
        return _of_sounds(backbone, samples)
    return _of_images(backbone) if reads == "image" else _of_texts(backbone)


def _of_images(backbone: Backbone) -> SourceTask:
    whole = under_own_head(backbone, Job(NAMES["image"], "image", "vector"))
    if not whole.known:
        raise BackboneError(
            f"{backbone.name} does not say what the classes of its pretrained head are called. "
            "Use a network of timm or torchvision."
        )
    task = plugins.load("task", NAMES["image"])(unique_names(whole.known))
    return SourceTask(Model(whole, False), task, task.metrics["accuracy"])


def _of_texts(backbone: Backbone) -> SourceTask:
    if backbone.preprocess.decoder_start is not None:
        raise BackboneError(
            f"{backbone.name} is an encoder with a decoder, and it is not known what both were "
            "pretrained on together. Use an encoder or a decoder alone."
        )
    masks = backbone.preprocess.tokenizer.mask_token_id is not None
    if not masks and backbone.head_name == "own" and backbone.form in ("causal", "seq2seq"):
        return SourceTask(Model(backbone, False), NextTokens(), perplexity)
    form = "masked" if masks else "causal"
    whole = under_own_head(backbone, Job(f"{form} language modeling", "text", form))
    if masks:
        called = replace(whole, call=chosen_nats(whole.head[0]))
        return SourceTask(Model(called, False), MaskedTokens(), perplexity)
    return SourceTask(Model(whole, False), NextTokens(), perplexity)


def _of_sounds(backbone: Backbone, samples: Sequence[Sample]) -> SourceTask:
    task = plugins.load("task", NAMES["audio"]).from_data(Data({"train": list(samples)}))
    if backbone.form != "seq2seq":  # as of a classifier of sounds
        job = Job(task.name, "audio", "seq2seq")
        backbone = task.with_head(under_own_head(backbone, job))
    return SourceTask(Model(backbone, False), task, next(iter(task.metrics.values())))


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names; those of several classes, as `crane`, with the number of each."""
    uses = Counter(names)
    return tuple(f"{name} ({n})" if uses[name] > 1 else name for n, name in enumerate(names))
