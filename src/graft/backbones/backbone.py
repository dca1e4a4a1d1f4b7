"""The contract of a source: a network with its preprocessing, its head and its layer groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from graft.backbones.adapters.layer import plain_path
from graft.backbones.preprocess.preprocess import Preprocess
from graft.backbones.pyramids.levels import Levels
from graft.base import trees
from graft.base.job import Form, Job
from graft.base.records import Batch, Output
from graft.base.trees import Tree

if TYPE_CHECKING:
    from graft.backbones.adapters.peft_folder import KeptAdapter

Call = Callable[[nn.Module, Batch], tuple[Tree, dict[str, Tensor] | None]]
"""Run a network on a batch. Returns its outputs, always; and its losses as well if it computes them
and the batch has targets, else None."""


STATES = ("hidden_state", "hidden_states", "attentions", "mems")
"""How names end of what transformers returns of the layers between, beside its logits. A replay of
recorded features skips these layers, so it could not return the same."""


def call(network: nn.Module, batch: Batch) -> tuple[Tree, dict[str, Tensor] | None]:
    """Run a network on the inputs by name; logits alone are returned as one tensor.

    Beside logits everything is kept that has a row for each example, such as boxes, but for the
    `STATES` of layers. Where nothing is called logits, all is kept.
    """
    output = network(**batch.inputs)
    if not isinstance(output, Mapping):
        return output, None
    kept = dict(output)
    if any(name.endswith("logits") for name in output):
        kept = {name: tree for name, tree in output.items() if _is_result(name, tree, len(batch))}
    return (kept["logits"] if set(kept) == {"logits"} else kept), None


def _is_result(name: str, tree: Tree, num_rows: int) -> bool:
    """Whether an output is logits, or another tree of tensors with so many rows."""
    if name.endswith("logits"):
        return True
    leaves = trees.leaves(tree)  # of a cache that is an object of its own, this object
    has_rows = all(isinstance(leaf, Tensor) and leaf.shape[:1] == (num_rows,) for leaf in leaves)
    return bool(leaves) and has_rows and not name.endswith(STATES)


def all_outputs(raw: Tree) -> Tree:
    """The outputs as they are."""
    return raw


@dataclass(frozen=True)
class LayerGroup:
    """Consecutive layers that are frozen or trained together; each tensor is in one group."""

    name: str
    modules: tuple[str, ...]
    tensors: tuple[str, ...]


@dataclass
class Backbone:
    """A network of some library, described so that nothing above needs to know which library it is.

    `network` is a finished network of its library, its head already of the asked number of classes.
    `head` names the modules of that head in forward order; what enters the first of them is the
    features. `groups` are in forward order, the last one is the head; together they own each
    parameter and buffer once.

    A source attaches no head to a network of the form `pyramid`: it is a bare trunk, `head` and
    `groups` are empty, and `levels` says which feature maps it returns. The head that is attached
    builds a finished network around it, in which `trunk` is the path of the trunk.
    """

    name: str
    """The spec it was asked by: `wheel:minilm-l6`, `timm:resnet18`."""
    source: str
    """The library source that saves and opens it: `timm`, `torchvision`, `transformers`."""
    network: nn.Module
    form: Form
    """The form of its features or logits: that of its job, unless the network is finished."""
    head: tuple[str, ...]
    groups: list[LayerGroup]
    preprocess: Preprocess
    lr: float
    """The AdamW learning rate at which networks of this kind are commonly fine-tuned."""
    token: Literal["first", "last"] | None = None
    """Which position is the features where a sequence enters a head that pools it; None where all
    that enters is."""
    own_head: bool = False
    """Whether the head's weights came with those of the network."""
    known: tuple[str, ...] = ()
    """What the outputs of the head are called that the network was pretrained with, if its library
    says that; empty under another head."""
    head_name: str = "own"
    """The name of its head in `heads/`: the pretrained one until another one is attached."""
    notes: list[str] = field(default_factory=list)
    architecture: dict[str, Any] = field(default_factory=dict)
    """The arguments to build the network again, as JSON, if its library does not save them."""
    call: Call = call
    """How the network is run. One that computes its own losses reads the targets of the batch."""
    compared: Callable[[Tree], Tree] = all_outputs
    """The part of its outputs by which two networks are compared: a small difference must change it
    little. Which of nearly equal detections are kept may change with the last bit."""
    levels: Levels | None = None
    """The feature maps of the trunk, if it returns a pyramid."""
    trunk: str = ""
    """The path of the trunk in a network whose head reads a pyramid; empty for a bare trunk."""
    added: list[dict[str, Any]] = field(default_factory=list)
    """What techniques have added to its layers and what stays there, as JSON: see `adapters`."""

    @property
    def has_deep_head(self) -> bool:
        """Whether its head is a network of its own, which trains as long as a trunk does."""
        return bool(self.trunk)

    @property
    def trunk_source(self) -> str:
        """The source of the network below its head: of a pyramid that of its trunk."""
        return self.architecture.get("trunk", {}).get("library", self.source)

    @property
    def last_linear(self) -> str:
        """The path of the last linear layer of the head, whose rows are its outputs."""
        path = self.head[-1]
        modules = self.network.get_submodule(path).named_modules(prefix=path)
        return [name for name, module in modules if isinstance(module, nn.Linear)][-1]

    @property
    def linear(self) -> nn.Linear | None:
        """The head's one linear layer, which the features enter as they are.

        None if it has more.
        """
        modules = [
            module
            for path in self.head
            for module in self.network.get_submodule(path).modules()
            if not any(module.children())
        ]
        working = [m for m in modules if not isinstance(m, nn.Dropout | nn.Identity)]
        return working[0] if len(working) == 1 and isinstance(working[0], nn.Linear) else None


