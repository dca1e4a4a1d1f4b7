"""Keras on TensorFlow, as its guide "Transfer learning & fine-tuning" does it.

The network is EfficientNetB0 of keras.applications with random weights, since pretrained ones would
have to be downloaded. Only its time is reported; its accuracy would mean nothing.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers
from measure import Clock, Task, given, report
from tensorflow import data as tf_data

SIDE = 224


def dataset(task: Task, name: str, augment) -> tf_data.Dataset:
    paths, labels = zip(*getattr(task, name), strict=True)
    resize = layers.Resizing(SIDE, SIDE)

    def read(path, label):
        return resize(tf.image.decode_jpeg(tf.io.read_file(path), channels=3)), label

    found = tf_data.Dataset.from_tensor_slices((list(paths), list(labels))).map(read)
    if name == "train":
        found = found.map(lambda image, label: (augment(image), label))
    return found.batch(task.batch_size).prefetch(tf_data.AUTOTUNE).cache()


def main() -> None:
    task, clock = given(), Clock()
    keras.utils.set_random_seed(task.seed)
    with clock.running("load"):
        base = keras.applications.EfficientNetB0(
            weights=None, input_shape=(SIDE, SIDE, 3), include_top=False
        )
        base.trainable = False
        inputs = keras.Input(shape=(SIDE, SIDE, 3))
        x = base(inputs, training=False)
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dropout(0.2)(x)
        model = keras.Model(inputs, layers.Dense(1)(x))
    with clock.running("all"):
        flip, rotate = layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)
        sets = {
            name: dataset(task, name, lambda image: rotate(flip(image)))
            for name in ("train", "val", "test")
        }
        model.compile(
            optimizer=keras.optimizers.Adam(),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            metrics=[keras.metrics.BinaryAccuracy()],
        )
        model.fit(sets["train"], epochs=task.epochs, validation_data=sets["val"], verbose=2)
        model.evaluate(sets["test"], verbose=2)
    report(
        clock.seconds["all"],
        None,
        ("keras", "tensorflow_cpu"),
        load_seconds=clock.seconds["load"],
        notes="EfficientNetB0 with random weights, for its time alone; "
        "augmented once and cached, as its guide has it",
    )


if __name__ == "__main__":
    main()
