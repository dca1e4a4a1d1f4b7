"""Prompts and their completions: texts, or a conversation and the assistant's next message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from graft.base.records import Sample
from graft.data.checks.finding import Finding
from graft.data.checks.texts import character_counts, text_findings
from graft.data.data import Data
from graft.data.kinds.kind import Kind, make_splits
from graft.data.tables.cells import are_lists, are_texts, are_words, as_list, as_text
from graft.data.tables.columns import Columns, Fit, Match
from graft.data.tables.rows import Rows

_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
}
"""The names of roles in messages with `from` and `value` -> their usual names."""


class Completions(Kind):
    """A `prompt`, a text or a tuple of messages with `role` and `content`, and its `completion`."""

    inputs: ClassVar = (frozenset({"prompt"}),)
    target: ClassVar = "completion"
    columns: ClassVar = {
        "prompt": ("prompt", "instruction"),
        "input": ("input",),
        "completion": ("completion", "output", "response"),
        "messages": ("messages", "conversations", "conversation", "dialog", "dialogue"),
    }
    texts: ClassVar = {"prompt": "Prompts", "completion": "Completions"}
    shared: ClassVar = ("prompt",)
    blanks: ClassVar = ({"prompt": ""}, {"completion": ""}, {"prompt": "", "completion": ""})

    def match(self, columns: Columns) -> Match | None:
        needed = ["prompt", "completion"] if columns.needs_target else ["prompt"]
        messages = columns.match(
            self.columns, {"messages": _are_conversations}, ["messages"], Fit.OWN_NAMES
        )
        if messages and not {"prompt", "completion"} & set(columns.asked):
            return messages
        fits = {"prompt": are_words, "completion": are_texts}
        match = columns.match(self.columns, fits, needed, Fit.OWN_NAMES)
        prompt = match.columns["prompt"][0] if match else ""
        inputs = columns.one("input", self.columns, are_words)
        is_instruction = "prompt" not in columns.asked and prompt.lower() == "instruction"
        if not match or not inputs or not (is_instruction or "input" in columns.asked):
            return match
        note = (
            f"The columns {prompt!r} and {inputs[0]!r} are joined into the prompt; for one alone: "
            f"--columns prompt={prompt}."
        )
        return replace(match, columns={**match.columns, "input": inputs}, notes=[note])

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        return [
            _read_messages(rows) if rows.columns.get("messages") else _read_texts(rows)
            for rows in tables
        ]

    def row(self, sample: Sample) -> dict[str, Any]:
        """A conversation as a list of messages, the completion being the last."""
        prompt, completion = sample.roles["prompt"], sample.roles.get("completion")
        if isinstance(prompt, str):
            return dict(sample.roles)
        rest = {
            role: value
            for role, value in sample.roles.items()
            if role not in ("prompt", "completion")
        }
        last = [] if completion is None else [{"role": "assistant", "content": completion}]
        return {**rest, "messages": [*prompt, *last]}

    def _texts(self, sample: Sample) -> list[str]:
        return list(map(prompt_text, super()._texts(sample)))

    def findings(self, data: Data) -> list[Finding]:
        counts = character_counts(data, "prompts with completions", "completion")
        return [counts, *text_findings(data, self.texts, read=prompt_text)]

    def tiny(self) -> dict[str, Data]:
        system = {"role": "system", "content": "Be brief."}

        def pair(split: str, i: int) -> dict[str, Any]:
            return {"prompt": f"Say {split} {i}:\n", "completion": f' "{i}"\u2028 ök'}

        def chat(split: str, i: int) -> dict[str, Any]:
            return {
                "prompt": (system, {"role": "user", "content": f"{split} {i}?"}),
                "completion": f"Já {i}.",
            }

        made = {"prompts": pair, "messages": chat}
        return {
            name: Data(make_splits(make, 4, ["train", "test"]), kind=self.name)
            for name, make in made.items()
        }


def prompt_text(prompt: str | Sequence[dict[str, str]]) -> str:
    """A prompt in words: itself, or what each of its messages says."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(f"{message['role']}: {message['content']}" for message in prompt)


def _read_texts(rows: Rows) -> list[dict[str, Any]]:
    rows.require(["prompt", "completion"] if rows.needs_target else ["prompt"])
    prompts = rows.texts("prompt")
    if rows.has("input"):
        pairs = zip(prompts, map(as_text, rows.column("input")), strict=True)
        prompts = [
            f"{prompt}\n\n{text}" if text and text.strip() else prompt for prompt, text in pairs
        ]
    pairs = zip(prompts, rows.texts("completion"), strict=True)
    return [{"prompt": prompt, "completion": completion} for prompt, completion in pairs]


def _message(value: Any) -> Any:
    """A message by `role` and `content`, made of `from` and `value` too; else the value itself."""
    if not isinstance(value, dict) or "from" not in value:
        return value
    return {"role": _ROLES.get(value["from"], value["from"]), "content": value.get("value")}


def _read_messages(rows: Rows) -> list[dict[str, Any]]:
    """Read messages: the last is the completion if it is by the assistant, the rest the prompt."""
    rows.require(["messages"])
    conversations = [list(map(_message, as_list(value) or [])) for value in rows.column("messages")]
    advice = "Only texts are learned: remove it, or write the call as a text."
    missing = map(_missing_text, conversations)
    rows.refuse(missing, "have a message without a text as content", advice)
    advice = 'Write them so: [{"role": "user", "content": "Hello"}, ...].'
    others = (not messages or not all(map(_is_message, messages)) for messages in conversations)
    rows.refuse(others, "have no list of messages", advice)
    authors = [messages[-1]["role"] for messages in conversations]
    if rows.needs_target:
        advice = "That one is learned; remove what comes after it."
        others = (role != "assistant" and f"the last is of {role!r}" for role in authors)
        rows.refuse(others, "do not end with a message of the assistant", advice)
    pairs = list(zip(conversations, authors, strict=True))
    alone = (len(messages) < 2 and role == "assistant" for messages, role in pairs)
    rows.refuse(alone, "have no message before the assistant's", "Give what it answers to.")
    return [_roles(messages, role == "assistant") for messages, role in pairs]


def _roles(messages: list[dict[str, Any]], is_answered: bool) -> dict[str, Any]:
    """The prompt and, if the last message is the answer, the completion."""
    texts = [{"role": m["role"], "content": m["content"]} for m in messages]
    prompt = texts[:-1] if is_answered else texts
    completion = texts[-1]["content"] if is_answered else None
    return {"prompt": tuple(prompt), "completion": completion}


def _are_conversations(values: Sequence[Any]) -> bool:
    def is_message(value: Any) -> bool:
        return isinstance(value, dict) and bool({"role", "from"} & value.keys())

    return are_lists(values, is_message)


def _missing_text(messages: Sequence[Any]) -> str | None:
    """Return the first message with a role but no text, such as a tool call; None without one."""
    for number, message in enumerate(messages, start=1):
        has_role = isinstance(message, dict) and isinstance(message.get("role"), str)
        if has_role and message.get("content", "") is None:
            tool = " calls a tool" if message.get("tool_calls") else ""
            return f"message {number} of {message['role']!r}{tool}"
    return None


def _is_message(value: Any) -> bool:
    """Whether this is a message with a role and a text."""
    keys = ("role", "content")
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in keys)
