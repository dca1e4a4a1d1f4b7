"""What the heads share that segmentation-models-pytorch has: decoders over networks of timm.

The finished network is one of that library, with its encoder for timm (`tu-NAME`): the weights of
the trunk move over by name. Nothing but the feature maps enters the decoder. The library hands it
the picture too, of which no decoder reads more than its height and width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from graft.backbones.pyramids.pyramid_head import PyramidHead
from graft.base.errors import BackboneError
from graft.base.job import Form

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from graft.backbones.backbone import Backbone
    from graft.base.records import Batch

ENCODER = "tu-"
"""How segmentation-models-pytorch names an encoder of timm: `tu-resnet18`."""


class SegmentationDecoder(PyramidHead):
    """A decoder that gives the class of each pixel, from a network of timm."""

    gives: ClassVar[dict[Form, frozenset[str]]] = {"pyramid": frozenset({"mask"})}
    sits_on: ClassVar[str | None] = "timm"
    saved_by: ClassVar[str | None] = "segmentation-models"
    trunk: ClassVar[str] = "encoder.model"
    paths: ClassVar[tuple[str, ...]] = ("decoder", "segmentation_head")
    architecture: ClassVar[str]
    """Its class in segmentation-models-pytorch."""
    settings: ClassVar[dict[str, Any]] = {}
    """Arguments of that class where they differ from its own."""

    def build(self, trunk: nn.Module, backbone: Backbone, outputs: int) -> nn.Module:
        """Raises BackboneError for a trunk that the library knows otherwise, or cannot dilate."""
        import segmentation_models_pytorch as smp

        about = backbone.architecture["trunk"]
        kind = getattr(smp, self.architecture)
        given = {**self.settings, **about["arguments"]}
        try:
            network = kind(
                f"{ENCODER}{about['name']}", encoder_weights=None, classes=outputs, **given
            )
            network.encoder.model.load_state_dict(trunk.state_dict())
        except (RuntimeError, ValueError, TypeError, AssertionError, KeyError) as error:
            raise BackboneError(
                f"segmentation-models-pytorch cannot make a {self.architecture} of "
                f"{backbone.name}: {error}. Use another head, such as fpn, or a convolutional "
                "network, such as efficientnet-lite0 or timm:resnet50."
            ) from error
        return network

    def rows_of_classes(self, tensor: str, num_rows: int, outputs: int) -> NDArray | None:
        """The last convolution has a row for each class."""
        import numpy as np

        if not tensor.startswith("segmentation_head."):
            return None
        return np.arange(num_rows)[:, None]

    @staticmethod
    def call(network: nn.Module, batch: Batch) -> tuple[Tensor, None]:
        """The logits (B, classes, H, W) of each pixel."""
        (pictures,) = batch.inputs.values()
        blank = pictures.new_zeros(len(pictures), 0, *pictures.shape[2:])
        maps = network.encoder(pictures)[1:]
        with _pooling_without_variance(network.decoder, pictures):
            return network.segmentation_head(network.decoder((blank, *maps))), None


@contextmanager
def _pooling_without_variance(decoder: nn.Module, pictures: Tensor) -> Iterator[None]:
    """Behind DeepLab's global pooling a picture alone has one value a channel, and one value has no
    variance: the norm there takes its running statistics."""
    from segmentation_models_pytorch.decoders.deeplabv3.decoder import ASPPPooling

    from graft.backbones.backbone import evaluating

    with ExitStack() as each:
        for module in decoder.modules() if len(pictures) == 1 else ():
            if isinstance(module, ASPPPooling):
                each.enter_context(evaluating(module))
        yield
