"""Dropout is that of torch: the same values and gradients for what is kept, and as much kept."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import dropout, scaled_dot_product_attention

from graft.training.kernels.dropout import draw_kept
from graft.training.kernels.kernels import QuickKernels

B, H, T, S, D = 2, 3, 7, 5, 8
DROPOUT = 0.3


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


@pytest.fixture
def parts() -> list[torch.Tensor]:
    return [drawn(B, H, T, D, seed=1), drawn(B, H, S, D, seed=2), drawn(B, H, S, D, seed=3)]


def padding() -> torch.Tensor:
    mask = torch.ones(B, 1, 1, S, dtype=torch.bool)
    mask[1, :, :, 3:] = False
    return mask.expand(B, 1, T, S)


MASKS = {
    "none": {},
    "padding": {"attn_mask": padding()},
    "added": {"attn_mask": torch.zeros(B, 1, T, S).masked_fill(~padding(), -torch.inf)},
    "least": {
        "attn_mask": torch.zeros(B, 1, T, S).masked_fill(~padding(), torch.finfo(torch.float32).min)
    },
    "causal": {"is_causal": True},
}


def quick(parts, seed: int = 0, **how) -> torch.Tensor:
    torch.manual_seed(seed)
    with QuickKernels():
        found = scaled_dot_product_attention(*parts, dropout_p=DROPOUT, **how)
    assert "_DroppedAttention" in type(found.grad_fn).__name__
    return found


def is_of_torch(found: torch.Tensor) -> bool:
    """Whether none of our functions, whose names begin with a line, made it."""
    return not type(found.grad_fn).__name__.startswith("_")


def formula(
    parts, seed: int = 0, scale: float | None = None, attn_mask=None, is_causal: bool = False
) -> torch.Tensor:
    """By torch's own gradients, with the weights that the seed keeps."""
    query, key, value = parts
    scores = query @ key.mT * (scale or D**-0.5)
    if is_causal:
        attn_mask = torch.ones(T, S, dtype=torch.bool).tril()
    if attn_mask is not None:
        scores = (
            scores.masked_fill(~attn_mask, -torch.inf)
            if attn_mask.dtype == torch.bool
            else scores + attn_mask
        )
    torch.manual_seed(seed)
    kept, share = draw_kept((B, H, T, S), DROPOUT, torch.float32)
    return scores.softmax(-1) * kept / share @ value


def gradients(found: torch.Tensor, parts) -> list[torch.Tensor]:
    return torch.autograd.grad((found.float() * drawn(B, H, T, D, seed=4).detach()).sum(), parts)


@pytest.mark.parametrize("how", [*MASKS.values(), {"scale": 0.5}], ids=[*MASKS, "scaled"])
def test_values_and_gradients_are_those_of_the_formula(parts, how):
    found, expected = quick(parts, **how), formula(parts, **how)
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(gradients(found, parts), gradients(expected, parts), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("how", MASKS.values(), ids=MASKS)
def test_in_bf16_it_is_about_as_exact_as_the_formula_written_out(parts, how):
    parts = [(10 * part).detach().requires_grad_() for part in parts[:2]] + parts[
        2:
    ]  # of scores as large as 100
    exact = formula(parts, **how)
    with torch.autocast("cpu", torch.bfloat16):
        found, usual = quick(parts, **how), formula(parts, **how)
    assert found.dtype == torch.bfloat16
    for one, other, true in zip(
        *((out, *gradients(out, parts)) for out in (found, usual, exact)), strict=True
    ):
        assert (one - true).norm() <= 1.5 * (other - true).norm()


@pytest.mark.parametrize("how", MASKS.values(), ids=MASKS)
def test_its_mean_is_attention_without_dropout(parts, how):
    with torch.no_grad():
        expected = scaled_dot_product_attention(*parts, **how)
        if "attn_mask" in how:
            how = {"attn_mask": how["attn_mask"].repeat(3000, 1, 1, 1)}
    found = quick([part.repeat(3000, 1, 1, 1) for part in parts], **how)
    torch.testing.assert_close(found.view(3000, B, H, T, D).mean(0), expected, atol=0.08, rtol=0)


@pytest.mark.parametrize("asked", [0.1, 0.5, 1e-9, 1 - 1e-9])
def test_as_much_is_dropped_as_asked_for(asked):
    torch.manual_seed(0)
    kept, share = draw_kept((3, 1001, 333), asked, torch.float32)
    assert share == pytest.approx(1 - asked, abs=2**-16) and share > 0
    assert set(kept.unique().tolist()) <= {0.0, 1.0}
    for lane in range(4):  # of each random number
        assert kept.flatten()[lane::4].mean().item() == pytest.approx(1 - asked, abs=0.004)


def test_activations_are_kept_or_dropped_and_their_gradients_too():
    values = drawn(5, 301)
    torch.manual_seed(0)
    with QuickKernels():
        found = torch.nn.Dropout(0.25)(values)
    torch.manual_seed(0)
    kept, share = draw_kept(values.shape, 0.25, torch.float32)
    torch.testing.assert_close(found, values * kept / share)
    (gradient,) = torch.autograd.grad(found.sum(), values)
    torch.testing.assert_close(gradient, kept / share)


def test_the_seed_decides_what_is_dropped(parts):
    assert torch.equal(quick(parts, 1), quick(parts, 1))
    assert not torch.equal(quick(parts, 1), quick(parts, 2))


def test_a_row_that_is_masked_whole_is_a_number(parts):
    nothing = torch.zeros(B, 1, T, S, dtype=torch.bool)
    for mask in (nothing, torch.zeros(B, 1, T, S).masked_fill(~nothing, -torch.inf)):
        found = quick(parts, attn_mask=mask)
        assert all(torch.isfinite(tensor).all() for tensor in (found, *gradients(found, parts)))


def test_what_torch_is_quick_at_is_left_to_it(parts):
    bias = drawn(B, H, T, S)
    cases = [{}, {"dropout_p": 1.0}, {"attn_mask": bias, "dropout_p": DROPOUT}]
    with QuickKernels():
        for how in cases:
            assert is_of_torch(scaled_dot_product_attention(*parts, **how))
        with torch.no_grad():
            assert scaled_dot_product_attention(*parts, dropout_p=DROPOUT).grad_fn is None
        for how in ({"p": 0.0}, {"p": 1.0}, {"training": False}):
            assert torch.equal(dropout(parts[0], **how), parts[0] * (how.get("p") != 1))
        shared = [parts[0], parts[1][:, :1], parts[2][:, :1]]
        grouped = scaled_dot_product_attention(*shared, dropout_p=DROPOUT, enable_gqa=True)
        assert is_of_torch(grouped)
