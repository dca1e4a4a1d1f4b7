"""A saved model is opened as it was, or refused."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Model
from graft.backbones.load import load_backbone
from graft.base import files
from graft.base.errors import BackboneError, FolderError
from graft.base.records import Batch
from tests.jobs import job

CLASSES = ["ants", "bees"]
IMAGE, TEXT = "image-classification", "text-classification"


def saved(tmp_path, spec: str, task: str, problem: str | None = None):
    model = Model(load_backbone(spec, job(task, 2)))
    model_folder.save(
        model,
        tmp_path / "model",
        job(task, 2),
        CLASSES,
        {},
        Batch(model.backbone.preprocess.example()),
        problem,
    )
    return model, tmp_path / "model"


def flip(path) -> None:
    """Change one bit in the middle of the file."""
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1
    path.write_bytes(blob)


def shift_outputs(folder, by: float) -> None:
    """Swap the weights together with their hashes, so that only the probe can tell."""
    weights = load_file(folder / "model.safetensors")
    weights["fc.bias"] += by
    save_file(weights, folder / "model.safetensors")
    card = json.loads((folder / "graft.json").read_text())
    card["files"]["model.safetensors"] = files.sha256(folder / "model.safetensors")
    card["sha256"] = model_folder._digest(card)
    (folder / "graft.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "model.safetensors",
        "probe.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ],
)
def test_one_flipped_bit_is_refused_and_the_file_named(tmp_path, name):
    _, folder = saved(tmp_path, "tiny:bert", TEXT)
    flip(folder / name)
    with pytest.raises(FolderError, match=name):
        model_folder.open_model(folder)


def test_a_changed_card_is_refused(tmp_path):
    _, folder = saved(tmp_path, "tiny:cnn", IMAGE)
    card = folder / "graft.json"
    card.write_text(card.read_text().replace("ants", "cats"))
    with pytest.raises(FolderError, match=r"graft\.json has changed"):
        model_folder.open_model(folder)


def test_a_missing_file_is_named(tmp_path):
    _, folder = saved(tmp_path, "tiny:cnn", IMAGE)
    (folder / "model.safetensors").unlink()
    with pytest.raises(FolderError, match=r"model\.safetensors is missing"):
        model_folder.open_model(folder)


def test_other_outputs_than_at_saving_are_refused(tmp_path):
    _, folder = saved(tmp_path, "tiny:cnn", IMAGE)
    shift_outputs(folder, by=0.01)
    with pytest.raises(FolderError, match=r"0\.01 apart"):
        model_folder.open_model(folder)


def test_large_outputs_may_differ_by_as_much_as_they_are_rounded(tmp_path):
    """Outputs around 1,000, of which float32 rounds each operation by up to 6e-5."""
    model = Model(load_backbone("tiny:cnn", job(IMAGE, 2)))
    batch = Batch(model.backbone.preprocess.example())
    with torch.no_grad():
        factor = 1000 / model.eval()(batch).logits.abs().max()
        for parameter in model.network.fc.parameters():
            parameter *= factor
    model_folder.save(model, tmp_path / "model", job(IMAGE, 2), CLASSES, {}, batch)
    shift_outputs(tmp_path / "model", by=0.01)
    model_folder.open_model(tmp_path / "model")
    shift_outputs(tmp_path / "model", by=1.0)
    with pytest.raises(FolderError, match=r"apart, and 0\.1 is allowed"):
        model_folder.open_model(tmp_path / "model")


def test_a_newer_schema_and_a_strange_folder_are_refused(tmp_path):
    with pytest.raises(FolderError, match=r"no graft\.json"):
        model_folder.open_model(tmp_path)
    (tmp_path / "graft.json").write_text('{"schema": ')
    with pytest.raises(FolderError, match=r"cannot be read: .*\. Use another copy of the folder\."):
        model_folder.open_model(tmp_path)
    (tmp_path / "graft.json").write_text("[]")
    with pytest.raises(FolderError, match="holds a list where an object belongs"):
        model_folder.open_model(tmp_path)
    (tmp_path / "graft.json").write_text('{"schema": "1"}')
    with pytest.raises(FolderError, match="has \"1\" as 'schema', which must be a whole number"):
        model_folder.open_model(tmp_path)
    (tmp_path / "graft.json").write_text('{"schema": 99}')
    with pytest.raises(FolderError, match="newer Graft"):
        model_folder.open_model(tmp_path)
    # What Graft wrote before a card had a job.
    (tmp_path / "graft.json").write_text('{"schema": 1, "source": "timm", "network": "x"}')
    with pytest.raises(FolderError, match=r"older Graft \(schema 1.*Train the model again"):
        model_folder.open_model(tmp_path)


def test_saving_again_replaces_the_whole_folder(tmp_path):
    _, folder = saved(tmp_path, "tiny:bert", TEXT)
    saved(tmp_path, "tiny:cnn", IMAGE)
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json",
        "graft.json",
        "model.safetensors",
        "probe.safetensors",
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_failed_save_leaves_the_old_one(tmp_path, monkeypatch):
    _, folder = saved(tmp_path, "tiny:cnn", IMAGE)
    before = files.sha256(folder / "graft.json")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_folder, "save_file", full)
    with pytest.raises(FolderError, match="No space left"):
        saved(tmp_path, "tiny:vit", IMAGE)
    assert files.sha256(folder / "graft.json") == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_saving_keeps_the_modes_and_what_was_said_is_given_back(tmp_path):
    model = Model(load_backbone("tiny:cnn", job(IMAGE, 2))).train()
    model.network.bn1.eval()
    extra = {
        "technique": "lp-ft",
        "task_settings": {"classes": ("ants", "bees"), "weights": None},
    }
    batch = Batch(model.backbone.preprocess.example())
    model_folder.save(model, tmp_path / "model", job(IMAGE, 2), CLASSES, extra, batch)
    assert model.network.training
    assert not model.network.bn1.training
    opened, card = model_folder.open_model(tmp_path / "model")
    assert not any(module.training for module in opened.modules())
    assert card["technique"] == "lp-ft"
    assert card["task_settings"]["classes"] == CLASSES


def test_several_labels_are_scored_one_by_one_by_a_pipeline(tmp_path):
    from transformers import pipeline

    model, folder = saved(tmp_path, "tiny:bert", TEXT, "multi_label_classification")
    with torch.no_grad():
        preprocess = model.backbone.preprocess
        batch = Batch(preprocess.collate([preprocess("a text", None)]))
        expected = model(batch).logits.sigmoid()[0]
    told = {
        row["label"]: row["score"]
        for row in pipeline(TEXT, model=str(folder), top_k=None)(["a text"])[0]
    }
    assert [told[name] for name in CLASSES] == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_timm_folder_opens_in_timm(tmp_path):
    import timm

    model, folder = saved(tmp_path, "tiny:vit", IMAGE)
    network = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    inputs = model.backbone.preprocess.example()
    with torch.no_grad():
        assert torch.equal(network(**inputs), model(Batch(inputs)).logits)
    usual = timm.data.resolve_data_config({}, model=network)
    assert (usual["input_size"], tuple(usual["mean"])) == (
        (3, 32, 32),
        model.backbone.preprocess.mean,
    )
    assert list(network.pretrained_cfg["label_names"]) == CLASSES


def test_a_saved_model_is_the_start_of_another(tmp_path):
    model, folder = saved(tmp_path, "tiny:cnn", IMAGE)
    again = load_backbone(str(folder), job(IMAGE, 5))
    assert again.name == f"local:{folder}"
    assert torch.equal(again.network.conv1[0].weight, model.network.conv1[0].weight)
    assert again.network.fc.out_features == 5


def test_a_run_is_no_start_and_its_model_is_named(tmp_path):
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "graft.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BackboneError, match=r"is a run\. Use the model in it: .*model"):
        load_backbone(f"local:{tmp_path / 'run'}", job(IMAGE, 5))


def test_a_folder_of_no_library_is_refused(tmp_path):
    with pytest.raises(BackboneError, match="holds no model"):
        load_backbone(f"local:{tmp_path}", job(IMAGE))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BackboneError, match="is not valid JSON"):
        load_backbone(str(tmp_path), job(IMAGE))
    with pytest.raises(BackboneError, match="no folder"):
        load_backbone("local:nowhere", job(IMAGE))


def test_a_folder_without_weights_is_refused(tmp_path):
    _, folder = saved(tmp_path, "tiny:bert", TEXT)
    (folder / "model.safetensors").unlink()
    with pytest.raises(BackboneError, match="transformers cannot read the model"):
        load_backbone(str(folder), job(TEXT))
