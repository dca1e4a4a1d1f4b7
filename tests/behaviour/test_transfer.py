"""Transfer works on real data with the real default backbones and untouched defaults."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import graft


@pytest.fixture(scope="module")
def insects(real, tmp_path_factory):
    """A linear probe of EfficientNet-Lite0 on ants and bees."""
    return graft.fit(
        real("hymenoptera"),
        technique="feature-extraction",
        out=tmp_path_factory.mktemp("insects") / "run",
    )


@pytest.fixture(scope="module")
def spam(real, tmp_path_factory):
    """A linear probe of MiniLM on ten messages a class."""
    path = real("sms_spam/SMSSpamCollection.tsv")
    data = graft.load_data(path)
    data = data.with_splits({**data.splits, "test": data.splits["test"][:300]})
    return graft.fit(
        data, technique="feature-extraction", shots=64, out=tmp_path_factory.mktemp("spam") / "run"
    )


def test_a_probe_tells_ants_from_bees(insects):
    found = insects.result
    assert found["data"]["counts"] == {"train": 208, "val": 37, "test": 153}
    assert found["metrics"]["test"]["accuracy"]["value"] >= 0.92
    assert found["frozen"]["unchanged"]
    assert found["frozen"]["tensors"] > 200
    assert found["cost"]["cache"]["used"]


def test_it_beats_the_trivial_baselines_that_stand_beside_it(insects):
    beaten = insects.result["baseline"]
    assert set(beaten) == {"majority", "pixels-logistic"}
    for row in beaten.values():
        assert insects.result["metrics"]["test"]["accuracy"]["low"] > row["accuracy"]["value"]


def test_a_loaded_model_predicts_what_the_run_wrote_down(insects, real):
    model = graft.load(insects.folder)
    rows = model.predict(real("hymenoptera") / "val" / "ants")
    assert len(rows) == 70
    assert np.mean([row["prediction"] == "ants" for row in rows]) > 0.85
    again = model.evaluate(real("hymenoptera") / "val")["accuracy"]["value"]
    assert again == pytest.approx(
        insects.result["metrics"]["test"]["accuracy"]["value"], abs=0.02
    )  # fp32 beside bf16


def test_timm_opens_the_saved_image_model_with_the_same_outputs(insects, real):
    import timm

    model = graft.load(insects.folder)
    opened = timm.create_model(f"local-dir:{insects.folder / 'model'}", pretrained=True).eval()
    picture = next((real("hymenoptera") / "val" / "bees").iterdir())
    transform = timm.data.create_transform(
        **timm.data.resolve_model_data_config(opened), is_training=False
    )
    from PIL import Image

    with torch.inference_mode():
        theirs = opened(transform(Image.open(picture).convert("RGB"))[None]).softmax(-1)[0]
    ours = model.predict(picture)[0]["probabilities"]
    assert np.allclose(
        theirs.numpy(), ours, atol=0.05
    )  # their resizing to a whole number of pixels differs from ours


def test_transformers_opens_the_saved_text_model_with_the_same_outputs(spam):
    from transformers import pipeline

    texts = ["Free entry! Win a prize, call now", "see you at home then", "ok"]
    theirs = pipeline("text-classification", model=str(spam.folder / "model"))(texts)
    ours = graft.load(spam.folder).predict(texts)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine["prediction"] == other["label"]
        assert mine["confidence"] == pytest.approx(other["score"], abs=1e-3)


def test_few_messages_are_enough_for_spam(spam):
    assert spam.result["data"]["counts"]["train"] == 128
    assert spam.result["metrics"]["test"]["accuracy"]["value"] > 0.9


def test_embeddings_are_the_inputs_of_the_head(spam):
    model = graft.load(spam.folder)
    features = model.embed(["one text", "another"])
    assert features.shape == (2, 384)
    logits = model.network.classify(torch.from_numpy(features)).softmax(-1)
    assert np.allclose(
        logits.detach().numpy(),
        [row["probabilities"] for row in model.predict(["one text", "another"])],
        atol=1e-5,
    )


def test_one_flipped_byte_is_refused(insects, tmp_path):
    folder = graft.load(insects.folder).save(tmp_path / "copy")
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1000] ^= 1
    weights.write_bytes(content)
    with pytest.raises(graft.GraftError, match=r"model\.safetensors has changed"):
        graft.load(folder)


def test_the_mistakes_are_kept_with_a_picture(insects):
    lines = [
        json.loads(line) for line in (insects.folder / "mistakes.jsonl").read_text().splitlines()
    ]
    wrong = round((1 - insects.result["metrics"]["test"]["accuracy"]["value"]) * 153)
    assert len(lines) == wrong
    assert all(
        line["target"] != line["prediction"]
        and line["preview"].startswith("data:image/jpeg;base64,")
        for line in lines
    )


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["lp-ft", "full-fine-tuning"])
def test_fine_tuning_tells_ants_from_bees(technique, real, tmp_path):
    found = graft.fit(real("hymenoptera"), technique=technique, out=tmp_path / "run").result
    assert found["metrics"]["test"]["accuracy"]["value"] >= 0.92
