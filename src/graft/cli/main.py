"""`graft`: the verbs, their help, and what happens when one of them fails.

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

from graft.base import files
from graft.base.errors import GraftError
from graft.cli import adapt, cache, catalog, demo, machine, train, use
from graft.cli.examples import EXAMPLES, START
from graft.cli.options import refuse_empty

UsageError = typer.BadParameter.__base__
"""Words that the command line does not know; typer has no public name for this class of click's."""
AS_JSON = "graft.as_json"
"""The entry of the context that says whether the answer is to be JSON."""


class Verbs(TyperGroup):
    """Turns an error that the user can fix into its message and exit code 2, Ctrl-C into 130.

    With `--json` the error is an object on stdout, as every answer is.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Accept `--debug` anywhere on the line."""
        words = args[: args.index("--")] if "--" in args else args
        ctx.meta[AS_JSON] = "--json" in words
        debug = ["--debug"] if "--debug" in args else []
        try:
            return super().parse_args(ctx, debug + [a for a in args if a != "--debug"])
        except UsageError as error:
            error = self._explain_place(error)
            if not ctx.meta[AS_JSON]:
                raise error from None
            raise answer_usage(error) from error

    def _explain_place(self, error: UsageError) -> UsageError:
        """Return the error for an option of the verbs that stands before the verb; else `error`."""
        option = getattr(error, "option_name", None)
        verbs = [verb for verb in self.commands.values() for p in verb.params if option in p.opts]
        if not verbs:
            return error
        return UsageError(
            f"{option} is an option of a verb. Write it behind the verb: graft VERB {option}.",
            error.ctx,
        )

    def invoke(self, ctx: Any) -> Any:
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
            return answer
        except BrokenPipeError as closed:  # by `| head`, before or after the last line
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from closed
        except GraftError as error:
            if ctx.params["debug"]:
                raise
            if ctx.meta[AS_JSON]:
                answer_error(error.kind, str(error), error.fix)
            else:
                typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(2) from error
        except UsageError as error:
            if not ctx.meta[AS_JSON]:
                raise
            raise answer_usage(error) from error
        except KeyboardInterrupt as stop:
            typer.echo("\nStopped.", err=True)
            raise typer.Exit(130) from stop

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        write_examples(formatter, START)


def answer_usage(error: UsageError) -> typer.Exit:
    """Write an unknown verb or option to stdout as JSON; return the exit to raise.

    The fix begins with what the message says to do, as for an option in the wrong place.
    """
    verb = f" {error.ctx.info_name}" if error.ctx and error.ctx.parent else ""
    message = error.format_message()
    fix = GraftError(message).fix
    answer_error("usage", message, f"{fix} " * bool(fix) + f"See: graft{verb} --help")
    return typer.Exit(error.exit_code)


def answer_error(kind: str, message: str, fix: str | None) -> None:
    """Write an error to stdout as JSON; docs/schemas/error.schema.json describes it."""
    error = {"kind": kind, "message": message, "fix": fix}
    typer.echo(files.json_text({"error": error}, indent=2))


class Verb(TyperCommand):
    """Refuses empty options and arguments; its help has groups of options, and examples."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            refuse_empty(parameter.opts[0], parameter.name, ctx.params.get(parameter.name))
        return rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                groups.setdefault(_group(parameter), []).append(record)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        write_examples(formatter, EXAMPLES[self.name])


def _group(parameter: Any) -> str:
    """Return the heading under which the help lists a parameter."""
    if parameter.param_type_name == "argument":
        return "Arguments"
    return getattr(parameter, "rich_help_panel", None) or "Help"


def write_examples(formatter: Any, examples: tuple[str, ...]) -> None:
    """Write examples line by line, since wrapped lines could not be copied."""
    with formatter.section("Examples"):
        for example in examples:
            formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


class Echo(logging.Handler):
    """Writes log messages, such as files that were left out, to stderr."""

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
    """Transfer learning with evidence: adapt a pretrained model, and see whether that helped."""
    logging.getLogger("graft").handlers = [Echo()]


for verb in (
    demo.demo,
    train.check,
    train.fit,
    train.compare,
    adapt.adapt,
    train.resume,
    use.evaluate,
    use.predict,
    use.embed,
    use.generate,
    use.report,
    catalog.list_,
    catalog.info,
    machine.pull,
    cache.cache,
    machine.doctor,
):
    sentence = verb.__doc__.partition("\n")[0]
    app.command(verb.__name__.rstrip("_"), cls=Verb, help=sentence, short_help=sentence)(verb)


def main() -> None:
    """Run the `graft` command."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for stream in (sys.stdout, sys.stderr):  # a console may lack a character of a text or a table
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="graft")
