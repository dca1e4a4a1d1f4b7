"""Which pixels are a square, which a disk? U-Net on a pretrained network, beside one from scratch.

    python examples/semantic_segmentation.py

It draws 24 small pictures to learn from: warm squares and cold disks on gray, with noise. It takes
about two minutes on two cores.
"""

from __future__ import annotations

import tempfile

import numpy as np

import graft

SIDE = 96
OBJECTS = np.array([(170, 60, 20), (60, 110, 190)])
"""The colors of a warm square and a cold disk, each changed a little from picture to picture."""
SPLITS = {"train": 24, "val": 8, "test": 12}


def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A noisy picture with a square and a disk, and its mask: 0 background, 1 square, 2 disk."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    mask = np.zeros((SIDE, SIDE), np.uint8)
    left, top, x, y = rng.integers((4, 4, 16, 16), (60, 60, 80, 80))
    side, radius = rng.integers((20, 10), (34, 18))
    mask[top : top + side, left : left + side] = 1
    mask[(columns - x) ** 2 + (rows - y) ** 2 < radius**2] = 2
    gray = rng.integers(60, 200, (1, 1)).repeat(3, axis=1)
    colors = np.concatenate([gray, OBJECTS + rng.integers(-40, 41, (2, 3))])
    picture = colors[mask] + rng.integers(-30, 31, (SIDE, SIDE, 3))
    return {"image": picture.clip(0, 255).astype(np.uint8), "mask": mask}


def main() -> None:
    rng = np.random.default_rng(0)
    data = {split: [draw(rng) for _ in range(count)] for split, count in SPLITS.items()}
    with tempfile.TemporaryDirectory() as folder:
        for technique in ("full-fine-tuning", "from-scratch"):
            run = graft.fit(
                data, technique=technique, epochs=10, batch_size=4, out=f"{folder}/{technique}"
            )
            for name, value in run.result["metrics"]["test"].items():
                print(f"{technique}: {name} {value['value']:.2f}")
            (row,) = run.model.predict(data["test"][0]["image"])
            print({part["label"]: part["share"] for part in row["prediction"]["classes"]})


if __name__ == "__main__":
    main()
