"""Masked autoencoding against the network of transformers that has it."""

from __future__ import annotations

import pytest
import torch

from graft.base.errors import BadValue
from graft.techniques.formulas.mae import cut_patches, draw_masks, masked_pixel_loss
from tests.unit.techniques.formulas.waves import wave

IMAGES = wave(2 * 3, 8 * 8).view(2, 3, 8, 8)


def test_patches_go_row_by_row():
    patches = cut_patches(IMAGES, 4)
    assert patches.shape == (2, 4, 48)
    lower_left = IMAGES[1, :, 4:, :4]
    assert torch.equal(patches[1, 2], lower_left.permute(1, 2, 0).flatten())


@pytest.mark.parametrize("normalized", [True, False])
def test_the_loss_is_that_of_transformers(normalized):
    from transformers import ViTMAEConfig, ViTMAEForPreTraining

    config = ViTMAEConfig(
        image_size=8,
        patch_size=4,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        decoder_hidden_size=8,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=1,
        norm_pix_loss=normalized,
    )
    with torch.no_grad():
        output = ViTMAEForPreTraining(config).double()(IMAGES)
    loss = masked_pixel_loss(
        output.logits, cut_patches(IMAGES, 4), output.mask.bool(), normalized=normalized
    )
    assert float(loss) == pytest.approx(float(output.loss), rel=1e-12)


def test_seen_patches_do_not_count():
    patches = cut_patches(IMAGES, 4)
    predictions = patches.clone()
    predictions[:, 0] += 9
    is_hidden = torch.tensor([[False, True, True, True]]).expand(2, -1)
    assert float(masked_pixel_loss(predictions, patches, is_hidden, normalized=False)) == 0


def test_each_picture_hides_the_same_number_of_other_patches():
    masks = draw_masks(200, 16, torch.Generator().manual_seed(0))
    assert masks.sum(1).tolist() == [12] * 200
    # Each patch is hidden 150 times in expectation, with a standard deviation of 6.
    assert (masks.sum(0) - 150).abs().max() < 5 * 6
    assert torch.equal(masks, draw_masks(200, 16, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(("share", "hidden"), [(0.0, 1), (1.0, 3)])
def test_something_is_hidden_and_something_seen(share, hidden):
    assert draw_masks(1, 4, torch.Generator(), share).sum() == hidden


def test_one_patch_cannot_be_masked():
    with pytest.raises(BadValue, match="smaller patches"):
        draw_masks(3, 1, torch.Generator())


def test_patches_that_do_not_fill_the_image_are_refused():
    with pytest.raises(BadValue, match="multiples of 3"):
        cut_patches(IMAGES, 3)
