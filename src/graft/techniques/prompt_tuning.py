"""Learned tokens that a transformer reads before those of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.adapters import added
from graft.backbones.backbone import Backbone, Model
from graft.backbones.language.positions import count_positions
from graft.base.errors import BadValue
from graft.base.ranges import Count
from graft.tasks.task import Task
from graft.techniques.adapters.blocks import reads_more_tokens
from graft.techniques.adapters.lasting import LastingTechnique


@dataclass(frozen=True)
class PromptTuning(LastingTechnique):
    """Freeze a transformer and train tokens that it reads before those of a text, and the head.

    They stay in the network: `model/base` is the network of its library, `model/added.safetensors`
    the tokens, and Graft opens both together. They begin as embeddings of words that are drawn from
    the vocabulary. Their states are taken away after the last layer, so that a head, or a decoder
    behind an encoder, reads those of the text. All layers run at every epoch.

    Formula: f([P, E(x)]), E(x) the embeddings of the tokens of a text; P and the head train.
    Source: Lester et al.: The Power of Scale for Parameter-Efficient Prompt Tuning,
    arXiv:2104.08691.
    When: very many tasks on one large language model, each of some thousand numbers.
    When not: networks of less than a billion parameters, where it stays behind the other adapters;
    a model that its library must open without Graft: use lora, which is merged.
    Example: graft fit reviews.csv -t prompt-tuning:tokens=20
    """

    kind: ClassVar[str] = "input-tokens"
    rate: ClassVar[float] = 300.0

    tokens: Count = 10
    """The learned tokens, which take as many positions: more of them train more parameters and take
    longer."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue for another network, too few positions, or texts in packs."""
        super().check(backbone, task)
        if getattr(task, "packed", False):
            raise BadValue(
                "'prompt-tuning' puts its tokens before one text, and packed=true reads several in "
                "a sequence. Leave out packed=true, or use 'prefix-tuning'."
            )
        self._check_positions(backbone)
        if not reads_more_tokens(backbone, self.leave(backbone)):
            raise _no_text_network(backbone)

    def layers(self, model: Model) -> dict[str, dict[str, int]]:
        return {_find_stack(model.backbone): {"tokens": self.tokens}}

    def _check_positions(self, backbone: Backbone) -> None:
        positions, length = count_positions(backbone.network.config), backbone.preprocess.max_length
        taken = added.count_prompts(backbone)
        if positions is None or length + taken + self.tokens <= positions:
            return
        room = positions - length - taken
        fewer = f"at most tokens={room}, or 'prefix-tuning'" if room > 0 else "'prefix-tuning'"
        raise BadValue(
            f"tokens={self.tokens:,} of 'prompt-tuning' and texts of up to {length:,} tokens take "
            f"more than the {positions:,} positions of {backbone.name}. Use {fewer}, which takes "
            "none."
        )


def _find_stack(backbone: Backbone) -> str:
    """The path of the network of transformers that reads a text, without its head.

    Of an encoder with a decoder, that of the encoder. Raises BadValue if there is none.
    """
    network = backbone.network
    config = getattr(network, "config", None)
    if backbone.preprocess.reads == "text" and hasattr(config, "is_encoder_decoder"):
        stack = network.get_encoder() if config.is_encoder_decoder else network.base_model
        for path, module in network.named_modules():
            if path and module is stack:
                return path
    raise _no_text_network(backbone)


def _no_text_network(backbone: Backbone) -> BadValue:
    return BadValue(
        f"'prompt-tuning' found no transformer in {backbone.name} that reads texts and takes more "
        "tokens. Use 'lora', which adapts linear layers and convolutions."
    )
