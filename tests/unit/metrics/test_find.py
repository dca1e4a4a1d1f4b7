from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest

from graft import metrics
from graft.base.errors import UnknownName
from graft.metrics import classification, entities
from graft.metrics.find import find, known


def test_metrics_of_every_module_are_found_by_name():
    assert find("macro_f1") is classification.macro_f1
    assert find("entity_f1") is entities.entity_f1
    assert all(metric.name == name for name, metric in known().items())


def test_no_two_modules_have_a_metric_of_one_name():
    modules = [
        importlib.import_module(f"graft.metrics.{found.name}")
        for found in pkgutil.iter_modules(metrics.__path__)
    ]
    assert sum(len(getattr(module, "METRICS", {})) for module in modules) == len(known())


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(UnknownName, match="'exact_match'"):
        find("exact_macth")


def test_what_is_lower_when_better_says_so():
    assert {name for name, metric in known().items() if not metric.higher_is_better} >= {
        "ece",
        "brier",
    }
    assert not find("brier").is_fraction
    assert find("accuracy").is_fraction


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "ece"])
def test_a_metric_of_sums_is_the_value_of_its_parts(name):
    rng = np.random.default_rng(0)
    scores, targets = rng.dirichlet(np.ones(3), size=50), rng.integers(3, size=50)
    metric = find(name)
    assert metric.value(metric.parts(scores, targets).sum(axis=0)) == pytest.approx(
        metric(scores, targets)
    )


@pytest.mark.parametrize("name", ["accuracy", "auroc"])
def test_a_metric_can_read_other_scores(name):
    rng = np.random.default_rng(0)
    scores, targets = rng.dirichlet(np.ones(2), size=50), rng.integers(2, size=50)
    logits = find(name).reading(
        lambda given: np.exp(given) / np.exp(given).sum(axis=1, keepdims=True)
    )
    assert logits(np.log(scores), targets) == pytest.approx(find(name)(scores, targets))
    assert (logits.parts is None) == (name == "auroc")
    assert logits.name == name
