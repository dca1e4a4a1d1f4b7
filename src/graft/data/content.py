"""When two samples hold the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.roles import text_of

COMPARED = ("image", "tokens", "question", "prompt", "source", "passage", "text")
"""The roles by which samples are equal."""
FEWEST_TOKENS = 5
"""Shorter sentences of tagged tokens come back by chance, as do datelines and scores: they are not
taken for copies."""


def content_key(sample: Sample) -> str:
    """Equal for samples with the same text but for case and blanks, or the same bytes of an image
    file or array.

    A file that cannot be read is equal to itself only. Of questions, both question and context
    count; of prompts and sources, what is learnt from them too. Tokens are compared as they are,
    since capitals tell names. Raises DataError if the sample has none of these.
    """
    roles = sample.roles
    image = roles.get("image")
    if image is None and "tokens" in roles:
        return "tokens " + "\0".join(roles["tokens"])
    if image is None and "question" in roles:
        return f"question {normalised(roles['question'])}\0{normalised(roles['context'])}"
    if image is None:
        role = next((r for r in ("prompt", "source", "passage", "text") if r in roles), None)
        if role is None:
            raise DataError(_nothing_to_compare(sample))
        return f"{role} {normalised(text_of(sample))}"
    return "image " + (hashlib.sha256(pixels).hexdigest() if (pixels := _bytes(image)) is not None else f"of {sample.id}")


def _nothing_to_compare(sample: Sample) -> str:
    return (
        f"{sample.id} has nothing to compare with other samples, only: {', '.join(sorted(sample.roles)) or 'no role'}. "
        f"A sample needs one of: {', '.join(COMPARED)}. Name the columns: --columns role=name."
    )


def may_recur(sample: Sample) -> bool:
    """Whether its like may come back by chance, so that equal ones are no copies."""
    return "tokens" in sample.roles and len(sample.roles["tokens"]) < FEWEST_TOKENS


def normalised(text: str) -> str:
    """The text in lower case with single blanks."""
    return " ".join(text.casefold().split())


def _bytes(image: object) -> bytes | None:
    if isinstance(image, np.ndarray):
        return f"{image.shape}".encode() + np.ascontiguousarray(image).tobytes()
    if isinstance(image, Image.Image):
        return f"{image.size}".encode() + image.tobytes()
    if isinstance(image, str | Path):
        try:
            return Path(image).read_bytes() or None
        except OSError:
            return None
    return bytes(image) or None if isinstance(image, bytes | bytearray) else None
