"""Special tokens that occur in a user's text, such as `[SEP]` or `</s>`, are read as plain text."""

from __future__ import annotations

import re
from typing import Any

BREAK = "\ue000"
"""A character of no meaning (of Unicode's private use), which keeps what a user wrote apart from
what a template writes."""


def read_as_text(tokenizer: Any) -> None:
    """Make the tokenizer read special tokens in a text as plain text from now on.

    `tokenizer(..., split_special_tokens=False)`
    reads them still.

    Some vocabularies hold them among ordinary pieces (Unigram: T5, XLM-R). Before these the text is
    split behind their first character, so that no piece is as long as they are.
    """
    tokenizer.split_special_tokens = True
    pieces = [
        token
        for token in special_tokens(tokenizer)
        if tokenizer.is_fast and _is_a_piece(token, tokenizer)
    ]
    if pieces:
        from tokenizers import Regex
        from tokenizers.pre_tokenizers import Sequence, Split

        inside = "|".join(
            f"(?<={re.escape(token[0])})(?={re.escape(token[1:])})" for token in pieces
        )
        backend = tokenizer.backend_tokenizer
        earlier = [] if backend.pre_tokenizer is None else [backend.pre_tokenizer]
        backend.pre_tokenizer = Sequence([*earlier, Split(Regex(inside), "isolated")])


def save_setting(tokenizer: Any) -> None:
    """Make `save_pretrained` store that special tokens are read as text, for transformers too.

    Not where there is a chat template: transformers tokenizes messages after they are rendered,
    special tokens included.
    """
    if tokenizer.chat_template is None:
        tokenizer.init_kwargs["split_special_tokens"] = True
    else:
        tokenizer.init_kwargs.pop("split_special_tokens", None)


def special_tokens(tokenizer: Any) -> list[str]:
    """All of them, longer ones first."""
    names = {
        *tokenizer.all_special_tokens,
        *(str(token) for token in tokenizer.added_tokens_decoder.values() if token.special),
    }
    return sorted(names, key=lambda token: (-len(token), token))


def chat_tokens(messages: list[dict[str, str]], tokenizer: Any) -> list[int]:
    """The tokens of messages rendered by the tokenizer's chat template.

    Its special tokens are special, those in a message are text.
    """
    special = re.compile("|".join(map(re.escape, special_tokens(tokenizer))))

    def break_up(content: str) -> str:
        return special.sub(
            lambda match: match[0][0] + BREAK + match[0][1:], content.replace(BREAK, "")
        )

    apart = [{**message, "content": break_up(message["content"])} for message in messages]
    text = tokenizer.apply_chat_template(apart, tokenize=False, add_generation_prompt=True)
    pieces = re.split(f"({special.pattern})", text) if BREAK in text else [text]
    spelled = [piece.replace(BREAK, "") for piece in pieces]
    encoded = [
        tokenizer(
            piece, add_special_tokens=False, split_special_tokens=piece != before, verbose=False
        )["input_ids"]
        for piece, before in zip(spelled, pieces, strict=True)
    ]
    return [token for ids in encoded for token in ids]


def _is_a_piece(token: str, tokenizer: Any) -> bool:
    """Whether the model of the tokenizer has the special token as one piece of a text."""
    encoded = tokenizer(token, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    pieces = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    special_id = tokenizer.convert_tokens_to_ids(token)
    return len(token) > 1 and any(
        piece == special_id and end - start == len(token) for piece, (start, end) in pieces
    )
