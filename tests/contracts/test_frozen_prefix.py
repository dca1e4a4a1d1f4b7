"""Training behind a recording is the same training, for each family of networks and each cut."""

from __future__ import annotations

import itertools
import resource

import pytest
import torch

from graft.backbones.backbone import evaluating
from graft.backbones.preprocess.sound import SoundPreprocess
from graft.base import plugins, trees
from graft.base.records import RECORDED, Sample
from graft.studies.run import build_model
from graft.techniques.specs.places import from_group, head_only, select
from graft.techniques.technique import Objective
from graft.training import optim
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.frozen import frozen_prefix, recording
from graft.training.frozen.agreement import agree
from graft.training.frozen.slots import CannotCut
from graft.training.observers import Observer
from tests.contracts.slices import cross, slice_cases
from tests.contracts.tiny import (
    HEAVY,
    LARGE,
    NEVER,
    PACKED,
    SPELLED,
    TINY,
    TRAINED,
    alone,
    can_train,
    made_for,
    network_of,
    task_of,
    trained,
)


def _families():
    """Every task on every network that is made for it."""
    yield pytest.param(HEAVY, "tiny:cnn", id=f"{HEAVY}-cnn", marks=pytest.mark.slow)
    yield from (
        pytest.param(PACKED, name, id=f"packed-{name}") for name in ("tiny:gpt2", "tiny:llama")
    )
    yield from (
        pytest.param(SPELLED, name, id=f"spelled-{name}")
        for name in ("tiny:whisper", "tiny:hubert")
    )
    for task, source in itertools.product(TRAINED, plugins.names("source")):
        for name in made_for(task, source):
            is_large = name.startswith((f"{LARGE}:", "yolox:yolox_nano"))
            marks = [pytest.mark.slow] if is_large else []
            yield pytest.param(task, name, id=f"{task}-{name.partition(':')[2]}", marks=marks)


def _matrix():
    """Every pair at some cuts and, which is slow, at every cut."""
    for pair in slice_cases(_families(), lambda task, network: (task, network)):
        yield pytest.param(*pair.values, "some", id=f"{pair.id}-some", marks=pair.marks)
        yield pytest.param(*pair.values, "every", id=f"{pair.id}-every", marks=pytest.mark.slow)


ONE_EACH = [*TRAINED, pytest.param(HEAVY, marks=pytest.mark.slow)]
"""Every task on its usual network."""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "recordings")


