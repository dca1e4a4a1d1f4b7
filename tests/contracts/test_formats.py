"""What every data format must do: give back what it wrote, and know its own files best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graft.base import plugins
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.format import ReadOptions
from graft.data.images import open_image
from graft.data.load import read

FORMATS = plugins.names("format")


def tiny_texts() -> Data:
    words = {"train": 6, "val": 4, "test": 4}
    return Data({split: [_text(split, i, ("spam", "häm")[i % 2]) for i in range(n)] for split, n in words.items()})


def tiny_unsplit() -> Data:
    return Data({"all": [_text("all", i, ("spam", "häm", "egg and bacon")[i % 3]) for i in range(9)]})


def tiny_several_labels() -> Data:
    labels = (("sports", "politics"), ("sports",), ("arts", "politics"), ("arts",))
    return Data({split: [_text(split, i, labels[i % 4]) for i in range(8)] for split in ("train", "test")})


def tiny_images() -> Data:
    rng = np.random.default_rng(0)
    return Data(
        {
            split: [
                Sample(f"{split}:{i}", {"image": rng.integers(0, 256, (5, 7, 3), dtype=np.uint8), "label": ("ant", "bee")[i % 2]})
                for i in range(6)
            ]
            for split in ("train", "test")
        }
    )


def _text(split: str, i: int, label: str | tuple[str, ...]) -> Sample:
    said = (
        'says "hello", twice',
        "naïve café — ok",
        "one; two | three",
        "日本語の文です",
        "it's 5 o'clock",
        "a text \u2028 in two parts",
    )[i % 6]
    return Sample(f"{split}:{i}", {"text": f"{split} number {i} {said}", "label": label})


def tiny_tokens() -> Data:
    tokens = ("Zoë", "Müller", "left", "New", "York\u2028City", "#1", ".")
    tags = (("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O", "O"), ("I-PER", "I-PER", "O", "I-LOC", "B-LOC", "O", "O"))
    return Data(
        {
            split: [
                Sample(
                    f"{split}:{i}",
                    {"tokens": (f"{split}{i}", *tokens), "tags": ("O", *tags[i % 2]), "group": f"{split} {i // 2}"},
                )
                for i in range(4)
            ]
            for split in ("train", "val", "test")
        }
    )


def tiny_answers() -> Data:
    context = "Zoë lives in \u2028 Köln. She says “hi” to Köln."
    answers = ((("Köln", 15),), (), (("Köln", 15), ("Köln", 38), ("“hi”", 30)))
    return Data(
        {
            split: [
                Sample(
                    f"{split}:{i}",
                    {"question": f"Where, {i}?", "context": f"{context} {split}", "answers": answers[i % 3], "group": split},
                )
                for i in range(6)
            ]
            for split in ("train", "test")
        }
    )


def tiny_passages() -> Data:
    line = "naïve café — „ok“; 日本語, one\ttwo. "
    return Data(
        {
            split: [Sample(f"{split}:{i}", {"passage": f"{split} {i}\n" + line * (30 + i) + "\n\n"}) for i in range(4)]
            for split in ("train", "val", "test")
        }
    )


def tiny_prompts() -> Data:
    def pair(split: str, i: int) -> Sample:
        return Sample(f"{split}:{i}", {"prompt": f"Say {split} {i}:\n", "completion": f' "{i}"\u2028 ök'})

    return Data({split: [pair(split, i) for i in range(4)] for split in ("train", "test")})


def tiny_pairs() -> Data:
    def pair(split: str, i: int) -> Sample:
        return Sample(f"{split}:{i}", {"source": f"{split} {i}:\u2028 one; „two“", "target": f"{i}\tjedna, dvě " * (i > 0)})

    return Data({split: [pair(split, i) for i in range(4)] for split in ("train", "val", "test")})


def tiny_messages() -> Data:
    system = {"role": "system", "content": "Be brief."}
    return Data(
        {
            split: [
                Sample(
                    f"{split}:{i}", {"prompt": (system, {"role": "user", "content": f"{split} {i}?"}), "completion": f"Já {i}."}
                )
                for i in range(4)
            ]
            for split in ("train", "test")
        }
    )


TINY = {
    "texts": tiny_texts,
    "unsplit": tiny_unsplit,
    "several-labels": tiny_several_labels,
    "images": tiny_images,
    "tokens": tiny_tokens,
    "answers": tiny_answers,
    "passages": tiny_passages,
    "prompts": tiny_prompts,
    "pairs": tiny_pairs,
    "messages": tiny_messages,
}


def check_format(name: str, folder: Path) -> list[str]:
    """Assert the contract for the format `name`, and tell which of the tiny data sets it can hold."""
    held = []
    for kind, make in TINY.items():
        data, path = make(), folder / "an öd folder" / kind
        try:
            plugins.load("format", name)().write_tiny(data, path)
        except DataError:
            continue
        held.append(kind)
        sure = {other: plugins.load("format", other)().sniff(path) for other in plugins.names("format")}
        assert max(sure, key=sure.get) == name and list(sure.values()).count(sure[name]) == 1, f"{kind}: {sure}"
        separator = "|" if kind == "several-labels" else None
        found = read(path, label_separator=separator)
        assert found.format == name and found.path == str(path)
        assert _content(found) == _content(data), kind
        assert _grouped(found) == _grouped(data), kind
        ids = [s.id for samples in found.splits.values() for s in samples]
        assert len(set(ids)) == len(ids), "two samples have the same id"
        assert _content(read(path, label_separator=separator)) == _content(found)
    return held


def _content(data: Data) -> dict[str, list[tuple]]:
    return {split: sorted(map(_values, samples)) for split, samples in data.splits.items()}


def _grouped(data: Data) -> dict[str, int]:
    """How many groups each split has; their names may be others."""
    return {split: len({s.roles.get("group") for s in samples}) for split, samples in data.splits.items()}


def _values(sample: Sample) -> tuple:
    if "label" not in sample.roles:
        return tuple((role, value) for role, value in sorted(sample.roles.items()) if role != "group")
    label = sample.roles["label"]
    value = sample.roles["text"] if "text" in sample.roles else np.asarray(open_image(sample.roles["image"], sample.id)).tobytes()
    return value, tuple(sorted(label)) if isinstance(label, tuple) else label


@pytest.mark.parametrize("name", FORMATS)
def test_gives_back_what_it_wrote_and_knows_its_own_files(name: str, tmp_path: Path) -> None:
    assert check_format(name, tmp_path), "the format could hold none of the tiny data sets"


def test_some_format_holds_each_kind_of_data(tmp_path: Path) -> None:
    held = {kind for name in FORMATS for kind in check_format(name, tmp_path / name)}
    assert held == set(TINY)


@pytest.mark.parametrize("name", FORMATS)
def test_does_not_claim_what_it_cannot_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "program.exe").write_bytes(b"MZ\0\0")
    format = plugins.load("format", name)()
    assert format.sniff(tmp_path / "empty") == 0
    assert format.sniff(tmp_path / "program.exe") == 0
    assert format.sniff(tmp_path / "missing") == 0


@pytest.mark.parametrize("name", FORMATS)
def test_unreadable_content_is_a_data_error(name: str, tmp_path: Path) -> None:
    format = plugins.load("format", name)()
    for suffix in (".csv", ".tsv", ".jsonl", ".parquet", ".npz", ".png", ".txt"):
        file = tmp_path / f"broken{suffix}"
        file.write_bytes(b"\x93\0\xff\xfe broken \0\0")
        if format.sniff(file):
            with pytest.raises(DataError):
                format.read(file, ReadOptions())
