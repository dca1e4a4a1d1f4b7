"""Which pixels are a square, which a disk? U-Net on a pretrained network, beside one from scratch.

python examples/semantic_segmentation.py
"""

from __future__ import annotations

import tempfile

import numpy as np

import graft


def draw(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A noisy picture with a square and a disk, and its mask: 0 background, 1 square, 2 disk."""
    rows, columns = np.mgrid[:96, :96]
    mask = np.zeros((96, 96), np.uint8)
    left, top, side = rng.integers(4, 60, 3) // (1, 1, 2) + (0, 0, 12)
    mask[top : top + side, left : left + side] = 1
    x, y, radius = rng.integers(16, 80, 3) // (1, 1, 6)
    mask[(columns - x) ** 2 + (rows - y) ** 2 < (radius + 6) ** 2] = 2
    colors = rng.integers(0, 256, (3, 3))
    picture = colors[mask] + rng.integers(-40, 41, (96, 96, 3))
    return {"image": picture.clip(0, 255).astype(np.uint8), "mask": mask}


def main() -> None:
    rng = np.random.default_rng(0)
    data = {
        split: [draw(rng) for _ in range(count)]
        for split, count in {"train": 24, "val": 8, "test": 12}.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        for technique in ("full-fine-tuning", "from-scratch"):
            run = graft.fit(data, technique=technique, epochs=8, out=f"{folder}/{technique}")
            for name, value in run.result["metrics"]["test"].items():
                print(f"{technique}: {name} {value['value']:.2f}")
            (row,) = run.model.predict(data["test"][0]["image"])
            print({part["label"]: part["share"] for part in row["prediction"]["classes"]})


if __name__ == "__main__":
    main()
