"""Nuclei under a microscope: background and nucleus, from masks that number each nucleus.

python examples/medical_masks.py nuclei_dsb2018

The folder has train, val and test, each with images/NAME.png and instances/NAME.png, in which 0 is
the background and each nucleus has a number of its own. The masks of microscopes are often given
that way: a folder named `instances` is read as background and object, and so is any other with a
classes.json {"background": 0, "nucleus": "1-65535"} beside it.
"""

from __future__ import annotations

import sys

import graft

TASK = "semantic-segmentation:size=256,criterion=cross-entropy+dice"


def main(folder: str) -> None:
    """From few pictures: the borders of nuclei need a decoder that sees fine maps, as U-Net's."""
    run = graft.fit(
        folder, task=TASK, technique="full-fine-tuning", epochs=6, fraction=0.5, out="nuclei"
    )
    for name, value in run.result["metrics"]["test"].items():
        print(f"{name}: {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})")
    rows = run.model.predict(f"{folder}/test/images", draw="nuclei-drawn")
    print(f"{len(rows)} pictures drawn; the first: {run.model.task.say(rows[0]['prediction'])}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1])
