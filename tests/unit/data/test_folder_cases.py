"""Folders as practitioners have them: stray files are no classes, skipped files are reported."""

from __future__ import annotations

import json
import unicodedata
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.load import load_data, read

SHAPES = ("round", "square")


def put(folder: Path, *names: str) -> Path:
    """Files of these names: small pictures, each of another grey, and texts."""
    for number, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix.lower() in (".png", ".jpg", ".avif"):
            Image.fromarray(np.full((16, 16), 3 * number % 256, np.uint8)).save(file)
        else:
            file.write_text(f"text number {number}", encoding="utf-8")
    return folder


def pictures(*folders: str, count: int = 3, ending: str = ".png") -> list[str]:
    stems = {folder: folder.replace("/", "-") for folder in folders}
    return [f"{folder}/{stem}{i}{ending}" for folder, stem in stems.items() for i in range(count)]


def write_rows(file: Path, header: str, row: str, count: int = 6) -> Path:
    """A table in whose rows `{i}` is a number and `{label}` is a or b in turn."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [row.format(i=i, label="ab"[i % 2]) for i in range(count)]
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return file


def each(*names: tuple[str, ...]) -> list[str]:
    """Return all paths: `train/round`, `train/square`, `test/round`, `test/square`."""
    return ["/".join(parts) for parts in product(*names)]


def labels(data: Data) -> dict[str, list[str]]:
    return {split: [s.roles["label"] for s in samples] for split, samples in data.splits.items()}


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("{}_set", "{}_set"), ("seg_{}", "seg_{}"), ("{}", "{}"), ("{}", "{}ing"), ("{}", "images")],
)
def test_a_split_folder_in_a_split_folder(tmp_path: Path, outer: str, inner: str) -> None:
    names = [f"{outer}/{inner}".format(split, split) for split in ("train", "test")]
    data = read(put(tmp_path, *pictures(*each(names, SHAPES))))
    assert labels(data) == dict.fromkeys(("train", "test"), ["round"] * 3 + ["square"] * 3)


def test_a_table_in_each_split_folder_says_what_the_images_there_are(tmp_path: Path) -> None:
    put(tmp_path, *pictures("train", "test", count=6))
    for split in ("train", "test"):
        rows = [{"file_name": f"{split}{i}.png", "label": SHAPES[i % 2]} for i in range(6)]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / split / "metadata.jsonl").write_text(lines)
    data = read(tmp_path)
    assert labels(data) == dict.fromkeys(("train", "test"), ["round", "square"] * 3)
    assert data.splits["test"][0].id == "test/metadata.jsonl:1"
    assert data.splits["test"][0].roles["image"] == tmp_path / "test" / "test0.png"


def test_texts_in_tables_in_split_folders(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write_rows(tmp_path / split / "data.csv", "text,label", split + " {i},{label}")
    assert labels(read(tmp_path)) == {split: ["a", "b"] * 3 for split in ("train", "val")}


def save_to_disk(folder: Path, rows: list[dict[str, object]], shards: int = 1) -> None:
    """As `datasets.save_to_disk` writes a data set, with the names of the classes in the schema."""
    folder.mkdir(parents=True)
    features = {"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}
    about = {"huggingface": json.dumps(features)}
    table = pa.Table.from_pylist(rows).replace_schema_metadata(about)
    for shard in range(shards):
        part = table.slice(shard * len(rows) // shards, len(rows) // shards)
        file = folder / f"data-{shard:05d}-of-{shards:05d}.arrow"
        with pa.ipc.new_stream(str(file), table.schema) as writer:
            writer.write_table(part)
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    (folder / "dataset_info.json").write_text("{}")


def test_a_folder_that_save_to_disk_wrote(tmp_path: Path) -> None:
    for split in ("train", "test"):
        save_to_disk(tmp_path / split, [{"text": f"{split} {i}", "label": i % 2} for i in range(6)])
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert labels(read(tmp_path)) == dict.fromkeys(("train", "test"), ["neg", "pos"] * 3)


def test_one_data_set_that_save_to_disk_wrote_in_shards(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": i % 2} for i in range(6)]
    save_to_disk(tmp_path / "saved", rows, shards=3)
    assert labels(read(tmp_path / "saved")) == {"all": ["neg", "pos"] * 3}


@pytest.mark.parametrize("inner", ["shapes", "shapes/images", "archive/shapes/train"])
def test_one_level_too_high_names_the_folder_of_the_classes(tmp_path: Path, inner: str) -> None:
    put(tmp_path / "download", *pictures(f"{inner}/round", f"{inner}/square"))
    folder = "archive" if inner.startswith("archive") else inner
    with pytest.raises(DataError, match=rf"its classes further down\..*: .*download/{folder}"):
        read(tmp_path / "download")


def test_several_data_sets_in_one_folder_are_named(tmp_path: Path) -> None:
    put(tmp_path / "sites", *pictures(*each("ab", ("train", "test"), SHAPES)))
    with pytest.raises(DataError, match=r"holds several data sets\..*: .*sites/a, .*sites/b"):
        read(tmp_path / "sites")
    for name in ("de", "en"):
        write_rows(tmp_path / "languages" / name / "train.csv", "text,label", "text {i},{label}")
    with pytest.raises(DataError, match=r"no data set itself, but .*/de, .*/en"):
        read(tmp_path / "languages")


def test_tables_of_several_data_sets_are_named(tmp_path: Path) -> None:
    for name in ("books_train", "books_test", "films_train", "films_test"):
        write_rows(tmp_path / f"{name}.csv", "text,label", "text {i},{label}")
    with pytest.raises(DataError, match=r"They may be 2 data sets, books, films: move each into"):
        read(tmp_path)


def test_minor_tables_beside_the_main_one_are_left_out_and_said(tmp_path: Path) -> None:
    write_rows(tmp_path / "labels.csv", "text,label", "text {i},{label}")
    write_rows(tmp_path / "sentences.csv", "id,sentence", "{i},one two {i}")
    data = read(tmp_path)
    assert data.classes == ["a", "b"]
    assert data.notes == ["1 file left out, they are other than the tables read: sentences.csv."]


def test_archives_of_several_data_sets_are_named(tmp_path: Path) -> None:
    for name in ("digits", "letters"):
        np.savez(tmp_path / f"{name}.npz", x=np.zeros((4, 8, 8), np.uint8), y=np.arange(4) % 2)
    with pytest.raises(
        DataError, match=r"no data set itself, but .*/digits\.npz, .*/letters\.npz\."
    ):
        read(tmp_path)


@pytest.mark.parametrize(
    "folders",
    [("train", "test"), ("images",), ("images", "photos"), ("seg_train", "seg_test")],
)
def test_splits_and_kinds_of_files_are_no_classes(tmp_path: Path, folders: tuple[str]) -> None:
    first = sorted(folders)[0]
    with pytest.raises(DataError, match=rf"holds \d+ images in {first!r}.* but no class folders"):
        read(put(tmp_path / "shapes", *pictures(*folders)))


def test_so_it_is_in_split_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/test holds 6 texts in 'labels', 'texts' but no class"):
        names = pictures(*each(("train", "test"), ("texts", "labels")), ending=".txt")
        read(put(tmp_path, *names))


def test_a_class_may_have_such_a_name_beside_others(tmp_path: Path) -> None:
    data = read(put(tmp_path, *pictures("train", "plane", "images")))
    assert data.classes == ["images", "plane", "train"]


def test_folders_of_the_system_are_no_classes(tmp_path: Path) -> None:
    system = ("__MACOSX", ".ipynb_checkpoints", "@eaDir", "__pycache__", ".git")
    names = [*pictures(*SHAPES, *system), "round/.DS_Store", "round/Thumbs.db"]
    data = read(put(tmp_path, *names))
    assert data.classes == ["round", "square"] and data.notes == []


def test_a_class_may_begin_with_underscores(tmp_path: Path) -> None:
    assert read(put(tmp_path, *pictures("__other__", "round"))).classes == ["__other__", "round"]


def test_names_in_the_two_forms_of_unicode_are_one_class(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "Käse") for form in ("NFC", "NFD"))
    folders = (f"train/{composed}", "train/Brot", f"test/{apart}", "test/Brot")
    data = read(put(tmp_path / "folders", *pictures(*folders)))
    assert data.classes == ["Brot", composed]
    rows = "".join(f"text {i},{(composed, apart, 'Brot')[i % 3]}\n" for i in range(6))
    (tmp_path / "t.csv").write_text("text,label\n" + rows, encoding="utf-8")
    assert read(tmp_path / "t.csv").classes == ["Brot", composed]


def test_pictures_of_telephones_are_named_with_the_way_out(tmp_path: Path) -> None:
    words = "images ending in .{} cannot be read here, turn them into JPEG: "
    with pytest.raises(DataError, match="4 files left out, " + words.format("HEIC")):
        read(put(tmp_path / "phone", *pictures(*SHAPES, count=2, ending=".HEIC")))
    some = read(put(tmp_path / "mixed", *pictures(*SHAPES), "round/a.heic", "square/b.heic"))
    assert len(some.splits["all"]) == 6
    assert some.notes == [f"2 files left out, {words.format('heic')}round/a.heic, square/b.heic."]


def test_avif_is_read(tmp_path: Path) -> None:
    assert read(put(tmp_path, *pictures(*SHAPES, ending=".avif"))).classes == list(SHAPES)


def test_notes_are_one_a_kind_with_a_count_and_of_bounded_length(tmp_path: Path) -> None:
    put(tmp_path, *pictures(*each(("train", "test"), SHAPES)))
    put(tmp_path, *(f"{split}/round/{i}.json5" for split in ("train", "test") for i in range(200)))
    (note,) = read(tmp_path).notes
    assert note.startswith("400 files left out, they are not images: ") and len(note) < 400


def test_texts_in_another_encoding_are_one_note(tmp_path: Path) -> None:
    put(tmp_path, *(f"{c}/{i}.txt" for c in ("pos", "neg") for i in range(30)))
    for file in tmp_path.rglob("*.txt"):
        file.write_bytes(f"schön {file.stem}".encode("cp1252"))
    (note,) = read(tmp_path).notes
    assert note.startswith(
        "0.txt is not UTF-8; it was read as Windows-1252. The same applies to 59 more: "
    )
    assert len(note) < 300


def test_a_class_that_training_lacks_stops_and_is_described(tmp_path: Path) -> None:
    put(tmp_path, *pictures("train/round", "train/square", "test/round", "test/oval", count=8))
    with pytest.raises(DataError, match=r"test has classes that do not occur in training: oval"):
        load_data(tmp_path)


def table(folder: Path, column: str, values: list[str]) -> Data:
    rows = "".join(f"{value},{'ab'[i % 2]}\n" for i, value in enumerate(values))
    (folder / "labels.csv").write_text(f"{column},label\n{rows}", encoding="utf-8")
    return read(folder / "labels.csv")


def images(data: Data) -> list[Path]:
    return [sample.roles["image"] for sample in data.splits["all"]]


NAMES = [f"images/train/p{i}.png" for i in range(6)]


@pytest.mark.parametrize(
    ("column", "write"),
    [
        ("id", lambda name: Path(name).stem),
        ("image_id", lambda name: Path(name).stem),
        ("file", lambda name: Path(name).name),
        ("path", lambda name: name.replace("/", "\\")),
        ("file", lambda name: f"C:\\data\\{name}".replace("/", "\\")),
        ("image", lambda name: f"./{name.removeprefix('images/')}"),
        ("image", lambda name: f"/home/somebody/{name}"),
    ],
)
def test_tables_name_pictures_in_any_way(tmp_path: Path, column: str, write) -> None:
    put(tmp_path, *NAMES)
    data = table(tmp_path, column, [write(name) for name in NAMES])
    assert images(data) == [tmp_path / name for name in NAMES]
    assert len(data.notes) == 1 and "found by their names" in data.notes[0]


def test_numbers_that_are_the_names_of_pictures(tmp_path: Path) -> None:
    put(tmp_path, *(f"train/{i}.png" for i in range(6)))
    data = table(tmp_path, "id", [str(i) for i in range(6)])
    assert images(data)[5] == tmp_path / "train" / "5.png"


def test_a_name_that_two_pictures_have_is_none(tmp_path: Path) -> None:
    put(tmp_path, "a/p.png", "b/p.png", "a/q.png")
    data = table(tmp_path, "file", ["p.png", "q.png"])
    # The path that is not there is named as unreadable when the picture is opened.
    assert images(data) == [tmp_path / "p.png", tmp_path / "a" / "q.png"]


def test_a_picture_that_a_table_names_in_the_other_form_of_unicode(tmp_path: Path) -> None:
    names = [f"Käse{i}.png" for i in range(4)]
    put(tmp_path, *(unicodedata.normalize("NFD", name) for name in names))
    data = table(tmp_path, "file", [unicodedata.normalize("NFC", name) for name in names])
    assert all(image.is_file() for image in images(data))


def test_numbers_of_texts_are_not_taken_for_pictures(tmp_path: Path) -> None:
    put(tmp_path, *(f"{i}.png" for i in range(4)))
    file = write_rows(tmp_path / "t.csv", "id,text,label", "{i},words {i},{label}", count=4)
    assert read(file).roles == {"text", "label"}


def test_a_group_is_not_proposed_as_the_label(tmp_path: Path) -> None:
    rows = "".join(f"{i % 5},the words of text {i},{'ab'[i % 2]}\n" for i in range(20))
    (tmp_path / "t.csv").write_text("patient_id,words,finding\n" + rows)
    data = read(tmp_path / "t.csv")
    assert data.classes == ["a", "b"]
    assert {sample.roles["group"] for sample in data.splits["all"]} == set("01234")


def test_numbers_of_classes_with_their_names_are_classes(tmp_path: Path) -> None:
    put(tmp_path, *(f"{i}.png" for i in range(30)))
    file = write_rows(
        tmp_path / "labels.csv", "file,label,name", "{i}.png,{i}0,class {i}", count=30
    )
    data = read(file)
    assert data.kind == "labels" and len(data.classes) == 30 and "class 7" in data.classes
