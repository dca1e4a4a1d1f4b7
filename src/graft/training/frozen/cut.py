"""Cut a network at one of its modules: record the inputs of that module, and later start there.

The forward of the network itself runs both times, so nothing here depends on the architecture. In a
replay every frozen module before the cut returns NaN of the right shape without computing, and the
recorded tensors are inserted at the cut. A result that still depends on a skipped module becomes
NaN, so that a wrong cut is noticed: each cut is tried before use. A trial leaves the network as it
was.

Map: `frozen_prefix` calls `make_cut`, which asks `shapes.find_skippable` which modules to skip,
then finds the `slots` to record and compares a replay with the whole forward. `Cut.record` returns
the tensors to record; `Cut.attach_hooks` puts hooks on the model and the boundary, and replaces the
forward of the skipped modules. State: only a `Cut` has any, the tensors of the current replay and
the shapes that skipped modules return; a batch carries its recorded tensors in `extras`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from graft.backbones.backbone import Model, evaluating, run_with_hooks
from graft.base import trees
from graft.base.records import RECORDED, Batch, Output
from graft.training.frozen.shapes import (
    FAILURES,
    find_skippable,
    make_nan,
    replace_forward,
    restore_attributes,
    trace_shapes,
)
from graft.training.frozen.slots import CannotCut, Sizes, Slot, make_slot

TOLERANCE = {"fp32": 1e-4, "bf16": 2e-2, "fp16": 1e-2}
"""The tolerance between the outputs of a replay and of the whole forward, by precision."""


@dataclass
class Cut:
    """A model cut before the module `boundary` of its network; made and tried by `make_cut`."""

    model: Model
    boundary: str
    skipped: tuple[str, ...]
    carried: tuple[str, ...] = ()
    """Skipped modules whose output is also used after the boundary, such as an encoder, or the
    start of a skip connection."""
    slots: tuple[Slot, ...] = ()
    dense: bool = False
    """Whether the outputs of skipped modules own their memory, so that they can be written to."""
    _given: Sequence[Tensor] | None = field(default=None, repr=False)
    _shapes: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)
    _made: list[Tensor] | None = field(default=None, repr=False)
    """In a trial, the outputs of skipped modules, to detect whether the network writes to them."""

    def record(self, batch: Batch) -> tuple[Output, list[Tensor]]:
        """Return the output of the whole forward, and the tensor of each slot, examples first."""
        output, leaves = _observe(self.model, self.boundary, self.carried, batch)
        return output, [slot.to_recording(leaves[slot.module][slot.leaf]) for slot in self.slots]

    @contextmanager
    def attach_hooks(self) -> Iterator[None]:
        """Within this context, a call of the model with a recorded batch is a replay.

        Other calls are not affected.
        """
        network = self.model.network
        hooks = [
            self.model.register_forward_pre_hook(self._begin),
            self.model.register_forward_hook(self._end, always_call=True),
            network.get_submodule(self.boundary).register_forward_pre_hook(
                self._enter, with_kwargs=True
            ),
        ]
        with ExitStack() as replaced:
            for path in self.skipped:
                module = network.get_submodule(path)
                skip = self._make_skip(path, module, module.forward)
                replaced.enter_context(replace_forward(module, skip))
            try:
                yield
            finally:
                for hook in hooks:
                    hook.remove()

    def _begin(self, model: Model, args: tuple[Batch]) -> None:
        tensors = args[0].extras.get(RECORDED)
        if tensors:
            self._given = [
                slot.to_network(tensor) for slot, tensor in zip(self.slots, tensors, strict=True)
            ]

    def _end(self, model: Model, args: tuple, output: Any) -> None:
        self._given = None

    def _enter(
        self, module: nn.Module, args: tuple, kwargs: dict[str, Any]
    ) -> tuple[tuple, dict[str, Any]] | None:
        return None if self._given is None else self._put("", (args, kwargs))

    def _put(self, module: str, tree: Any) -> Any:
        """Return the tree with the recorded tensors of `module` inserted."""
        leaves, spec = tree_flatten(tree)
        for slot, tensor in zip(self.slots, self._given or (), strict=True):
            if slot.module == module:
                leaves[slot.leaf] = tensor
        return tree_unflatten(leaves, spec)

    def _make_skip(self, path: str, module: nn.Module, forward: Callable) -> Callable:
        def skip(*args: Any, **kwargs: Any) -> Any:
            if self._given is None:
                return forward(*args, **kwargs)
            given = tree_map(
                lambda leaf: (leaf.shape, leaf.dtype) if isinstance(leaf, Tensor) else leaf,
                (args, kwargs),
            )
            key = path, str(given)
            if key not in self._shapes:
                self._shapes[key] = trace_shapes(module, forward, args, kwargs)
            tensors = (leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
            device = next((tensor.device for tensor in tensors), None)
            empty = tree_map(lambda leaf: self._fill(leaf, device), self._shapes[key])
            return self._put(path, empty) if path in self.carried else empty

        return skip

    def _fill(self, leaf: Any, device: torch.device | None) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        tensor = make_nan(leaf, device)
        if self.dense:
            return tensor.clone(memory_format=torch.contiguous_format)
        if self._made is not None:
            self._made.append(tensor)
        return tensor


def make_cut(
    model: Model,
    boundary: str,
    probes: Sequence[Batch],
    precision: str = "fp32",
    autocast: Callable = nullcontext,
) -> Cut:
    """Cut the network before `boundary`, and try the cut on two batches of different size and mask.

    First all modules before the boundary are skipped. If the outputs then differ, modules without
    weights run in a replay too (tables of the positions in a pack); if they still differ, the
    outputs of skipped modules that are used later are recorded as well. If the network writes into
    the output of a skipped module, that output gets its own memory. Raises CannotCut.
    """
    network = model.network
    with restore_attributes(network), evaluating(network), torch.no_grad(), autocast():
        before = find_skippable(model, boundary, probes)
        learned = tuple(
            path
            for path in before
            if next(network.get_submodule(path).parameters(), None) is not None
        )
        trials = [
            Cut(model, boundary, before),
            Cut(model, boundary, learned),
            Cut(model, boundary, before, before),
        ]
        return _first_that_works(trials, probes, TOLERANCE[precision])


def _first_that_works(trials: Sequence[Cut], probes: Sequence[Batch], tolerance: float) -> Cut:
    """Return the first cut with the same outputs as the whole network; raises CannotCut."""
    written: list[Cut] = []
    for trial in trials:
        made: list[Tensor] = []
        try:
            with warnings.catch_warnings():
                # PyTorch warns of some writes into numbers that share memory, and refuses others.
                warnings.simplefilter("ignore", UserWarning)
                works = _complete(replace(trial, _made=made), probes, tolerance)
        except CannotCut as refused:
            reason, works = refused, None
        refuses = works is None and isinstance(reason.__cause__, RuntimeError)
        if not trial.dense and (refuses or any(tensor._version for tensor in made)):
            written.append(replace(trial, dense=True))
        elif works is not None:
            return replace(works, _made=None)
    if written:
        return _first_that_works(written, probes, tolerance)
    raise reason


def _complete(trial: Cut, probes: Sequence[Batch], tolerance: float) -> Cut:
    """Find the slots of a cut, and drop the carried modules that are not needed.

    Raises CannotCut if the outputs differ.
    """
    whole = _find_slots(trial, probes)
    _check(whole, probes, tolerance)
    for path in whole.carried:
        smaller = replace(
            whole,
            carried=tuple(p for p in whole.carried if p != path),
            slots=tuple(slot for slot in whole.slots if slot.module != path),
        )
        if not smaller.slots:  # nothing would be recorded, so everything would run
            break
        with suppress(CannotCut):
            _check(smaller, probes, tolerance)
            whole = smaller
    return whole


def _check(trial: Cut, probes: Sequence[Batch], tolerance: float) -> None:
    for batch in probes:
        output, recorded = trial.record(batch)
        if not trees.leaves(output.raw):
            raise CannotCut("the network returns no tensors that could be compared")
        compared = trial.model.backbone.compared
        again = replay(trial, batch, recorded)
        if not trees.are_close(compared(output.raw), compared(again.raw), tolerance):
            raise CannotCut("its outputs differ when it is entered there")


def replay(cut: Cut, batch: Batch, recorded: Sequence[Tensor]) -> Output:
    """Run the model from recorded tensors.

    Only modules that are not skipped read the batch.
    """
    try:
        with cut.attach_hooks():
            return cut.model(insert_recorded(batch, recorded))
    except FAILURES as error:
        raise CannotCut(f"its forward fails without what was skipped: {error}") from error


def insert_recorded(batch: Batch, tensors: Sequence[Tensor]) -> Batch:
    """Return the batch with the recorded tensor of each slot in its extras."""
    return replace(batch, extras={**batch.extras, RECORDED: tuple(tensors)})


def _find_slots(trial: Cut, probes: Sequence[Batch]) -> Cut:
    """Find the tensors to record.

    These are the outputs of carried modules, and the inputs of the boundary that a replay cannot
    compute from them.
    """
    seen = [_observe(trial.model, trial.boundary, trial.carried, batch)[1] for batch in probes]
    sizes = [Sizes.of(batch) for batch in probes]

    def slot(module: str, number: int) -> Slot:
        return make_slot(module, number, [leaves[module][number].shape for leaves in seen], sizes)

    slots = [
        slot(module, number)
        for module in trial.carried
        for number, leaf in enumerate(seen[0][module])
        if isinstance(leaf, Tensor)
    ]
    carrying = replace(trial, slots=tuple(slots))
    replayed = [
        _find_live_inputs(carrying, batch, leaves)
        for batch, leaves in zip(probes, seen, strict=True)
    ]
    for number, leaf in enumerate(seen[0][""]):
        same = all(_equal(a[""][number], b[number]) for a, b in zip(seen, replayed, strict=True))
        if isinstance(leaf, Tensor) and not same:
            slots.append(slot("", number))
    if not slots:
        raise CannotCut("nothing that enters it depends on the layers before it")
    return replace(trial, slots=tuple(slots))


def _find_live_inputs(carrying: Cut, batch: Batch, leaves: dict[str, list[Any]]) -> list[Any]:
    """Return the inputs of the boundary when skipped modules return NaN, except carried ones."""
    entering: list[list[Any]] = []

    def note(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        entering.append(tree_leaves((args, kwargs)))

    module = carrying.model.network.get_submodule(carrying.boundary)
    with carrying.attach_hooks():
        carrying._given = [leaves[slot.module][slot.leaf] for slot in carrying.slots]
        hook = module.register_forward_pre_hook(note, with_kwargs=True)
        try:
            run_with_hooks(lambda: carrying.model(batch), [hook])
        except FAILURES as error:
            if not entering:
                raise CannotCut(f"its forward fails without what was skipped: {error}") from error
    return entering[0]


def _observe(
    model: Model, boundary: str, carried: Sequence[str], batch: Batch
) -> tuple[Output, dict[str, list[Any]]]:
    """Run the whole forward.

    Returns its output, and the leaves of the first inputs of the boundary ("") and of the last
    output of each carried module.
    """
    network, seen = model.network, {}

    def enter(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        seen.setdefault("", tree_leaves((args, kwargs)))

    def leave(path: str) -> Callable:
        return lambda module, args, output: seen.update({path: tree_leaves(output)})

    hooks = [network.get_submodule(boundary).register_forward_pre_hook(enter, with_kwargs=True)]
    hooks += [network.get_submodule(path).register_forward_hook(leave(path)) for path in carried]
    return run_with_hooks(lambda: model(batch), hooks), seen


def _equal(one: Any, other: Any) -> bool:
    return (
        isinstance(one, Tensor)
        and isinstance(other, Tensor)
        and one.shape == other.shape
        and torch.equal(one, other)
    )
