"""Folders on this machine: Graft's own, and those that timm, torchvision and transformers save."""

from __future__ import annotations

from graft.backbones.backbone import Backbone
from graft.backbones.folder import library_of, network_folder, restore_added
from graft.base import files
from graft.base.errors import BackboneError
from graft.base.job import Job


class Local:
    """A saved model as the starting point of another: `local:FOLDER`, or just the folder's path.

    Example: graft fit photos -b local:runs/photos/model
    """

    def names(self) -> list[str]:
        return []

    def paths(self, name: str) -> list[str]:
        return [name]

    def usual_job(self, name: str) -> Job:
        return library_of(name)().usual_job(str(network_folder(files.expand_home(name))))

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        """Raises BackboneError if there is no such folder or no source can read it."""
        library, folder = library_of(name), files.expand_home(name)
        try:
            backbone = library().open(str(network_folder(folder)), job, pretrained)
        except (OSError, ValueError, RuntimeError) as error:
            raise BackboneError(
                f"{library.__name__.lower()} cannot read the model in {name}: {error}"
            ) from error
        backbone.name = f"local:{name}"
        restore_added(backbone, folder, pretrained)
        return backbone

    def tiny(self, job: Job) -> list[str]:
        return []
