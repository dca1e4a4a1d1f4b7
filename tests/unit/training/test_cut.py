"""A cut network is given back as it was, whatever it keeps for itself and however it is called."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

from graft.backbones.backbone import Backbone, Model
from graft.base import trees
from graft.base.records import Batch
from graft.training.frozen.cut import Cut, insert_recorded, make_cut, replay
from graft.training.frozen.slots import CannotCut

SIDE = 96


def model_of(network: nn.Module, head: tuple[str, ...], **described) -> Model:
    return Model(
        Backbone("toy", "toy", network.eval(), "finished", head, [], None, 1e-3, **described)
    )


def state_of(model: Model) -> dict[str, object]:
    """Everything that the modules of a network hold, copied; tensors are compared by identity."""
    return {
        f"{path}.{name}": list(value) if isinstance(value, list) else value
        for path, module in model.network.named_modules()
        for name, value in vars(module).items()
        if not isinstance(value, dict)
    }


def test_a_forward_that_another_library_set_on_a_module_is_there_again_after_a_replay():
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))

    def wrapped(x):
        return x

    network[0].forward = wrapped
    with Cut(model_of(network, ("2",)), "2", ("0", "1")).attach_hooks():
        assert network[0].forward is not wrapped
    assert network[0].forward is wrapped
    assert "forward" not in vars(network[1])


class Trunk(nn.Module):
    """The maps of an untrained timm network, as a pyramid."""

    def __init__(self):
        super().__init__()
        self.body = timm.create_model("test_efficientnet", features_only=True, pretrained=False)
        self.out_channels = 16
        self.fpn = FeaturePyramidNetwork(self.body.feature_info.channels()[1:], self.out_channels)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.body(images)[1:]
        return self.fpn(OrderedDict((str(number), each) for number, each in enumerate(maps)))


def detect(network: FasterRCNN, batch: Batch) -> tuple[trees.Tree, dict[str, Tensor] | None]:
    """Boxes with their scores, or, where there are targets, the losses of the network itself."""
    images = list(batch.inputs["images"])
    if batch.target is None:
        found = network(images)
        return {name: padded([each[name] for each in found]) for name in ("boxes", "scores")}, None
    targets = [
        {"boxes": boxes[kinds >= 0], "labels": kinds[kinds >= 0]}
        for boxes, kinds in zip(batch.target["boxes"], batch.target["classes"], strict=True)
    ]
    containers = (network, network.rpn, network.roi_heads)
    for module in containers:
        module.training = True
    try:
        return None, network(images, targets)
    finally:
        for module in containers:
            module.training = False


def padded(rows: list[Tensor]) -> Tensor:
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1.0)


@pytest.fixture
def detector() -> Model:
    torch.manual_seed(0)
    trunk = Trunk()
    levels = len(trunk.body.feature_info.channels()) - 1
    network = FasterRCNN(
        trunk,
        num_classes=3,
        min_size=SIDE,
        max_size=SIDE,
        rpn_anchor_generator=AnchorGenerator(
            tuple((8 * 2**level,) for level in range(levels)), ((1.0,),) * levels
        ),
        box_roi_pool=MultiScaleRoIAlign([str(level) for level in range(levels)], 3, 2),
        box_detections_per_img=5,
        rpn_pre_nms_top_n_test=20,
        rpn_post_nms_top_n_test=10,
    )
    trunk.body.requires_grad_(False)
    return model_of(network, ("backbone.fpn", "rpn", "roi_heads"), call=detect)


def pictures(count: int) -> Batch:
    images = torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(count))
    boxes = torch.tensor([[[10.0, 10, 60, 60], [0, 0, 0, 0]]]).expand(count, -1, -1)
    return Batch(
        {"images": images},
        {"boxes": boxes, "classes": torch.tensor([[1, -1]]).expand(count, -1)},
        list(range(count)),
    )


def bare(count: int) -> Batch:
    return Batch(pictures(count).inputs)


def gradients(model: Model, batch: Batch) -> Tensor:
    torch.manual_seed(0)  # which anchors are sampled is drawn
    parameters = [p for p in model.parameters() if p.requires_grad]
    loss = sum(model(batch).losses.values())
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return torch.cat([g.flatten() for g in found if g is not None])


def test_a_detector_of_torchvision_is_cut_before_its_pyramid_and_trains_from_there(detector):
    tried = make_cut(detector, "backbone.fpn", [bare(2), bare(3)])
    assert tried.skipped == ("backbone.body",)
    assert [slot.module for slot in tried.slots] == [""] * len(tried.slots)
    batch = pictures(2)
    with torch.no_grad():
        _, tensors = tried.record(Batch(batch.inputs))
    nothing = Batch({"images": torch.full_like(batch.inputs["images"], float("nan"))}, batch.target)
    with tried.attach_hooks():
        behind = gradients(detector, insert_recorded(nothing, tensors))
    whole = gradients(detector, batch)
    # One rounding of float32 for each of some thousand summands.
    assert (behind - whole).norm() <= 1e-4 * whole.norm()
    optimizer = torch.optim.SGD([p for p in detector.parameters() if p.requires_grad], lr=0.01)
    losses = []
    for _ in range(3):
        torch.manual_seed(0)
        optimizer.zero_grad()
        loss = sum(detector(batch).losses.values())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_a_trial_that_fails_leaves_the_network_as_it_was(detector):
    batch = bare(2)
    with torch.no_grad():
        before = detector(batch).raw
    state, tensors = state_of(detector), detector.network.state_dict(keep_vars=True)
    with pytest.raises(CannotCut):  # boxes for the heads are not one tensor an example
        make_cut(detector, "roi_heads.box_head", [bare(2), bare(3)])
    now = state_of(detector)
    assert now.keys() == state.keys()
    assert all(now[name] is value or now[name] == value for name, value in state.items())
    again = detector.network.state_dict(keep_vars=True)
    assert all(again[name] is tensor for name, tensor in tensors.items())
    assert not any(
        module._forward_hooks or module._forward_pre_hooks for module in detector.modules()
    )
    with torch.no_grad():
        assert trees.are_close(detector(batch).raw, before, 0.0)


class Keeping(nn.Module):
    """Keeps what it computes for the next call, as networks keep tables of positions."""

    def __init__(self):
        super().__init__()
        self.layer, self.table = nn.Linear(4, 4), {}

    def forward(self, x: Tensor) -> Tensor:
        if len(x) not in self.table:
            self.table[len(x)] = torch.ones(4, device=x.device)
        return self.layer(x) * self.table[len(x)]


def test_what_a_module_keeps_is_not_replaced_by_tensors_without_numbers():
    keeping = Keeping().requires_grad_(False)
    model = model_of(nn.Sequential(OrderedDict(first=keeping, last=nn.Linear(4, 2))), ("last",))
    model.backbone.call = lambda network, batch: (network(batch.inputs["x"]), None)
    probes = [Batch({"x": torch.randn(count, 4)}) for count in (2, 3)]
    tried = make_cut(model, "last", probes)
    assert keeping.table == {}
    five = Batch({"x": torch.randn(5, 4)})
    with torch.no_grad():
        output, tensors = tried.record(five)
        assert trees.are_close(replay(tried, five, tensors).raw, output.raw, 1e-6)
    assert keeping.table[5].device.type == "cpu"


def speech(network: Wav2Vec2ForCTC, lengths: list[int]) -> Batch:
    """Sounds of these lengths, padded, with the mask of their features."""
    sounds = torch.zeros(len(lengths), max(lengths))
    for row, length in zip(sounds, lengths, strict=True):
        row[:length] = torch.randn(length, generator=torch.Generator().manual_seed(length))
    read = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    frames = int(network._get_feat_extract_output_lengths(max(lengths)))
    mask = network._get_feature_vector_attention_mask(frames, read).long()
    return Batch({"input_values": sounds, "attention_mask": read}, mask=mask)


def test_speech_of_its_true_length_is_cut_where_the_features_have_another_length_than_the_sound():
    torch.manual_seed(0)
    network = Wav2Vec2ForCTC(
        Wav2Vec2Config(
            vocab_size=12,
            hidden_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=32,
            conv_dim=(8, 8),
            conv_kernel=(10, 4),
            conv_stride=(5, 4),
            num_feat_extract_layers=2,
            num_conv_pos_embeddings=4,
            num_conv_pos_embedding_groups=2,
            feat_extract_norm="layer",
        )
    )
    model = model_of(network, ("lm_head",))
    network.requires_grad_(False)
    network.wav2vec2.encoder.layers[2].requires_grad_(True)
    tried = make_cut(
        model,
        "wav2vec2.encoder.layers.2",
        [speech(network, [400, 400]), speech(network, [900, 500, 400])],
    )
    assert [slot.lengths for slot in tried.slots] == [(1,)]
    batch = speech(network, [1200, 700])
    with torch.no_grad():
        output, tensors = tried.record(batch)
        # What a recording gives back: nothing of the padding.
        kept = [tensor * batch.mask[..., None] for tensor in tensors]
        again = replay(tried, batch, kept)
    read = batch.mask.bool()
    torch.testing.assert_close(again.raw[read], output.raw[read], rtol=1e-4, atol=1e-5)


def test_lengths_that_grow_as_the_examples_do_are_no_reason_to_record_nothing():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.layer, self.head = nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, ids: Tensor) -> Tensor:
            return self.head(self.layer(self.words(ids.T)).mean(0))

    model = model_of(Network().requires_grad_(False), ("head",))
    masks = [torch.ones(2, 20), torch.ones(3, 30)]
    probes = [Batch({"ids": torch.randint(9, mask.shape)}, mask=mask) for mask in masks]
    assert make_cut(model, "layer", probes).skipped == ("words",)


class Named(nn.Module):
    """Returns its outputs by name, none of which is called logits."""

    def __init__(self, *names: str):
        super().__init__()
        self.names, self.body, self.head = names, nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        out = self.head(input=self.body(x))  # called by keyword
        return dict.fromkeys(self.names, out)


def test_outputs_that_are_not_called_logits_are_kept_and_compared():
    model = model_of(Named("boxes", "classes").requires_grad_(False), ("head",))
    probes = [Batch({"x": torch.randn(count, 4)}) for count in (2, 3)]
    output = model(probes[0])
    assert set(output.raw) == {"boxes", "classes"}
    assert output.features.shape == (2, 4)
    assert make_cut(model, "head", probes).skipped == ("body",)


def test_a_network_without_outputs_cannot_be_cut():
    model = model_of(Named().requires_grad_(False), ("head",))
    with pytest.raises(CannotCut, match="no tensors"):
        make_cut(model, "head", [Batch({"x": torch.randn(count, 4)}) for count in (2, 3)])
