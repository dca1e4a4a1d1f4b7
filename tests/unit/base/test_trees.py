"""Trees of tensors are moved, cut, joined and compared whatever their form."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from graft.base import trees
from graft.base.records import Batch

BOXES = {"boxes": torch.arange(24.0).reshape(3, 2, 4), "classes": torch.tensor([[0, 1]] * 3)}
TREE = (BOXES, None, torch.arange(3.0))


def test_a_function_is_applied_to_each_leaf_and_the_form_is_kept() -> None:
    doubled = trees.map_leaves(lambda leaf: leaf * 2, TREE)
    assert isinstance(doubled, tuple) and doubled[1] is None
    assert torch.equal(doubled[0]["boxes"], 2 * BOXES["boxes"])
    assert torch.equal(doubled[2], 2 * TREE[2])


def test_leaves_have_the_path_for_a_name() -> None:
    assert list(trees.named_leaves(TREE)) == ["0.boxes", "0.classes", "2"]
    assert list(trees.named_leaves(torch.ones(1), "inputs")) == ["inputs"]


def test_named_leaves_make_the_tree_again() -> None:
    tree = {"image": torch.ones(2), "several": (torch.ones(2), {"inner": torch.ones(2)})}
    again = trees.nest(trees.named_leaves(tree))
    assert isinstance(again["several"], tuple)
    assert trees.are_close(again, tree, 0.0)


def test_a_tree_comes_back_from_a_file_in_its_order(tmp_path) -> None:
    kinds = (torch.float32, torch.int64, torch.float16)  # files sort by type, then by name
    several = tuple(torch.full((2,), number, dtype=kinds[number % 3]) for number in range(12))
    tree = {"x": torch.ones(2), "several": several}
    save_file(trees.named_leaves(tree), tmp_path / "t.safetensors")
    again = trees.nest(load_file(tmp_path / "t.safetensors"))
    assert [int(leaf[0]) for leaf in again["several"]] == list(range(12))
    assert trees.are_close(again, tree, 0.0)


def test_a_leaf_and_no_leaf_come_back_as_they_were() -> None:
    leaf = torch.ones(2)
    assert trees.nest(trees.named_leaves(leaf)) is leaf
    assert trees.nest({}) == {}


def test_parts_of_a_tree_join_to_the_whole() -> None:
    parts = [trees.take(TREE, slice(0, 1)), trees.take(TREE, slice(1, 3))]
    assert trees.count_rows(parts[1]) == 2
    assert trees.are_close(trees.join(parts), TREE, 0.0)


def test_examples_are_stacked_to_a_batch() -> None:
    examples = [trees.map_leaves(lambda leaf, row=row: leaf[row], TREE) for row in range(3)]
    assert trees.are_close(trees.stack(examples), TREE, 0.0)


@pytest.mark.parametrize(
    "other",
    [
        (BOXES, torch.ones(3), TREE[2]),
        ({"boxes": BOXES["boxes"]}, None, TREE[2]),
        ({**BOXES, "boxes": BOXES["boxes"] + 0.1}, None, TREE[2]),
        ({**BOXES, "boxes": BOXES["boxes"] * float("nan")}, None, TREE[2]),
        ({**BOXES, "classes": BOXES["classes"] + 1}, None, TREE[2]),
        (BOXES, None, TREE[2][:2]),
    ],
    ids=["a leaf more", "a leaf less", "other numbers", "nan", "another class", "another shape"],
)
def test_trees_of_other_forms_or_numbers_are_not_close(other: trees.Tree) -> None:
    assert trees.are_close(TREE, TREE, 1e-3)
    assert not trees.are_close(TREE, other, 1e-3)


def test_a_batch_is_split_with_its_targets_extras_and_mask() -> None:
    mask = torch.tensor([[1, 1], [1, 0], [1, 1]])
    batch = Batch({"image": torch.arange(3.0)}, BOXES, [7, 8, 9], {"seen": (torch.ones(3),)}, mask)
    first, second = batch.split(2)
    assert (first.rows, second.rows, len(second)) == ([7, 8], [9], 1)
    assert torch.equal(second.target["boxes"], BOXES["boxes"][2:])
    assert torch.equal(first.extras["seen"][0], torch.ones(2))
    assert torch.equal(first.mask, mask[:2])
