"""`graft`: the verbs, and what happens when one of them fails.

Nothing heavy is imported before a verb runs.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from graft.base.errors import GraftError
from graft.cli import cache, catalogue, demo, machine, train, use
from graft.cli.options import refuse_empty


class Verbs(TyperGroup):
    """Answers an error that the user can fix with its message and exit code 2, Ctrl-C with 130."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Accept `--debug` anywhere on the line."""
        debug = ["--debug"] if "--debug" in args else []
        return super().parse_args(ctx, debug + [a for a in args if a != "--debug"])

    def invoke(self, ctx: Any) -> Any:
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
            return answer
        except BrokenPipeError as closed:  # by `| head`, whether or not all had been written
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from closed
        except GraftError as error:
            if ctx.params["debug"]:
                raise
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt as stop:
            typer.echo("\nStopped.", err=True)
            raise typer.Exit(130) from stop


class Verb(TyperCommand):
    """Refuses options and arguments that are empty."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            refuse_empty(parameter.opts[0], parameter.name, ctx.params.get(parameter.name))
        return rest


class Echo(logging.Handler):
    """Shows what the library logs, such as files that were left out, on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(record.getMessage(), err=True)


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        typer.echo(metadata.version("graft-learn"))
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Transfer learning with evidence: adapt a pretrained model, and see whether that helped.

    Start with: graft demo, or graft check DATA, then graft compare DATA.
    """
    logging.getLogger("graft").handlers = [Echo()]


for verb in (
    demo.demo,
    train.check,
    train.fit,
    train.compare,
    train.resume,
    use.evaluate,
    use.predict,
    use.embed,
    use.generate,
    use.report,
    catalogue.list_,
    catalogue.info,
    machine.pull,
    cache.cache,
    machine.doctor,
):
    app.command(verb.__name__.rstrip("_"), cls=Verb)(verb)


def main() -> None:
    """The entry point of the `graft` command."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for stream in (sys.stdout, sys.stderr):  # a console may lack a sign that a text or a table has
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="graft")
