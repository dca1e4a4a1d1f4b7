from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest

from graft import metrics
from graft.base.errors import GraftError, UnknownName
from graft.metrics import classification, entities
from graft.metrics.find import all_metrics, find, find_or_assume


def test_metrics_of_every_module_are_found_by_name():
    assert find("macro_f1") is classification.macro_f1
    assert find("entity_f1") is entities.entity_f1
    assert all(metric.name == name for name, metric in all_metrics().items())


def test_no_two_modules_have_a_metric_of_one_name():
    modules = [
        importlib.import_module(f"graft.metrics.{found.name}")
        for found in pkgutil.iter_modules(metrics.__path__)
    ]
    assert sum(len(getattr(module, "METRICS", {})) for module in modules) == len(all_metrics())


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(UnknownName, match="'exact_match'"):
        find("exact_macth")


def test_what_is_lower_when_better_says_so():
    assert {name for name, metric in all_metrics().items() if not metric.higher_is_better} >= {
        "ece",
        "brier",
    }
    assert not find("brier").is_fraction
    assert find("accuracy").is_fraction


def test_a_metric_that_is_not_installed_is_named_but_not_computed():
    gone = find_or_assume("not_here")
    assert (gone.words, gone.sign, gone.is_fraction) == ("not here", 1, True)
    with pytest.raises(GraftError, match="not installed"):
        gone(np.zeros(1), np.zeros(1))


@pytest.mark.parametrize("name", ["accuracy", "auroc"])
def test_a_metric_can_read_other_scores(name):
    rng = np.random.default_rng(0)
    scores, targets = rng.dirichlet(np.ones(2), size=50), rng.integers(2, size=50)
    logits = find(name).with_reader(
        lambda given: np.exp(given) / np.exp(given).sum(axis=1, keepdims=True)
    )
    assert logits(np.log(scores), targets) == pytest.approx(find(name)(scores, targets))
    assert logits.name == name
