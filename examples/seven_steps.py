"""Seven steps from a pretrained network to an evaluated model, as courses on BERT teach them.

    python examples/seven_steps.py [REVIEWS] [BACKBONE]

REVIEWS is a folder or table of texts with labels, such as SST-2; without it the example learns the
topics of short questions, which a package carries. BACKBONE is minilm-l6, a small BERT that is
built in; where the hub answers, transformers:bert-base-uncased does as well. It takes about a
minute on one core.
"""

from __future__ import annotations

import sys

import graft

TRAIN, TEST = 400, 200


def main() -> None:
    print(f"1. Install: pip install graft-learn, here {graft.__version__}")

    backbone = sys.argv[2] if len(sys.argv) > 2 else "minilm-l6"
    print(f"2. Select a pretrained network: {backbone}")

    # from_group counts layer groups from the head down: -1 is the last layer of the network. The
    # pooler of bert-base-uncased is a group too, so there its last layer is -2.
    technique = "partial-fine-tuning:from_group=-1"
    print(f"3. Freeze its layers, all but the last: {technique}")

    print("4. Add layers: the task adds a head, one linear layer with an output for each class")

    source = sys.argv[1] if len(sys.argv) > 1 else graft.datasets.write_questions("runs/data")
    data = graft.load_data(source)
    data = data.sample(train=TRAIN, val=TEST, test=TEST)
    print(f"5. Load the data: {data}")
    estimate = graft.fit(data, backbone, technique, epochs=3, dry_run=True)
    for phase in estimate.phases:
        print(f"   {phase.phase} trains {phase.trainable_parameters:,} parameters")

    run = graft.fit(data, backbone, technique, epochs=3)
    frozen = run.result["frozen"]
    print(f"6. Fit: {run.result['cost']['train_seconds']:.0f} s of training")
    print(f"   {frozen['tensors']} frozen tensors, unchanged: {frozen['unchanged']}")

    accuracy = run.result["metrics"]["test"]["accuracy"]
    low, high = accuracy["low"], accuracy["high"]
    print(f"7. Evaluate: accuracy {accuracy['value']:.3f} ({low:.3f} to {high:.3f})")
    for name, scores in run.result["baseline"].items():
        print(f"   {run.result['baseline_words'][name]}: {scores['accuracy']['value']:.3f}")


if __name__ == "__main__":
    main()