@pytest.mark.parametrize(("task_name", "backbone", "share"), list(_matrix()))
def test_logits_and_gradients_behind_each_cut_are_those_of_the_whole_network(
    task_name, backbone, share
):
    task, data, engine, model = _tiny(task_name, backbone)
    _pretend_training(model)
    feed = Feed.of(
        data.splits["train"][:12], task, model.backbone.preprocess, engine.device, 4, views=1
    )
    objective = Objective(model, task)
    count = len(model.backbone.groups) - 1
    cuts = list(range(1, count + task.fresh_head))
    for first in cuts if share == "every" else sorted({cuts[0], cuts[len(cuts) // 2], cuts[-1]}):
        _freeze_before(model, first, count)
        prefix = frozen_prefix.find(model, feed, engine)
        assert prefix.groups == first
        behind = prefix.record(feed, Observer())
        with prefix.attach_hooks():
            same = agree(prefix, objective, alone(feed), alone(behind), (0, 0))
            assert same, f"gradients behind group {first}"
            rows = [0, len(feed.pieces) // 2, len(feed.pieces) - 1]
            with torch.no_grad(), evaluating(model):
                whole, rest = (model(next(f.stream([rows]))) for f in (feed, behind))
            rest, whole = (model.backbone.compared(each.raw) for each in (rest, whole))
            assert trees.are_close(_unpadded(feed, rows, rest), _unpadded(feed, rows, whole), 1e-5)


@pytest.mark.parametrize("task_name", ONE_EACH)
def test_a_network_whose_first_layers_train_has_no_prefix(task_name):
    task, data, engine, model = _tiny(task_name)
    _freeze_before(model, 0, len(model.backbone.groups) - 1)
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, engine.device, 4)
    assert frozen_prefix.find(model, feed, engine) is None


def test_recorded_views_are_the_augmented_pictures_of_each_epoch():
    task, data, engine, model = _tiny("image-classification")
    _freeze_before(model, 2, len(model.backbone.groups) - 1)
    plain = Feed.of(
        data.splits["train"][:8], task, model.backbone.preprocess, engine.device, 4, views=3
    )
    prefix = frozen_prefix.find(model, plain, engine)
    behind = prefix.record(plain, Observer())
    seen = []
    with prefix.attach_hooks(), torch.no_grad(), evaluating(model):
        for epoch in range(4):
            seed = (7, epoch)
            whole, rest = (model(next(f.stream([[1, 2, 6]], seed))).logits for f in (plain, behind))
            torch.testing.assert_close(rest, whole, rtol=1e-4, atol=1e-5)
            seen.append(rest)
    assert not torch.allclose(seen[0], seen[1])
    assert torch.equal(seen[0], seen[3]), "the fourth epoch sees the first version again"


@pytest.mark.parametrize("task_name", ONE_EACH)
def test_a_split_of_one_example_is_recorded_too(task_name):
    task, data, engine, model = _tiny(task_name)
    _freeze_before(model, 2, len(model.backbone.groups) - 1)
    plain = Feed.of(
        data.splits["train"][:1], task, model.backbone.preprocess, engine.device, 4, views=1
    )
    prefix = frozen_prefix.find(model, plain, engine)
    behind = prefix.record(plain, Observer())
    with prefix.attach_hooks(), torch.no_grad(), evaluating(model):
        whole, rest = (model(next(feed.stream([[0]]))) for feed in (plain, behind))
    compared = model.backbone.compared
    assert trees.are_close(compared(rest.raw), compared(whole.raw), 1e-5)


def test_a_deeper_recording_is_fed_from_one_before_it():
    task, data, engine, model = _tiny("text-classification")
    count = len(model.backbone.groups) - 1
    feed = Feed.of(
        data.splits["train"][:12], task, model.backbone.preprocess, engine.device, 4, views=1
    )
    ran = []
    model.network.get_submodule(model.backbone.groups[0].modules[0]).register_forward_hook(
        lambda m, a, out: ran.append(len(out) if out.isfinite().all() else 0)
    )
    rows = list(range(12))
    _freeze_before(model, count, count)
    alone = frozen_prefix.find(model, feed, engine).record(feed, Observer()).recorded.read(rows)[0]
    for path in list(recording.home().glob("*/about.json")):
        recording.remove(path.parent.name)
    _freeze_before(model, 2, count)
    frozen_prefix.find(model, feed, engine).record(feed, Observer())
    _freeze_before(model, count, count)
    prefix = frozen_prefix.find(model, feed, engine)
    ran.clear()
    fed = prefix.record(feed, Observer()).recorded.read(rows)[0]
    assert max(ran) < 12, "the first layers ran on a few examples, to try the cut, and not on all"
    assert torch.equal(fed, alone)


def test_what_a_killed_eviction_left_is_recorded_again():
    prefix, feed = _prefix_and_feed()
    first = next(prefix.record(feed, Observer()).stream([[0, 1]])).extras[RECORDED]
    for about in recording.home().glob("*/about.json"):
        about.unlink()  # it was deleted first, so that the rest was nobody's
    again = next(prefix.record(feed, Observer()).stream([[0, 1]])).extras[RECORDED]
    assert trees.are_close(again, first, 0.0)


def test_a_recording_that_the_disk_does_not_take_is_a_reason_to_go_on_without():
    prefix, feed = _prefix_and_feed()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (512, limits[1])
    )  # no file takes more, as on a disk that is nearly full
    try:
        with pytest.raises(CannotCut, match="set GRAFT_CACHE to use another disk"):
            prefix.record(feed, Observer())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert recording.everything() == []


class _Notes(Observer):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def test_a_training_whose_recording_does_not_fit_goes_on_and_says_what_to_free(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("GRAFT_CACHE_GB", str(100 / 2**30))
    notes = _Notes()
    _, position = trained(
        "partial-fine-tuning:from_group=-1,views=1",
        "text-classification",
        tmp_path / "run",
        notes,
        epochs=6,
    )
    assert not position.cache["used"]
    assert any("free some space, or set GRAFT_CACHE_GB" in note for note in notes.notes), (
        notes.notes
    )


def test_runs_with_other_numbers_of_threads_do_not_share_recordings():
    """A run must not depend on who recorded first, though a layer's last bits depend on threads."""
    prefix, feed = _prefix_and_feed()
    threads = torch.get_num_threads()
    prefix.record(feed, Observer())
    try:
        torch.set_num_threads(threads + 1)
        assert prefix.find_recording(feed) is None
    finally:
        torch.set_num_threads(threads)
    assert prefix.find_recording(feed) is not None


@pytest.mark.parametrize("backbone", ["tiny:gpt2", "tiny:llama"])
def test_tables_of_the_positions_in_packs_are_not_recorded(backbone):
    task, data, engine, model = _tiny(PACKED, backbone)
    _freeze_before(model, 2, len(model.backbone.groups) - 1)
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, engine.device, 4, views=1)
    found = frozen_prefix.find(model, feed, engine).cut
    assert (len(found.slots), found.carried) == (1, ())


@pytest.mark.parametrize("task_name", ONE_EACH)
def test_dropout_that_is_on_before_the_cut_is_refused(task_name):
    task, data, engine, model = _tiny(task_name)
    _freeze_before(model, 2, len(model.backbone.groups) - 1)
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, engine.device, 4, views=1)
    prefix = frozen_prefix.find(model, feed, engine)
    skipped = model.network.get_submodule(prefix.cut.skipped[0])
    skipped.add_module("noise", torch.nn.Dropout(0.5))
    skipped.noise.train()
    with pytest.raises(CannotCut, match="in training mode"):
        frozen_prefix.find(model, feed, engine)


def _prefix_and_feed():
    task, data, engine, model = _tiny("text-classification")
    _freeze_before(model, 2, len(model.backbone.groups) - 1)
    feed = Feed.of(
        data.splits["train"][:12], task, model.backbone.preprocess, engine.device, 4, views=1
    )
    return frozen_prefix.find(model, feed, engine), feed


def _tiny(task_name, backbone=None):
    backbone = backbone or TINY[task_name.partition(":")[0]]
    task, data = task_of(task_name)
    engine = Engine("fp32")
    return (
        task,
        data,
        engine,
        engine.place(build_model(backbone, task, pretrained=backbone.startswith("tiny:"), seed=0)),
    )


def _pretend_training(model):
    """Batch norms of a fresh network change nothing; those of a trained one do."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)


def _freeze_before(model, first, count):
    trains = head_only if first == count else from_group(first)
    names = select(model, trains)
    optim.freeze(model, names, "frozen")


def test_lengths_that_the_trial_did_not_see_are_told_and_not_recorded():
    task, data, engine, model = _tiny("text-classification")
    _freeze_before(model, 2, len(model.backbone.groups) - 1)
    label = data.splits["train"][0].roles["label"]
    texts = ["abc"] * 68 + [
        "abcde",
        "a  b  c",
    ]  # spaces are no tokens: the trial sees the first and the last, of one length
    feed = Feed.of(
        [Sample(text, {"text": text, "label": label}) for text in texts],
        task,
        model.backbone.preprocess,
        engine.device,
        8,
    )
    with pytest.raises(CannotCut, match="changes"):
        frozen_prefix.find(model, feed, engine).record(feed, Observer())
    assert recording.everything() == []


SPECS = (
    "partial-fine-tuning:from_group=-1,views=1",
    "partial-fine-tuning:from_group=-1,views=2",
    "feature-extraction:solved=false,epochs=2 then partial-fine-tuning:from_group=-1,views=1",
    # AdamW divides rounding of 1e-15 by gradients of nearly 0, which some processors see at 1e-6.
    "gradual-unfreezing:views=1,optimizer=sgd",
    "lora:r=2,from_group=-1,views=1",
    "bottleneck-adapters:from_group=-1,views=1",
    "prefix-tuning:from_group=-2,views=1",
    "diet:from_group=-1,views=2",
    "byol:from_group=-1,views=2",
)


@pytest.fixture
def double(request, monkeypatch):
    """Compute every layer in float64: Adam turns rounding into whole steps, and rounding varies."""
    # Chosen before that, since some techniques run a network of float32 to see whether they fit it.
    network_of(*request.node.callspec.params["pair"])
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    monkeypatch.setattr(SoundPreprocess, "__call__", _in_float32(SoundPreprocess.__call__))
    torch.set_default_dtype(torch.float64)
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda _, given: tuple(map(_doubled, given))
    )
    yield
    hook.remove()
    torch.set_default_dtype(torch.float32)


def _in_float32(encode):
    """The extractors of transformers make spectra in no other precision."""

    def call(*args):
        torch.set_default_dtype(torch.float32)
        try:
            return encode(*args)
        finally:
            torch.set_default_dtype(torch.float64)

    return call


def _doubled(value):
    return (
        value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
    )


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    "pair",
    [
        *cross(SPECS, TRAINED, can_train),
        pytest.param((SPECS[0], PACKED), id="packed"),
        pytest.param((SPECS[2], HEAVY), id=HEAVY, marks=pytest.mark.slow),
    ],
)
def test_a_training_behind_recordings_ends_at_the_weights_of_one_without(
    pair, tmp_path, monkeypatch
):
    spec, task_name = pair
    task, _ = task_of(task_name)
    is_deep = task.job().form == "pyramid"
    # A whole decoder does more work than a tiny trunk, so that recording saves next to nothing.
    monkeypatch.setattr(frozen_prefix, "WORTH", 0.0 if is_deep else 1.0)
    epochs = 2 if is_deep else 6  # the fewest with which recording saves more than it costs
    behind, position = trained(
        spec, task_name, tmp_path / "behind", epochs=epochs, checkpoint_seconds=NEVER
    )
    assert position.cache["used"]
    assert is_deep or position.cache["estimated_gain"] > 1
    monkeypatch.setenv("GRAFT_CACHE_GB", "0")
    whole, position = trained(
        spec, task_name, tmp_path / "whole", epochs=epochs, checkpoint_seconds=NEVER
    )
    assert not position.cache["used"]
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(
            behind.state_dict()[name], tensor, rtol=1e-6, atol=1e-7, msg=name
        )


def _unpadded(feed: Feed, rows: list[int], raw: trees.Tree) -> trees.Tree:
    """What the network returns without its padding, which a recording leaves out."""
    batch = next(feed.stream([rows]))
    mask = batch.inputs.get("decoder_attention_mask", batch.mask)
    return trees.map_leaves(
        lambda leaf: leaf if mask is None or leaf.shape[:2] != mask.shape else leaf[mask.bool()],
        raw,
    )
