"""A network cut at one of its modules: what enters it is taken out, and later put in while all before it is skipped.

The network's own forward runs both times, so no architecture is known here. In a replay every frozen module that runs
before the cut returns NaN of the right shape without computing, and the recorded tensors enter at the cut. Whatever
would still depend on a skipped module becomes NaN, so a wrong cut shows at once: it is tried before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from graft.backbones.backbone import evaluating, logits_of, observed
from graft.training.frozen.shapes import (
    FAILURES,
    find_skippable,
    make_nan,
    replaced_forward,
    trace_shapes,
)
from graft.training.frozen.slots import CannotCut, Inputs, Slot, find_dimensions, measure_sizes

KEY = "recorded."
"""Inputs of the network whose names begin so are recorded tensors (B, ...) and start a replay."""
TOLERANCE = {"fp32": 1e-4, "bf16": 2e-2, "fp16": 1e-2}
"""How far logits of a replay may be from those of the whole forward, by the precision of both."""


@dataclass
class Cut:
    """`network` cut before `boundary`; made by `cut`, which has tried it out."""

    network: nn.Module
    boundary: str
    skipped: tuple[str, ...]
    carried: tuple[str, ...] = ()
    """Skipped modules whose output is used after the boundary as well (an encoder's, a skip connection's)."""
    slots: tuple[Slot, ...] = ()
    _given: list[Tensor] | None = field(default=None, repr=False)
    _shapes: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    def record(self, inputs: Inputs) -> tuple[Any, list[Tensor]]:
        """The output of the whole forward, and the tensor of each slot, examples first."""
        output, leaves = _observe(self.network, self.boundary, self.carried, inputs)
        return output, [slot.out(leaves[slot.module][slot.leaf]) for slot in self.slots]

    @contextmanager
    def installed(self) -> Iterator[None]:
        """While this lasts, a call of the network with recorded inputs is a replay; any other call is as ever."""
        boundary, skipped = (
            self.network.get_submodule(self.boundary),
            [self.network.get_submodule(p) for p in self.skipped],
        )
        hooks = [
            self.network.register_forward_pre_hook(self._take, with_kwargs=True),
            self.network.register_forward_hook(self._drop, always_call=True),
            boundary.register_forward_pre_hook(self._enter, with_kwargs=True),
        ]
        with ExitStack() as replaced:
            for path, module in zip(self.skipped, skipped, strict=True):
                replaced.enter_context(
                    replaced_forward(module, self._skipping(path, module, module.forward))
                )
            try:
                yield
            finally:
                for hook in hooks:
                    hook.remove()

    def _take(self, network: nn.Module, args: tuple, kwargs: Inputs) -> tuple[tuple, Inputs]:
        names = [f"{KEY}{number}" for number in range(len(self.slots))]
        if names and names[0] in kwargs:
            self._given = [
                slot.back(kwargs[name]) for slot, name in zip(self.slots, names, strict=True)
            ]
        return args, {name: value for name, value in kwargs.items() if name not in names}

    def _drop(self, network: nn.Module, args: tuple, output: Any) -> None:
        self._given = None

    def _enter(
        self, module: nn.Module, args: tuple, kwargs: dict[str, Any]
    ) -> tuple[tuple, dict[str, Any]] | None:
        return None if self._given is None else self._put("", (args, kwargs))

    def _put(self, module: str, tree: Any) -> Any:
        """The tree with what was recorded of `module` in its places."""
        leaves, spec = tree_flatten(tree)
        for slot, tensor in zip(self.slots, self._given or (), strict=True):
            if slot.module == module:
                leaves[slot.leaf] = tensor
        return tree_unflatten(leaves, spec)

    def _skipping(self, path: str, module: nn.Module, forward: Callable) -> Callable:
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
            device = next(
                (leaf.device for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)),
                None,
            )
            empty = tree_map(
                lambda leaf: make_nan(leaf, device) if isinstance(leaf, Tensor) else leaf,
                self._shapes[key],
            )
            return self._put(path, empty) if path in self.carried else empty

        return skip


def cut(
    network: nn.Module,
    boundary: str,
    probes: Sequence[Inputs],
    precision: str = "fp32",
    autocast: Callable = nullcontext,
) -> Cut:
    """Cut the network before `boundary`, tried on two batches of unlike size (and length, where lengths differ).

    Where the outputs differ when all that ran before is skipped, modules without weights run in a replay too (tables of the
    positions in a pack), or else the outputs of skipped modules that are used later are recorded as well. Raises CannotCut.
    """
    with evaluating(network), torch.no_grad(), autocast():
        before = find_skippable(network, boundary, probes)
        learnt = tuple(
            path
            for path in before
            if next(network.get_submodule(path).parameters(), None) is not None
        )
        for first in (before, learnt):
            with suppress(CannotCut):
                return _tried(Cut(network, boundary, first), probes, TOLERANCE[precision])
        return _tried(Cut(network, boundary, before, before), probes, TOLERANCE[precision])


def _tried(found: Cut, probes: Sequence[Inputs], tolerance: float) -> Cut:
    """The cut with its slots, less the carried modules that it does without; raises CannotCut where outputs differ."""
    found = _with_slots(found, probes)
    _check(found, probes, tolerance)
    for path in found.carried:
        less = Cut(
            found.network,
            found.boundary,
            found.skipped,
            tuple(p for p in found.carried if p != path),
        )
        less.slots = tuple(slot for slot in found.slots if slot.module != path)
        if not less.slots:  # it would run whole
            break
        try:
            _check(less, probes, tolerance)
        except CannotCut:
            continue
        found = less
    return found


def _check(found: Cut, probes: Sequence[Inputs], tolerance: float) -> None:
    for inputs in probes:
        output, recorded = found.record(inputs)
        again = replay(found, inputs, recorded)
        if not torch.allclose(
            logits_of(output).float(), logits_of(again).float(), atol=tolerance, rtol=tolerance
        ):
            raise CannotCut("its outputs differ when it is entered there")


def replay(found: Cut, inputs: Inputs, recorded: Sequence[Tensor]) -> Any:
    """The output of the network for what was recorded; of `inputs` only what runs outside the skipped modules is used."""
    given = {f"{KEY}{number}": tensor for number, tensor in enumerate(recorded)}
    try:
        with found.installed():
            return found.network(**inputs, **given)
    except FAILURES as error:
        raise CannotCut(f"its forward fails without what was skipped: {error}") from error


def _with_slots(found: Cut, probes: Sequence[Inputs]) -> Cut:
    """Find what to record: the carried outputs, and the tensors at the boundary that a replay does not compute from them."""
    seen = [_observe(found.network, found.boundary, found.carried, inputs)[1] for inputs in probes]
    sizes = [measure_sizes(inputs) for inputs in probes]

    def slot(module: str, number: int) -> Slot:
        return Slot(
            module,
            number,
            *find_dimensions([leaves[module][number].shape for leaves in seen], sizes),
        )

    slots = [
        slot(m, n)
        for m in found.carried
        for n, leaf in enumerate(seen[0][m])
        if isinstance(leaf, Tensor)
    ]
    carried = Cut(found.network, found.boundary, found.skipped, found.carried, tuple(slots))
    own = [_live(carried, inputs, leaves) for inputs, leaves in zip(probes, seen, strict=True)]
    for number, leaf in enumerate(seen[0][""]):
        same = all(_equal(a[""][number], b[number]) for a, b in zip(seen, own, strict=True))
        if isinstance(leaf, Tensor) and not same:
            slots.append(slot("", number))
    if not slots:
        raise CannotCut("nothing that enters it depends on the layers before it")
    return Cut(found.network, found.boundary, found.skipped, found.carried, tuple(slots))


def _live(carried: Cut, inputs: Inputs, leaves: dict[str, list[Any]]) -> list[Any]:
    """What enters the boundary when everything skipped is NaN, but for what is carried."""
    box: list[list[Any]] = []

    def note(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        box.append(tree_leaves((args, kwargs)))

    with carried.installed():
        carried._given = [leaves[slot.module][slot.leaf] for slot in carried.slots]
        hook = carried.network.get_submodule(carried.boundary).register_forward_pre_hook(
            note, with_kwargs=True
        )
        try:
            observed(carried.network, inputs, [hook])
        except FAILURES as error:
            if not box:
                raise CannotCut(f"its forward fails without what was skipped: {error}") from error
    return box[0]


def _observe(
    network: nn.Module, boundary: str, carried: Sequence[str], inputs: Inputs
) -> tuple[Any, dict[str, list[Any]]]:
    """A whole forward: its output, what enters the boundary first ("") and what the carried modules return last."""
    seen: dict[str, list[Any]] = {}

    def entering(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        seen.setdefault("", tree_leaves((args, kwargs)))

    def returned(path: str) -> Callable:
        return lambda module, args, output: seen.update({path: tree_leaves(output)})

    hooks = [network.get_submodule(boundary).register_forward_pre_hook(entering, with_kwargs=True)]
    hooks += [network.get_submodule(path).register_forward_hook(returned(path)) for path in carried]
    return observed(network, inputs, hooks), seen


def _equal(one: Any, other: Any) -> bool:
    return (
        isinstance(one, Tensor)
        and isinstance(other, Tensor)
        and one.shape == other.shape
        and torch.equal(one, other)
    )
