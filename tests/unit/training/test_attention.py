"""Attention without dropout is that of torch, with gradients as exact as its own."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from graft.training.kernels import attention
from graft.training.kernels.kernels import QuickKernels

B, H, T, D = 2, 6, 23, 8
CASES = {
    "all": {},
    "causal": {"is_causal": True},
    "scaled": {"scale": 0.5},
    "other keys": {"keys": 11},
    "shared keys": {"groups": 2},
    "shared keys, causal": {"groups": 2, "is_causal": True},
}


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def parts(groups: int = H, keys: int = T) -> list[torch.Tensor]:
    return [
        drawn(B, H, T, D, seed=1),
        drawn(B, groups, keys, D, seed=2),
        drawn(B, groups, keys, D, seed=3),
    ]


def attended(tensors, quick: bool, **how) -> torch.Tensor:
    how = {"enable_gqa": tensors[0].shape[1] != tensors[1].shape[1], **how}
    with torch.autocast("cpu", torch.bfloat16):
        if not quick:
            return scaled_dot_product_attention(*tensors, **how)
        with QuickKernels():
            return scaled_dot_product_attention(*tensors, **how)


def is_ours(found: torch.Tensor) -> bool:
    return "_Attention" in type(found.grad_fn).__name__


def gradients(found: torch.Tensor, tensors) -> list[torch.Tensor]:
    return torch.autograd.grad(
        (found * drawn(B, H, T, D, seed=4).detach().to(found.dtype)).sum(), tensors
    )


def fused_gradients(tensors, how) -> list[torch.Tensor]:
    """Those of torch's kernel in bf16, which it leaves in some versions where keys are shared."""
    query, *shared = tensors
    repeated = [tensor.repeat_interleave(H // tensor.shape[1], 1) for tensor in shared]
    return gradients(attended([query, *repeated], quick=False, **how), tensors)


@pytest.mark.parametrize("queries", [4, 128])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values_are_those_of_torch_and_gradients_as_exact(monkeypatch, case, queries):
    monkeypatch.setattr(attention, "QUERIES", queries)
    how = {key: value for key, value in case.items() if key not in ("groups", "keys")}
    tensors = parts(**{key: value for key, value in case.items() if key not in how})
    ours, theirs = (attended(tensors, quick, **how) for quick in (True, False))
    assert is_ours(ours)
    assert torch.equal(ours, theirs)
    exact = [tensor.detach().bfloat16().double().requires_grad_() for tensor in tensors]
    true = scaled_dot_product_attention(*exact, enable_gqa="groups" in case, **how)
    for one, other, right in zip(
        gradients(ours, tensors), fused_gradients(tensors, how), gradients(true, exact), strict=True
    ):
        assert one.dtype == torch.float32
        assert (one - right).norm() <= 1.5 * (other - right).norm()
        assert (one - right).norm() <= 0.01 * right.norm()


def test_what_torch_is_needed_for_is_left_to_it():
    tensors, mask = parts(), torch.zeros(B, 1, T, T)
    assert not is_ours(attended(tensors, True, attn_mask=mask))
    assert not is_ours(attended(parts(keys=11), True, is_causal=True))
    assert not is_ours(attended(parts(keys=attention.LONGEST + 1), True))
    with QuickKernels():  # in float32
        assert not is_ours(scaled_dot_product_attention(*tensors))
    with torch.no_grad():
        assert attended(tensors, True).grad_fn is None
    assert attended([tensor.detach() for tensor in tensors], True).grad_fn is None
