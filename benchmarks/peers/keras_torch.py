"""Keras on PyTorch, as its guide "Transfer learning & fine-tuning" does it.

The network is read from the `.keras` file that Graft reads too.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers
from measure import Clock, Task, given, report
from PIL import Image
from torch.utils.data import DataLoader, Dataset

SIDE, WORKERS = 224, 4


class Pictures(Dataset):
    """Images by their paths, with their classes, channels last as Keras reads them."""

    def __init__(self, rows: list[tuple[str, int]]):
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, label = self.rows[index]
        picture = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.asarray(picture, np.float32)), label


def network(task: Task) -> keras.Model:
    """The network under a new classifier, frozen unless everything trains."""
    base = keras.models.load_model(Path(task.weights))
    base.trainable = task.goal == "full"
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.RandomRotation(0.1)(layers.RandomFlip("horizontal")(inputs))
    x = base(layers.Rescaling(1 / 127.5, offset=-1)(x), training=False)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(len(task.classes))(x))


def main() -> None:
    task, clock = given(), Clock()
    keras.utils.set_random_seed(task.seed)
    with clock.running("load"):
        model = network(task)
    with clock.running("all"):
        loaders = {
            name: DataLoader(
                Pictures(getattr(task, name)),
                batch_size=task.batch_size,
                shuffle=name == "train",
                num_workers=WORKERS,
            )
            for name in ("train", "val", "test")
        }
        model.compile(
            optimizer=keras.optimizers.Adam(1e-5 if task.goal == "full" else 1e-3),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        validation = loaders["val"] if task.every_epoch else None
        with clock.running("train"):
            model.fit(loaders["train"], epochs=task.epochs, validation_data=validation, verbose=2)
        _, accuracy = model.evaluate(loaders["test"], verbose=2)
    report(
        clock.seconds["all"],
        float(accuracy),
        ("keras", "torch"),
        load_seconds=clock.seconds["load"],
        rate=len(task.train) * task.epochs / clock.seconds["train"],
        notes=f"Adam, {WORKERS} loading workers, fp32",
    )


if __name__ == "__main__":
    main()
