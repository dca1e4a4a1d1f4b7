"""Nuclei under a microscope: background and nucleus, from masks that number each nucleus.

    python examples/medical_masks.py nuclei_dsb2018

The folder has train, val and test, each with images/NAME.png and instances/NAME.png, in which 0 is
the background and each nucleus has a number of its own. The masks of microscopes are often given
that way: a folder named `instances` is read as background and object, and so is any other with a
classes.json {"background": 0, "nucleus": "1-65535"} beside it. The example trains on some 30
pictures and draws three of the test split. It takes some minutes on two cores.
"""

from __future__ import annotations

import sys
import tempfile

import graft

TASK = "semantic-segmentation:size=256,criterion=cross-entropy+dice"
TRAINING, HELD_OUT = 30, 16


def main(folder: str) -> None:
    """From few pictures: the borders of nuclei need a decoder that sees fine maps, as U-Net's."""
    data = graft.load_data(folder)
    smaller = {split: data.splits[split][:HELD_OUT] for split in ("val", "test")}
    run = graft.fit(
        data.with_splits({**data.splits, **smaller}),
        task=TASK,
        technique="full-fine-tuning",
        epochs=10,
        batch_size=4,
        fraction=min(1.0, TRAINING / len(data.splits["train"])),
        out="runs/nuclei",
    )
    for name, value in run.result["metrics"]["test"].items():
        print(f"{name}: {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})")
    pictures = [sample.roles["image"] for sample in smaller["test"][:3]]
    for row in run.model.predict(pictures, draw=tempfile.mkdtemp(prefix="nuclei-")):
        print(f"{run.model.task.say(row['prediction'])}, drawn in {row['drawing']}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1])
