"""The contract of a head: what turns the features of a network into what a task asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from graft.base import plugins
from graft.base.errors import BackboneError
from graft.base.job import Form

if TYPE_CHECKING:  # heads are listed without torch, which costs seconds to import
    from torch import nn

    from graft.backbones.backbone import Backbone


class Head:
    """One file in `heads/`, its class without state.

    A source makes a finished network of its library, whose last layers have the outputs that were
    asked for. The head says what these layers give, and makes what the library has no class for.
    """

    gives: ClassVar[dict[Form, frozenset[str]]]
    """What it can give, by the form of the features it sits on: `classes` (one of several, or any
    number of them), `tags` and `spans` (a class, or a beginning and an end, for each token),
    `number`, `text`."""
    library: ClassVar[str | None] = None
    """The source that saves and opens the finished network; None for the one the network is of."""
    pretrained: ClassVar[bool] = False
    """Whether it is the one that the network was pretrained with, so that nothing is fresh."""
    solver: ClassVar[str | None] = None
    """The name of the solver that finds its one linear layer on recorded features, if one does."""

    def attach(self, backbone: Backbone, outputs: int | None) -> Backbone:
        """Return the backbone with this head and so many outputs; it may change the network.

        The paths of the head, the form and the layer groups are those of the new whole. What enters
        the head's first module are the features.
        """
        return backbone

    def detach(self, backbone: Backbone) -> nn.Module:
        """Return the network as its library saves it, made to be attached to again."""
        return backbone.network

    def fresh(self, backbone: Backbone) -> None:
        """Draw its weights from torch's global random state; those of its last layer are small."""
        from torch import nn

        for path in backbone.head:
            for module in backbone.network.get_submodule(path).modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
        last = backbone.network.get_submodule(backbone.head[-1])
        final = [module for module in last.modules() if isinstance(module, nn.Linear)][-1]
        nn.init.normal_(final.weight, std=0.01)
        if final.bias is not None:
            nn.init.zeros_(final.bias)


def check_head(name: str, gives: str, backbone: Backbone) -> None:
    """Raise BackboneError if the head cannot give this on the features of the backbone.

    The message names the heads that can.
    """
    head = plugins.load("head", name)
    if gives in head.gives.get(backbone.form, ()) and head.library in (None, backbone.source):
        return
    forms = [form for form, kinds in head.gives.items() if gives in kinds]
    wanted = f"{' or '.join(forms)} features" + (f" of {head.library}" if head.library else "")
    needs = f"needs {wanted} to give {gives}" if forms else f"does not give {gives}"
    fitting = heads_for(gives, backbone.form, backbone.source)
    raise BackboneError(
        f"The head {name!r} {needs}, but {backbone.name} has {backbone.form} features of "
        f"{backbone.source}. Heads that fit: {', '.join(fitting) or 'none'}. See: graft list heads"
    )


def attach_head(name: str, backbone: Backbone, outputs: int | None) -> Backbone:
    """Return the backbone with the head, which must fit: see `check_head`."""
    head = plugins.load("head", name)()
    return replace(head.attach(backbone, outputs), head_name=name)


def head_of(backbone: Backbone) -> Head:
    """The head of the backbone."""
    return plugins.load("head", backbone.head_name)()


def heads_for(gives: str, form: Form | None = None, source: str | None = None) -> list[str]:
    """Names of the heads that give this: on any features, or on those of one form and source."""

    def fits(head: type[Head]) -> bool:
        forms = [at for at, kinds in head.gives.items() if gives in kinds]
        suits_library = source is None or head.library in (None, source)
        return suits_library and bool(forms if form is None else form in forms)

    return [name for name in plugins.names("head") if fits(plugins.load("head", name))]


def form_for(name: str, gives: str) -> Form:
    """The form of features on which the head gives this; it must be one of `heads_for(gives)`."""
    return next(form for form, kinds in plugins.load("head", name).gives.items() if gives in kinds)
