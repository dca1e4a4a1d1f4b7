"""SKILL.md: how a program uses Graft, made from the help of the command line.

The form is that of agent skills (agentskills.io): a folder with the name of the skill, in it a file
whose front matter says when to read it.
"""

from __future__ import annotations

from typing import Any

import typer

from graft.cli.examples import EXAMPLES
from graft.cli.main import app

PATH = "skills/graft/SKILL.md"
HEAD = """---
name: graft
description: >-
  Adapt a pretrained network to a user's own images, texts, sounds, boxes, masks, tags, questions or
  numbers (transfer learning, fine-tuning, feature extraction, LoRA) with the command `graft`, and
  judge with evidence whether the transfer helped. Use it to check a data set, to compare techniques
  with a from-scratch control and baselines, to train, evaluate and predict, and to embed or
  generate texts.
---

# Graft

Written by `make docs` from the help of the command line.

## In order

1. `graft check DATA --json`: what the data are, and what is wrong with them. If it exits with 1,
   mend the errors first.
2. `graft compare DATA --dry-run --json`: how long a comparison takes here, and what shortens it.
3. `graft compare DATA --json -q`: techniques, control, baselines, and a verdict in sentences.
   Report the verdict with its intervals, not the best number.
4. `graft fit DATA -t TECHNIQUE --out RUN --json -q`: one model. `graft predict RUN INPUT... --json`
   uses it, `graft evaluate RUN DATA --json` measures it on other data.
5. `graft list techniques` and `graft info NAME` explain every name and parameter, with an example.

Each step works without a network once `graft pull` has fetched the built-in backbones.

## Answers

With `--json`, stdout holds one JSON value and nothing else; progress goes to stderr, and `-q`
silences it. `docs/schemas/` has a JSON Schema for each verb.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | done, with bad news: an error in the data, no transfer run finished, something to fix |
| 2 | refused: stdout holds `{"error": {"kind": ..., "message": ..., "fix": ...}}` |
| 130 | stopped by Ctrl-C: `graft resume RUN` goes on, and `graft compare` with the same words |

`kind` is `unknown-name`, `bad-value`, `data-error`, `backbone-error`, `folder-error`,
`missing-extra`, `error`, or `usage` for words that the command line does not know. `fix` is the
part of the message that says what to do or what is allowed; null where the message has none.

## Commands
"""


def skill() -> str:
    """Return SKILL.md: how to go about it, then each verb with its arguments and options."""
    verbs = typer.main.get_command(app).commands
    parts = [part for name, verb in verbs.items() for part in _verb(name, verb)]
    return "\n".join([HEAD, *parts]).rstrip() + "\n"


def _verb(name: str, verb: Any) -> list[str]:
    """A heading, the sentence of the verb, its arguments and options, and its examples."""
    listed = [parameter for parameter in verb.params if parameter.name != "help"]
    return [
        f"### graft {name}",
        "",
        verb.help,
        "",
        *(f"- {_word(parameter)}: {parameter.help}" for parameter in listed),
        "",
        "```",
        *EXAMPLES[name],
        "```",
        "",
    ]


def _word(parameter: Any) -> str:
    """How a parameter is written: `DATA`, `--task TASK`, `--header` / `--no-header`."""
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    if parameter.is_flag:
        return " / ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    value = parameter.metavar or parameter.name.upper()
    return ", ".join(f"`{name} {value}`" for name in parameter.opts)
