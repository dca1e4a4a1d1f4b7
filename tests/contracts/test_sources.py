"""Every backbone source keeps the contract, on its small networks that need no download."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.head import heads_for
from graft.base import plugins, trees
from graft.base.job import Job
from graft.base.records import Batch, Output
from graft.tasks.task import Task
from tests.contracts.slices import slice_cases
from tests.contracts.tiny import LARGE, batch_of, task_of

TASKS = {
    (task.job().reads, task.job().form, task.job().outputs): task
    for task in (task_of(name)[0] for name in plugins.names("task"))
}
"""A task for each job that tasks have."""
CASES = slice_cases(
    (
        pytest.param(
            (source, name, task),
            id=f"{source}:{name}-{task.job().form}-{task.name}",
            marks=[pytest.mark.slow] if source == LARGE and task.job().outputs == 1 else [],
        )
        for source in plugins.names("source")
        for task in TASKS.values()
        for name in plugins.load("source", source)().tiny(task.job())
    ),
    lambda case: (case[:2], case[2].name, (case[0], case[2].job().form)),
)
CHAINS_WITH_A_FUNCTION_BETWEEN = ("distilbert",)
"""The head applies a function that is no module, so a chain of its modules is not the head."""


@pytest.fixture(params=CASES, scope="module")
def backbone(request) -> Backbone:
    source, name, task = request.param
    torch.manual_seed(0)  # not the seed that tests below draw other weights with
    loaded = plugins.load("source", source)().load(name, task.job(), source == "tiny")
    # A trunk of a pyramid has no head, and is saved with one alone.
    if loaded.form != "pyramid":
        return loaded
    if not heads_for(task.gives, "pyramid", loaded.trunk_source):
        pytest.skip(f"no head that gives {task.gives} sits on networks of {loaded.source}")
    return task.with_head(loaded)


@pytest.fixture
def task(request, backbone) -> Task:
    return request.node.callspec.params["backbone"][2]


@pytest.fixture
def job(task) -> Job:
    return task.job()


def names_of(job: Job) -> list[str]:
    return [f"class {number}" for number in range(job.outputs or 0)]


def outputs(backbone: Backbone, job: Job) -> int:
    """How many logits there are for an example or a token."""
    return job.outputs or len(backbone.preprocess.tokenizer)


def logits_of(output: Output) -> torch.Tensor:
    """The logits; those of a network that returns several tensors side by side."""
    several = isinstance(output.raw, dict)
    return torch.stack(list(output.raw.values()), -1) if several else output.raw


def batch(backbone: Backbone) -> Batch:
    """Two unlike examples."""
    inputs = backbone.preprocess.example()
    if backbone.preprocess.reads != "image":
        return batch_of(inputs, backbone.preprocess)
    noise = torch.randn(
        2, *next(iter(inputs.values())).shape[1:], generator=torch.Generator().manual_seed(0)
    )
    return Batch(dict.fromkeys(inputs, noise))


def persistent(network: torch.nn.Module) -> list[str]:
    """The first names of all parameters and saved buffers."""
    saved = set(network.state_dict())
    return [
        name for name, _ in (*network.named_parameters(), *network.named_buffers()) if name in saved
    ]


def tied(backbone: Backbone) -> bool:
    """Whether the head's weights are those of the embeddings, which own them."""
    return (
        bool(getattr(getattr(backbone.network, "config", None), "tie_word_embeddings", False))
        and "lm_head" in backbone.head
    )


def test_is_described(backbone, job):
    assert backbone.name.count(":") == 1
    assert hasattr(plugins.load("source", backbone.source), "save")
    assert backbone.form == job.form
    assert 0 < backbone.lr < 1
    assert not any(module.training for module in backbone.network.modules())


def test_groups_own_each_parameter_and_buffer_once(backbone):
    owned = [tensor for group in backbone.groups for tensor in group.tensors]
    assert sorted(owned) == sorted(persistent(backbone.network))
    assert len(backbone.groups) >= 3
    assert all(group.tensors for group in backbone.groups[:-1])
    assert bool(backbone.groups[-1].tensors) != tied(backbone)
    assert len({group.name for group in backbone.groups}) == len(backbone.groups)


