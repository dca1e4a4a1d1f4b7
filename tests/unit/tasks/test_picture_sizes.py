"""At which size pictures enter a network."""

from __future__ import annotations

import numpy as np
import pytest

from graft.base.records import Sample
from graft.tasks.pictures.sizes import network_size, usual_size


def pictures(*sizes: tuple[int, int]) -> list[Sample]:
    return [
        Sample(str(number), {"image": np.zeros((height, width, 3), np.uint8)})
        for number, (width, height) in enumerate(sizes)
    ]


def test_the_usual_picture_is_no_mixture_of_lying_and_standing_ones() -> None:
    assert usual_size(pictures((640, 480), (640, 480), (480, 640))) == (640, 480)


def test_one_huge_picture_among_others_says_nothing() -> None:
    assert usual_size(pictures((64, 48), (64, 48), (6400, 4800))) == (64, 48)


@pytest.mark.parametrize(
    ("picture", "longest", "size"),
    [
        ((640, 480), 480, (480, 352)),
        ((320, 240), 480, (320, 256)),
        ((100, 4000), 512, (32, 512)),
        ((20, 10), 512, (32, 32)),
        ((640, 480), 500, (480, 352)),
        ((500, 400), 500, (480, 384)),
        ((640, 480), 80, (64, 64)),
    ],
)
def test_the_input_has_the_shape_of_the_picture_in_steps_of_32(picture, longest, size) -> None:
    assert network_size(picture, longest) == size
