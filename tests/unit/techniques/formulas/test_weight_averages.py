"""Averages of weights against closed forms."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch

from graft.techniques.formulas.greedy_soup import greedy_soup
from graft.techniques.formulas.interpolation import add_to_mean, interpolate, mean_weights


def test_interpolated_weights_meet_their_ends_exactly():
    start, end = torch.randn(2, 50, generator=torch.manual_seed(0)) * 1e3
    assert torch.equal(interpolate(start, end, 0.0), start)
    assert torch.equal(interpolate(start, end, 1.0), end)
    expected = 0.7 * start + 0.3 * end
    # A sum of two numbers of up to some thousand, in float32.
    torch.testing.assert_close(interpolate(start, end, 0.3), expected, rtol=1e-5, atol=1e-3)


def test_the_best_alpha_of_a_quadratic_loss_is_that_of_its_projection():
    """|A w - b|^2 along the way from 0 to v is least at <A v, b> / |A v|^2."""
    generator = torch.manual_seed(1)
    matrix, end = torch.randn(8, 3, generator=generator), torch.randn(3, generator=generator)
    target = 0.6 * matrix @ end  # so that the best alpha is 0.6
    alphas = [k / 10 for k in range(11)]
    losses = [
        float((matrix @ interpolate(torch.zeros(3), end, alpha) - target).square().sum())
        for alpha in alphas
    ]
    assert alphas[losses.index(min(losses))] == 0.6


def test_a_running_mean_is_the_mean():
    rows = torch.randn(7, 5, generator=torch.manual_seed(2), dtype=torch.double)
    mean = torch.full((5,), 100.0, dtype=torch.double)  # of none: it must not count
    for count, row in enumerate(rows):
        add_to_mean(mean, count, row)
    torch.testing.assert_close(mean, rows.mean(0))
    torch.testing.assert_close(mean_weights(list(rows)), rows.mean(0))


@pytest.mark.parametrize("seed", range(5))
def test_a_greedy_soup_ends_with_the_best_of_what_it_tried(seed):
    """The loss is the distance of the mean from 0, which other networks may lower or not."""
    weights = torch.randn(5, 3, generator=torch.manual_seed(seed))

    def loss(members: list[int]) -> float:
        return float(weights[members].mean(0).norm())

    tried, soups = [], greedy_soup(len(weights))
    members = next(soups)
    try:
        while True:
            tried.append(members)
            members = soups.send([loss(members)])
    except StopIteration:
        pass
    order = sorted(range(5), key=lambda number: loss([number]))
    soup = order[:1]
    for number in order[1:]:
        soup = [*soup, number] if loss([*soup, number]) < loss(soup) else soup
    assert min(tried, key=loss) == soup
    assert loss(soup) <= min(loss([number]) for number in range(5))
    assert min(loss(list(each)) for k in range(1, 6) for each in combinations(range(5), k)) <= loss(
        soup
    )
