"""Open models of Keras: those of `keras.applications`, and files of the user's own."""

from __future__ import annotations

import os
import re
import textwrap
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graft.backbones import hub
from graft.backbones.keras.applications import APPLICATIONS
from graft.backbones.keras.library import building, keras
from graft.base import files
from graft.base.errors import BackboneError

HOST = "https://storage.googleapis.com"
ENDINGS = (".keras", ".h5", ".hdf5", ".json")
UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, AttributeError, ImportError, RuntimeError, UserWarning
)  # fmt: skip
"""What Keras raises for files that are no models, and for layers that it does not know."""
WITHOUT = "but received 0 variables"
"""What Keras 3.15.0 says of a layer that a file has no weights for; 3.15.1 warns of it."""
UNKNOWN_CLASS = re.compile(r"(?:Could not locate \w+|Unknown [\w ]+:) '([^']+)'")
"""How Keras names a class or function that is not its own, in `.keras` and in `.h5` files."""


def is_file(name: str) -> bool:
    """Whether a name is the path of a file instead of a network of `keras.applications`."""
    return name.lower().endswith(ENDINGS)


def make_application(name: str, seed: int = 0) -> Any:
    """Return a network of `keras.applications` with random weights, without its classifier."""
    with building(seed):
        return _make(name, None)


def open_pretrained(name: str) -> Any:
    """Return a network of `keras.applications` with its weights of ImageNet.

    Raises BackboneError if they are not on this machine and cannot be fetched.
    """
    spec = f"keras:{name}"
    if not _is_cached(name) and not hub.answers(HOST):
        raise hub.unreachable(spec, HOST, OSError(), offline=True, file=_cache(), reads="image")
    with building():
        try:
            return _make(name, "imagenet")
        except Exception as error:
            # Keras raises `Exception` itself if a fetch fails; the others are of damaged files.
            if type(error) is not Exception and not isinstance(error, OSError | ValueError):
                raise
            raise hub.unreachable(
                spec, HOST, OSError(error), offline=False, reads="image"
            ) from error


def _make(name: str, weights: str | None) -> Any:
    side, _ = APPLICATIONS[name]
    application = getattr(keras.applications, name)
    return application(weights=weights, include_top=False, input_shape=(side, side, 3))


def _cache() -> Path:
    """The folder in which Keras keeps what it fetched."""
    return files.expand_home(os.environ.get("KERAS_HOME", "~/.keras")) / "models"


def _is_cached(name: str) -> bool:
    """Whether Keras may have fetched the weights before; it knows their file, Graft its name."""
    return any(
        name.lower() in re.sub("[_-]", "", file.name).lower() for file in _cache().glob("*.h5")
    )


def open_file(file: Path) -> Any:
    """Return the model in a `.keras` or `.h5` file, or the architecture in a `.json` file.

    Raises BackboneError for a file that has no model, or one with code of the user's own.
    """
    _check_file(file, "a model of Keras")
    if file.suffix == ".keras" and not zipfile.is_zipfile(file):
        raise BackboneError(
            f"{file} is damaged, or no model of Keras: a .keras file is a ZIP archive, and this is "
            "none. Save the model again: model.save('model.keras')."
        )
    try:
        with building():
            if file.suffix == ".json":
                return keras.models.model_from_json(file.read_text(encoding="utf-8"))
            return keras.models.load_model(file, compile=False)
    except UNREADABLE as error:
        raise BackboneError(_explain(file, str(error).strip())) from error


def _check_file(file: str | Path, kind: str) -> None:
    if files.is_folder(file):
        raise BackboneError(f"{file} is a folder. Give the path of {kind}, which is one file.")
    if not files.is_file(file):
        raise BackboneError(f"There is no file {str(file)!r}. Give the path of {kind}.")


