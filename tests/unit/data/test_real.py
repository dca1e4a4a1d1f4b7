"""The readers on real data sets, where they lie beside the repository."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from graft.data.checks.inspect import inspect
from graft.data.data import Data
from graft.data.load import load_data, read

SHARED = Path(__file__).parents[4] / "shared" / "data"


def shared(name: str) -> Path:
    if not (SHARED / name).exists():
        pytest.skip(f"the shared data set {name} is not beside the repository")
    return SHARED / name


@cache
def read_shared(name: str) -> Data:
    """Return a data set as its files have it, read once for all tests, which only look at it."""
    return read(shared(name))


@pytest.mark.parametrize(
    ("name", "format", "raw", "cut", "classes"),
    [
        (
            "hymenoptera",
            "image-folder",
            {"train": 245, "val": 153},
            {"train": 208, "val": 37, "test": 153},
            2,
        ),
        (
            "cats_dogs",
            "image-folder",
            {"train": 400, "test": 150},
            {"train": 340, "val": 60, "test": 150},
            2,
        ),
        (
            "sst2",
            "tsv",
            {"train": 6920, "val": 872, "test": 1821},
            {"train": 6920, "val": 872, "test": 1821},
            2,
        ),
        ("sms_spam", "tsv", {"all": 5574}, {"train": 3790, "val": 669, "test": 1115}, 2),
        (
            "ag_news",
            "csv",
            {"train": 5600, "test": 2000},
            {"train": 4760, "val": 840, "test": 2000},
            4,
        ),
        (
            "cifar10",
            "parquet",
            {"train": 10000, "test": 2000},
            {"train": 8500, "val": 1500, "test": 2000},
            10,
        ),
        (
            "tinyimagenet100",
            "parquet",
            {"train": 5000, "val": 2000},
            {"train": 4250, "val": 750, "test": 2000},
            100,
        ),
        (
            "digits_da/mnist.npz",
            "npz",
            {"train": 10000, "test": 2000},
            {"train": 8500, "val": 1500, "test": 2000},
            10,
        ),
    ],
)
def test_counts(
    name: str, format: str, raw: dict[str, int], cut: dict[str, int], classes: int
) -> None:
    data = read_shared(name)
    assert data.format == format and len(data.classes) == classes
    assert {split: len(samples) for split, samples in data.splits.items()} == raw
    assert {split: len(samples) for split, samples in load_data(shared(name)).splits.items()} == cut


def test_class_names_are_readable() -> None:
    assert read_shared("cifar10").classes[:3] == ["airplane", "automobile", "bird"]
    assert "goldfish" in read_shared("tinyimagenet100").classes


def test_sms_spam_is_full_of_copies() -> None:
    finding = next(f for f in inspect(read_shared("sms_spam")) if f.code == "duplicates")
    assert 0.07 < len(finding.samples) / 5574 < 0.08


def test_sms_spam_splits_share_no_copies() -> None:
    assert not [f for f in inspect(load_data(shared("sms_spam"))) if f.code == "leak"]


def test_ag_news_has_one_article_in_train_and_test_under_two_titles() -> None:
    findings = [f for f in inspect(read_shared("ag_news")) if f.code == "near-leak"]
    texts = {
        s.id: s.roles["text"] for samples in read_shared("ag_news").splits.values() for s in samples
    }
    assert any("Most IT Managers won" in texts[i] for f in findings for i in f.samples)


def test_tinyimagenet_has_one_image_under_two_labels() -> None:
    data = read_shared("tinyimagenet100")
    findings = {f.code: f for f in inspect(data)}
    labels = {s.id: s.roles["label"] for samples in data.splits.values() for s in samples}
    assert {labels[i] for i in findings["conflicting-labels"].samples} == {"slug", "snail"}
    assert "unreadable" not in findings


def test_conll2003_is_read_with_its_documents() -> None:
    data = read_shared("conll2003")
    assert (
        data.format == "conll"
        and data.roles == {"tokens", "tags", "group"}
        and data.classes == ["LOC", "MISC", "ORG", "PER"]
    )
    assert {split: len(samples) for split, samples in data.splits.items()} == {
        "train": 14041,
        "val": 3250,
        "test": 3453,
    }
    assert sum(len(s.roles["tokens"]) for s in data.splits["train"]) == 203_621
    assert len({s.roles["group"] for s in data.splits["train"]}) == 946
    assert (
        data.splits["train"][0].id == "train.txt:3"
        and data.splits["train"][0].roles["tags"][0] == "I-ORG"
    )
    counts = next(
        f.message for f in inspect(data) if f.code == "classes" and f.message.startswith("train")
    )
    assert counts == "train: LOC 7,140, PER 6,600, ORG 6,321, MISC 3,438.", (
        "as the shared task's paper has them"
    )


def test_conll2003_is_cut_by_documents() -> None:
    data = load_data(shared("conll2003") / "train.txt")
    groups = {split: {s.roles["group"] for s in samples} for split, samples in data.splits.items()}
    assert not groups["train"] & groups["test"] and not groups["train"] & groups["val"]
    assert 0.17 < len(data.splits["test"]) / 14041 < 0.23


def test_xquad_is_cut_by_articles() -> None:
    data = load_data(shared("xquad_en"))
    assert data.format == "jsonl" and data.roles == {"question", "context", "answers", "group"}
    assert (
        len(data.splits["train"]) + len(data.splits["val"]) == 919
        and len(data.splits["test"]) == 271
    )
    samples = [s.roles for part in data.splits.values() for s in part]
    assert all(
        s["context"][start : start + len(text)] == text
        for s in samples
        for text, start in s["answers"]
    )
    titles = {split: {s.roles["group"] for s in part} for split, part in data.splits.items()}
    assert not titles["train"] & titles["val"] and not titles["train"] & titles["test"]


@pytest.mark.parametrize(
    ("domain", "train", "bare"), [("electronics", 2345, 1399), ("tripadvisor", 2154, 863)]
)
def test_subjqa_has_questions_without_an_answer(domain: str, train: int, bare: int) -> None:
    data = read(shared("subjqa") / domain)
    assert data.roles == {"question", "context", "answers"} and list(data.splits) == [
        "train",
        "val",
        "test",
    ]
    assert (
        len(data.splits["train"]) == train
        and sum(not s.roles["answers"] for s in data.splits["train"]) == bare
    )


def test_plain_texts_are_not_taken_for_tags() -> None:
    from graft.data.formats.conll import Conll

    for name in ("sms_spam", "sst2", "tinyshakespeare", "multi30k_en_de", "wikitext2"):
        folder = shared(name)
        assert not any(Conll().sniff(path) for path in (folder, *folder.iterdir())), name


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("librispeech_mini", {"train": 160, "val": 30, "test": 100}),
        ("yesno", {"train": 31, "test": 29}),
        ("ljspeech_mini", {"all": 8}),
    ],
)
def test_sounds_with_texts_are_transcripts(name: str, sizes: dict[str, int]) -> None:
    data = read_shared(name)
    assert data.kind == "transcripts"
    assert {split: len(part) for split, part in data.splits.items()} == sizes
    assert all(sample.roles["transcript"] for part in data.splits.values() for sample in part)


def test_orders_that_were_saved_twice_are_named() -> None:
    """Two orders are there twice under other names, one in each split; their bytes differ."""
    findings = inspect(read(shared("barista_orders"), columns={"label": "drink"}))
    pairs = {f.samples for f in findings if f.code == "near-leak"}
    assert pairs == {
        ("labels.csv:345", "labels.csv:352"), ("labels.csv:314", "labels.csv:53"),
    }  # fmt: skip
