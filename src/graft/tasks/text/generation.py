"""Generate text after a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch
from torch import Tensor

from graft.backbones.adapters.added import count_prompts
from graft.backbones.backbone import Model, evaluating
from graft.base.errors import BadValue
from graft.base.ranges import Count, Fraction, Range, Seed, read_numbers
from graft.base.records import Windows

BATCH = 32
"""Prompts that are continued at a time; 8 take twice as long on a processor."""


LOWEST_TEMPERATURE = 1e-4
"""Logits that are divided by far less than this overflow."""
Temperature = Annotated[
    float,
    Range(
        f"0, or a number from {LOWEST_TEMPERATURE:.4f} on",
        lambda value: value == 0 or value >= LOWEST_TEMPERATURE,
    ),
]


@dataclass(frozen=True)
class Decoding:
    """The settings of decoding: how the next token is chosen.

    `temperature` 0 takes the likeliest, or with `num_beams` searches for the likeliest text (beam
    search). Above 0 tokens are drawn, from the `top_k` likeliest and from the fewest that together
    have the probability `top_p` (Holtzman et al., arXiv:1904.09751); the same again for the same
    seed and prompts. Raises BadValue.
    """

    max_new_tokens: Count = 64
    temperature: Temperature = 0.0
    top_k: Count | None = None
    top_p: Fraction = 1.0
    seed: Seed = 0
    num_beams: Count = 1
    by_length: bool = False
    """Whether a long sound may have more than `max_new_tokens`, see `written_tokens`."""

    def __post_init__(self) -> None:
        read_numbers(self)
        drawn = [
            name
            for name, usual in (("top_k", None), ("top_p", 1.0))
            if getattr(self, name) != usual
        ]
        if self.temperature == 0 and drawn:
            raise BadValue(
                f"{' and '.join(drawn)} only count where tokens "
                "are drawn: give a temperature above 0 too."
            )
        if self.temperature and self.num_beams > 1:
            raise BadValue(
                f"num_beams={self.num_beams} searches for the likeliest text, and temperature="
                f"{self.temperature:g} draws tokens. Give one of them."
            )

    def limit(self, tokens: int) -> Decoding:
        """The same with at most so many tokens, whatever the length of the input."""
        return replace(self, max_new_tokens=tokens, by_length=False)

    def options(self) -> dict[str, Any]:
        """The same as arguments of transformers' `generate`."""
        drawn = (
            {"temperature": self.temperature, "top_k": self.top_k or 0, "top_p": self.top_p}
            if self.temperature
            else {}
        )
        return {
            "max_new_tokens": self.max_new_tokens,
            "do_sample": self.temperature > 0,
            "num_beams": self.num_beams,
            **drawn,
        }


@dataclass(frozen=True)
class Generated:
    """Generated texts, one a sample, and the pieces whose targets are these texts or parts of them.

    The network reads each piece whole, so that the likelihood of a text is that of its pieces.
    `segments` are the parts of each text with their times: `start`, `end` and `text`.
    """

    texts: Sequence[str]
    windows: Windows
    segments: Sequence[list[dict[str, Any]]] | None = None


def continue_prompts(
    model: Model, prompts: Sequence[Sequence[int]], decoding: Decoding
) -> list[str]:
    """Generate a text after each prompt of tokens, up to the end token.

    Prompts of similar length are batched. In an encoder-decoder, the encoder reads the prompt, and
    the decoder begins with its start token. Raises BadValue if a prompt and the new tokens
    do not fit into the positions of the network, and for a prompt without a token.
    """
    tokenizer, network = model.backbone.preprocess.tokenizer, model.network
    beside = network.config.is_encoder_decoder
    _check_room(model, max(map(len, prompts), default=0), decoding.max_new_tokens)
    if empty := [number for number, prompt in enumerate(prompts, 1) if not len(prompt)]:
        raise BadValue(
            f"Prompt {empty[0]} is empty, and {model.backbone.name} "
            "has no token to begin with. Give it a word."
        )
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    texts = [""] * len(prompts)
    with torch.random.fork_rng():
        torch.manual_seed(decoding.seed)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            ids, mask = _pad(
                [prompts[row] for row in rows], tokenizer.pad_token_id, on_left=not beside
            )
            generated = write_tokens(model, {"input_ids": ids, "attention_mask": mask}, decoding)
            for row, written in zip(
                rows, generated[:, 1 if beside else ids.shape[1] :], strict=True
            ):
                texts[row] = tokenizer.decode(written, skip_special_tokens=True)
    return texts


def write_tokens(
    model: Model, inputs: dict[str, Tensor], decoding: Decoding, **further: Any
) -> Tensor:
    """Generate tokens (B, N) from the inputs of a network, up to the end token of each row.

    They begin with those that the decoder has read. Drawn tokens follow torch's random state.
    `further` are arguments of transformers' `generate`.
    """
    tokenizer, network = model.backbone.preprocess.tokenizer, model.network
    device = next(network.parameters()).device
    with torch.inference_mode(), evaluating(model):
        return network.generate(
            **{name: tensor.to(device) for name, tensor in inputs.items()},
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            **decoding.options(),
            **further,
        )


def _check_room(model: Model, longest: int, most: int) -> None:
    """Raise BadValue if the network has too few positions.

    The longest prompt and `most` new tokens have to fit.
    """
    config = model.network.config
    room = getattr(config, "max_position_embeddings", None)
    room = room and room - count_prompts(model.backbone)
    if room and (max(longest, most) if config.is_encoder_decoder else longest + most) > room:
        raise BadValue(
            f"A prompt of {longest:,} tokens and max_new_tokens={most:,} are "
            f"more than the {room:,} positions of {model.backbone.name}. "
            "Shorten the prompt or ask for fewer tokens."
        )


def _pad(prompts: Sequence[Sequence[int]], padding: int, on_left: bool) -> tuple[Tensor, Tensor]:
    """Pad prompts to (B, T), with their mask.

    They are padded `on_left` if all are continued from the last column, else on the right.
    """
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), padding)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        places = slice(width - len(prompt), None) if on_left else slice(len(prompt))
        ids[row, places] = torch.tensor(prompt)
        mask[row, places] = 1
    return ids, mask