def _explain(file: Path, reason: str) -> str:
    """The sentence for a file that Keras cannot read."""
    if file.suffix in (".h5", ".hdf5") and ("config" in reason or "extension" in reason):
        return (
            f"{file} holds weights without an architecture. Name the network too: "
            f"keras:VGG16:weights={file}, or in place of VGG16 another network of "
            "keras.applications, a .keras file, or a .json file that model.to_json() gave."
        )
    if unknown := UNKNOWN_CLASS.search(reason):
        return (
            f"{file} needs {unknown[1]!r}, which is not one of Keras' own classes: its code is not "
            "in the file. Replace it in Keras by Keras' own layers, or save the part of the "
            "network before it; write a subclass of keras.Model as a functional model."
        )
    if "ambda" in reason:
        return (
            f"{file} has a Lambda layer, which is code that Graft does not run. Replace it by "
            "layers of Keras: Rescaling, Activation, Reshape."
        )
    return (
        f"Keras cannot read {file}: {_first_line(reason) or 'no reason given'}. "
        "Save a model that is made of Keras' own layers: model.save('model.keras')."
    )


def _first_line(reason: str) -> str:
    """The first line of what Keras says, shortened, without its full stop; "" if there is none."""
    return textwrap.shorten(reason.strip().partition("\n")[0].strip(" ."), 240, placeholder=" ...")


def load_weights(model: Any, file: str, what: str) -> None:
    """Load a file of weights into a model; raises BackboneError if it is not of this network."""
    _check_file(file, "a file with weights")
    try:
        with building(), warnings.catch_warnings():
            # Keras warns of layers that it finds no weights for, and leaves them random.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(files.expand_home(file))
    except UNREADABLE as error:
        reason = _first_line(str(error)) or type(error).__name__
        if isinstance(error, UserWarning) or WITHOUT in str(error):
            reason = "it has none for some of the layers"
        raise BackboneError(
            f"{file} does not hold the weights of {what}: {reason}. Name the architecture that "
            "they were saved from, a network of keras.applications or a .keras or .json file."
        ) from error


def draw_again(model: Any, seed: int) -> Any:
    """Return the same architecture with weights as its layers draw them.

    The statistics by which it normalizes pixels are no weights, and stay.
    """
    with building(seed):
        drawn = keras.models.clone_model(model)
        for layer, other in zip(_all_layers(model), _all_layers(drawn), strict=True):
            if isinstance(layer, keras.layers.Normalization):
                other.set_weights(layer.get_weights())
                other.finalize_state()
    return drawn


def read_size(model: Any, what: str) -> tuple[int, int] | None:
    """Return the width and height that the model reads, None for any.

    Raises BackboneError for a model that does not read one picture in three colors.
    """
    shapes = [tensor.shape for tensor in model.inputs or ()]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][-1] != 3:
        raise BackboneError(
            f"keras:{what} has inputs of the shapes {shapes}, and Graft needs one picture: (None, "
            "height, width, 3)."
        )
    _, height, width, _ = shapes[0]
    return (width, height) if height and width else None


def find_mode(model: Any) -> str:
    """Return how a model of a file has its pictures prepared, if it says so.

    A model that rescales pixels itself gets them as they are; one that holds a network of
    keras.applications gets them as that network. Raises BackboneError for others.
    """
    layers = list(_all_layers(model))
    if any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in layers):
        return "raw"
    names = [re.sub("[_-]", "", layer.name).lower() for layer in layers]
    for application in sorted(APPLICATIONS, key=len, reverse=True):  # mobilenetv2 is no mobilenet
        if any(name.startswith(application.lower()) for name in names):
            return APPLICATIONS[application][1]
    raise BackboneError(
        f"The Keras network {model.name!r} does not say how its pictures are prepared. Say it "
        "behind its name: mode=tf for pixels from -1 to 1, mode=unit for 0 to 1, mode=raw for 0 to "
        "255, mode=torch or mode=caffe as keras.applications have it."
    )


def _all_layers(layer: Any) -> Iterator[Any]:
    """The layer, and those inside it."""
    yield layer
    for inside in getattr(layer, "layers", ()):
        yield from _all_layers(inside)
