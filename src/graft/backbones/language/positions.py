"""How many tokens a network has positions for."""

from __future__ import annotations

from typing import Any


def count_positions(config: Any) -> int | None:
    """Return the number of positions of a network of transformers, None if there is no limit.

    RoBERTa counts from its padding token on.
    """
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None or positions <= 0:  # positions relative to each other: any length
        return None
    return positions - config.pad_token_id - 1 if "roberta" in config.model_type else positions
