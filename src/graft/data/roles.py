"""Which of a sample's roles is the target, and which are the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from graft.base.records import Sample

INPUTS = {
    "tags": ("tokens",),
    "answers": ("question", "context"),
    "completion": ("prompt",),
    "target": ("source",),
    "passage": (),
    "label": ("image", "text"),
}
"""Target -> the roles that it is predicted from; of an image and a text the one that is there. A passage is its own target."""


def target_role(samples: Iterable[Sample]) -> str:
    """The role that is predicted, for data of one kind: the one that the samples have, else that goes with their inputs."""
    sample = next(iter(samples), None)
    roles = sample.roles if sample else {}
    return next((role for role in INPUTS if role in roles), None) or next(
        (role for role, inputs in INPUTS.items() if any(i in roles for i in inputs)), "label"
    )


def target(sample: Sample) -> Any:
    """What is to be predicted, or None where the sample does not say."""
    return sample.roles.get(target_role((sample,)))


def text_of(sample: Sample) -> str:
    """What a person reads of the sample's words: its text, tokens, question and context, prompt, source; of an image, nothing."""
    roles = sample.roles
    if "source" in roles:
        return f"{roles['source']} {roles.get('target') or ''}"
    if "prompt" in roles:
        return f"{said(roles['prompt'])} {roles.get('completion') or ''}"
    if "tokens" in roles:
        return " ".join(roles["tokens"])
    return f"{roles['question']} {roles['context']}" if "question" in roles else roles.get("text", roles.get("passage", ""))


def said(prompt: str | Sequence[dict[str, str]]) -> str:
    """A prompt in words: itself, or what each of its messages says."""
    return prompt if isinstance(prompt, str) else "\n".join(f"{m['role']}: {m['content']}" for m in prompt)
