"""The contract of a head: the last layers, which turn features into the output of a task."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from graft.base import plugins
from graft.base.errors import BackboneError, BadValue, UnknownName
from graft.base.job import Form

if TYPE_CHECKING:  # heads are listed without torch, which costs seconds to import
    from torch import Tensor, nn

    from graft.backbones.backbone import Backbone


class Head:
    """The last layers of a network; one file in `heads/`, its class without state.

    A source opens a network of its library with last layers of the requested size. The head says
    what these layers predict, and adds layers for which the library has no class.
    """

    gives: ClassVar[dict[Form, frozenset[str]]]
    """What it can predict, by the form of the features that it reads: `classes` (one of several, or
    any number of them), `tags` and `spans` (a class, or a start and an end, for each token),
    `number`, `parts` (the outputs of several tasks), `text`, `tokens`, `boxes` (objects in a
    picture), `mask` (a class for each pixel)."""
    reads: ClassVar[frozenset[str]] = frozenset({"image", "text", "audio"})
    """What the networks read on which it sits."""
    sits_on: ClassVar[str | None] = None
    """The source whose networks it sits on; None: any."""
    saved_by: ClassVar[str | None] = None
    """The source that saves and opens the finished network; None: the source of the network."""
    pretrained: ClassVar[bool] = False
    """Whether it is the head that the network was pretrained with, so that no weight is new."""
    probe_rate: ClassVar[float] = 3e-3
    """The learning rate at which it is trained alone, unless it is a network of its own."""
    solvers: ClassVar[tuple[str, ...]] = ()
    """The solvers of its one linear layer on recorded features, files in `training/solvers/`: the
    first that solves the objective is taken. Without one the layer is trained."""

    def attach(self, backbone: Backbone, outputs: int | None) -> Backbone:
        """Return the backbone with this head of `outputs` outputs; it may change the network.

        Set the paths of the head, the form and the layer groups of the new network. The input of
        the first module of the head is the features.
        """
        return backbone

    def detach(self, backbone: Backbone) -> nn.Module:
        """Return the network as its library saves it, so that `attach` finds it as it was."""
        return backbone.network

    def additions(self, backbone: Backbone) -> dict[str, Tensor]:
        """Return the tensors, by their names in the network, that its library has no place for.

        They are saved beside what `detach` returns, and loaded after `attach`.
        """
        return {}

    def initialize(self, backbone: Backbone) -> None:
        """Draw new weights from torch's global random state, small ones for the last layer."""
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


def check_gives(name: str, gives: str, reads: str, owner: str) -> None:
    """Raise UnknownName for a head that there is not, and BadValue for one that cannot give this.

    `reads` is what the network reads, `owner` what the head is asked for, in messages.
    """
    fitting, see = heads_for(gives, reads=reads), "graft list heads"
    if name not in plugins.names("head"):
        raise UnknownName.of(f"head of {owner}:", name, fitting, see=see)
    if name not in fitting:
        raise BadValue(
            f"The 'head' of {owner} must give {gives}, as {', '.join(fitting)} "
            f"{'does' if len(fitting) == 1 else 'do'}. Got {name!r} instead. See: {see}"
        )


def check_head(name: str, gives: str, backbone: Backbone) -> None:
    """Raise BackboneError if the head cannot predict this from the features of the backbone.

    The message names the heads that can.
    """
    head, source = plugins.load("head", name), backbone.trunk_source
    if gives in head.gives.get(backbone.form, ()) and head.sits_on in (None, source):
        return
    forms = [form for form, kinds in head.gives.items() if gives in kinds]
    wanted = f"{' or '.join(forms)} features" + (f" of {head.sits_on}" if head.sits_on else "")
    needs = f"needs {wanted} to give {gives}" if forms else f"does not give {gives}"
    fitting = heads_for(gives, backbone.form, source)
    raise BackboneError(
        f"The head {name!r} {needs}, but {backbone.name} has {backbone.form} features of "
        f"{source}. Heads that fit: {', '.join(fitting) or 'none'}. See: graft list heads"
    )


def attach_head(name: str, backbone: Backbone, outputs: int | None) -> Backbone:
    """Return the backbone with the head; `check_head` must have passed.

    A network that was opened with this head keeps it.
    """
    if backbone.head_name == name:
        return backbone
    head = plugins.load("head", name)()
    source = head.saved_by or backbone.source
    return replace(head.attach(backbone, outputs), head_name=name, source=source)


def check_finished(gives: str, backbone: Backbone) -> None:
    """Raise BackboneError if a finished network has a head that predicts something else.

    What a pretrained head gives, the source of the network has checked.
    """
    head = plugins.load("head", backbone.head_name)
    if not head.pretrained and not any(gives in kinds for kinds in head.gives.values()):
        raise BackboneError(
            f"{backbone.name} ends in the head {backbone.head_name!r}, which does not give "
            f"{gives}. Start from a network that does, or leave out head=own: its trunk then gets "
            "a new head."
        )


def head_of(backbone: Backbone) -> Head:
    """Return the head of the backbone."""
    return plugins.load("head", backbone.head_name)()


def heads_for(
    gives: str, wanted: Form | None = None, source: str | None = None, reads: str | None = None
) -> list[str]:
    """Names of the heads that predict this.

    From any features, or those of one form and source, of networks that read this.
    """

    def fits(head: type[Head]) -> bool:
        if reads is not None and reads not in head.reads:
            return False
        forms = [form for form, kinds in head.gives.items() if gives in kinds]
        suits_source = source is None or head.sits_on in (None, source)
        return suits_source and bool(forms if wanted is None else wanted in forms)

    return [name for name in plugins.names("head") if fits(plugins.load("head", name))]


def form_for(name: str, gives: str) -> Form:
    """The form of features from which the head, one of `heads_for(gives)`, predicts this."""
    return next(form for form, kinds in plugins.load("head", name).gives.items() if gives in kinds)
