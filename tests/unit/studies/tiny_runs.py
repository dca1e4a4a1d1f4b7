"""The tiny data and the run that tests of runs and studies begin with."""

from __future__ import annotations

from graft.studies.spec import RunSpec
from tests.contracts.tiny import task_of

_, DATA = task_of("image-classification")
DESCRIBED = {"path": "tiny", "hash": DATA.fingerprint(), "format": "", "options": {}}
SPEC = RunSpec(DESCRIBED, "image-classification", "tiny:cnn", "feature-extraction", epochs=1)
