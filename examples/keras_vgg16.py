"""VGG16 without its top, frozen, under two new layers: Keras' own program, and the line of Graft.

    python examples/keras_vgg16.py

Needs `pip install 'graft-learn[keras]'`. Both read handwritten digits as pictures of 32 pixels and
the same weights: those of ImageNet if Keras has them or can fetch them, else random ones.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"  # before the first import of Keras

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import graft

EPOCHS, SIDE, FILE = 3, 32, Path("runs/keras-example/vgg16.keras")


def load_pictures() -> list[np.ndarray]:
    """Return pictures and labels to train on, and others to test on."""
    digits = load_digits()
    gray = (digits.images / 16 * 255).astype("uint8").repeat(4, axis=1).repeat(4, axis=2)
    pictures = np.repeat(gray[..., None], 3, axis=3)
    return train_test_split(
        pictures,
        digits.target,
        train_size=400,
        test_size=200,
        random_state=0,
        stratify=digits.target,
    )


def load_base() -> keras.Model:
    """Return VGG16 without its top, and keep it in a file for Graft."""
    make, shape = keras.applications.VGG16, (SIDE, SIDE, 3)
    try:
        base = make(weights="imagenet", include_top=False, input_shape=shape)
    except Exception:  # noqa: BLE001 - the class that Keras raises without a network
        print("The weights of ImageNet cannot be fetched here, so both start from random weights.")
        base = make(weights=None, include_top=False, input_shape=shape)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    base.save(FILE)
    return base


def train_with_keras(base: keras.Model, pictures: list[np.ndarray]) -> float:
    """Return the test accuracy of the program as courses have it."""
    x_train, x_test, y_train, y_test = pictures
    prepare = keras.applications.vgg16.preprocess_input
    base.trainable = False
    model = keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 3)),
            base,
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(prepare(x_train.astype("float32")), y_train, epochs=EPOCHS, verbose=0)
    return model.evaluate(prepare(x_test.astype("float32")), y_test, verbose=0)[1]


def train_with_graft(pictures: list[np.ndarray]) -> float:
    """Return the test accuracy of a new last layer on the same frozen network."""
    x_train, x_test, y_train, y_test = pictures
    splits = {"train": (x_train, y_train.astype(str)), "test": (x_test, y_test.astype(str))}
    data = graft.load_data(splits)
    # With the weights of ImageNet at hand, `keras:VGG16` is enough of a name.
    run = graft.fit(data, f"keras:{FILE}", "feature-extraction", out="runs/keras-example/run")
    return run.result["metrics"]["test"]["accuracy"]["value"]


def main() -> None:
    keras.utils.set_random_seed(0)
    pictures = load_pictures()
    theirs = train_with_keras(load_base(), pictures)
    print(f"Keras' own program, {EPOCHS} epochs: test accuracy {theirs:.3f}")
    print(f"Graft, feature extraction: test accuracy {train_with_graft(pictures):.3f}")
    print("The trained network as a file of Keras: runs/keras-example/run/model/model.keras")


if __name__ == "__main__":
    main()
