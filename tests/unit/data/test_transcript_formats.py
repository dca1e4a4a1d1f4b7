"""Folders and lists of sounds with transcripts, in the forms that others write."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.load import read
from graft.data.sounds.part import SoundPart
from graft.data.sounds.wave_files import wave_bytes

Write = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files by name; those of sounds have two seconds of noise."""

    def write_all(files: Mapping[str, str]) -> Path:
        rng = np.random.default_rng(0)
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            if name.endswith((".wav", ".flac")):
                noise = rng.uniform(-0.5, 0.5, 16_000).astype(np.float32)
                (tmp_path / name).write_bytes(wave_bytes(noise, 8000))
            else:
                (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write_all


def pairs_of(data: Data, split: str = "all") -> dict[str, str]:
    return {Path(s.roles["audio"]).name: s.roles["transcript"] for s in data.splits[split]}


def test_kaldi_lists_with_speakers(write: Write) -> None:
    path = write({
        "data/wav.scp": "u1 data/wav/1.wav\nu2 wav/2.wav\n",
        "data/text": "u2  two words \nu1 one\n",
        "data/utt2spk": "u1 anna\nu2 bert\n",
        "data/wav/1.wav": "", "data/wav/2.wav": "",
    })  # fmt: skip
    data = read(path / "data")
    assert data.format == "kaldi" and data.kind == "transcripts"
    assert pairs_of(data) == {"1.wav": "one", "2.wav": "two words"}
    assert [(s.id, s.roles["group"]) for s in data.splits["all"]] == [
        ("u1", "anna"),
        ("u2", "bert"),
    ]


def test_kaldi_segments_are_parts_of_recordings(write: Write) -> None:
    path = write({
        "wav.scp": "r 1.wav\n", "segments": "a r 0.0 0.75\nb r 0.75 -1\n",
        "text": "a one\nb two\n", "1.wav": "",
    })  # fmt: skip
    parts = [sample.roles["audio"] for sample in read(path).splits["all"]]
    assert parts == [SoundPart(path / "1.wav", 0, 0.75), SoundPart(path / "1.wav", 0.75, None)]


def test_kaldi_folders_by_split(write: Write) -> None:
    folders = ("train_clean_100", "train_other", "dev_clean", "test_clean")
    lists = {f"{f}/wav.scp": f"{f}-1 1.wav\n" for f in folders}
    texts = {f"{f}/text": f"{f}-1 said in {f}\n" for f in folders}
    data = read(write({**lists, **texts, **{f"{f}/1.wav": "" for f in folders}}))
    assert {split: len(part) for split, part in data.splits.items()} == {
        "train": 2, "val": 1, "test": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"wav.scp": "u1 sph2pipe -f wav 1.sph |\n"}, r"1 of 1 lines of .*wav\.scp are commands, "
                                                      r"which are not run: u1 \(sph2pipe"),
        ({"text": "u1 one\nu9 nine\n"}, r"transcripts of sounds that neither .* has: u9\."),
        ({"text": "u1 one\nu1 two\n"}, r"text has several lines of one name: u1\."),
        ({"segments": "s u1 2 1\n"}, r"1 of 1 lines of .*segments are no parts .*: s u1 2 1\."),
        ({"segments": "s u7 0 1\n"}, r"are no parts of a sound: s u7 0 1\."),
        ({"text": ""}, r"holds no sound with a transcript, but sounds without one: u1\."),
    ],
)  # fmt: skip
def test_wrong_lists_of_kaldi_are_refused(write: Write, files: dict[str, str], words: str) -> None:
    path = write({"wav.scp": "u1 1.wav\n", "text": "u1 one\n", "1.wav": "", **files})
    with pytest.raises(DataError, match=words):
        read(path)


