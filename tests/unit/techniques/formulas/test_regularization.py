"""The formulas of regularized fine-tuning, against closed forms and other implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from graft.techniques.formulas.bi_tuning import category_contrast, classifier_contrast
from graft.techniques.formulas.bss import spectral_shrinkage
from graft.techniques.formulas.co_tuning import class_relation, co_tuning
from graft.techniques.formulas.delta import map_distance
from graft.techniques.formulas.gradient_ratio import gradient_ratios
from graft.techniques.formulas.label_smoothing import smoothing_weight, uniform_cross_entropy
from graft.techniques.formulas.mixing import cut_box, mix, paste
from graft.techniques.formulas.mixout import mixout
from graft.techniques.formulas.r_drop import symmetric_divergence
from graft.techniques.formulas.stochnorm import choose_channels
from tests.unit.techniques.formulas.waves import LABELS, SOURCE, SOURCE_LOGITS, TARGET, wave


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_is_that_of_torch_divided_by_the_rest(smoothing):
    expected = torch.nn.functional.cross_entropy(
        SOURCE_LOGITS, LABELS, label_smoothing=smoothing
    ) / (1 - smoothing)
    plain = torch.nn.functional.cross_entropy(SOURCE_LOGITS, LABELS)
    smoothed = plain + smoothing_weight(smoothing) * uniform_cross_entropy(SOURCE_LOGITS)
    torch.testing.assert_close(smoothed, expected)


def test_smoothed_labels_of_several_are_halves():
    loss = uniform_cross_entropy(SOURCE_LOGITS, multi_label=True)
    halves = torch.full_like(SOURCE_LOGITS, 0.5)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(SOURCE_LOGITS, halves)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("smallest", [1, 2, 4, 9])
def test_spectral_shrinkage_is_the_sum_of_the_smallest_eigenvalues(smallest):
    # The squares of singular values are the eigenvalues of F'F; rank 2, so two of the four are 0.
    features = SOURCE + 0.1 * wave(6, 4).square()
    eigenvalues = np.linalg.eigvalsh((features.T @ features).numpy())
    expected = eigenvalues[:smallest].sum()
    assert float(spectral_shrinkage(features, smallest)) == pytest.approx(expected, abs=1e-12)


def test_a_batch_of_fewer_examples_than_features_has_as_many_singular_values_as_examples():
    features = torch.tensor([[3.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    assert float(spectral_shrinkage(features, 1)) == pytest.approx(4.0)


def test_the_relation_of_classes_is_the_mean_over_the_examples_of_each():
    probabilities = torch.tensor([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]]).double()
    relation = class_relation(probabilities, torch.tensor([0, 0, 2]), 3)
    expected = torch.tensor([[0.6, 0.4], [1.3 / 3, 1.7 / 3], [0.1, 0.9]]).double()
    torch.testing.assert_close(relation, expected)


def test_the_loss_of_co_tuning_is_the_entropy_and_the_divergence_from_the_relation():
    relation = wave(3, 3, 0.4).softmax(1)
    loss = float(co_tuning(SOURCE_LOGITS, relation, LABELS))
    wanted, given = relation[LABELS].numpy(), SOURCE_LOGITS.softmax(1).numpy()
    expected = np.mean(entropy(wanted, axis=1) + entropy(wanted, given, axis=1))
    assert loss == pytest.approx(expected)


def test_the_contrast_of_the_classifier_is_a_softmax_over_examples():
    weight, bias = wave(3, 4, 0.5), wave(3, 1, 2.5)[:, 0]
    loss = float(classifier_contrast(SOURCE, weight, bias, LABELS, 0.5))
    rows = np.c_[SOURCE.numpy(), np.ones(6)]
    columns = np.c_[weight.numpy(), bias.numpy()]
    expected = []
    for label in LABELS.tolist():
        column = columns[label]
        cosines = rows @ column / np.linalg.norm(rows, axis=1) / np.linalg.norm(column)
        shares = np.exp(cosines / 0.5) / np.exp(cosines / 0.5).sum()
        expected.append(-np.log(shares[LABELS.numpy() == label]).mean())
    assert loss == pytest.approx(np.mean(expected))


def test_the_contrast_of_categories_is_that_of_its_definition():
    labels = torch.tensor([0, 1, 2, 0, 1, 0])  # the third example is alone in its class
    loss = float(category_contrast(SOURCE, labels, 0.5))
    expected = []
    for n in (0, 1, 3, 4, 5):
        others = [m for m in range(6) if m != n]
        cosines = torch.cosine_similarity(SOURCE[[n]], SOURCE[others], dim=1)
        shares = (cosines / 0.5).softmax(0)
        same = labels[others] == labels[n]
        expected.append(-shares[same].log().mean())
    assert loss == pytest.approx(float(torch.stack(expected).mean()))


def test_examples_that_are_all_alone_in_their_class_have_no_contrast():
    features = SOURCE[:3].clone().requires_grad_()
    loss = category_contrast(features, torch.arange(3), 0.07)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(features.grad, torch.zeros_like(features))


def test_the_distance_of_maps_is_relative_and_leaves_out_padding():
    now, start = wave(12, 4, 1.0).view(3, 4, 4), wave(12, 4).view(3, 4, 4)
    lengths = (4, 2, 1)
    mask = torch.tensor([[position < length for position in range(4)] for length in lengths])
    expected = [
        ((now[n, :length] - start[n, :length]).norm() / start[n, :length].norm()) ** 2
        for n, length in enumerate(lengths)
    ]
    torch.testing.assert_close(map_distance(now, start, mask.long()), torch.stack(expected).mean())
    torch.testing.assert_close(map_distance(2 * start, start), torch.tensor(1.0).double())


def test_mixout_has_the_weights_as_its_mean_and_the_start_where_it_drops():
    torch.manual_seed(0)
    weight, start = torch.full((20_000,), 2.0), torch.full((20_000,), 1.0)
    mixed = mixout(weight, start, 0.75)
    # (M * start + (1 - M) * weight - p * start) / (1 - p) is 1 or 5.
    assert sorted(mixed.unique().tolist()) == [1.0, 5.0]
    # Four standard deviations of a mean of 20,000 draws.
    assert abs(float(mixed.mean()) - 2) < 4 * 4 * math.sqrt(0.75 * 0.25 / 20_000)


@pytest.mark.parametrize(("probability", "moving"), [(0.0, 0), (1.0, 64)])
def test_channels_are_those_of_one_normalization(probability, moving):
    by_batch, by_moving = torch.zeros(2, 64, 3, 3), torch.ones(2, 64, 3, 3)
    assert choose_channels(by_batch, by_moving, probability).sum() == 2 * 9 * moving


def test_each_channel_is_chosen_for_all_examples_and_places():
    torch.manual_seed(0)
    chosen = choose_channels(torch.zeros(2, 64, 3), torch.ones(2, 64, 3), 0.5)
    per_channel = chosen.sum((0, 2))
    assert set(per_channel.tolist()) == {0.0, 6.0}


def test_the_divergence_of_two_predictions_is_that_of_scipy():
    p, q = SOURCE_LOGITS.softmax(1).numpy(), SOURCE_LOGITS.flip(0).softmax(1).numpy()
    expected = (entropy(p, q, axis=1) + entropy(q, p, axis=1)).mean() / 2
    assert float(symmetric_divergence(SOURCE_LOGITS, SOURCE_LOGITS.flip(0))) == pytest.approx(
        expected
    )
    assert float(symmetric_divergence(SOURCE_LOGITS, SOURCE_LOGITS)) == 0


def test_ratios_are_of_all_weights_of_a_group():
    weights = [torch.tensor([3.0]), torch.tensor([4.0]), torch.tensor([[2.0]]), torch.zeros(1)]
    gradients = [torch.tensor([1.0]), None, torch.tensor([[-1.0]]), torch.ones(1)]
    ratios = gradient_ratios(gradients, weights, [0, 0, 2, 3], 4)
    # A group of no weight, or of weights that are 0, has no ratio.
    assert ratios.tolist() == [pytest.approx(0.2), 0.0, 0.5, 0.0]


def test_mixed_rows_are_weighted_means_and_masks_are_joined():
    partners = torch.tensor([1, 2, 3, 4, 0])
    expected = 0.7 * TARGET + 0.3 * TARGET[partners]
    torch.testing.assert_close(mix(TARGET, partners, 0.7), expected)
    mask = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 0, 0], [1, 0, 0]])
    assert mix(mask, partners, 0.7).tolist() == (mask | mask[partners]).tolist()


@pytest.mark.parametrize(
    ("share", "center", "box"),
    [
        (0.75, (0.5, 0.5), (8, 24, 4, 12)),
        (0.75, (0.0, 1.0), (0, 8, 11, 16)),  # cut at the rim: less is hidden
        (1.0, (0.5, 0.5), (16, 16, 8, 8)),
        (0.0, (0.5, 0.5), (0, 32, 0, 16)),
    ],
)
def test_the_box_hides_its_share_around_its_center(share, center, box):
    assert cut_box(32, 16, share, center) == box


def test_a_pasted_box_is_of_the_partner_and_the_share_is_what_is_left():
    pictures = torch.arange(2.0)[:, None, None, None].expand(2, 3, 32, 16)
    mixed, share = paste(pictures, torch.tensor([1, 0]), (0, 8, 11, 16))
    assert share == 1 - 8 * 5 / (32 * 16)
    assert mixed[1].mean().item() == pytest.approx(share)
    assert mixed[0, :, :8, 11:].eq(1).all()
    assert pictures[0].sum() == 0, "the pictures themselves stay"
