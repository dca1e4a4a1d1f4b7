"""Which tokens are masked, how often, and that it is the same again."""

from __future__ import annotations

import numpy as np
import pytest

from graft.backbones.load import load_backbone
from graft.base.job import Job
from graft.base.records import Sample
from graft.tasks.pretexts.masked_tokens import IGNORED, MaskedTokens, mask_tokens


@pytest.fixture(scope="module")
def preprocess():
    return load_backbone("tiny:bert", Job("fill-mask", "text", "masked")).preprocess


def test_of_the_chosen_tokens_four_fifths_are_masked_and_a_tenth_replaced(preprocess):
    tokenizer = preprocess.tokenizer
    ids = np.full(40_000, tokenizer.convert_tokens_to_ids("a"))
    read, target = mask_tokens(
        ids, np.zeros(len(ids), bool), tokenizer, 0.15, np.random.default_rng(0)
    )
    chosen = target != IGNORED
    assert chosen.sum() == 6_000
    assert (read[~chosen] == ids[~chosen]).all()
    assert (target[chosen] == ids[chosen]).all()
    kinds = read[chosen]
    assert (kinds == tokenizer.mask_token_id).mean() == pytest.approx(0.8, abs=0.02)
    assert (kinds == ids[0]).mean() == pytest.approx(0.1, abs=0.02)
    assert not np.isin(kinds[kinds != tokenizer.mask_token_id], tokenizer.all_special_ids).any()


def test_special_tokens_are_never_chosen_and_a_short_text_has_one_chosen(preprocess):
    task = MaskedTokens()
    pieces = task.windows(
        [Sample("a", {"passage": "sun"}), Sample("b", {"passage": ""})], preprocess
    ).pieces
    for seed in range(20):
        target = task.encode(pieces[0], preprocess, np.random.default_rng(seed))["target"]
        assert (target[[0, -1]] == IGNORED).all()
        assert (target != IGNORED).sum() == 1
    assert (task.encode(pieces[1], preprocess, None)["target"] == IGNORED).all()


def test_masks_are_the_same_for_a_seed_and_fixed_without_one(preprocess):
    task = MaskedTokens()
    (piece,) = task.windows(
        [Sample("a", {"passage": "the sun and the moon and a cloud"})], preprocess
    ).pieces

    def read(rng):
        return task.encode(piece, preprocess, rng)["input_ids"].tolist()

    assert read(np.random.default_rng((0, 1, 2))) == read(np.random.default_rng((0, 1, 2)))
    assert read(np.random.default_rng((0, 1, 2))) != read(np.random.default_rng((0, 2, 2)))
    assert read(None) == read(None)


def test_a_long_text_is_read_whole_in_pieces(preprocess):
    text = "abcdefghij" * 40
    windows = MaskedTokens().windows([Sample("a", {"passage": text})], preprocess)
    ids = [i for piece in windows.pieces for i in piece.roles["ids"][~piece.roles["special"]]]
    assert len(windows.pieces) > 1
    assert preprocess.tokenizer.decode(ids).replace(" ", "").replace("##", "") == text
