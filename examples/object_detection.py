"""Find objects in pictures: a detector on a pretrained trunk, and its predictions.

    python examples/object_detection.py PICTURES [NEW_PICTURE ...]

PICTURES is a folder of pictures with boxes, as COCO JSON, Pascal VOC or YOLO write them, such as
blood cells. The example trains on some 60 pictures for a few epochs and draws what it finds in the
new pictures, or in three of the test split. It takes some minutes on two cores.
"""

from __future__ import annotations

import random
import sys
import tempfile

import graft

TRAINING, HELD_OUT = 60, 20


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    data = graft.load_data(sys.argv[1])
    # Drawn at random: pictures are in the order of their names, often one class after another.
    smaller = {
        split: random.Random(0).sample(data.splits[split], min(HELD_OUT, len(data.splits[split])))
        for split in ("val", "test")
    }
    run = graft.fit(
        data.with_splits({**data.splits, **smaller}),
        technique="full-fine-tuning",
        task="object-detection:size=320",
        epochs=8,
        fraction=min(1.0, TRAINING / len(data.splits["train"])),  # keeps each class
        out="runs/objects",
    )
    for name, measured in run.result["metrics"]["test"].items():
        if measured["value"] is not None:  # there may be no small or no large objects
            print(f"{name}: {measured['value']:.3f}")
    pictures = sys.argv[2:] or [sample.roles["image"] for sample in smaller["test"][:3]]
    for row in run.model.predict(pictures, draw=tempfile.mkdtemp(prefix="objects-")):
        print(f"{row['id']}, drawn in {row['drawing']}")
        for detection in row["prediction"]:
            print(f"  {detection['score']:.2f} {detection['label']} at {detection['box']}")


if __name__ == "__main__":
    main()
