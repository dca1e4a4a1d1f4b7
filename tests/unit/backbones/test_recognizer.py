"""Whisper with its decoder: it reads true lengths, and is transformers' Whisper when saved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graft.backbones.backbone import Backbone, Model
from graft.backbones.load import load_backbone
from graft.backbones.speech.folder import save_speech
from graft.backbones.speech.recognizer_folder import create_recognizer, save_recognizer
from graft.base.errors import BackboneError
from graft.base.job import Job
from tests.contracts.tiny import batch_of
from tests.unit.backbones.test_speech import hearing, sound

JOB = Job("recognition", "audio", "seq2seq")
START, TIMELESS = 257, 258


def recognizer() -> Backbone:
    return load_backbone("tiny:whisper", JOB)


def several_languages() -> Backbone:
    """A recognizer with tokens for two languages and two tasks."""
    one = recognizer()
    generation = {
        "no_timestamps_token_id": TIMELESS,
        "is_multilingual": True,
        "lang_to_id": {"<|en|>": 300, "<|de|>": 301},
        "task_to_id": {"transcribe": 302, "translate": 303},
        "forced_decoder_ids": [[1, 300], [2, 303]],
    }
    settings = one.network.config.to_dict()
    torch.manual_seed(0)
    return create_recognizer(
        settings, one.preprocess.extractor, one.preprocess.tokenizer, generation, JOB
    )


def saved(backbone: Backbone, folder) -> str:
    save_recognizer(backbone, str(folder / "model"))
    return str(folder / "model")


def test_logits_at_full_length_are_those_of_transformers(tmp_path):
    from transformers import WhisperForConditionalGeneration

    backbone = recognizer()
    whole = WhisperForConditionalGeneration.from_pretrained(saved(backbone, tmp_path)).eval()
    p, value = backbone.preprocess, sound(2.0)
    inputs = p.collate([{**p(value, None), "decoder_input_ids": torch.tensor([START, 4, 5, 6])}])
    with torch.no_grad():
        expected = whole(
            inputs["input_features"], decoder_input_ids=inputs["decoder_input_ids"]
        ).logits
        given = Model(backbone)(batch_of(inputs, p)).logits
    torch.testing.assert_close(given, expected, atol=1e-6, rtol=1e-5)


def test_no_layer_keeps_a_mask_of_all_pairs_of_frames_for_the_gradient():
    backbone = recognizer()
    p = backbone.preprocess
    inputs = p.collate([p(sound(seconds), None) for seconds in (0.7, 1.9)])
    num_frames = int(p.mask(inputs).shape[1])
    kept = []

    def keep(tensor):
        kept.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        Model(backbone)(batch_of(inputs, p))
    assert (2, 1, 1, num_frames) in kept
    assert not [shape for shape in kept if shape[-2:] == (num_frames, num_frames)]


@pytest.mark.parametrize("beams", [1, 3])
def test_a_sound_is_written_the_same_alone_and_among_longer_ones(beams):
    backbone = recognizer()
    with torch.no_grad():  # tokens that depend on the sound, which those of small weights do not
        for parameter in backbone.network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8)
    p = backbone.preprocess
    sounds = [p(sound(seconds, seed), None) for seed, seconds in enumerate((0.4, 1.1, 1.9))]

    def written(*some):
        inputs = p.collate(list(some))
        del inputs["decoder_attention_mask"]
        marks = {"eos_token_id": 256, "pad_token_id": 256}
        return backbone.network.generate(
            **inputs, max_new_tokens=6, num_beams=beams, do_sample=False, **marks
        )[:, len(p.prompt) :].tolist()

    together = written(*sounds)
    assert together == [written(each)[0] for each in sounds]
    assert beams > 1 or together[0] != together[2]


def test_an_english_prompt_has_no_language(tmp_path):
    assert recognizer().preprocess.prompt == [START, TIMELESS]
    with pytest.raises(BackboneError, match="knows one language, and language=de was asked for"):
        with_language(recognizer(), "de").preprocess.check()


def with_language(backbone: Backbone, language: str) -> Backbone:
    return replace(backbone, preprocess=replace(backbone.preprocess, language=language))


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_prompt_is_the_one_transformers_makes_of_the_saved_configs(language, tmp_path):
    """`forced_decoder_ids` of the checkpoint named English and translation."""
    from transformers import AutoConfig, WhisperForConditionalGeneration

    backbone = with_language(several_languages(), language)
    folder = saved(backbone, tmp_path)
    whole = WhisperForConditionalGeneration.from_pretrained(folder)
    generation = whole.generation_config
    made = whole._retrieve_init_tokens(None, 1, _timeless(generation), whole.config, 100, {})
    assert made[0].tolist() == backbone.preprocess.prompt
    assert backbone.preprocess.prompt == [START, {"en": 300, "de": 301}[language], 302, TIMELESS]
    assert (generation.language, generation.task) == (language, "transcribe")
    assert getattr(AutoConfig.from_pretrained(folder), "forced_decoder_ids", None) is None
    # Opened again without being told, it knows the language.
    assert load_backbone(folder, JOB).preprocess.prompt == backbone.preprocess.prompt


def _timeless(generation):
    generation.return_timestamps = False
    return generation


def test_one_of_several_languages_must_be_named():
    with pytest.raises(BackboneError, match=r"for 2 languages, and none was named.*one of: de, en"):
        several_languages().preprocess.check()
    with pytest.raises(BackboneError, match="'fr' is none of them"):
        with_language(several_languages(), "fr").preprocess.check()


def test_what_a_checkpoint_never_writes_it_never_writes_when_saved(tmp_path):
    backbone = recognizer()
    backbone.network.generation_config.suppress_tokens = [14]
    again = load_backbone(saved(backbone, tmp_path), JOB)
    assert again.network.generation_config.suppress_tokens == [14]


def test_an_encoder_alone_is_refused(tmp_path):
    backbone = hearing("whisper")
    backbone.network.head.classifier = backbone.network.head.classifier[-1]
    save_speech(backbone, str(tmp_path), ["a", "b", "c"], None)
    with pytest.raises(BackboneError, match=r"holds an encoder alone\. Use a whole Whisper"):
        load_backbone(str(tmp_path), JOB)


def test_a_network_without_a_decoder_is_refused(tmp_path):
    backbone = hearing("wav2vec2")
    backbone.network.head.classifier = backbone.network.head.classifier[-1]
    save_speech(backbone, str(tmp_path), ["a", "b", "c"], None)
    with pytest.raises(BackboneError, match=r"'wav2vec2', which has no decoder.*whisper-tiny\.en"):
        load_backbone(str(tmp_path), JOB)


@pytest.mark.parametrize("name", ["wav2vec2", "hubert"])
def test_a_tiny_network_without_a_decoder_is_refused(name):
    with pytest.raises(BackboneError, match=rf"'{name}', which has no decoder.*head=ctc"):
        load_backbone(f"tiny:{name}", JOB)


def test_the_shortest_sound_is_read():
    backbone = recognizer()
    p = backbone.preprocess
    inputs = p.collate([p(np.full(3, 0.1, np.float32), None)])
    assert torch.isfinite(Model(backbone)(batch_of(inputs, p)).logits).all()
