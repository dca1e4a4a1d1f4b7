"""The same trunk under the head that a network was pretrained with."""

from __future__ import annotations

import pytest
import torch

from graft.backbones.backbone import Backbone, Model
from graft.backbones.beside import beside, under_own_head
from graft.backbones.load import load_backbone
from graft.base import plugins
from graft.base.errors import BackboneError
from graft.base.job import Job
from graft.base.records import Batch

KEEPS = Job("the pretrained classes", "image", "vector")
FEW = Job("image-classification", "image", "vector", 3)


def logits_of(backbone: Backbone) -> torch.Tensor:
    inputs = backbone.preprocess.example()
    noise = torch.randn(
        2, *next(iter(inputs.values())).shape[1:], generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        return Model(backbone)(Batch(dict.fromkeys(inputs, noise))).logits


def below_the_head(backbone: Backbone) -> dict[str, torch.nn.Parameter]:
    heads = tuple(f"{path}." for path in backbone.head)
    named = backbone.network.named_parameters()
    return {name: tensor for name, tensor in named if not name.startswith(heads)}


@pytest.mark.parametrize("name", plugins.load("source", "tiny")().tiny(FEW))
def test_the_trunk_of_an_image_network_is_shared_and_the_head_is_not(name):
    backbone = load_backbone(f"tiny:{name}", FEW)
    whole = under_own_head(backbone, KEEPS)
    ours, theirs = below_the_head(backbone), below_the_head(whole)
    assert ours.keys() == theirs.keys()
    assert all(theirs[name] is tensor for name, tensor in ours.items())
    assert logits_of(backbone).shape == (2, 3)
    assert logits_of(whole).shape[1] > 3


def test_what_the_trunk_learns_changes_what_the_pretrained_head_says():
    backbone = load_backbone("tiny:cnn", FEW)
    whole = under_own_head(backbone, KEEPS)
    before, few = logits_of(whole), logits_of(backbone)
    with torch.no_grad():
        for tensor in below_the_head(backbone).values():
            tensor.mul_(1.1)
    assert not torch.allclose(logits_of(whole), before)
    assert not torch.allclose(logits_of(backbone), few)


def test_the_pretrained_head_reads_the_features_of_the_shared_trunk():
    backbone = load_backbone("tiny:vit", FEW)
    whole = under_own_head(backbone, KEEPS)
    inputs = backbone.preprocess.example()
    with torch.no_grad():
        features = Model(backbone)(Batch(inputs)).features
        assert torch.allclose(Model(whole).classify(features), Model(whole)(Batch(inputs)).logits)


@pytest.mark.parametrize(("name", "form"), [("bert", "masked"), ("gpt2", "causal")])
def test_a_network_for_texts_shares_its_base(name, form):
    backbone = load_backbone(f"tiny:{name}", Job("text-classification", "text", "vector", 2))
    whole = beside(backbone, Job(f"{form} language modeling", "text", form))
    assert whole.network.base_model is backbone.network.base_model
    assert whole.form == form


def test_a_recognizer_shares_the_encoder_of_a_classifier_of_sounds():
    backbone = load_backbone("tiny:whisper", Job("audio-classification", "audio", "sequence", 4))
    whole = under_own_head(backbone, Job("automatic-speech-recognition", "audio", "seq2seq"))
    assert whole.network.reader is backbone.network.encoder


def test_weights_drawn_at_random_are_no_pretrained_head():
    random = load_backbone("tiny:cnn", Job("features", "image", "vector"), pretrained=False)
    assert not random.own_head
    assert not load_backbone("tiny:cnn", FEW).own_head


def test_a_folder_keeps_the_head_that_it_was_saved_with(tmp_path):
    made = load_backbone("tiny:cnn", FEW)
    plugins.load("source", "timm")().save(made, str(tmp_path), ["a", "b", "c"], None)
    backbone = load_backbone(str(tmp_path), Job("image-classification", "image", "vector", 2))
    assert not backbone.own_head
    whole = under_own_head(backbone, KEEPS)
    assert torch.equal(logits_of(whole), logits_of(made))


def test_a_folder_of_an_encoder_alone_has_no_head_for_masked_tokens(tmp_path):
    made = load_backbone("tiny:bert", Job("text-classification", "text", "vector", 2))
    plugins.load("source", "transformers")().save(made, str(tmp_path), ["a", "b"], None)
    backbone = load_backbone(str(tmp_path), Job("text-classification", "text", "vector", 2))
    with pytest.raises(BackboneError, match="without a pretrained head for masked language"):
        under_own_head(backbone, Job("masked language modeling", "text", "masked"))


def test_a_trunk_that_was_opened_for_its_feature_maps_is_refused():
    backbone = load_backbone("tiny:cnn", Job("semantic-segmentation", "image", "pyramid", 2))
    with pytest.raises(BackboneError, match=r"trunk of one.*Use a task with one answer"):
        beside(backbone, KEEPS)
