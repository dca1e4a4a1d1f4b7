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
    """What stands before a text, so that its first token is predicted too.

    It is the token for a beginning, else that for an end.
    """
    found = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return [] if found is None else [found]


def prompt_tokens(prompt: Prompt, separator: str, tokenizer: Any) -> list[int]:
    """The tokens of a prompt and what separates it from its completion.

    Messages are rendered by the tokenizer's chat template up to where the assistant speaks; where
    it has none, each is its role, a colon and its content on lines of their own, and a blank line.
    """
    if isinstance(prompt, str):
        return [*first_token(tokenizer), *tokens(prompt + separator, tokenizer)]
    if tokenizer.chat_template is None:
        said = "".join(f"{message['role']}:\n{message['content']}\n\n" for message in prompt)
        return [*first_token(tokenizer), *tokens(f"{said}assistant:\n", tokenizer)]
    found = chat_tokens(list(prompt), tokenizer)
    first = first_token(tokenizer)
    return found if found[:1] == first else [*first, *found]


def tokens(text: str, tokenizer: Any) -> list[int]:
    """The tokens of a text alone, without marks of its beginning and end."""
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def of_sample(sample: Sample, separator: str, preprocess: TextPreprocess) -> tuple[list[int], int]:
    """All tokens of a sample, and how many of them are only read; those after are predicted.

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
            f"{sample.id}: the prompt is empty, and the tokenizer has no token to begin with. Give "
            "it a word."
        )
    if len(read) > preprocess.max_length:
        raise DataError(
            f"{sample.id}: the prompt has {len(read):,} tokens, and {preprocess.max_length:,} are "
            "read at once. Shorten it; "
            "it is not cut, since what is asked may stand anywhere in it."
        )
    if sample.roles.get("completion") is None:
        return read, len(read)
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    return [*read, *tokens(sample.roles["completion"], tokenizer), *end], len(read)


def blocks(ids: Sequence[int], read: int, most: int) -> list[tuple[NDArray, int]]:
    """Blocks of up to `most` + 1 tokens, and how many at the start of each are only read.

    Each token from number `read` on is predicted in exactly one block. A block after the first
    begins with the last quarter of the one before it.
    """
    array = np.array(ids, dtype=np.int64)
    found = [(array[: most + 1], min(read, most + 1))]
    done = most + 1
    while done < len(array):
        start = done - 1 - most // 4
        found.append((array[start : start + most + 1], done - start))
        done = start + most + 1
    return found
