"""Encoders of speech read sounds of their true length, and are saved for transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.load import load_backbone
from graft.backbones.sources.tiny import SOUND
from graft.backbones.speech.folder import create_speech
from graft.backbones.speech.frames import Convolution, count_frames, fewest_inputs
from graft.base.errors import BackboneError
from graft.base.job import Job
from graft.tasks.audio_classification import AudioClassification
from tests.contracts.tiny import batch_of

TASK = AudioClassification(("a", "b", "c"))


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, int(16_000 * seconds))
    return noise.astype(np.float32)


def hearing(name: str, model: str = "tiny") -> Backbone:
    return TASK.with_head(load_backbone(f"{model}:{name}", TASK.job()))


def logits(backbone: Backbone, *sounds: np.ndarray) -> torch.Tensor:
    p = backbone.preprocess
    with torch.no_grad():
        return Model(backbone).eval()(batch_of(p.collate([p(s, None) for s in sounds]), p)).logits


@pytest.mark.parametrize("length", [20, 37, 400, 401, 719, 720, 5000])
@pytest.mark.parametrize("family", [(Convolution(3, 1, 1), Convolution(3, 2, 1)),
                                    (Convolution(10, 5), Convolution(3, 2))])  # fmt: skip
def test_frames_are_as_many_as_convolutions_give(family, length):
    hidden = torch.zeros(1, 1, length)
    for kernel, stride, padding in family:
        hidden = torch.nn.functional.conv1d(hidden, torch.ones(1, 1, kernel), None, stride, padding)
    assert count_frames(torch.tensor([length]), family).item() == hidden.shape[2]
    fewest = fewest_inputs(family)
    assert count_frames(torch.tensor([fewest, fewest - 1]), family).tolist() == [1, 0]


@pytest.mark.parametrize("name", [*SOUND])
def test_the_shortest_and_the_longest_sound_are_read(name):
    backbone = hearing(name)
    whole = sound(backbone.preprocess.seconds)
    longer = np.concatenate([whole, sound(0.5, 1)])
    outputs = logits(backbone, np.full(3, 0.1, np.float32), longer)
    assert torch.isfinite(outputs).all()
    # What is beyond the longest sound is not read.
    torch.testing.assert_close(outputs[1:], logits(backbone, whole), atol=1e-6, rtol=1e-5)


def test_whisper_hears_thirty_seconds_as_transformers_does():
    from transformers import AutoModelForAudioClassification

    backbone = hearing("whisper")
    encoder = backbone.network.encoder
    whole = AutoModelForAudioClassification.from_config(backbone.network.config).eval()
    whole.encoder.load_state_dict(encoder.library_state())
    p, value = backbone.preprocess, sound(2.0)  # the longest that this small one reads
    inputs = p.collate([p(value, None)])
    with torch.no_grad():
        expected = whole.encoder(inputs["input_features"]).last_hidden_state
        given = encoder(inputs["input_features"], inputs["attention_mask"], p.mask(inputs))
    torch.testing.assert_close(given, expected)


def test_a_saved_whisper_gives_the_same_at_full_length_in_transformers(tmp_path):
    from transformers import AutoModelForAudioClassification

    backbone = hearing("whisper")
    save(backbone, tmp_path)
    network = AutoModelForAudioClassification.from_pretrained(tmp_path / "model").eval()
    value = sound(2.0)
    with torch.no_grad():
        found = network(backbone.preprocess(value, None)["input_features"][None]).logits
    torch.testing.assert_close(found, logits(backbone, value), atol=1e-6, rtol=1e-5)


WAVES = {
    **{name: settings for name, settings in SOUND.items() if name != "whisper"},
    "wavlm": {**SOUND["wav2vec2"], "model_type": "wavlm"},
}


@pytest.mark.parametrize("name", WAVES)
def test_saved_waves_give_the_same_at_any_length_in_transformers(name, tmp_path):
    from transformers import Wav2Vec2FeatureExtractor, pipeline

    torch.manual_seed(0)
    made = create_speech(WAVES[name], Wav2Vec2FeatureExtractor(), TASK.job())
    backbone = TASK.with_head(made)
    value = sound(0.7)
    both = logits(backbone, value, sound(1.3, 1))
    torch.testing.assert_close(both[:1], logits(backbone, value), atol=1e-6, rtol=1e-5)
    save(backbone, tmp_path)
    classify = pipeline("audio-classification", model=str(tmp_path / "model"), device="cpu")
    scores = {row["label"]: row["score"] for row in classify(value, top_k=3)}
    expected = dict(zip(TASK.classes, both[0].softmax(0).tolist(), strict=True))
    assert scores == pytest.approx(expected, abs=1e-6)


def save(backbone: Backbone, folder) -> None:
    example = backbone.preprocess.example()
    probe = batch_of(example, backbone.preprocess)
    model_folder.save(Model(backbone), folder / "model", TASK.job(), [*TASK.classes], {}, probe)


def test_two_layers_of_transformers_become_one(tmp_path):
    """A checkpoint that others trained has a projector before its classifier."""
    from transformers import AutoModelForAudioClassification, Wav2Vec2FeatureExtractor

    torch.manual_seed(0)
    made = create_speech(WAVES["hubert"], Wav2Vec2FeatureExtractor(), TASK.job())
    config = made.network.config
    config.classifier_proj_size = 5
    whole = AutoModelForAudioClassification.from_config(config).eval()
    whole.save_pretrained(tmp_path)
    made.preprocess.extractor.save_pretrained(tmp_path)
    opened = load_backbone(str(tmp_path), TASK.job())
    assert opened.own_head
    value = sound(0.5)
    inputs = opened.preprocess.collate([opened.preprocess(value, None)])
    with torch.no_grad():
        expected = whole(**inputs).logits
    torch.testing.assert_close(
        logits(TASK.with_head(opened), value), expected, atol=1e-6, rtol=1e-5
    )


def test_a_network_that_reads_texts_is_refused(tmp_path):
    text = load_backbone("tiny:bert", Job("features", "text", "vector", 2))
    text.network.save_pretrained(tmp_path)
    with pytest.raises(BackboneError, match=r"kind 'bert', which does not read sounds.*whisper"):
        load_backbone(str(tmp_path), TASK.job())


def test_a_network_that_reads_ten_seconds_always_is_refused(tmp_path):
    from transformers import ASTConfig

    ASTConfig().save_pretrained(tmp_path)
    with pytest.raises(
        BackboneError,
        match=r"kind 'audio-spectrogram-transformer', which is not read at the true length of "
        r"sounds, as audio-classification needs\. Use one of these kinds: hubert, wav2vec2",
    ):
        load_backbone(str(tmp_path), TASK.job())
