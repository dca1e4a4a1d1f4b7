"""The phase in which a new head is trained on the frozen network."""

from __future__ import annotations

from graft.backbones.backbone import Model
from graft.techniques.specs.candidates import SolvedHead
from graft.techniques.specs.places import head_only
from graft.techniques.technique import PROBE_PATIENCE, Phase, probe_rate

PROBE_EPOCHS = 100


def probe_phase(
    model: Model,
    epochs: float,
    probe_epochs: float | None = None,
    probe_lr: float | None = None,
) -> Phase:
    """Return the phase of a probe before a fine-tuning of so many `epochs`.

    A linear head is solved for; its own epochs and rate are those of other heads.
    """
    usual = epochs / 2 if model.backbone.has_deep_head else PROBE_EPOCHS
    rate = probe_lr or probe_rate(model)
    how = {"candidates": SolvedHead(), "views": 1, "patience": PROBE_PATIENCE}
    return Phase("probe", probe_epochs or usual, head_only, rate, rate, "adamw", **how)
