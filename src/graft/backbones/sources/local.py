"""Folders on this machine: Graft's own, and those that timm, torchvision and transformers save."""

from __future__ import annotations

from pathlib import Path

from graft.backbones.backbone import Backbone
from graft.backbones.folder import library_of
from graft.base.errors import BackboneError


class Local:
    """A saved model as the starting point of another: `local:FOLDER`, or just the folder's path."""

    def names(self) -> list[str]:
        return []

    def load(self, name: str, task: str, classes: int | None, pretrained: bool) -> Backbone:
        """Raises BackboneError where there is no such folder or no source can read it."""
        library = library_of(name)
        try:
            backbone = library().open(str(Path(name).expanduser()), task, classes, pretrained)
        except (OSError, ValueError, RuntimeError) as error:
            raise BackboneError(
                f"{library.__name__.lower()} cannot read the model in {name}: {error}"
            ) from error
        backbone.name = f"local:{name}"
        return backbone

    def tiny(self, task: str) -> list[str]:
        return []
