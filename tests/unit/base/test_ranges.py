"""Numbers out of range are refused at once, with the setting, the value and what is allowed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from graft import api
from graft.base.errors import BadValue
from graft.base.ranges import Count, Share, read_numbers
from graft.studies.spec import RunSpec
from graft.techniques.lora import Lora
from graft.techniques.specs.combine import parse
from tests.contracts.tiny import task_of

WRONG_SETTINGS = {
    "lr": ("0", "-1", "nan", "inf"),
    "head_lr": ("0", "-1e-3", "nan", "inf"),
    "epochs": ("0", "-1", "nan", "inf"),
    "layer_decay": ("0", "-0.5", "nan"),
    "weight_decay": ("-0.1", "nan", "inf"),
    "warmup": ("-0.1", "1.5", "nan"),
    "batch_size": ("0", "-4"),
    "accumulate": ("0", "-1"),
    "clip": ("-1", "nan", "inf"),
    "views": ("0", "-1"),
    "patience": ("0", "-3"),
}
WRONG_SPECS = (
    *(
        f"full-fine-tuning:{name}={value}"
        for name, values in WRONG_SETTINGS.items()
        for value in values
    ),
    "lora:r=0",
    "lora:alpha=0",
    "lora:alpha=nan",
    "lora:dropout=1",
    "lora:dropout=-0.1",
    "feature-extraction:head_lr=0",
    "lp-ft:probe_epochs=0",
    "lp-ft:probe_lr=nan",
    "gradual-unfreezing:stages=0",
    "l2-sp:weight=-1",
    "masked-language-modeling:probability=1",
    "zero-shot:scale=0",
    "zero-shot:threshold=nan",
    "full-fine-tuning then lora:r=0",
)


@pytest.mark.parametrize("spec", WRONG_SPECS)
def test_a_technique_refuses_a_number_out_of_range(spec):
    last = spec.rpartition(" ")[2]
    name, _, value = last.partition(":")[2].partition("=")
    with pytest.raises(BadValue) as refused:
        parse(spec)
    message = str(refused.value)
    assert message.startswith(f"{name} of {last.partition(':')[0]!r} must be a ")
    assert message.endswith(" instead.")
    assert float(message.rpartition("Got ")[2].removesuffix(" instead.")) == pytest.approx(
        float(value), nan_ok=True
    )


def test_a_technique_made_in_python_refuses_it_as_well():
    with pytest.raises(BadValue, match=r"r of 'lora' must be a whole number from 1 on\. Got 0"):
        Lora(r=0)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("clip", 0), ("warmup", 0), ("weight_decay", 0), ("warmup", 1), ("lr", None)],
)
def test_the_ends_of_a_range_are_allowed(setting, value):
    assert getattr(parse(f"lora:{setting}={'none' if value is None else value}"), setting) == value


DATA = {"path": "", "hash": "0", "format": "", "options": {}}
WRONG_RUNS = [
    ("seed", -1),
    ("seed", 2**31),
    ("seed", 0.5),
    ("fraction", 0),
    ("fraction", float("nan")),
    ("shots", 0),
    ("epochs", float("nan")),
    ("epochs", float("inf")),
    ("epochs", 0),
    ("batch_size", 0),
]


@pytest.mark.parametrize(("name", "value"), WRONG_RUNS)
def test_a_run_refuses_a_number_out_of_range(name, value):
    with pytest.raises(BadValue, match=f"^{name} must be a .* Got {value!r} instead"):
        RunSpec(DATA, "image-classification", "tiny:cnn", "lora", **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name, value in WRONG_RUNS if name not in ("seed", "fraction")),
        ("seeds", 0),
        ("seeds", -1),
        ("seeds", 1.5),
        ("seeds", [0, -1]),
        ("fractions", 0.5),
        ("fractions", [0.5, 2]),
        ("jobs", 0),
        ("jobs", -1),
        ("checkpoint_seconds", -1),
        ("checkpoint_seconds", float("nan")),
    ],
)
def test_compare_refuses_it_before_it_reads_the_data(name, value):
    with pytest.raises(
        BadValue, match=f"^{name.removesuffix('s') if isinstance(value, list) else name}"
    ):
        api.compare("nowhere", **{name: value})


@pytest.mark.parametrize(
    "name", ["seed", "fraction", "shots", "epochs", "batch_size", "checkpoint_seconds"]
)
def test_fit_refuses_it_before_it_reads_the_data(name):
    with pytest.raises(BadValue, match=f"^{name} must be"):
        api.fit("nowhere", **{name: -1})


def test_seeds_may_be_numbers_of_numpy(tmp_path):
    _, data = task_of("image-classification")
    plan = api.compare(
        data,
        ["bitfit"],
        ["tiny:cnn"],
        seeds=np.int64(2),
        epochs=1,
        jobs=1,
        out=tmp_path / "out",
        dry_run=True,
    )
    assert plan.runs == 4


@dataclass(frozen=True)
class Some:
    count: Count
    share: Share | None = None
    words: str = ""


def test_numbers_become_pythons_own():
    some = Some(np.int64(3), np.float32(0.5))
    read_numbers(some)
    assert (some.count, some.share) == (3, 0.5)
    assert {type(some.count), type(some.share)} == {int, float}


def test_none_is_allowed_only_where_the_type_says_so():
    read_numbers(Some(1))
    with pytest.raises(BadValue, match=r"count must be a whole number from 1 on\. Got None"):
        read_numbers(Some(None))
