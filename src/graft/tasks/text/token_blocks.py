"""A text as the tokens that a causal network reads: what begins it, and blocks of a long one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.backbones.language.special_tokens import chat_tokens
from graft.backbones.preprocess.preprocess import TextPreprocess
from graft.base.errors import DataError
from graft.base.records import Sample

Prompt = str | Sequence[dict[str, str]]
"""A text, or messages with `role` and `content`."""


def first_token(tokenizer: Any) -> list[int]:
    """Return the token before a text, so that its first token is predicted too.

    It is the start token, else the end token.
    """
    token = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return [] if token is None else [token]


def prompt_tokens(prompt: Prompt, separator: str, tokenizer: Any) -> list[int]:
    """Return the tokens of a prompt and of the separator before its completion.

    Messages are rendered by the tokenizer's chat template up to where the assistant speaks; where
    it has none, each is its role, a colon and its content on lines of their own, and a blank line.
    """
    if isinstance(prompt, str):
        return [*first_token(tokenizer), *tokens(prompt + separator, tokenizer)]
    if tokenizer.chat_template is None:
        messages = "".join(f"{message['role']}:\n{message['content']}\n\n" for message in prompt)
        return [*first_token(tokenizer), *tokens(f"{messages}assistant:\n", tokenizer)]
    ids = chat_tokens(list(prompt), tokenizer)
    first = first_token(tokenizer)
    return ids if ids[:1] == first else [*first, *ids]


def tokens(text: str, tokenizer: Any) -> list[int]:
    """The tokens of a text alone, without marks of its beginning and end."""
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def split_tokens(
    sample: Sample, separator: str, preprocess: TextPreprocess
) -> tuple[list[int], int]:
    """Return all tokens of a sample, and how many of them are only read and not predicted.

    A completion ends with the token for an end; a passage does not. Raises DataError for a prompt
    that leaves no room, and for an empty one that no token begins.
    """
    tokenizer = preprocess.tokenizer
    if "passage" in sample.roles:
        read = first_token(tokenizer)
        return [*read, *tokens(sample.roles["passage"], tokenizer)], max(len(read), 1)
    read = prompt_tokens(sample.roles["prompt"], separator, tokenizer)
    if not read:
        raise DataError(
            f"{sample.id}: the prompt is empty, and the tokenizer "
            "has no token to begin with. Give it a word."
        )
    if len(read) > preprocess.max_length:
        raise DataError(
            f"{sample.id}: the prompt has {len(read):,} tokens, and "
            f"{preprocess.max_length:,} are read at once. Shorten it; it "
            "is not cut, since what is asked may stand anywhere in it."
        )
    if sample.roles.get("completion") is None:
        return read, len(read)
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    return [*read, *tokens(sample.roles["completion"], tokenizer), *end], len(read)


def blocks(ids: Sequence[int], read: int, most: int) -> list[tuple[NDArray, int]]:
    """Cut blocks of up to `most` + 1 tokens; return how many at the start of each are only read.

    Each token from number `read` on is predicted in exactly one block. A block after the first
    begins with the last quarter of the one before it.
    """
    array = np.array(ids, dtype=np.int64)
    blocks = [(array[: most + 1], min(read, most + 1))]
    done = most + 1
    while done < len(array):
        start = done - 1 - most // 4
        blocks.append((array[start : start + most + 1], done - start))
        done = start + most + 1
    return blocks
