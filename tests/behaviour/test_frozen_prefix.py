"""Recording the frozen layers changes the time that training takes, and nothing else."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file

import graft

TEN_EPOCHS = "partial-fine-tuning:from_group=-2,views=1,epochs=10"


@pytest.mark.slow
def test_ten_epochs_behind_a_recording_end_at_the_weights_of_those_without(
    real, tmp_path, monkeypatch
):
    def run(allowed_gb: str) -> graft.Run:
        monkeypatch.setenv("GRAFT_CACHE_GB", allowed_gb)
        return graft.fit(
            real("hymenoptera"), technique=TEN_EPOCHS, precision="fp32", out=tmp_path / allowed_gb
        )

    recorded, whole = run("20"), run("0")
    assert recorded.result["cost"]["cache"]["used"]
    assert not whole.result["cost"]["cache"]["used"]
    one, other = (load_file(tmp_path / gb / "model" / "model.safetensors") for gb in ("20", "0"))
    assert set(one) == set(other)
    assert max(float((one[name].float() - other[name].float()).abs().max()) for name in one) < 1e-5
    one, other = (
        found.result["metrics"]["test"]["accuracy"]["value"] for found in (recorded, whole)
    )
    assert one == pytest.approx(other, abs=0.01)
