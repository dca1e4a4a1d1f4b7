"""Which outputs of a trunk are its pyramid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from graft.base.errors import BackboneError

STRIDES = (2, 4, 8, 16, 32)
"""The levels that heads read, by how many pixels of the input are one of the map."""
NEEDED = STRIDES[1:]
"""Those that every trunk must have."""

Maps = Sequence[Tensor] | Mapping[str, Tensor]
"""What trunks of the libraries return: maps in a row, or by name."""


@dataclass(frozen=True)
class Levels:
    """The levels of a pyramid, the finest first, and where they are in what the trunk returns."""

    places: tuple[int, ...]
    strides: tuple[int, ...]
    channels: tuple[int, ...]
    channels_last: bool = False
    """Whether the trunk returns maps (B, H, W, C), as Swin does."""

    @classmethod
    def of(cls, maps: Maps, side: int, name: str, channels_last: bool = False) -> Levels:
        """Find the levels in what a trunk makes of pictures that are `side` pixels wide.

        Of several maps with one stride the last is taken. Raises BackboneError for a trunk without
        the levels that are needed.
        """
        shapes = [_channels_first(each, channels_last).shape for each in _in_order(maps)]
        last = {side / shape[-1]: place for place, shape in enumerate(shapes) if len(shape) == 4}
        strides = tuple(stride for stride in STRIDES if stride in last)
        if not set(NEEDED) <= set(strides):
            has = ", ".join(f"{stride:g}" for stride in sorted(last)) or "none"
            raise BackboneError(
                f"{name} has no feature maps at 1/4, 1/8, 1/16 and 1/32 of the picture, which "
                f"detection and segmentation need (strides of its maps: {has}). Use a "
                "convolutional or hierarchical network: efficientnet-lite0, timm:resnet50, "
                "timm:convnext_tiny, timm:swin_tiny_patch4_window7_224."
            )
        places = tuple(last[stride] for stride in strides)
        return cls(places, strides, tuple(shapes[place][1] for place in places), channels_last)

    def read(self, maps: Maps) -> tuple[Tensor, ...]:
        """The levels (B, C, H, W) in what the trunk returned, the finest first."""
        row = _in_order(maps)
        return tuple(_channels_first(row[place], self.channels_last) for place in self.places)

    def at(self, strides: Sequence[int]) -> Levels:
        """Only the levels with these strides."""
        kept = [number for number, stride in enumerate(self.strides) if stride in strides]
        places, strides, channels = (
            tuple(values[number] for number in kept)
            for values in (self.places, self.strides, self.channels)
        )
        return Levels(places, strides, channels, self.channels_last)


def _in_order(maps: Maps) -> Sequence[Tensor]:
    return list(maps.values()) if isinstance(maps, Mapping) else maps


def _channels_first(tensor: Tensor, channels_last: bool) -> Tensor:
    return tensor.permute(0, 3, 1, 2) if channels_last and tensor.dim() == 4 else tensor
