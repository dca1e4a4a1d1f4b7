"""Learned tokens that a transformer reads before the embeddings of a text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.adapters.layer import AddedLayer
from graft.backbones.heads.layers.masked_layer import MaskedLayer


class PromptedStack(AddedLayer):
    """Let the blocks of a transformer read learned tokens before those of a text.

    The base is a network of transformers without its head, or an encoder: it takes `input_ids`
    (B, T) and gives states (B, T, D). The learned tokens have the first positions, every token may
    read them, and their states are taken away again. Where a text is continued, they are in the
    cache of keys already.
    """

    def __init__(self, base: nn.Module, tokens: int):
        super().__init__(base)
        embeddings = base.get_input_embeddings()
        device = embeddings.weight.device
        # The embeddings of words, as in the paper, are better than other random numbers.
        words = torch.randint(embeddings.weight.shape[0], (tokens,), device=device)
        self.added_tokens = nn.Parameter(embeddings(words).detach().clone())

    def forward(self, input_ids: Tensor | None = None, **inputs: Any) -> Any:
        count, cache = len(self.added_tokens), inputs.get("past_key_values")
        is_continued = cache is not None and cache.get_seq_length() > 0
        inputs |= _shift(inputs, count, is_continued)
        if is_continued:
            return self.base(input_ids=input_ids, **inputs)
        embedded = inputs.pop("inputs_embeds", None)
        if embedded is None:
            embedded = self.base.get_input_embeddings()(input_ids)
        tokens = self.added_tokens.to(embedded.dtype).expand(len(embedded), -1, -1)
        with _pool_after(getattr(self.base, "pooler", None), count):
            output = self.base(inputs_embeds=torch.cat([tokens, embedded], dim=1), **inputs)
        output["last_hidden_state"] = output["last_hidden_state"][:, count:]
        return output


def _shift(inputs: dict[str, Any], count: int, is_continued: bool) -> dict[str, Tensor]:
    """The inputs that have a column for each token, with `count` more of them before.

    Those of new tokens alone, such as positions, have none more if a text is continued.
    """
    shifted = {}
    if (mask := inputs.get("attention_mask")) is not None:
        if mask.dim() != 2:
            raise ValueError(f"a mask (B, T) is needed, and this one has the shape {mask.shape}")
        shifted["attention_mask"] = nn.functional.pad(mask, (count, 0), value=1)
    if (kinds := inputs.get("token_type_ids")) is not None and not is_continued:
        shifted["token_type_ids"] = nn.functional.pad(kinds, (count, 0))
    if (positions := inputs.get("position_ids")) is not None:
        first = torch.arange(0 if is_continued else count, device=positions.device)
        rows = [first.expand(len(positions), -1), positions + count]
        shifted["position_ids"] = torch.cat(rows, dim=1)
    return shifted


@contextmanager
def _pool_after(pooler: nn.Module | None, count: int) -> Iterator[None]:
    """While this lasts, the pooler reads the states after the first `count` alone."""

    def leave_out(module: nn.Module, args: tuple) -> tuple:
        if isinstance(module, MaskedLayer):
            module.drop_first(count)
        return (args[0][:, count:], *args[1:])

    # First, so that all that looks at what enters the pooler sees the states of the text.
    hook = pooler and pooler.register_forward_pre_hook(leave_out, prepend=True)
    try:
        yield
    finally:
        if hook:
            hook.remove()
