"""What the heads on a pyramid share that transformers has: the network and its size.

Both are of the family of DETR: a fixed number of queries each find one object or none, chosen in
training by the cheapest pairing of queries and objects. The network is that of transformers, with a
trunk of timm where it expects one, so that `from_pretrained` opens what `save_pretrained` wrote.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from graft.backbones.pyramids.detector_head import DetectorHead

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from graft.backbones.backbone import Backbone
    from graft.base.records import Batch
    from graft.base.trees import Tree

CLASS_LAYERS = ("class_embed.", "enc_score_head.", "denoising_class_embed.")
STRIDES = (8, 16, 32)
WIDTH, FEED_FORWARD, DECODER_LAYERS = 128, 512, 3
"""Those of the smallest published D-FINE: a head of about the size of a small trunk."""
PRIOR = 0.01
"""The probability of each class with which a new head begins, everywhere."""
QUERIES = 100
"""The objects that are found at most in a picture; published networks, for COCO, have 300."""


class TransformersDetector(DetectorHead):
    """A detector of the DETR family, as transformers has it, over a trunk of timm."""

    sits_on: ClassVar[str | None] = "timm"
    saved_by: ClassVar[str | None] = "transformers"
    trunk: ClassVar[str] = "model.backbone.model._backbone"
    paths: ClassVar[tuple[str, ...]] = (
        "model.backbone.pyramid",
        "model.encoder_input_proj",
        "model.encoder",
        "model.decoder_input_proj",
        "model.denoising_class_embed",
        "model.enc_output",
        "model.enc_score_head",
        "model.enc_bbox_head",
        "model.decoder",
        "class_embed",
        "bbox_embed",
    )

    @staticmethod
    @abstractmethod
    def create(**settings: Any) -> nn.Module:
        """The network of transformers by the settings of its config."""

    def build(self, trunk: nn.Module, backbone: Backbone, outputs: int) -> nn.Module:
        """Raises BackboneError for a trunk that transformers does not build as it is."""
        from transformers import TimmBackboneConfig

        from graft.backbones.pyramids.transformers_network import (
            TrunkLevels,
            name_in_timm,
            start_norms_at_one,
        )

        levels = backbone.levels.at(STRIDES)
        name = name_in_timm(trunk, levels)
        width, height = backbone.preprocess.size
        locations = sum((width // stride) * (height // stride) for stride in STRIDES)
        config = TimmBackboneConfig(backbone=name, out_indices=list(levels.places))
        if hasattr(config, "use_pretrained_backbone"):
            config.use_pretrained_backbone = False  # transformers 5.0 would fetch weights
        network = self.create(
            backbone_config=config,
            # Norms that never change would leave a network that is trained from scratch without
            # any: freezing those of a pretrained trunk is for the technique to decide.
            freeze_backbone_batch_norms=False,
            encoder_in_channels=list(levels.channels),
            encoder_hidden_dim=WIDTH,
            encoder_ffn_dim=FEED_FORWARD,
            d_model=WIDTH,
            decoder_in_channels=[WIDTH] * len(STRIDES),
            decoder_ffn_dim=FEED_FORWARD,
            decoder_layers=DECODER_LAYERS,
            num_queries=min(QUERIES, locations),
            num_labels=outputs,
            # That of the original code. What transformers takes, 1 / (C + 1), has a new head of a
            # few classes see objects everywhere.
            initializer_bias_prior_prob=PRIOR,
        )
        network.model.backbone = TrunkLevels(trunk, levels)
        start_norms_at_one(network, network.model.backbone)
        return network

    def rows_of_classes(self, tensor: str, num_rows: int, outputs: int) -> NDArray | None:
        """Each class has a row; the one behind them is of no class, for denoising."""
        import numpy as np

        if not any(part in tensor for part in CLASS_LAYERS):
            return None
        return np.arange(outputs)[:, None]

    @staticmethod
    def call(network: nn.Module, batch: Batch) -> tuple[Tree, dict[str, Tensor] | None]:
        """Losses where the batch has targets; detections but for a training step."""
        from graft.backbones.pyramids.transformers_network import run

        return run(network, batch)
