"""The readers on real data sets, where they lie beside the repository."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from graft.data.inspect import inspect
from graft.data.load import load_data, read

SHARED = Path(__file__).parents[4] / "shared" / "data"


def shared(name: str) -> Path:
    if not (SHARED / name).exists():
        pytest.skip(f"the shared data set {name} is not beside the repository")
    return SHARED / name


@pytest.mark.parametrize(
    ("name", "format", "raw", "cut", "classes"),
    [
        ("hymenoptera", "image-folder", {"train": 245, "val": 153}, {"train": 208, "val": 37, "test": 153}, 2),
        ("cats_dogs", "image-folder", {"train": 400, "test": 150}, {"train": 340, "val": 60, "test": 150}, 2),
        ("sst2", "tsv", {"train": 6920, "val": 872, "test": 1821}, {"train": 6920, "val": 872, "test": 1821}, 2),
        ("sms_spam", "tsv", {"all": 5574}, {"train": 3790, "val": 669, "test": 1115}, 2),
        ("ag_news", "csv", {"train": 5600, "test": 2000}, {"train": 4760, "val": 840, "test": 2000}, 4),
        ("cifar10", "parquet", {"train": 10000, "test": 2000}, {"train": 8500, "val": 1500, "test": 2000}, 10),
        ("tinyimagenet100", "parquet", {"train": 5000, "val": 2000}, {"train": 4250, "val": 750, "test": 2000}, 100),
        ("digits_da/mnist.npz", "npz", {"train": 10000, "test": 2000}, {"train": 8500, "val": 1500, "test": 2000}, 10),
    ],
)
def test_counts(name: str, format: str, raw: dict[str, int], cut: dict[str, int], classes: int) -> None:
    data = read(shared(name))
    assert data.format == format and len(data.classes) == classes
    assert {split: len(samples) for split, samples in data.splits.items()} == raw
    assert {split: len(samples) for split, samples in load_data(shared(name)).splits.items()} == cut


def test_class_names_are_readable() -> None:
    assert read(shared("cifar10")).classes[:3] == ["airplane", "automobile", "bird"]
    assert "goldfish" in read(shared("tinyimagenet100")).classes


def test_sms_spam_is_full_of_copies() -> None:
    finding = next(f for f in inspect(read(shared("sms_spam"))) if f.kind == "duplicates")
    assert 0.07 < len(finding.samples) / 5574 < 0.08


def test_sms_spam_splits_share_no_copies() -> None:
    assert not [f for f in inspect(load_data(shared("sms_spam"))) if f.kind == "leak"]


def test_ag_news_has_one_article_in_train_and_test_under_two_titles() -> None:
    findings = [f for f in inspect(read(shared("ag_news"))) if f.kind == "near-leak"]
    texts = {s.id: s.roles["text"] for samples in read(shared("ag_news")).splits.values() for s in samples}
    assert any("Most IT Managers won" in texts[i] for f in findings for i in f.samples)


def test_tinyimagenet_has_one_image_under_two_labels_and_is_looked_through_fast() -> None:
    data = read(shared("tinyimagenet100"))
    began = time.monotonic()
    findings = {f.kind: f for f in inspect(data)}
    assert time.monotonic() - began < 30, "7,000 images of 64 px took 2 s on two idle cores"
    labels = {s.id: s.roles["label"] for samples in data.splits.values() for s in samples}
    assert {labels[i] for i in findings["conflicting-labels"].samples} == {"slug", "snail"}
    assert "unreadable" not in findings