def test_groups_are_in_the_order_in_which_they_run(backbone):
    started: list[int] = []
    hooks = [
        backbone.network.get_submodule(path).register_forward_pre_hook(
            lambda module, args, i=i: started.append(i)
        )
        for i, group in enumerate(backbone.groups)
        for path in group.modules
    ]
    with torch.no_grad():
        backbone.call(backbone.network, batch(backbone))
    for hook in hooks:
        hook.remove()
    assert list(dict.fromkeys(started)) == list(range(len(backbone.groups)))


def test_the_last_group_is_the_head(backbone):
    head = backbone.groups[-1]
    assert head.name == "head"
    assert head.modules == backbone.head
    assert all(
        any(tensor.startswith(f"{path}.") for path in backbone.head) for tensor in head.tensors
    )


def test_gives_as_many_logits_as_outputs_and_one_vector_for_each_example_or_token(backbone, job):
    if backbone.form in ("finished", "pyramid"):
        pytest.skip("such a network returns what its task reads")
    given = batch(backbone)
    output = Model(backbone)(given)
    mask = given.inputs.get("decoder_attention_mask", given.mask)
    places = (2,) if backbone.form == "vector" else mask.shape
    assert logits_of(output).shape == (*places, outputs(backbone, job))
    assert output.features.shape[:-1] == places
    assert not torch.equal(output.features[0], output.features[1])


def test_the_features_are_what_enters_the_head(backbone):
    between = any(word in backbone.name for word in CHAINS_WITH_A_FUNCTION_BETWEEN)
    if between or backbone.form in ("finished", "pyramid"):
        pytest.skip("its head applies functions that are no modules")
    model = Model(backbone)
    output = model(batch(backbone))
    torch.testing.assert_close(
        model.classify(output.features), logits_of(output), atol=1e-5, rtol=1e-5
    )


def test_the_features_do_not_depend_on_the_head(backbone):
    if tied(backbone):
        pytest.skip("its head has no weights of its own")
    model = copy.deepcopy(Model(backbone))
    before = model(batch(backbone))
    with torch.no_grad():
        for name, parameter in model.network.named_parameters():
            if name in backbone.groups[-1].tensors:
                parameter.mul_(2).add_(0.1)
    after = model(batch(backbone))
    assert trees.are_close(before.features, after.features, 0.0)
    assert not trees.are_close(before.raw, after.raw, 0.0)


