"""What every test shares."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Two test processes share two cores."""
    import torch

    torch.set_num_threads(1)