def test_kaldi_sounds_without_a_transcript_are_left_out_and_predicted(write: Write) -> None:
    path = write({"wav.scp": "u1 1.wav\nu2 1.wav\n", "text": "u1 one\n", "1.wav": ""})
    data = read(path)
    assert [sample.id for sample in data.splits["all"]] == ["u1"]
    assert any("1 file left out, they have no transcript: u2." in note for note in data.notes)
    asked = read(path, labels=False).splits["all"]
    assert [sample.roles["transcript"] for sample in asked] == ["one", None]


@pytest.mark.parametrize("name", ["", "metadata.csv"])
def test_ljspeech_reads_what_is_read_out(write: Write, name: str) -> None:
    path = write({
        "metadata.csv": 'LJ1|In 1465, "it" began|In fourteen sixty-five, "it" began\n'
                        'LJ2|"Yes; a, b" she said|"Yes; a, b" she said\n',
        "wavs/LJ1.wav": "", "wavs/LJ2.wav": "",
    })  # fmt: skip
    data = read(path / name)
    assert data.format == "ljspeech" and pairs_of(data) == {
        "LJ1.wav": 'In fourteen sixty-five, "it" began', "LJ2.wav": '"Yes; a, b" she said',
    }  # fmt: skip


def test_a_table_of_ljspeech_names_lost_sounds(write: Write) -> None:
    rows = "".join(f"LJ{i}|text {i}\n" for i in range(4))
    path = write({"metadata.csv": rows, **{f"wavs/LJ{i}.wav": "" for i in range(3)}})
    with pytest.raises(DataError, match=r"1 of 4 lines .* name no sound .*: metadata\.csv:4 \(LJ3"):
        read(path)


def test_a_lost_sound_in_the_first_line_of_ljspeech_is_named(write: Write) -> None:
    lines = "".join(f"{i}|words of number {i}\n" for i in range(4))
    path = write({"metadata.csv": lines, **{f"wavs/{i}.wav": "" for i in range(1, 4)}})
    with pytest.raises(DataError, match=r"1 of 4 lines .* no sound .*metadata\.csv:1 \(0\)"):
        read(path)


def test_speakers_are_no_transcripts_of_ljspeech(write: Write) -> None:
    rows = "".join(f"wavs/{i}.wav|text number {i}|anna\n" for i in range(3))
    path = write({"metadata.csv": rows, **{f"wavs/{i}.wav": "" for i in range(3)}})
    with pytest.raises(DataError, match=r"few values, such as 'anna', .* file\|text\|speaker"):
        read(path)
    write({"metadata.csv": f"file|text|speaker\n{rows}"})
    assert pairs_of(read(path))["1.wav"] == "text number 1"


def test_librispeech_has_lists_by_chapter(write: Write) -> None:
    files = {}
    for split in ("train-clean-100", "train-other-500", "dev-clean", "test-other"):
        folder = f"{split}/84/121/"
        files |= {f"{folder}84-121-0000.flac": "", f"{folder}84-121-0001.flac": ""}
        files[f"{folder}84-121.trans.txt"] = f"84-121-0000 GO {split}\n84-121-0001 STOP\n"
    path = write(files)
    data = read(path)
    assert data.format == "librispeech" and len(data.splits["train"]) == 4
    assert pairs_of(data, "test") == {
        "84-121-0000.flac": "GO test-other", "84-121-0001.flac": "STOP",
    }  # fmt: skip
    assert {sample.roles["group"] for sample in data.splits["val"]} == {"84"}
    assert len(read(path / "dev-clean").splits["all"]) == 2


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("1-2-3 GO\n1-2-3 STOP\n", r"trans\.txt has several lines of one name: 1-2-3\."),
        ("1-2-3 GO\n1-2-4 STOP\n", r"not beside it: 1-2-4\. Remove them, or add their sounds"),
    ],
)
def test_wrong_lists_of_librispeech_are_refused(write: Write, lines: str, words: str) -> None:
    path = write({"1-2.trans.txt": lines, "1-2-3.wav": ""})
    with pytest.raises(DataError, match=words):
        read(path)