def test_an_example_gives_the_same_alone_and_among_longer_ones(backbone):
    if backbone.preprocess.reads == "image":
        pytest.skip("pictures are all of one size")
    model, p = Model(backbone), backbone.preprocess
    if p.reads == "text":
        values = ("short one", "a text that is a good deal longer than that other one")
    else:
        values = [np.sin(np.arange(n, dtype=np.float32) / 9) for n in (3210, 9876)]
    encoded = [p(value, None) for value in values]
    alone, among = (model(batch_of(p.collate(some), p)) for some in (encoded[:1], encoded))
    whole = slice(None)
    if backbone.form != "vector":
        length = p.mask(p.collate(encoded[:1])).shape[1]
        is_left = p.reads == "text" and p.tokenizer.padding_side == "left"
        whole = slice(-length, None) if is_left else slice(length)
    torch.testing.assert_close(
        logits_of(alone)[0], logits_of(among)[0][whole], atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(alone.features[0], among.features[0][whole], atol=1e-5, rtol=1e-4)


def test_what_is_saved_is_what_is_opened(backbone, job, tmp_path):
    model = Model(copy.copy(backbone))
    probe = batch(backbone)
    model_folder.save(model, tmp_path / "model", job, names_of(job), {}, probe)
    opened, card = model_folder.open_model(tmp_path / "model")
    was, now = model.network.state_dict(), opened.network.state_dict()
    assert list(was) == list(now)
    assert all(torch.equal(was[name], now[name]) for name in was)
    # The tensors are equal to the bit. A product with one row is summed in an order that depends on
    # where the row lies in memory: 32 products of float32 (6e-8 of each) differ by less than 1e-6.
    was, now = (backbone.compared(each(probe).raw) for each in (model, opened))
    assert trees.are_close(was, now, 1e-6)
    assert (card["classes"], Job(**card["job"]), card["name"]) == (
        names_of(job),
        job,
        backbone.name,
    )
    assert opened.backbone.preprocess.settings() == backbone.preprocess.settings()
    assert opened.backbone.groups == backbone.groups
    example, again = backbone.preprocess.example(), opened.backbone.preprocess.example()
    assert all(torch.equal(example[name], again[name]) for name in example)


def test_unpretrained_is_the_same_architecture_with_other_weights(backbone, job, tmp_path):
    library = plugins.load("source", backbone.source)()
    library.save(backbone, str(tmp_path), names_of(job), None)
    torch.manual_seed(1)
    fresh = library.open(str(tmp_path), job, False)
    assert [n for n, _ in fresh.network.named_parameters()] == [
        n for n, _ in backbone.network.named_parameters()
    ]
    drawn = [(n, p) for n, p in backbone.network.named_parameters() if p.dim() > 1 and p.std() > 0]
    assert drawn
    assert not any(torch.equal(p, fresh.network.get_parameter(n)) for n, p in drawn)
    torch.manual_seed(1)
    again = library.open(str(tmp_path), job, False)
    assert all(
        torch.equal(p, fresh.network.get_parameter(n)) for n, p in again.network.named_parameters()
    )


def test_another_number_of_outputs_replaces_the_head_alone(backbone, task, job, tmp_path):
    if hasattr(type(task), "classes"):
        pytest.skip("its outputs are tokens, or given by the task")
    library = plugins.load("source", backbone.source)()
    library.save(backbone, str(tmp_path), names_of(job), None)
    wider = library.open(str(tmp_path), replace(job, outputs=7), True)
    kept = set(Model(backbone).network.state_dict()) - set(backbone.groups[-1].tensors)
    was, now = backbone.network.state_dict(), wider.network.state_dict()
    assert all(torch.equal(was[name], now[name]) for name in kept)
    again = library.open(str(tmp_path), replace(job, outputs=None), True)
    if backbone.form == "pyramid":
        assert (wider.architecture["outputs"], again.architecture["outputs"]) == (7, job.outputs)
        return
    assert logits_of(Model(wider)(batch(backbone))).shape[-1] == 7
    assert Model(again)(batch(backbone)).logits.shape[-1] == job.outputs


def test_the_pretrained_head_stays_on_a_trunk_that_got_another_one(backbone, task, job, tmp_path):
    library = plugins.load("source", backbone.source)()
    has_other_heads = job.form in ("vector", "sequence") and not hasattr(type(task), "classes")
    if not has_other_heads or not hasattr(library, "share_trunk"):
        pytest.skip("its networks have no other head beside their own")
    library.save(backbone, str(tmp_path), names_of(job), None)
    another = library.open(str(tmp_path), replace(job, outputs=7), True)
    whole = library.open(str(tmp_path), replace(job, outputs=None), True)
    assert whole.own_head
    assert not another.own_head
    with torch.no_grad():
        before = Model(whole)(batch(backbone)).logits
        library.share_trunk(whole, another)
        assert torch.equal(Model(whole)(batch(backbone)).logits, before)
    head = {id(p) for path in whole.head for p in whole.network.get_submodule(path).parameters()}
    shared = {id(p) for p in another.network.parameters()}
    trunk = {id(p) for p in whole.network.parameters()} - head
    assert trunk
    assert trunk <= shared


def test_runs_in_bfloat16_and_learns(backbone, task):
    model = copy.deepcopy(Model(backbone)).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(batch(backbone))
        leaves = trees.leaves(output.raw)
        assert all(torch.isfinite(leaf).all() for leaf in leaves)
        if backbone.form == "pyramid":  # what is found in a picture has no gradient everywhere
            pieces = task.tiny_data().splits["train"][:4]
            p = backbone.preprocess
            labeled = task.collate([task.encode(piece, p, None) for piece in pieces], p)
            leaves = [task.loss(model(labeled), labeled)]
    sum(leaf.float().square().sum() for leaf in leaves).backward()
    without = [n for n, p in model.network.named_parameters() if p.grad is None]
    assert len(without) < 0.1 * len(list(model.network.parameters())), without


def test_loading_again_gives_the_same_weights(backbone, job):
    source, _, name = backbone.name.partition(":")
    if source != "tiny":
        pytest.skip("drawn from the global random state")
    before = torch.random.get_rng_state()
    again = plugins.load("source", source)().load(name, job, True)
    assert torch.equal(before, torch.random.get_rng_state())
    same = backbone.network.get_submodule(backbone.trunk)  # the network, or the trunk in it
    assert all(torch.equal(p, again.network.get_parameter(n)) for n, p in same.named_parameters())


@pytest.mark.parametrize("source", plugins.names("source"))
def test_every_source_lists_its_names(source):
    names = plugins.load("source", source)().names()
    assert all(isinstance(name, str) and name for name in names)
    assert len(set(names)) == len(names)
