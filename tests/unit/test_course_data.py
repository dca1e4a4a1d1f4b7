"""The data of the course where neither GRAFT_DATA nor a network is there."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.course import load


@pytest.fixture
def course_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """notebooks/course_data.py in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRAFT_DATA", raising=False)
    return load("course_data")


def test_passages_are_cut_to_the_asked_length(course_data: ModuleType) -> None:
    data = course_data.passages(characters=80, train=12)
    assert len(data.splits["train"]) == 12
    texts = [sample.roles["passage"] for split in data.splits.values() for sample in split]
    assert {len(text) for text in texts} == {80}


@pytest.mark.parametrize(
    "task", ["token-classification", "question-answering", "translation", "summarization"]
)
def test_a_task_without_data_has_made_up_samples(
    task: str, course_data: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    data = course_data.of_task(task, "nothing", "sentences", train=4)
    assert set(data.splits) >= {"train", "val", "test"}
    assert "made-up samples" in capsys.readouterr().out


def test_only_short_sources_are_kept(course_data: ModuleType) -> None:
    data = course_data.shorter(
        course_data.of_task("summarization", "nothing", "texts"), 90, train=5
    )
    sources = [sample.roles["source"] for split in data.splits.values() for sample in split]
    assert max(map(len, sources)) <= 90
    assert len(data.splits["train"]) == 5


@pytest.mark.parametrize(
    ("home", "reason"),
    [
        (None, "GRAFT_DATA is not set"),
        ("nowhere", "GRAFT_DATA is 'nowhere', which is no folder"),
        (".", "the folder of GRAFT_DATA has no folder sst2"),
    ],
)
def test_why_data_are_missing_is_said(
    home: str | None,
    reason: str,
    course_data: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if home is not None:
        monkeypatch.setenv("GRAFT_DATA", home)
    course_data.reviews(train=4)
    assert f"No film reviews: {reason}." in capsys.readouterr().out


def test_spoken_digits_become_tones(course_data: ModuleType) -> None:
    data = course_data.spoken_digits(train=200)
    wave, rate = course_data.wave(data.splits["train"][0])
    assert data.classes == ["high", "low", "middle"]
    assert 0 < len(wave) < rate


def test_half_a_download_is_not_taken_for_the_photographs(
    course_data: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course_data, "HOME", tmp_path / "data")

    def stop(url: str, folder: str) -> None:
        (Path(folder) / "hymenoptera_data" / "train" / "ants").mkdir(parents=True)
        raise OSError("the connection was closed")

    monkeypatch.setattr("torchvision.datasets.utils.download_and_extract_archive", stop)
    for _ in range(2):  # the second time finds what the first one left
        assert course_data._fetch_photographs() is None
    assert list(course_data.HOME.iterdir()) == []


def test_digits_become_two_domains(course_data: ModuleType) -> None:
    data = course_data.two_domains(train=50, unlabeled=40)
    assert data.target == "labeled"
    assert len(data.splits["unlabeled"]) == 40
    edges = {split: data.splits[split][0].roles["image"][0, 0] for split in ("train", "unlabeled")}
    assert edges == {"train": 0, "unlabeled": 255}


def test_few_digits_keep_their_labels(course_data: ModuleType) -> None:
    data = course_data.few_labels(shots=3, unlabeled=30)
    assert [len(data.splits[split]) for split in ("train", "unlabeled")] == [30, 30]