def test_sounds_of_librispeech_in_an_unknown_codec_are_to_be_converted(write: Write) -> None:
    path = write({"1-2.trans.txt": "1-2-3 GO\n1-2-4 STOP\n", "1-2-3.wav": "", "1-2-4.M4A": ""})
    with pytest.raises(DataError, match=r"end in \.M4A, which .* here: 1-2-4\.M4A\. Convert them"):
        read(path)


@pytest.mark.parametrize(
    ("files", "note"),
    [
        ({"1-2.trans.txt": "1-2-3 GO\n", "1-2-3.wav": ""}, "no list has their transcripts"),
        ({"metadata.csv": "a|Go on.\n", "wavs/a.wav": ""}, "no line of metadata.csv names them"),
    ],
)
def test_sounds_that_no_list_names_are_noted(
    write: Write, files: dict[str, str], note: str
) -> None:
    data = read(write({**files, "more/extra.wav": ""}))
    assert len(data.splits["all"]) == 1
    assert f"1 file left out, {note}: more/extra.wav." in data.notes


@pytest.mark.parametrize(
    "place", ["{0}.wav {0}.txt", "a/{0}.wav a/{0}.lab", "wav48/p1/{0}.wav txt/p1/{0}.txt"]
)
def test_a_text_of_the_name_of_a_sound_is_what_is_said_in_it(write: Write, place: str) -> None:
    sound, text = place.split()
    files = {sound.format(i): "" for i in range(3)}
    texts = {text.format(i): f"number\n {i}\n" for i in range(2)}
    data = read(write({**files, **texts}))
    assert data.format == "transcript-files"
    assert pairs_of(data) == {"0.wav": "number 0", "1.wav": "number 1"}
    assert any(re.search(r"1 file left out, they have no transcript: .*2\.wav", note)
               for note in data.notes)  # fmt: skip


def test_sounds_of_unknown_codecs_and_texts_without_a_sound_are_noted(write: Write) -> None:
    names = ("1.wav", "1.txt", "2.wav", "2.lab", "y.m4a", "y.txt", "z.MP4", "lone.txt")
    data = read(write(dict.fromkeys((*names, "README.txt"), "said")))
    assert pairs_of(data) == {"1.wav": "said", "2.wav": "said"}
    for words in (
        "sounds ending in .m4a cannot be read here, convert them to FLAC or WAV: y.m4a.",
        "sounds ending in .mp4 cannot be read here, convert them to FLAC or WAV: z.MP4.",
        "no sound has their name: lone.txt.",
    ):
        assert f"1 file left out, {words}" in data.notes


def test_a_folder_of_unknown_codecs_alone_says_what_to_convert_to(write: Write) -> None:
    path = write({f"{i}.{ending}": "said" for i in range(3) for ending in ("m4a", "txt")})
    with pytest.raises(DataError, match=r"ending in \.m4a cannot .* convert them to FLAC or WAV"):
        read(path)


def test_empty_texts_alone_are_refused(write: Write) -> None:
    path = write({f"{i}.{ending}": " \n" for i in range(3) for ending in ("wav", "txt")})
    with pytest.raises(DataError, match=r"No transcript of .* has a word: all of 3 are empty"):
        read(path)


def test_split_folders_of_sounds_with_texts(write: Write) -> None:
    data = read(write({f"{s}/1.{e}": s for s in ("train", "test") for e in ("wav", "txt")}))
    assert {split: pairs_of(data, split) for split in data.splits} == {
        "train": {"1.wav": "train"}, "test": {"1.wav": "test"},
    }  # fmt: skip


def test_an_unknown_column_is_said_to_lack_in_the_folder(write: Write) -> None:
    path = write({f"{i}.{e}": "said" for i in range(3) for e in ("wav", "txt")})
    with pytest.raises(DataError, match=f"^{path.name} has no column 'speaker'"):
        read(path, columns={"group": "speaker"})


