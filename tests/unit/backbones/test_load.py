"""Names of backbones, right and wrong, and what is said without a network."""

from __future__ import annotations

import socket
from importlib.util import find_spec

import pytest
import torch

from graft.backbones import hub
from graft.backbones.load import default_backbone, load_backbone, resolve, usual_job
from graft.base.errors import BackboneError, UnknownName
from graft.base.job import Job
from tests.jobs import job

IMAGE, TEXT = "image-classification", "text-classification"


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Hosts that do not exist, and empty caches."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(hub, "answers", lambda address: False)


def test_names_and_aliases():
    assert resolve("timm:resnet18") == ("timm", "resnet18")
    assert resolve("minilm-l6") == ("wheel", "minilm-l6")
    assert resolve("transformers:org/name") == ("transformers", "org/name")
    assert resolve(default_backbone("image")) == ("wheel", "efficientnet-lite0")
    assert resolve(default_backbone("text")) == ("wheel", "minilm-l6")


def test_a_folder_is_a_name_too_but_no_folder_hides_a_built_in_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minilm-l6").mkdir()
    assert resolve("minilm-l6") == ("wheel", "minilm-l6")
    assert resolve("./minilm-l6") == ("local", "./minilm-l6")
    assert resolve(str(tmp_path)) == ("local", str(tmp_path))


@pytest.mark.parametrize(
    ("spec", "guess"),
    [
        ("minilm", "minilm-l6"),
        ("resnet50", "timm:resnet50"),
        ("tiny:brt", "bert"),
        ("timm:resnt50", "resnet50"),
        ("tym:resnet50", "timm:"),
    ],
)
def test_wrong_names_get_a_guess(spec, guess):
    with pytest.raises(UnknownName, match=guess):
        load_backbone(spec, job(IMAGE if "bert" not in guess else TEXT))


def test_a_file_of_keras_without_its_source_is_told_the_name(tmp_path):
    (tmp_path / "mine.keras").write_bytes(b"")
    with pytest.raises(BackboneError, match=r"Name its source too: keras:.*mine\.keras"):
        resolve(str(tmp_path / "mine.keras"))


def test_a_network_for_another_task_is_refused():
    with pytest.raises(
        BackboneError, match=r"not made for image-classification.*efficientnet-lite0"
    ):
        load_backbone("minilm-l6", job(IMAGE))
    with pytest.raises(BackboneError, match="not made for text-classification"):
        load_backbone("tiny:cnn", job(TEXT))


def test_a_network_that_reads_something_else_is_refused():
    with pytest.raises(
        BackboneError, match="reads image, but text-classification needs a backbone that reads text"
    ):
        load_backbone("timm:test_resnet", job(TEXT, 2), pretrained=False)


@pytest.mark.parametrize(
    ("spec", "reads", "form"),
    [
        ("tiny:cnn", "image", "vector"),
        ("tiny:bert", "text", "vector"),
        ("tiny:bart", "text", "seq2seq"),
        ("minilm-l6", "text", "vector"),
        ("timm:resnet50", "image", "vector"),
    ],
)
def test_what_a_network_does_if_nothing_is_asked_for(spec, reads, form):
    assert usual_job(spec) == Job("features", reads, form)


def test_a_missing_path_is_said():
    with pytest.raises(BackboneError, match=r"no folder './nowhere'"):
        load_backbone("./nowhere", job(TEXT))


@pytest.mark.parametrize(
    ("spec", "task", "built_in"),
    [
        ("timm:resnet18", IMAGE, "efficientnet-lite0"),
        ("torchvision:resnet18", IMAGE, "efficientnet-lite0"),
        ("transformers:google-bert/bert-base-uncased", TEXT, "minilm-l6"),
    ],
)
def test_without_a_network_the_ways_out_are_named_at_once(
    no_network, monkeypatch, spec, task, built_in
):
    asked = []
    # A host that does not answer is not asked again: the hub's own client tries one for minutes.
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: asked.append(host) or [])
    with pytest.raises(
        BackboneError, match=rf"cannot be reached from here.*{built_in}.*local:FOLDER"
    ) as raised:
        load_backbone(spec, job(task, 2))
    assert spec in str(raised.value)
    assert raised.value.fix.startswith("Use a built-in backbone (")
    assert built_in in raised.value.fix
    # The networks of transformers cannot be built without the hub, which has their architecture.
    can_be_built = not spec.startswith("transformers")
    assert ("-t from-scratch" in raised.value.fix) == can_be_built
    assert ("whisper" in raised.value.fix) != can_be_built, "networks for sounds do not fit"
    assert not asked


@pytest.mark.parametrize("name", ["torchvision:fcos_resnet50_fpn", "yolox:yolox_s"])
def test_without_a_network_the_file_that_is_looked_for_is_named(no_network, tmp_path, name):
    finished = Job("features", "image", "finished", 1, (64, 64), ("cat",))
    file = rf"Use .*a copy of their file, which is looked for at {tmp_path}/hub/checkpoints/"
    file += rf"{name.partition(':')[2]}\S*\.pth"
    with pytest.raises(BackboneError, match=file):
        load_backbone(name, finished)


def test_the_hub_client_is_left_as_it_was(no_network):
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    with pytest.raises(BackboneError), hub.hub("timm:x"):
        assert constants.HF_HUB_OFFLINE
        raise FileNotFoundError("not cached")
    assert before == constants.HF_HUB_OFFLINE


def test_a_host_that_does_not_exist_does_not_answer():
    assert not hub.answers("https://hub.invalid")


def test_timm_networks_without_weights_are_refused():
    import timm

    name = next(name for name in timm.list_models() if not timm.is_model_pretrained(name))
    with pytest.raises(BackboneError, match="no pretrained weights"):
        load_backbone(f"timm:{name}", job(IMAGE, 2))


def test_timm_networks_with_another_end_than_a_linear_layer_are_refused():
    with pytest.raises(BackboneError, match="does not end in one linear layer"):
        load_backbone("timm:deit_tiny_distilled_patch16_224", job(IMAGE, 2), pretrained=False)


@pytest.mark.skipif(find_spec("sentencepiece") is not None, reason="sentencepiece is installed")
@pytest.mark.parametrize("source", ["", "transformers:"])
def test_a_tokenizer_that_needs_a_missing_package_names_it(tmp_path, source):
    (tmp_path / "config.json").write_text('{"model_type": "marian"}')
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "MarianTokenizer"}')
    with pytest.raises(BackboneError, match="pip install sentencepiece sacremoses"):
        load_backbone(f"{source}{tmp_path}", job("translation"))


def test_transformers_stays_as_talkative_as_it_was():
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load_backbone("tiny:bert", job(TEXT, 2))
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.mark.parametrize("pretrained", [True, False])
def test_weights_kept_in_half_precision_are_learned_in_full(tmp_path, pretrained):
    backbone = load_backbone("tiny:llama", job("text-generation"))
    backbone.network.to(torch.bfloat16).save_pretrained(tmp_path)
    backbone.preprocess.tokenizer.save_pretrained(tmp_path)
    found = load_backbone(str(tmp_path), job("text-generation"), pretrained=pretrained)
    assert {parameter.dtype for parameter in found.network.parameters()} == {torch.float32}
