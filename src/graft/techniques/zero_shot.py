"""A network as it is: what it writes, or the class whose description is most like the text."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch

from graft.backbones.backbone import Backbone, Model, evaluating
from graft.backbones.language import mean_pooling
from graft.base.errors import BadValue
from graft.base.job import READS
from graft.base.ranges import Positive
from graft.base.records import Batch
from graft.tasks.task import Task
from graft.techniques.specs.checks import check_classes
from graft.techniques.technique import Objective, Phase, Technique
from graft.techniques.text.class_words import class_words

ABOUT_CLASSES = ("template", "descriptions", "scale", "threshold")
"""Settings that say nothing where a network keeps its own head."""


@dataclass(frozen=True)
class ZeroShot(Technique):
    """Train nothing: a text gets the class whose description is nearest to it.

    Nearest in the network's embedding space. If the task keeps the network's own head, as those
    whose predictions are texts do, the network is measured as it is.
    Formula: logit_k = scale (cos(f(x), f(d_k)) - threshold), d_k the description of class k: a
    linear head with w_k = scale f(d_k) / (|f(d_k)| |f|), |f| being the same for every text. Of one
    label the threshold cancels out; of several, those whose cosine is above it are predicted, a
    guess that no data have been asked about.
    Source: Chang et al.: Importance of Semantic Representation: Dataless Classification, AAAI 2008;
    as a head, Radford et al.: CLIP, arXiv:2103.00020. The scale is that of training by Reimers and
    Gurevych's sentence-transformers.
    When: no labels yet, and class names that say what they mean; as the mark that training on few
    labels must beat.
    When not: classes that are no matter of topic, or whose names say nothing; as soon as some
    labels a class are there.
    Example: graft compare reviews.csv -t "zero-shot:template=a text on {}" -t lora --shots 16
    """

    template: str = "{}"
    """What is embedded; `{}` stands for the description of the class."""
    descriptions: str = ""
    """`spam=unwanted advertising;ham=a normal message`: what to call a class, by default its name
    in words."""
    scale: Positive = 20.0
    """The factor of the cosine in the logits: the larger, the surer are the probabilities."""
    threshold: float = 0.15
    """The cosine above which a label is predicted where an example may have several."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if "{}" not in self.template:
            raise BadValue(
                f"The 'template' of 'zero-shot' has no {{}} for the class in it. Got "
                f"{self.template!r} instead."
            )

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        if not task.fresh_head:
            self._check_pretext(task)
            return
        check_classes("zero-shot", task)
        self._check_encoder(backbone)
        self.texts(task.classes)

    def _check_encoder(self, backbone: Backbone) -> None:
        """Raise BadValue for a network that embeds no texts, and say what to use instead."""
        reads = backbone.preprocess.reads
        if reads != "text":
            raise BadValue(
                f"'zero-shot' compares texts with the names of classes, and {backbone.name} reads "
                f"{READS[reads]}. Use 'nearest-prototypes', which needs one label of each class."
            )
        if not mean_pooling.is_installed(backbone.network) or backbone.linear is None:
            raise BadValue(
                f"'zero-shot' compares texts as sentence encoders embed them, and {backbone.name} "
                "is none. Use minilm-l6 or another BERT of sentence-transformers, or the technique "
                "'label-words' with a decoder."
            )

    def _check_pretext(self, task: Task) -> None:
        """Raise BadValue for settings about classes if the task has none."""
        changed = [
            field.name
            for field in fields(self)
            if field.name in ABOUT_CLASSES and getattr(self, field.name) != field.default
        ]
        if changed:
            raise BadValue(
                f"{changed[0]!r} of 'zero-shot' is about classes, "
                f"and {task.name} has none. Leave it out."
            )

    def texts(self, classes: tuple[str, ...]) -> list[str]:
        """Return the texts of each class.

        Raises BadValue for descriptions of others, and for names that are numbers.
        """
        words = class_words("zero-shot", "descriptions", self.descriptions, classes)
        return [self.template.replace("{}", each) for each in words]

    def objective(self, model: Model, task: Task) -> Objective:
        """Writes the head; raises BadValue where `check` does."""
        self.check(model.backbone, task)
        if not task.fresh_head:
            return Objective(model, task)
        preprocess, head = model.backbone.preprocess, model.backbone.linear
        inputs = preprocess.collate([preprocess(text, None) for text in self.texts(task.classes)])
        batch = Batch(inputs, mask=preprocess.mask(inputs))
        with torch.no_grad(), evaluating(model):
            features = model(batch.to(head.weight.device)).features
            # The same for all standardized features.
            length = features.norm(dim=1, keepdim=True)
            head.weight.copy_(self.scale * features / length / length.mean())
            head.bias.fill_(-self.scale * self.threshold)
        return Objective(model, task)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return []
