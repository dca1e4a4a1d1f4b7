"""The Keras library on PyTorch; whoever needs Keras imports it from here.

Keras reads its backend once, when it is imported, and TensorFlow would be the default.
"""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from graft.base.errors import BackboneError, MissingExtra

if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "torch"
try:
    import keras
    from keras.src.backend.common import global_state
except ModuleNotFoundError as error:
    if error.name != "keras":
        raise
    raise MissingExtra.of("A network of Keras", "keras", "keras") from error

if keras.backend.backend() != "torch":
    raise BackboneError(
        f"Keras runs on {keras.backend.backend()} in this process, and Graft reads its networks on "
        "PyTorch. Keras reads its backend once: set KERAS_BACKEND=torch before the first import of "
        "keras, or use Graft in a process of its own."
    )

COUNTERS = "object_name_uids"
"""Keras' name for how many layers of a class have been named: `conv2d`, `conv2d_1`."""


@contextmanager
def building(seed: int = 0) -> Iterator[None]:
    """Within this context, what Keras makes depends on `seed` alone, not on what was made before.

    Its variables are in main memory, and its layers are numbered from the start. Standard output is
    kept for answers.
    """
    counters, state = global_state.get_global_attribute(COUNTERS), random.getstate()
    global_state.set_global_attribute(COUNTERS, None)
    random.seed(seed)  # Keras draws the seeds of initial weights here
    try:
        with keras.device("cpu"), redirect_stdout(sys.stderr), warnings.catch_warnings():
            # Keras reads tensors as NumPy arrays in a way that NumPy 2 has deprecated.
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            yield
    finally:
        random.setstate(state)
        global_state.set_global_attribute(COUNTERS, counters)
