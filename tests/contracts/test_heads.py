"""Every head keeps the contract, on the small networks of each form that it sits on."""

from __future__ import annotations

import copy

import pytest
import torch

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.head import attach_head, check_head, heads_for
from graft.backbones.load import load_backbone
from graft.base import plugins, trees
from graft.base.errors import BackboneError
from graft.base.job import Form, Job
from graft.base.records import Batch
from tests.contracts.slices import slice_cases
from tests.contracts.tiny import batch_of


def job_of(name: str, reads: str, form: Form) -> Job:
    """What a network is to do under the head."""
    head = plugins.load("head", name)
    outputs = None if head.pretrained else 1 if head.gives[form] == {"number"} else 3
    return Job("features", reads, form, outputs)


CASES = slice_cases(
    (
        pytest.param((name, network, job), id=f"{name}-on-{network}-{job.form}")
        for name in plugins.names("head")
        for form in plugins.load("head", name).gives
        for job in (job_of(name, reads, form) for reads in ("image", "text", "audio"))
        for network in plugins.load("source", "tiny")().tiny(job)
    ),
    lambda case: ((case[0], case[2].form, case[2].reads), case[1]),
)


@pytest.fixture(params=CASES, scope="module")
def backbone(request) -> Backbone:
    name, network, job = request.param
    return attach_head(name, load_backbone(f"tiny:{network}", job), job.outputs)


@pytest.fixture
def name(request, backbone) -> str:
    return request.node.callspec.params["backbone"][0]


@pytest.fixture
def job(request, backbone) -> Job:
    return request.node.callspec.params["backbone"][2]


def batch(backbone: Backbone) -> Batch:
    """Inputs of the network, as they come from a feed."""
    return batch_of(backbone.preprocess.example(), backbone.preprocess)


def has_weights(backbone: Backbone) -> bool:
    """Whether the head's weights are its own; those of a tied one are the embeddings'."""
    return bool(backbone.groups[-1].tensors)


def test_gives_as_many_outputs_as_were_asked_for(backbone, name, job):
    output = Model(backbone)(batch(backbone))
    if backbone.form == "pyramid":
        assert backbone.architecture["outputs"] == job.outputs
        assert trees.count_rows(output.raw) == 1
        return
    assert output.logits.shape[-1] == (job.outputs or len(backbone.preprocess.tokenizer))
    # A head of a sequence gives outputs for each of its tokens, or for all of them together.
    features = output.features.shape
    assert output.logits.shape[:-1] in (features[:-1], features[:1])
    assert backbone.head_name == name


def test_its_layers_are_the_last_group_and_every_tensor_is_in_one(backbone):
    last = backbone.groups[-1]
    assert (last.name, last.modules) == ("head", backbone.head)
    assert all(
        any(tensor.startswith(f"{path}.") for path in backbone.head) for tensor in last.tensors
    )
    owned = [tensor for group in backbone.groups for tensor in group.tensors]
    assert len(owned) == len(set(owned))
    assert {name for name, _ in backbone.network.named_parameters()} <= set(owned)


def test_the_features_are_what_enters_it(backbone):
    if not has_weights(backbone):
        pytest.skip("its weights are those of the embeddings")
    model = copy.deepcopy(Model(backbone))
    before = model(batch(backbone))
    with torch.no_grad():
        for tensor, parameter in model.network.named_parameters():
            if tensor in backbone.groups[-1].tensors:
                parameter.mul_(2).add_(0.1)
    after = model(batch(backbone))
    assert trees.are_close(before.features, after.features, 0.0)
    assert not trees.are_close(before.raw, after.raw, 0.0)


def test_fresh_weights_are_drawn_from_the_global_random_state_and_no_others(backbone, name):
    head = plugins.load("head", name)()
    fresh = copy.deepcopy(backbone)

    def drawn(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        head.initialize(fresh)
        state = fresh.network.state_dict()
        # Of the names of a tied tensor the first: the one that groups have.
        named = (*fresh.network.named_parameters(), *fresh.network.named_buffers())
        return {key: state[key].clone() for key, _ in named if key in state}

    first, again, other = drawn(3), drawn(3), drawn(4)
    assert all(torch.equal(tensor, again[key]) for key, tensor in first.items())
    moved = {key for key, tensor in first.items() if not torch.equal(tensor, other[key])}
    assert bool(moved) != head.pretrained
    assert moved <= set(backbone.groups[-1].tensors)


def test_what_is_saved_is_what_is_opened(backbone, job, tmp_path):
    model, inputs = Model(backbone), batch(backbone)
    names = [f"class {number}" for number in range(job.outputs or 0)]
    model_folder.save(model, tmp_path / "model", job, names, {}, inputs)
    opened, card = model_folder.open_model(tmp_path / "model")
    was, now = model.network.state_dict(), opened.network.state_dict()
    assert list(was) == list(now)
    assert all(torch.equal(tensor, now[key]) for key, tensor in was.items())
    # The weights are equal; where they lie in memory may change the order of a sum.
    was, now = (backbone.compared(each(inputs).raw) for each in (model, opened))
    assert trees.are_close(was, now, 1e-5)
    assert opened.backbone.groups == backbone.groups
    assert card["head"] == opened.backbone.head_name == backbone.head_name


KINDS = sorted(
    {
        kind
        for name in plugins.names("head")
        for kinds in plugins.load("head", name).gives.values()
        for kind in kinds
    }
)


@pytest.fixture(scope="module", params=["vector", "sequence"])
def features(request) -> Backbone:
    return load_backbone("tiny:bert", Job("features", "text", request.param, 2))


@pytest.mark.parametrize("gives", KINDS)
@pytest.mark.parametrize("name", plugins.names("head"))
def test_it_is_refused_for_what_it_cannot_give_by_the_names_of_those_that_fit(
    name, gives, features
):
    if gives in plugins.load("head", name).gives.get(features.form, ()):
        check_head(name, gives, features)
        return
    fitting = ", ".join(heads_for(gives, features.form, features.source)) or "none"
    with pytest.raises(
        BackboneError,
        match=rf"{name}.* {gives}, but tiny:bert has {features.form} features of "
        rf"transformers\. Heads that fit: {fitting}\.",
    ):
        check_head(name, gives, features)


def test_a_head_of_another_library_fits_nowhere_else():
    assert "pooled" in heads_for("classes", "sequence", "transformers")
    assert "pooled" not in heads_for("classes", "sequence", "timm")
