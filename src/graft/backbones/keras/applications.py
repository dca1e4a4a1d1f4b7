"""The networks of `keras.applications`, and how their pictures are prepared.

Known without importing Keras, which takes seconds.
"""

from __future__ import annotations

from typing import Any

MODES: dict[str, dict[str, Any]] = {
    "caffe": {
        "mean": (123.68 / 255, 116.779 / 255, 103.939 / 255),
        "std": (1 / 255,) * 3,
        "channels": "BGR",
    },
    "tf": {"mean": (0.5,) * 3, "std": (0.5,) * 3},
    "torch": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "unit": {"mean": (0.0,) * 3, "std": (1.0,) * 3},
    "raw": {"mean": (0.0,) * 3, "std": (1 / 255,) * 3},
}
"""The modes of Keras' `preprocess_input`, and two more: pixels from 0 to 1, and as they are, from 0
to 255, for networks that prepare them themselves."""

CROP = 0.875
"""The share of the short side that the center crop keeps for these networks: 224 of 256 pixels, as
their accuracy on ImageNet is published."""

APPLICATIONS: dict[str, tuple[int, str]] = {
    "ConvNeXtBase": (224, "raw"),
    "ConvNeXtLarge": (224, "raw"),
    "ConvNeXtSmall": (224, "raw"),
    "ConvNeXtTiny": (224, "raw"),
    "ConvNeXtXLarge": (224, "raw"),
    "DenseNet121": (224, "torch"),
    "DenseNet169": (224, "torch"),
    "DenseNet201": (224, "torch"),
    "EfficientNetB0": (224, "raw"),
    "EfficientNetB1": (240, "raw"),
    "EfficientNetB2": (260, "raw"),
    "EfficientNetB3": (300, "raw"),
    "EfficientNetB4": (380, "raw"),
    "EfficientNetB5": (456, "raw"),
    "EfficientNetB6": (528, "raw"),
    "EfficientNetB7": (600, "raw"),
    "EfficientNetV2B0": (224, "raw"),
    "EfficientNetV2B1": (240, "raw"),
    "EfficientNetV2B2": (260, "raw"),
    "EfficientNetV2B3": (300, "raw"),
    "EfficientNetV2L": (480, "raw"),
    "EfficientNetV2M": (480, "raw"),
    "EfficientNetV2S": (384, "raw"),
    "InceptionResNetV2": (299, "tf"),
    "InceptionV3": (299, "tf"),
    "MobileNet": (224, "tf"),
    "MobileNetV2": (224, "tf"),
    "MobileNetV3Large": (224, "raw"),
    "MobileNetV3Small": (224, "raw"),
    "ResNet101": (224, "caffe"),
    "ResNet101V2": (224, "tf"),
    "ResNet152": (224, "caffe"),
    "ResNet152V2": (224, "tf"),
    "ResNet50": (224, "caffe"),
    "ResNet50V2": (224, "tf"),
    "VGG16": (224, "caffe"),
    "VGG19": (224, "caffe"),
    "Xception": (299, "tf"),
}
"""Name -> the sides of its pictures, and their mode. NASNet is missing: Keras itself does not build
it on PyTorch."""
