"""Groups that the names of files say: one of them stays in one split, and none is guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import graft
from graft.base.errors import BadValue, DataError
from graft.data.checks.file_names import speaker_findings
from graft.data.checks.inspect import inspect
from graft.data.data import Data
from graft.data.load import load_data, read, read_source
from graft.data.sounds.wave_files import wave_bytes
from graft.studies.records import read_spec

SPEAKERS = ("george", "lucas", "nicolas", "theo", "yweweler")


def write_sounds(folder: Path, names: dict[str, list[str]]) -> Path:
    """Class folders of short noises, no two alike."""
    rng = np.random.default_rng(0)
    for label, stems in names.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for stem in stems:
            sound = wave_bytes(rng.uniform(-0.5, 0.5, 800).astype(np.float32), 8000)
            (folder / label / f"{stem}.wav").write_bytes(sound)
    return folder


@pytest.fixture
def words(tmp_path: Path) -> Path:
    stems = [f"{speaker}-{take}" for speaker in SPEAKERS for take in range(4)]
    return write_sounds(tmp_path / "words", {"no": stems, "yes": stems})


def groups_of(data: Data) -> dict[str, set[str]]:
    return {split: {s.roles["group"] for s in part} for split, part in data.splits.items()}


def test_files_of_one_speaker_stay_in_one_split_and_the_note_says_by_what(words: Path) -> None:
    data = load_data(words, group_by="^[^-_]+")
    groups = groups_of(data)
    assert set.union(*groups.values()) == set(SPEAKERS)
    assert sum(map(len, groups.values())) == len(SPEAKERS)  # none is in two splits
    notes = " ".join(data.notes)
    assert f"'^[^-_]+' makes 5 groups: {', '.join(SPEAKERS)}." in notes
    assert "kept in one split (5 groups by the names of files)" in notes


def test_the_first_captured_group_names_the_group(words: Path) -> None:
    data = read(words, group_by=r"^(?:george|(l)|([tny])\w+)")
    assert groups_of(data) == {"all": {"george", "l", "n", "t", "y"}}


def test_pictures_and_texts_have_names_too(tmp_path: Path) -> None:
    for label in ("ill", "well"):
        for place in ("scans", "notes"):
            (tmp_path / place / label).mkdir(parents=True)
        for patient in range(12):
            name = f"{label}-patient{patient % 4}_{patient}"
            pixels = np.full((4, 4, 3), patient * 20, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "scans" / label / f"{name}.png")
            (tmp_path / "notes" / label / f"{name}.txt").write_text(f"note {patient} {label}")
    for place in ("scans", "notes"):
        data = read(tmp_path / place, group_by=r"patient(\d+)")
        assert groups_of(data) == {"all": set("0123")}


def test_a_table_is_grouped_by_the_files_that_it_names_in_place_of_its_speakers(words) -> None:
    rows = [f"{f.relative_to(words)},{f.parent.name},one" for f in sorted(words.glob("*/*.wav"))]
    table = words / "labels.csv"
    table.write_text("\n".join(["file,label,speaker", *rows]) + "\n")
    data = load_data(table, group_by="^[^-_]+")
    assert set.union(*groups_of(data).values()) == set(SPEAKERS)
    assert "'speaker'" not in " ".join(data.notes)
    frame = [{"audio": str(words / "no" / "theo-1.wav"), "label": "no"}]
    assert groups_of(read_source(frame, group_by="^[^-]+")) == {"all": {"theo"}}


def test_a_column_of_groups_is_named_in_the_note(words: Path) -> None:
    files = sorted(words.glob("*/*.wav"))
    rows = [f"{f.relative_to(words)},{f.parent.name},{f.stem[:2]}" for f in files]
    table = words / "labels.csv"
    table.write_text("\n".join(["file,label,speaker", *rows]) + "\n")
    assert "(5 groups by the column 'speaker')" in " ".join(load_data(table).notes)


@pytest.mark.parametrize(
    ("options", "words_of_error"),
    [
        ({"group_by": "("}, r"'\(' is not a regular expression: missing \).*Give one such as"),
        ({"group_by": ""}, "must be a regular expression. Got '' instead"),
        ({"group_by": 5}, "must be a regular expression. Got 5 instead"),
        ({"group_by": "a", "columns": {"group": "speaker"}}, "'speaker' both say which group"),
    ],
)
def test_an_expression_that_cannot_be_used_is_refused(words, options, words_of_error) -> None:
    with pytest.raises(BadValue, match=words_of_error):
        read(words, **options)


@pytest.mark.parametrize("expression", ["zz", "zz|^theo|^lucas", "x*"])
def test_names_without_a_group_are_listed(words: Path, expression: str) -> None:
    count = 24 if "theo" in expression else 40
    with pytest.raises(DataError, match=rf"no group in {count} of 40 names of files: george-0.wav"):
        read(words, group_by=expression)


def test_data_without_files_have_no_names(tmp_path: Path) -> None:
    table = tmp_path / "texts.csv"
    table.write_text("text,label\none,a\ntwo,b\n")
    with pytest.raises(DataError, match=r"2 samples of all have no file: texts.csv:2.*group=NAME"):
        read(table, group_by="o")
    with pytest.raises(BadValue, match="group_by only count for files"):
        load_data(read(table), group_by="o")


def test_files_that_are_not_cut_need_no_group(words: Path) -> None:
    write_sounds(words / "train", {"no": ["a-1", "b-1"], "yes": ["a-2", "b-2"]})
    write_sounds(words / "unlabeled", {"": ["1", "a-3"]})
    for label in ("no", "yes"):
        for file in (words / label).iterdir():
            file.unlink()
        (words / label).rmdir()
    data = read(words, group_by="^[a-z]+")
    assert [s.roles.get("group") for s in data.splits["unlabeled"]] == [None, "a"]


def test_groups_are_part_of_the_data_and_of_the_run(tmp_path: Path) -> None:
    for label in ("ill", "well"):
        (tmp_path / "scans" / label).mkdir(parents=True)
        for scan in range(20):
            pixels = np.random.default_rng([len(label), scan]).integers(0, 256, (8, 8, 3))
            file = tmp_path / "scans" / label / f"patient{scan % 10}_{scan}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(file)
    scans, by = tmp_path / "scans", "^[^_]+"
    grouped = graft.load_data(scans, group_by=by)
    assert grouped.fingerprint() != graft.load_data(scans).fingerprint()
    run = graft.fit(
        scans, "tiny:mobilenet", "feature-extraction", group_by=by, epochs=1, out=tmp_path / "run"
    )
    spec = read_spec(run.folder)
    assert spec["data"]["options"]["group_by"] == by
    assert load_data(spec["data"]["path"], **spec["data"]["options"]).fingerprint() == (
        grouped.fingerprint()
    )
    measured = graft.load(run.folder).evaluate(scans, group_by=by)
    assert measured != graft.load(run.folder).evaluate(scans)  # intervals are by patient


def test_too_few_groups_for_a_verdict_are_said_before_a_comparison(words: Path) -> None:
    grouped = load_data(words, group_by="^[^-_]+")
    (note,) = [f.message for f in inspect(grouped) if f.code == "few-groups"]
    assert note.startswith("The test split has 1 group, and a verdict needs at least 5.")
    ungrouped, several = load_data(words), load_data(words, group_by="^.+", test=0.5)
    assert not {"few-groups"} & {f.code for d in (ungrouped, several) for f in inspect(d)}


def test_inputs_are_not_grouped(tmp_path: Path) -> None:
    folder = write_sounds(tmp_path / "words", {"no": list("abcdef"), "yes": list("ghijkl")})
    run = graft.fit(
        folder, "tiny:hubert", "feature-extraction", epochs=1, group_by=".", out=tmp_path / "run"
    )
    with pytest.raises(BadValue, match=r"group_by='\.' says which samples.*Leave it out"):
        run.model.predict(folder / "no" / "a.wav", group_by=".")


def test_beginnings_of_names_that_may_be_speakers_are_named(words: Path) -> None:
    (finding,) = speaker_findings(load_data(words))
    assert (finding.code, finding.severity) == ("speakers-in-names", "info")
    assert "5 words (george, lucas, nicolas and 2 more)" in finding.message
    assert "--group-by '^[^-_]+'" in finding.message
    assert not speaker_findings(load_data(words, group_by="^[^-_]+"))


@pytest.mark.parametrize(
    "names",
    [
        {"no": ["no-1", "no-2"], "yes": ["yes-1", "yes-2"]},  # the classes themselves
        {"no": ["take-1", "take-2"], "yes": ["take-3", "take-4"]},  # one word
        {"no": ["a-1", "b-1"], "yes": ["c-1", "d-1"]},  # words of one file each
        {"no": ["a1", "b1"], "yes": ["a2", "b2"]},  # no word apart
    ],
)
def test_other_names_are_no_speakers(tmp_path: Path, names: dict[str, list[str]]) -> None:
    assert not speaker_findings(read(write_sounds(tmp_path / "words", names)))
