"""What a network forgets is measured on its pretrained head, before and after it is adapted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from graft import api
from graft.backbones.load import load_backbone
from graft.base import plugins
from graft.base.errors import BackboneError, DataError, FolderError
from graft.base.job import Job
from graft.data.data import Data
from graft.reports.forgetting import average_forgetting, write_forgetting
from graft.reports.leaderboard import build
from graft.reports.read import read
from graft.reports.report import summarize
from graft.reports.tables import run_rows
from graft.studies.source_samples import read_source_samples
from tests.contracts.tiny import task_of
from tests.unit.studies.tiny_runs import DATA, SPEC

DESTRUCTIVE = "full-fine-tuning:epochs=2,lr=1,optimizer=sgd,clip=0"
"""So high a rate that nothing is left of what the network knew."""


def two_classes() -> Data:
    """Two of the three classes, under other names, which a network of three has to learn anew."""
    names = {"red": "warm", "blue": "cold"}
    splits = {
        split: [
            replace(sample, roles={**sample.roles, "label": names[sample.roles["label"]]})
            for sample in samples
            if sample.roles["label"] in names
        ]
        for split, samples in DATA.splits.items()
    }
    return Data(splits, "two colors")


@pytest.fixture(scope="module")
def colors(tmp_path_factory) -> Path:
    """Class folders with the pictures of all three colors."""
    folder = tmp_path_factory.mktemp("source") / "colors"
    for sample in DATA.splits["train"]:
        place = folder / sample.roles["label"]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sample.roles["image"]).save(place / f"{sample.id.rpartition('/')[2]}.png")
    return folder


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory) -> str:
    """A small network that has learned the three colors."""
    folder = tmp_path_factory.mktemp("pretrained") / "run"
    run = api.fit(DATA, "tiny:cnn", "full-fine-tuning:epochs=12", out=folder)
    return str(run.folder / "model")


def adapt(backbone: str, technique: str, forgetting: Path, out: Path) -> dict:
    run = api.fit(two_classes(), backbone, technique, forgetting=forgetting, out=out)
    return run.result["forgetting"]


def test_a_frozen_trunk_forgets_nothing(pretrained, colors, tmp_path):
    record = adapt(pretrained, "feature-extraction", colors, tmp_path)
    assert record["metric"] == "accuracy"
    assert record["before"] == record["after"] > 0.8
    assert record["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert record["examples"] == 12  # every second of 24
    assert record["data"] == str(colors)


def test_a_trunk_that_is_torn_apart_has_forgotten(pretrained, colors, tmp_path):
    record = adapt(pretrained, DESTRUCTIVE, colors, tmp_path)
    assert record["after"] < record["before"]
    change = record["difference"]
    assert change["value"] == pytest.approx(record["after"] - record["before"])
    assert change["low"] < change["value"] < change["high"] < 0
    assert "Forgetting: accuracy of the pretrained head on 12 samples" in write_forgetting(record)


def test_merged_adapters_are_measured(pretrained, colors, tmp_path):
    record = adapt(pretrained, "lora:epochs=8,lr=0.05", colors, tmp_path)
    assert record["after"] < record["before"]


def test_to_measure_changes_no_weight(pretrained, colors, tmp_path):
    asked = {"technique": "full-fine-tuning:epochs=1", "backbone": pretrained}
    runs = [
        api.fit(two_classes(), **asked, forgetting=path, out=tmp_path / name)
        for name, path in (("with", colors), ("without", None))
    ]
    one, other = (load_file(run.folder / "model" / "model.safetensors") for run in runs)
    assert all((one[name] == other[name]).all() for name in one)
    assert "forgetting" not in runs[1].result


def test_a_run_without_it_has_the_hash_that_it_had_before():
    assert replace(SPEC, forgetting=None).hash == SPEC.hash
    assert replace(SPEC, forgetting={"path": "p", "hash": "h"}).hash != SPEC.hash
    moved = replace(SPEC, forgetting={"path": "q", "hash": "h"})
    assert moved.hash == replace(SPEC, forgetting={"path": "p", "hash": "h"}).hash


def test_a_network_from_scratch_knew_nothing_that_it_could_forget(colors, pretrained, tmp_path):
    run = api.fit(
        two_classes(), pretrained, "from-scratch:epochs=1", forgetting=colors, out=tmp_path
    )
    assert "forgetting" not in run.result


def test_a_study_says_what_each_technique_forgot(pretrained, colors, tmp_path):
    api.compare(
        two_classes(),
        ["feature-extraction", DESTRUCTIVE],
        [pretrained],
        seeds=1,
        forgetting=colors,
        out=tmp_path,
        jobs=1,
    )
    board = build(read(tmp_path))
    forgotten = {row.cell.name: average_forgetting(row) for row in board.rows}
    assert forgotten["feature-extraction"].difference == 0
    assert forgotten[DESTRUCTIVE].difference < 0
    assert forgotten["from-scratch"] is None
    assert "## What was forgotten" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<h2>What was forgotten</h2>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    rows = run_rows(read(tmp_path))
    assert sum("source_accuracy_after" in row for row in rows) == 2
    assert summarize(tmp_path).rows


def test_samples_that_changed_are_refused(pretrained, tmp_path):
    folder = tmp_path / "colors" / "red"
    folder.mkdir(parents=True)
    for number in range(4):
        Image.fromarray(np.full((24, 24, 3), 40 * number, np.uint8)).save(folder / f"{number}.png")
    out = tmp_path / "run"
    adapt(pretrained, "feature-extraction", folder.parent, out)
    (out / "result.json").unlink()
    (folder / "0.png").unlink()
    with pytest.raises(FolderError, match=r"have changed since.*start again"):
        api.resume(out, data=two_classes())


def save_language_model(name: str, form: str, folder: Path) -> str:
    """A folder of a tiny network with its head, as its library saves it."""
    made = load_backbone(f"tiny:{name}", Job(f"{form} language modeling", "text", form))
    folder.mkdir()
    plugins.load("source", "transformers")().save(made, str(folder), [], None)
    return str(folder)


@pytest.fixture
def book(tmp_path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text("\n\n".join(f"the {n} small cats see a dog. " * 30 for n in range(9)))
    return path


@pytest.mark.parametrize(("name", "form"), [("bert", "masked"), ("gpt2", "causal")])
def test_texts_are_measured_by_perplexity(name, form, book, tmp_path):
    _, texts = task_of("text-classification")
    backbone = save_language_model(name, form, tmp_path / "network")
    technique = "full-fine-tuning:epochs=1,lr=0.01"
    run = api.fit(texts, backbone, technique, forgetting=book, out=tmp_path / "run")
    record = run.result["forgetting"]
    assert record["metric"] == "perplexity"
    assert 1 < record["before"] < 200
    assert record["before"] != record["after"]


def test_a_network_that_keeps_its_head_is_measured_with_it(book, tmp_path):
    _, texts = task_of("text-generation")
    technique = "full-fine-tuning:epochs=1,lr=0.01"
    run = api.fit(texts, "tiny:llama", technique, forgetting=book, out=tmp_path / "run")
    assert run.result["forgetting"]["after"] != run.result["forgetting"]["before"]


def test_speech_is_measured_by_the_rate_of_errors(tmp_path):
    from graft.data.sounds.wave_files import wave_bytes

    _, sounds = task_of("audio-classification")
    folder = tmp_path / "speech"
    folder.mkdir()
    rows = ["file,transcript"]
    for number in range(4):
        tone = np.sin(np.linspace(0, 300 * (number + 1), 8000)).astype(np.float32)
        (folder / f"{number}.wav").write_bytes(wave_bytes(tone, 8000))
        rows.append(f"{number}.wav,word {number}")
    (folder / "speech.csv").write_text("\n".join(rows))
    run = api.fit(
        sounds, "tiny:whisper", "feature-extraction", forgetting=folder, out=tmp_path / "run"
    )
    record = run.result["forgetting"]
    assert record["metric"] == "wer"
    assert record["before"] == record["after"]


def test_classes_that_the_network_does_not_know_are_refused(pretrained, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (24, 24)).save(tmp_path / "pets" / name / f"{number}.png")
    with pytest.raises(DataError, match=r"None of the classes of .*'cat', 'dog'.*'blue', 'green'"):
        adapt(pretrained, "feature-extraction", tmp_path / "pets", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_classes_that_the_network_does_not_know_are_left_out_with_a_note(
    pretrained, colors, tmp_path
):
    folder = tmp_path / "mixed"
    for name in ("red", "cat"):
        (folder / name).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (24, 24), (40 * number, 9, 9)).save(folder / name / f"{number}.png")
    run = api.fit(
        two_classes(), pretrained, "feature-extraction", forgetting=folder, out=tmp_path / "run"
    )
    left_out = 6 - run.result["forgetting"]["examples"]
    assert any(f"{left_out} of 6 samples" in note for note in run.result["warnings"])


def test_a_network_without_its_head_is_refused(book, tmp_path):
    _, texts = task_of("text-classification")
    made = load_backbone("tiny:bert", Job("text-classification", "text", "vector", 2))
    plugins.load("source", "transformers")().save(made, str(tmp_path), ["a", "b"], None)
    with pytest.raises(BackboneError, match=r"without a pretrained head.*Use a network"):
        api.fit(texts, str(tmp_path), "feature-extraction", forgetting=book, out=tmp_path / "run")


def test_texts_are_nothing_to_measure_pictures_on(pretrained, book, tmp_path):
    with pytest.raises(DataError, match=r"holds nothing on which.*Give a folder of pictures"):
        adapt(pretrained, "feature-extraction", book, tmp_path / "run")


def test_a_split_that_is_held_out_is_measured_and_the_others_are_kept(tmp_path):
    write_splits(tmp_path, train=range(3, 8), test=range(3))
    samples = read_source_samples(tmp_path, "image")
    assert len(samples.measured) == 3
    assert all(sample.id.startswith("test") for sample in samples.measured)
    assert len(samples.rehearsed) == 5
    assert samples.copies == 0
    assert json.dumps(samples.to_json())


def write_splits(folder: Path, **splits: range) -> None:
    """Write pictures in class folders; those of one number are copies."""
    for split, numbers in splits.items():
        (folder / split / "red").mkdir(parents=True)
        for number in numbers:
            picture = Image.new("RGB", (24, 24), (30 * number, 0, 0))
            picture.save(folder / split / "red" / f"{split}_{number}.png")


def test_copies_of_what_is_measured_are_not_rehearsed(pretrained, tmp_path):
    write_splits(tmp_path / "reds", train=range(5), test=range(3))
    samples = read_source_samples(tmp_path / "reds", "image")
    assert samples.copies == 3
    assert [sample.roles["image"].stem for sample in samples.rehearsed] == ["train_3", "train_4"]
    rehearsing, plain = (
        api.fit(
            two_classes(), pretrained, technique, forgetting=tmp_path / "reds", out=tmp_path / out
        )
        for technique, out in (("replay:epochs=1", "a"), ("full-fine-tuning:epochs=1", "b"))
    )
    words = "Not rehearsed: 3 samples of"
    assert any(note.startswith(words) for note in rehearsing.result["warnings"])
    assert not any(note.startswith(words) for note in plain.result["warnings"])


def test_copied_texts_are_not_rehearsed(tmp_path):
    for split, texts in (("train", ["a b", "c d"]), ("test", ["a b"])):
        (tmp_path / f"{split}.csv").write_text("\n".join(["text", *texts]), encoding="utf-8")
    samples = read_source_samples(tmp_path, "text")
    assert [sample.roles["passage"] for sample in samples.rehearsed] == ["c d"]


def test_replay_without_samples_is_refused(pretrained, tmp_path):
    with pytest.raises(DataError, match=r"'replay' rehearses.*Give a folder.*--forgetting PATH"):
        api.fit(two_classes(), pretrained, "replay", out=tmp_path / "run")


def test_replay_rehearses_what_is_not_measured(pretrained, colors, tmp_path):
    record = adapt(pretrained, "replay:epochs=2", colors, tmp_path / "run")
    assert record["examples"] == 12
    estimate = api.fit(two_classes(), pretrained, "replay", forgetting=colors, dry_run=True)
    assert estimate.phases


def test_an_encoder_with_a_decoder_is_refused(book, tmp_path):
    _, pairs = task_of("summarization")
    with pytest.raises(BackboneError, match=r"is an encoder with a decoder.*Use an encoder or"):
        api.fit(pairs, "tiny:bart", "lora", task="summarization", forgetting=book, out=tmp_path)
