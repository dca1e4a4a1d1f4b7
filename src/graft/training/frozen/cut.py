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
from torch.func import functional_call
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from graft.backbones.backbone import evaluating, logits_of, observed

KEY = "recorded."
"""Inputs of the network whose names begin so are recorded tensors (B, ...) and start a replay."""
TOLERANCE = {"fp32": 1e-4, "bf16": 2e-2, "fp16": 1e-2}
"""How far logits of a replay may be from those of the whole forward, by the precision of both."""

FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError)
"""What the forward of a network of any library may raise where it looks at values and there are none. It is only ever tried
so before a cut is used; the error's own words are in the note that tells why the whole network runs."""

Inputs = dict[str, Tensor]


class CannotCut(Exception):
    """The network does not give the same outputs from what enters the module; `args[0]` says why."""


@dataclass(frozen=True)
class Slot:
    """A tensor to record: argument number `leaf` of the boundary, or of the output of the skipped module `module`."""

    module: str
    leaf: int
    batch: int
    """Its dimension that counts the examples."""
    lengths: tuple[int, ...]
    """Its dimensions that are as long as the attention mask; none where every example has the same shape."""

    @property
    def _order(self) -> tuple[int, ...]:
        return self.batch, *self.lengths

    def out(self, tensor: Tensor) -> Tensor:
        """As it is recorded: examples first, then lengths."""
        return tensor.movedim(self._order, tuple(range(len(self._order))))

    def back(self, tensor: Tensor) -> Tensor:
        """As the network knows it."""
        return tensor.movedim(tuple(range(len(self._order))), self._order)


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
                    _forward(module, self._skipping(path, module, module.forward))
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
                self._shapes[key] = _shapes(module, forward, args, kwargs)
            device = next(
                (leaf.device for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)),
                None,
            )
            empty = tree_map(
                lambda leaf: _nan(leaf, device) if isinstance(leaf, Tensor) else leaf,
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
        before = _skippable(network, boundary, probes)
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
    sizes = [_sizes(inputs) for inputs in probes]

    def slot(module: str, number: int) -> Slot:
        return Slot(
            module, number, *_dimensions([leaves[module][number].shape for leaves in seen], sizes)
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


@dataclass(frozen=True)
class _Call:
    args: tuple
    kwargs: dict[str, Any]
    output: Any


def _skippable(network: nn.Module, boundary: str, probes: Sequence[Inputs]) -> tuple[str, ...]:
    """The largest frozen modules that ran wholly before the boundary, not again after it, and return a tensor an example.

    What they return otherwise (tables of positions, masks, what a decoder makes of as many tokens as it reads) is computed in a
    replay as well, and so not recorded.
    """
    calls = [_ran_before(network, boundary, inputs) for inputs in probes]
    sizes = [_sizes(inputs) for inputs in probes]
    chosen: list[str] = []
    for path in sorted(set(calls[0]) & set(calls[1]), key=lambda path: path.count(".")):
        module, (one, other) = network.get_submodule(path), (calls[0][path], calls[1][path])
        if any(path.startswith(above + ".") for above in chosen) or any(
            p.requires_grad for p in module.parameters()
        ):
            continue
        if _grows(one.output, other.output, sizes) and _has_shapes(module, one):
            chosen.append(path)
    return tuple(chosen)


def _ran_before(network: nn.Module, boundary: str, inputs: Inputs) -> dict[str, _Call]:
    """The modules that ran wholly before the boundary and not again after it, with their last call."""
    done: dict[nn.Module, _Call] = {}
    later: set[nn.Module] = set()
    target = network.get_submodule(boundary)

    def begins(module: nn.Module, args: tuple) -> None:
        if module is target or later:
            later.add(module)

    def ends(module: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        if not later:
            done[module] = _Call(args, kwargs, output)

    hooks = [m.register_forward_pre_hook(begins) for m in network.modules()]
    hooks += [m.register_forward_hook(ends, with_kwargs=True) for m in network.modules()]
    observed(network, inputs, hooks)
    names = {module: name for name, module in network.named_modules()}
    return {names[module]: call for module, call in done.items() if module not in later}


def _grows(one: Any, other: Any, sizes: Sequence[tuple[int, int | None]]) -> bool:
    """Has each tensor of the output a dimension that grows as the batch does, and none but lengths that changes beside it?"""
    pairs = [
        (a, b)
        for a, b in zip(tree_leaves(one), tree_leaves(other), strict=False)
        if isinstance(a, Tensor)
    ]
    (ours, theirs), lengths = zip(*sizes, strict=True)

    def fits(a: Tensor, b: Tensor) -> bool:
        changing = [(m, n) for m, n in zip(a.shape, b.shape, strict=False) if m != n]
        batch = [(m, n) for m, n in changing if m * theirs == n * ours]
        return len(batch) > 0 and all(size == lengths for size in changing if size != batch[0])

    return all(fits(a, b) for a, b in pairs)


def _has_shapes(module: nn.Module, call: _Call) -> bool:
    try:
        _shapes(module, module.forward, call.args, call.kwargs)
    except FAILURES:  # it looks at values; the modules in it may not
        return False
    return True


def _shapes(module: nn.Module, forward: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """What the module would return, as tensors of the meta device: computed without values or weights."""

    def meta(leaf: Any) -> Any:
        return leaf.to("meta") if isinstance(leaf, Tensor) else leaf

    tensors = {
        name: tensor.to("meta")
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
    }
    with torch.no_grad(), _forward(module, forward):
        return functional_call(module, tensors, tree_map(meta, args), tree_map(meta, kwargs))


@contextmanager
def _forward(module: nn.Module, forward: Callable) -> Iterator[None]:
    """Call `forward` in place of the module's, which another library may have replaced too."""
    before = module.__dict__.get("forward")
    module.forward = forward
    try:
        yield
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before


def _nan(like: Tensor, device: torch.device | None) -> Tensor:
    """NaN (0 for whole numbers) of that shape, one number in memory."""
    value = float("nan") if like.is_floating_point() else 0
    return torch.full((), value, dtype=like.dtype, device=device).expand(like.shape)


def _sizes(inputs: Inputs) -> tuple[int, int | None]:
    """How many examples, and how long the attention mask is, or the tokens where there is none."""
    along = inputs.get("attention_mask", inputs.get("input_ids"))
    return len(next(iter(inputs.values()))), None if along is None else along.shape[1]


def _dimensions(
    shapes: Sequence[torch.Size], sizes: Sequence[tuple[int, int | None]]
) -> tuple[int, tuple[int, ...]]:
    """Which dimension counts the examples, which are lengths; raises CannotCut where another one changes."""
    (examples, lengths), count = zip(*sizes, strict=True), range(len(shapes[0]))
    along = (
        [tuple(shape[d] for shape in shapes) for d in count]
        if len({len(s) for s in shapes}) == 1
        else []
    )
    batch = next((d for d, there in enumerate(along) if there == examples), None)
    if batch is None:
        raise CannotCut("what enters it is not one tensor an example")
    varying = tuple(d for d in count if d != batch and len(set(along[d])) > 1)
    if any(along[d] != lengths for d in varying):
        raise CannotCut("what enters it changes its shape from batch to batch")
    return batch, varying


def _equal(one: Any, other: Any) -> bool:
    return (
        isinstance(one, Tensor)
        and isinstance(other, Tensor)
        and one.shape == other.shape
        and torch.equal(one, other)
    )
