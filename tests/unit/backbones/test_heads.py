"""The mean over tokens as a head, and what a user asks for by `--task NAME:head=...`."""

from __future__ import annotations

import pytest
import torch

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Model
from graft.backbones.load import load_backbone
from graft.base.errors import BackboneError, GraftError
from graft.studies.run import build_model, open_backbone
from graft.tasks.specs import options
from tests.contracts.tiny import batch_of, task_of
from tests.jobs import job

POOLED = "text-classification:head=pooled"
TEXTS = ("a b", "a text that is a good deal longer")


@pytest.mark.parametrize("network", ["tiny:bert", "tiny:xlnet", "tiny:llama", "tiny:t5"])
def test_a_pooled_text_is_the_same_alone_and_beside_a_longer_one(network):
    model = build_model(network, task_of(POOLED)[0], pretrained=True, seed=0)
    preprocess = model.backbone.preprocess
    encoded = [preprocess(text, None) for text in TEXTS]
    alone, among = (
        model(batch_of(preprocess.collate(some), preprocess)) for some in (encoded[:1], encoded)
    )
    torch.testing.assert_close(alone.features[0], among.features[0])
    assert among.features.dim() == 2


def test_a_pooled_head_is_saved_as_a_token_classifier(tmp_path):
    from transformers import AutoModelForTokenClassification

    task, _ = task_of(POOLED)
    model = build_model("tiny:bert", task, pretrained=True, seed=0)
    inputs = model.backbone.preprocess.example()
    batch = batch_of(inputs, model.backbone.preprocess)
    model_folder.save(model, tmp_path / "model", task.job(), list(task.classes), {}, batch)
    tokens = AutoModelForTokenClassification.from_pretrained(tmp_path / "model").eval()
    weight = inputs["attention_mask"][..., None]
    with torch.no_grad():
        mean = (tokens(**inputs).logits * weight).sum(1) / weight.sum(1)
        torch.testing.assert_close(mean, model(batch).logits)


def test_weights_that_a_checkpoint_lacks_belong_to_the_head(tmp_path):
    """A BERT without its pooler: a random projection that is frozen would spoil the features."""
    made = load_backbone("tiny:bert", job("text-classification", 3))
    weights = {
        name: tensor
        for name, tensor in made.network.state_dict().items()
        if "pooler" not in name and "classifier" not in name
    }
    made.network.save_pretrained(tmp_path, state_dict=weights)
    made.preprocess.tokenizer.save_pretrained(tmp_path)
    model = Model(load_backbone(str(tmp_path), job("text-classification", 3)))
    assert model.backbone.head == ("bert.pooler", "dropout", "classifier")
    assert "bert.pooler.dense.weight" in model.backbone.groups[-1].tensors
    preprocess = model.backbone.preprocess
    output = model(batch_of(preprocess.example(), preprocess))
    assert output.features.dim() == 2
    torch.testing.assert_close(model.classify(output.features), output.logits)


def test_a_linear_layer_on_the_mean_is_found_by_the_solver_for_it():
    backbone = open_backbone("tiny:bert", task_of(POOLED)[0])
    assert (backbone.form, backbone.head_name) == ("vector", "pooled")
    assert backbone.linear is not None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("text-classification:head=poled", r"head of text-class.*'poled'\. Did you mean 'pooled'"),
        (
            "text-classification:head=nosuch",
            r"'nosuch'\. Known: 'attention-pooled', 'linear'",
        ),
        (
            "text-classification:head=number",
            "give classes, as attention-pooled, linear, pooled do",
        ),
        ("text-generation:head=linear", "must give text, as own does"),
    ],
)
def test_a_head_that_gives_something_else_is_refused(spec, words):
    data = options.parse(spec.partition(":")[0])[0].tiny_data()
    with pytest.raises(GraftError, match=words):
        options.read_task(spec, data)


def test_a_head_that_cannot_sit_on_the_features_is_refused():
    task, _ = task_of("image-classification:head=pooled")
    with pytest.raises(BackboneError, match=r"tiny:cnn has vector features.*linear"):
        open_backbone("tiny:cnn", task)
