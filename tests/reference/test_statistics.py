"""The statistics of the report against known truths: coverage on simulated studies, exact tests, published examples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, wilcoxon

from graft.metrics.intervals import clusters
from graft.reports.statistics import holm, means, p_value, resample


def study(
    rng: np.random.Generator, seeds: int, size: int, seed_sd: float, groups: int = 2, shift: float = 0.0
) -> list[np.ndarray]:
    """Right or wrong (S, N) for each group: examples differ in difficulty, seeds in skill, and each pair has its luck."""
    difficulty = rng.normal(1.2, 1.5, size=size)
    skill = [rng.normal(shift * g, seed_sd, size=(seeds, 1)) for g in range(groups)]
    return [(difficulty + s + rng.normal(0, 0.5, size=(seeds, size)) > 0).astype(float) for s in skill]


def expected(seed_sd: float, shift: float = 0.0) -> float:
    return float(norm.cdf((1.2 + shift) / np.sqrt(1.5**2 + 0.5**2 + seed_sd**2)))


@pytest.mark.parametrize(("seeds", "size", "seed_sd"), [(3, 150, 0.1), (3, 600, 0.05), (8, 300, 0.2)])
def test_intervals_cover_the_truth_nineteen_times_in_twenty(seeds, size, seed_sd):
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        (scores,) = study(rng, seeds, size, seed_sd, groups=1)
        interval = resample({"a": means(scores)}, np.arange(size), resamples=500)["a"].interval()
        covered += interval.low <= expected(seed_sd) <= interval.high
    assert 0.91 <= covered / 200 <= 0.995


def test_equal_groups_are_seldom_told_apart():
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(200):
        a, b = study(rng, 3, 400, 0.08)
        groups = resample({"a": means(a), "b": means(b)}, np.arange(400), resamples=500)
        found += groups["a"].minus(groups["b"]).p < 0.05
    assert found / 200 <= 0.08


def test_a_real_difference_is_found_and_covered():
    rng = np.random.default_rng(3)
    truth = expected(0.05, 0.5) - expected(0.05)
    found, covered = 0, 0
    for _ in range(100):
        a, b = study(rng, 3, 400, 0.05, shift=0.5)
        groups = resample({"a": means(a), "b": means(b)}, np.arange(400), resamples=500)
        difference = groups["b"].minus(groups["a"])
        found += difference.p < 0.05
        covered += difference.low <= truth <= difference.high
    assert found >= 95
    assert covered >= 90


def test_examples_of_one_group_count_as_one_in_intervals_and_errors():
    """40 texts of 8 questions, right together or wrong together: two techniques of equal worth, one study after the other."""
    rng = np.random.default_rng(7)
    texts, covered, found = np.repeat(np.arange(40), 8), {True: 0, False: 0}, {True: 0, False: 0}
    for _ in range(200):
        ease = rng.normal(0, 1, (2, 1, 40))[:, :, texts]
        a, b = ((e + rng.normal(0, 0.5, (3, 320)) > 0).astype(float) for e in ease)
        for together in (True, False):
            drawn = clusters(texts.tolist()) if together else np.arange(320)
            groups = resample({"a": means(a), "b": means(b)}, drawn, resamples=300)
            interval = groups["a"].interval()
            covered[together] += interval.low <= 0.5 <= interval.high
            found[together] += groups["a"].minus(groups["b"]).p < 0.05
    assert covered[True] / 200 >= 0.91
    assert covered[False] / 200 <= 0.75
    assert found[True] / 200 <= 0.09
    assert found[False] / 200 >= 0.25


def test_pairing_by_example_is_what_makes_small_differences_visible():
    rng = np.random.default_rng(4)
    a = (rng.random((3, 500)) < 0.7).astype(float)
    a[:] = a[0]
    b = a.copy()
    b[:, np.flatnonzero(a[0] == 0)[:15]] = 1
    groups = resample({"a": means(a), "b": means(b)}, np.arange(500), resamples=2000)
    difference = groups["b"].minus(groups["a"])
    assert difference.value == pytest.approx(0.03)
    # 15 of 500 examples differ, all one way: the standard error is that of a proportion of 0.03
    error = np.sqrt(0.03 * 0.97 / 500)
    assert (difference.low, difference.high) == pytest.approx((0.03 - 1.96 * error, 0.03 + 1.96 * error), abs=0.003)
    assert groups["a"].interval().high > groups["b"].interval().low, "unpaired, the intervals overlap"


def test_p_values_agree_with_wilcoxon_on_one_run_each():
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 1, 80), rng.normal(0.25, 1, 80)
    groups = resample({"a": means(a[None]), "b": means(b[None])}, np.arange(80))
    assert groups["b"].minus(groups["a"]).p == pytest.approx(wilcoxon(b - a).pvalue, abs=0.06)


def test_p_value_and_interval_say_the_same():
    rng = np.random.default_rng(6)
    for shift in np.linspace(-0.4, 0.4, 41):
        a = rng.normal(shift, 1, (1, 100))
        groups = resample({"a": means(a), "0": means(np.zeros((1, 100)))}, np.arange(100), resamples=999)
        difference = groups["a"].minus(groups["0"])
        assert (difference.p < 0.05) == (difference.low > 0 or difference.high < 0) or difference.p == pytest.approx(
            0.05, abs=0.004
        )


def test_p_values_by_hand():
    assert p_value(np.array([1.0] * 99)) == pytest.approx(2 * 1 / 100)
    assert p_value(np.array([-1.0, 1.0] * 50)) == 1.0
    assert p_value(np.array([0.0] * 10)) == 1.0
    assert np.isnan(p_value(np.array([np.nan])))


def test_holm_on_published_examples():
    # the example of the English Wikipedia article "Holm-Bonferroni method": H4 and H1 are rejected at 0.05, H2 and H3 are not
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # what R's p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") prints
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])


def test_holm_leaves_out_what_is_unknown():
    corrected = holm([0.02, float("nan"), 0.9])
    assert corrected[0] == pytest.approx(0.04)
    assert np.isnan(corrected[1])
    assert corrected[2] == pytest.approx(0.9)
    assert holm([]) == []
    assert holm([0.7]) == [0.7]


def test_the_variance_between_few_seeds_is_not_underestimated():
    scores = np.tile(np.array([[0.1], [0.5], [0.6]]), (1, 50))
    spread = resample({"a": means(scores)}, np.arange(50), resamples=20_000)["a"].draws.var()
    assert spread == pytest.approx(np.var([0.1, 0.5, 0.6], ddof=1) / 3, rel=0.03)


def test_one_seed_varies_by_its_examples_alone():
    row = (np.arange(200) < 140).astype(float)[None]
    interval = resample({"a": means(row)}, np.arange(200))["a"].interval()
    assert (interval.low, interval.high) == pytest.approx((0.635, 0.765), abs=0.01)


def test_the_same_seed_gives_the_same_numbers():
    scores = np.random.default_rng(0).random((3, 40))
    first, second = (resample({"a": means(scores)}, np.arange(40), resamples=200)["a"].interval() for _ in range(2))
    assert first == second
