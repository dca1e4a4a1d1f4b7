"""fastai's vision_learner with its defaults: a frozen body with trained batch norm, one cycle."""

from __future__ import annotations

import pandas as pd
import timm
from fastai.vision.all import (
    Flatten,
    ImageDataLoaders,
    Normalize,
    Resize,
    accuracy,
    set_seed,
    vision_learner,
)
from measure import Clock, given, report
from torch import nn


def main() -> None:
    task, clock = given(), Clock()
    set_seed(task.seed)

    with clock.running("load"):
        network = timm.create_model(f"local-dir:{task.weights}", pretrained=True)
    with clock.running("all"):
        rows = [
            (path, task.classes[label], name == "val")
            for name in ("train", "val")
            for path, label in getattr(task, name)
        ]
        frame = pd.DataFrame(rows, columns=["path", "label", "held_out"])
        about = timm.data.resolve_model_data_config(network)
        loaders = ImageDataLoaders.from_df(
            frame,
            path="/",
            fn_col="path",
            label_col="label",
            valid_col="held_out",
            item_tfms=Resize(224),
            batch_tfms=Normalize.from_stats(about["mean"], about["std"], cuda=False),
            bs=task.batch_size,
        )
        head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), Flatten(), nn.Linear(network.num_features, len(task.classes))
        )
        learner = vision_learner(
            loaders,
            lambda pretrained: network,
            normalize=False,
            custom_head=head,
            metrics=accuracy,
            path=task.folder,
        )
        with clock.running("train"):
            learner.fit_one_cycle(task.epochs)
        test = pd.DataFrame(
            [(path, task.classes[label]) for path, label in task.test], columns=["path", "label"]
        )
        _, found = learner.validate(dl=loaders.test_dl(test, with_labels=True))
    report(
        clock.seconds["all"],
        float(found),
        ("fastai", "torch", "timm"),
        load_seconds=clock.seconds["load"],
        notes="vision_learner; by its default the batch normalization of the frozen body trains",
    )


if __name__ == "__main__":
    main()
