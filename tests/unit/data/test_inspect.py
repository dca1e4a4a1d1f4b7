from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from graft.base.records import Sample
from graft.data.checks.inspect import Finding, Split, inspect, summarize
from graft.data.data import Data
from graft.data.load import read


def text(name: str, value: str, label: str | None = "a") -> Sample:
    return Sample(name, {"text": value, "label": label})


def picture(seed: int, side: int = 96) -> Image.Image:
    """A smooth picture of its own, such as photographs are."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)


def saved(image: Image.Image, format: str = "PNG", **more) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **more)
    return buffer.getvalue()


def image(name: str, value: object, label: str = "a") -> Sample:
    return Sample(name, {"image": value, "label": label})


def of(data: Data, kind: str) -> list[Finding]:
    return [f for f in inspect(data) if f.code == kind]


def test_clean_data_have_infos_only() -> None:
    data = Data(
        {
            split: [text(f"{split}{i}", f"{split} text {i}", "ab"[i % 2]) for i in range(10)]
            for split in ("train", "test")
        },
        notes=["n"],
    )
    assert {f.severity for f in inspect(data)} == {"info"}
    assert [f.message for f in of(data, "counts")] == [
        "20 samples of 2 classes: train 10, test 10."
    ]
    assert [f.message for f in of(data, "note")] == ["n"]


def test_broken_images_are_errors_and_stand_first(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg", "b/3.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        picture(len(name) + ord(name[0]) + int(name[2])).save(tmp_path / name)
    whole = (tmp_path / "a/1.jpg").read_bytes()
    (tmp_path / "a/1.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b/2.jpg").write_bytes(b"")
    (tmp_path / "b/3.jpg").write_text("hello")
    first = inspect(read(tmp_path))[0]
    assert (first.code, first.severity, first.samples) == (
        "unreadable",
        "error",
        ("a/1.jpg", "b/2.jpg", "b/3.jpg"),
    )
    assert all(
        word in first.message
        for word in ("3 images cannot be read", "truncated", "0 bytes", "not an image")
    )


def test_imbalance_single_and_missing_classes() -> None:
    train = [
        *(text(f"s{i}", f"t {i}", "many") for i in range(20)),
        text("few", "x", "few"),
        text("Few", "y", "Few"),
    ]
    data = Data({"train": train, "test": [text("t1", "z", "many"), text("t2", "zz", "new")]})
    assert "20 training samples of 'many', 1 of" in of(data, "imbalance")[0].message
    assert set(of(data, "single-example")[0].samples) == {"few", "Few"}
    missing = [f.message for f in of(data, "missing-class")]
    assert any("in train: new" in m for m in missing) and any(
        "in test: Few, few" in m for m in missing
    )
    assert "Few, few" in of(data, "alike-classes")[0].message


def test_empty_texts_and_lengths() -> None:
    data = Data(
        {"all": [text("1", "one two three"), text("2", "  \n"), text("3", ""), text("4", "one")]}
    )
    assert of(data, "empty")[0].samples == ("2", "3")
    assert "0 to 3 words, median 0.5" in of(data, "lengths")[0].message


def test_duplicates_leaks_and_conflicts_of_texts() -> None:
    train = [
        text("1", "Win a prize now"),
        text("2", "win a  PRIZE now", "b"),
        text("3", "other"),
        text("4", "win a prize now"),
    ]
    data = Data({"train": train, "test": [text("5", "win a prize now"), text("6", "quite new")]})
    assert (
        of(data, "duplicates")[0].samples == ("2", "4")
        and "50.0%" in of(data, "duplicates")[0].message
    )
    assert (
        of(data, "leak")[0].samples == ("1", "5")
        and "1 sample of test is in train too" in of(data, "leak")[0].message
    )
    assert set(of(data, "conflicting-labels")[0].samples) == {"1", "2", "4", "5"}


def test_samples_without_labels_that_are_in_test_too() -> None:
    unlabeled = [Sample("7", {"text": "quite new"}), Sample("8", {"text": "unseen"})]
    splits = {"train": [text("1", "a"), text("2", "quite")], "test": [text("6", "quite new")]}
    (finding,) = of(Data({**splits, "unlabeled": unlabeled}), "leak")
    assert finding.samples == ("7", "6")
    assert finding.message.endswith(
        "1 sample of test is in unlabeled too: 6 = 7. Scores on test may be too good for it; "
        "remove them from unlabeled."
    )


def test_advice_about_splits_that_graft_cut_is_about_the_samples() -> None:
    words = " ".join(f"word{i}" for i in range(20))
    samples = {"train": [text("1", words), text("2", "other")], "test": [text("3", words + " now")]}
    given = of(Data(samples), "near-leak")[0].message
    assert given.endswith("Scores on test may be too good for it; remove them from train.")
    cut = of(Data(samples, cut=("test",)), "near-leak")[0].message
    assert cut.endswith("Graft cut the splits itself: remove one of each pair.")
    table = Data(samples, cut=("test",), columns={"text": ["text"]})
    assert "(--columns group=NAME)" in of(table, "near-leak")[0].message


def test_a_conflict_of_many_equal_samples_names_two() -> None:
    data = Data({"train": [text(str(i), "the same", "ab"[i % 2]) for i in range(500)]})
    message = of(data, "conflicting-labels")[0].message
    assert message == "Equal samples have different labels, in 1 case: 0 is 'a' / 1 is 'b'."


def test_texts_that_share_their_passages() -> None:
    body = (
        "the first sentence of some news agency report about the match on sunday "
        "in the northern town"
    )
    data = Data(
        {
            "train": [
                text("1", f"Headline one : {body}"),
                text(
                    "2", "something else that is as long as the other one but has other words in it"
                ),
            ],
            "test": [text("3", f"Another title : {body}"), text("4", "short and new")],
        }
    )
    assert of(data, "near-leak")[0].samples == ("1", "3")


def test_pictures_saved_again_are_near_leaks() -> None:
    train = [image(f"t{i}", saved(picture(i))) for i in range(30)]
    test = [
        image("jpeg", saved(picture(3), "JPEG", quality=50)),
        image("smaller", saved(picture(7).resize((60, 60)))),
        image("same", saved(picture(9))),
        *(image(f"new{i}", saved(picture(100 + i))) for i in range(30)),
    ]
    data = Data({"train": train, "test": test})
    assert of(data, "leak")[0].samples == ("t9", "same")
    assert of(data, "near-leak")[0].samples == ("t3", "jpeg", "t7", "smaller")


def test_blank_and_tiny_pictures_are_not_taken_for_copies() -> None:
    blank = [Image.new("RGB", (64, 64), (v, v, v)) for v in (10, 10, 250, 250)]
    blank = [picture.resize((64 + i, 64)) for i, picture in enumerate(blank)]
    tiny = [
        np.kron(np.eye(2, dtype=np.uint8) * 200, np.ones((8, 8), np.uint8)) + np.uint8(v)
        for v in range(4)
    ]
    for pictures in (blank, tiny):
        data = Data(
            {
                "train": [image("1", pictures[0]), image("2", pictures[2])],
                "test": [image("3", pictures[1]), image("4", pictures[3])],
            }
        )
        assert not of(data, "near-leak") and not of(data, "leak")


def test_small_images_are_said() -> None:
    data = Data({"all": [image(str(i), saved(picture(i, 32))) for i in range(3)]})
    assert "3 of 3 images are smaller than 112 px" in of(data, "small-images")[0].message
    assert not of(Data({"all": [image("1", saved(picture(1, 120)))]}), "small-images")


def test_the_data_in_numbers() -> None:
    data = Data(
        {"train": [text("1", "x"), Sample("2", {"text": "y", "label": ("a", "b")})]},
        path="p",
        format="csv",
    )
    found = summarize(data, None, [])
    assert found.splits == {"train": Split(2, {"a": 2, "b": 1})} and found.classes == ["a", "b"]


class _Counted(dict):
    """The roles of a sample; counts how many times its label is read."""

    reads = 0

    def get(self, key, default=None):
        _Counted.reads += key == "label"
        return super().get(key, default)


def test_labels_are_read_a_few_times_however_many_classes_there_are() -> None:
    """Counting anew for each class takes classes x samples."""
    part = [
        Sample(f"s{i}", _Counted({"text": f"text {i}", "label": f"class {i % 100}"}))
        for i in range(200)
    ]
    _Counted.reads = 0
    inspect(
        Data(
            {"train": part, "test": [text(f"t{i}", f"other {i}", f"class {i}") for i in range(100)]}
        )
    )
    assert _Counted.reads < 20 * len(part)