class Source(Protocol):
    """A library or place from which networks come: one file in `sources/`, its class without state.

    `names` are those that can be listed; `load` may know more. It makes a network for the job, or
    raises BackboneError. `pretrained=False` is the same architecture with weights drawn from
    torch's global random state. `usual_job` is what a network does if nobody asks for anything
    else. `tiny` names small networks for a job that need no download: the contract tests run over
    them. A source that reads files of the user's also has `paths(name)`, which returns their
    paths: a run is another one if their content changes. A source that is a library of its own
    also has the three methods of `Library`; the others return backbones whose `source` is such
    a library.
    """

    def names(self) -> list[str]: ...
    def usual_job(self, name: str) -> Job: ...
    def load(self, name: str, job: Job, pretrained: bool) -> Backbone: ...
    def tiny(self, job: Job) -> list[str]: ...


class Library(Source, Protocol):
    """A source whose networks are saved in a form of their own, as JSON and safetensors.

    `owns` recognizes such a folder; `open` reads it. `usual_job` takes the path of one too. A
    library whose networks return pyramids also has `trunk(name, size, **arguments)`, which builds
    one with random weights. A library whose networks were pretrained under a head of their own also
    has `share_trunk(whole, backbone)`, which puts the trunk of `backbone` in `whole`, the same
    network under another head: see `graft.backbones.beside`.
    """

    def save(
        self, backbone: Backbone, folder: str, classes: list[str], problem: str | None
    ) -> None: ...
    def owns(self, folder: str) -> bool: ...
    def open(self, folder: str, job: Job, pretrained: bool) -> Backbone: ...


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put every module into evaluation mode; afterwards each has its own mode again."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def run_with_hooks(run: Callable[[], Any], hooks: Sequence[RemovableHandle]) -> Any:
    """Do one forward, and remove the hooks afterwards."""
    try:
        return run()
    finally:
        for hook in hooks:
            hook.remove()


class Model(nn.Module):
    """A backbone with the task's head: `model(batch) -> Output(raw, features, losses)`.

    Logits (B, classes) and features (B, D); of the form `sequence` and of those that write,
    (B, T, classes) and (B, T, D). Without a `fresh_head` the head is the pretrained one, and as any
    other layer group.
    """

    def __init__(self, backbone: Backbone, fresh_head: bool = True):
        super().__init__()
        self.backbone = backbone
        self.network = backbone.network
        self.fresh_head = fresh_head
        self.kept: KeptAdapter | None = None
        """What was trained beside the frozen network, if it is also saved by itself."""

    def forward(self, batch: Batch) -> Output:
        """Read what the preprocessing yields, or `{"features": (B, D)}` recorded before."""
        if "features" in batch.inputs:
            features = batch.inputs["features"]
            return Output(self.classify(features), features)
        seen: list[Tree] = []
        first = self.network.get_submodule(self.backbone.head[0])

        def keep(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            seen.append(next(iter((*args, *kwargs.values()))))

        hook = first.register_forward_pre_hook(keep, with_kwargs=True)
        raw, losses = run_with_hooks(lambda: self.backbone.call(self.network, batch), [hook])
        return Output(raw, self._features(seen[0], batch), losses)

    def classify(self, features: Tensor) -> Tensor:
        """The logits of recorded features.

        Equal to the whole forward where the head is a plain chain of modules.
        """
        out = features if self.backbone.token is None else features[:, None]
        for path in self.backbone.head:
            out = self.network.get_submodule(path)(out)
        return out[:, 0] if out.dim() == 3 and self.backbone.token else out

    def group_indices(self) -> dict[str, int]:
        """Parameter or buffer of the network -> its layer group, -1 a fresh head.

        Added ones (adapters) go with their module.
        """
        groups = self.backbone.groups
        number = {tensor: i for i, group in enumerate(groups) for tensor in group.tensors}
        prefixes = sorted(
            ((m + ".", i) for i, group in enumerate(groups) for m in group.modules),
            key=lambda p: -len(p[0]),
        )
        tensors = [*self.network.named_parameters(), *self.network.named_buffers()]

        def index_of(name: str) -> int:
            plain = plain_path(name)  # that of its library, whatever was added around it
            return number.get(name, number.get(plain, _first(prefixes, plain)))

        indices = {name: index_of(name) for name, _ in tensors}
        head = len(groups) - 1 if self.fresh_head else None
        return {name: -1 if index == head else index for name, index in indices.items()}

    def _features(self, entering: Tree, batch: Batch) -> Tree:
        if self.backbone.token is None or entering.dim() != 3:
            return entering
        if self.backbone.token == "first":
            return entering[:, 0]
        last = batch.mask.shape[1] - 1 - batch.mask.flip(1).argmax(1)
        return entering[range(len(entering)), last]


def _first(prefixes: list[tuple[str, int]], name: str) -> int:
    return next((index for prefix, index in prefixes if name.startswith(prefix)), 0)