def test_an_object_of_transcripts_by_file(write: Write) -> None:
    texts = {"1.wav": "one", "sub/2.wav": "two words"}
    path = write({**dict.fromkeys(texts, ""), "said.json": json.dumps(texts, indent=1)})
    data = read(path)
    assert data.format == "json" and pairs_of(data) == {"1.wav": "one", "2.wav": "two words"}


@pytest.mark.parametrize("name", ["", "/"])
def test_a_line_of_ljspeech_without_a_name_is_refused(
    write: Write, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write({"metadata.csv": f"1|one\n{name}|two\n", "1.wav": ""}))
    with pytest.raises(DataError, match=r"1 of 2 lines of metadata\.csv name no sound"):
        read("metadata.csv", format="ljspeech")


@pytest.mark.parametrize("rest", ["raw.ark:1234", "1.sph", ""])
def test_a_line_of_kaldi_without_a_file_of_sound_is_refused(write: Write, rest: str) -> None:
    path = write({"wav.scp": f"u1 {rest}\nu2 2.wav\n", "text": "u1 one\nu2 two\n", "2.wav": ""})
    with pytest.raises(DataError, match=r"1 of 2 lines of .*wav\.scp name no sound: u1"):
        read(path)


def test_lists_in_no_folder_of_a_split_are_noted(write: Write) -> None:
    kaldi = write({
        f"kaldi/{split}/{name}": text
        for split in ("train", "more")
        for name, text in (("wav.scp", f"{split} 1.wav"), ("text", f"{split} a b"), ("1.wav", ""))
    })  # fmt: skip
    assert (
        "1 file left out, they are in no split folder: more/wav.scp." in read(kaldi / "kaldi").notes
    )
    books = write({
        f"books/{split}/1/{name}": text
        for split in ("train-clean", "more")
        for name, text in (("1-2.trans.txt", "1-2-0 A B"), ("1-2-0.flac", ""))
    })  # fmt: skip
    note = "1 file left out, they are in no split folder: more/1/1-2.trans.txt."
    assert note in read(books / "books").notes


def test_speakers_between_names_and_texts_of_ljspeech_are_groups(write: Write) -> None:
    lines = "1|anna|one two\n2|bert|three\n3|anna|four\n4|bert|five\n"
    path = write({"metadata.csv": lines, **{f"wavs/{i}.wav": "" for i in range(1, 5)}})
    data = read(path)
    assert data.format == "ljspeech"
    assert pairs_of(data)["1.wav"] == "one two"
    assert [s.roles["group"] for s in data.splits["all"]] == ["anna", "bert", "anna", "bert"]
    assert "it is taken as the speaker" in " ".join(data.notes)


TIMED = {
    "HTK": ("1.lab", "0 3600000 sil\n3600000 9800000 hello\n"),
    "Audacity": ("1.txt", "0.31\t0.92\thello\n0.92\t1.5\tworld\n"),
    "TIMIT": ("1.txt", "0 46797 She had your dark suit in greasy wash water all year.\n"),
}


@pytest.mark.parametrize(("name", "text"), TIMED.values(), ids=TIMED)
def test_texts_with_times_are_refused(write: Write, name: str, text: str) -> None:
    path = write({name: text, "1.wav": ""})
    with pytest.raises(DataError, match=r"1 of 1 sounds below .* begin each line with two times"):
        read(path)


@pytest.mark.parametrize("text", ["2 3 go", "0 1 2 liftoff", "1 2 3\n4 5 6", "9 8 stop\n7 6 go"])
def test_figures_that_are_said_are_no_times(write: Write, text: str) -> None:
    path = write({"1.txt": text, "1.wav": ""})
    assert pairs_of(read(path)) == {"1.wav": " ".join(text.split())}


def test_a_manifest_of_nemo_may_have_one_line(write: Write) -> None:
    row = {"audio_filepath": "1.wav", "duration": 2.0, "text": "hello world"}
    path = write({"manifest.json": json.dumps(row) + "\n", "1.wav": ""})
    for place in (path, path / "manifest.json"):
        data = read(place)
        assert data.format == "json" and pairs_of(data) == {"1.wav": "hello world"}
