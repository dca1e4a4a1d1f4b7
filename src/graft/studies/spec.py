"""What a run was asked to do. Its hash names the run, so that the same question is never answered twice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from graft.base import env


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides a run's outcome."""

    data: dict[str, Any]
    """`path`, `hash`, `format`, and `options`: how it was read and split."""
    task: str
    backbone: str
    technique: str
    seed: int = 0
    fraction: float = 1.0
    shots: int | None = None
    epochs: float | None = None
    batch_size: int | None = None
    precision: str = "fp32"
    weighted: bool = False

    @property
    def hash(self) -> str:
        """16 hexadecimal digits; the path of the data does not matter, its content does."""
        asked = {**asdict(self), "data": self.data["hash"]}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """The content of spec.json: with the versions and the hardware of now."""
        return {"schema": 1, "hash": self.hash, **asdict(self), "versions": env.versions(), "hardware": env.hardware()}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> RunSpec:
        return cls(**{name: value for name, value in found.items() if name in cls.__dataclass_fields__})
