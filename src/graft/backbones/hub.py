"""Ask the model hub only if it answers: without a network, missing weights fail at once."""

from __future__ import annotations

import functools
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graft.base import plugins
from graft.base.errors import BackboneError

SECONDS_TO_ANSWER = 5


@contextmanager
def hub(spec: str, reads: str | None = None) -> Iterator[None]:
    """Load `spec` from the Hugging Face hub or its cache; raises BackboneError if neither has it.

    `reads` is what the network reads, if it can be built without the hub. The hub's own client
    tries an unreachable host for minutes, so it is in its offline mode meanwhile.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not answers(constants.ENDPOINT)
    try:
        yield
    except OSError as error:  # a missing repository, file or network
        raise unreachable(
            spec, constants.ENDPOINT, error, offline=constants.HF_HUB_OFFLINE, reads=reads
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = before


@functools.cache
def answers(address: str) -> bool:
    """Does the host answer at all, with whatever status? Asked once a process."""
    try:
        urllib.request.urlopen(
            urllib.request.Request(address, method="HEAD"), timeout=SECONDS_TO_ANSWER
        ).close()
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, TimeoutError) as error:
        return isinstance(getattr(error, "reason", error), ssl.SSLError)
    return True


def unreachable(
    spec: str,
    address: str,
    error: OSError,
    offline: bool,
    file: Path | None = None,
    reads: str | None = None,
) -> BackboneError:
    """The error for weights that only a host has, with what works without it.

    `file` is where they are looked for before the host is asked, if that is one file. `reads` is
    what the network reads, if it can be built without the host.
    """
    built_in = ", ".join(
        name
        for name in plugins.names("backbone")
        if reads in (None, plugins.load("backbone", name).reads)
    )
    ways = [f"a built-in backbone ({built_in}; fetched with pip)", "a folder: 'local:FOLDER'"]
    if file:
        ways.append(f"a copy of their file, which is looked for at {file}")
    if reads:
        ways.append("random weights: -t from-scratch")
    why = (
        f"{address} cannot be reached from here"
        if offline
        else (str(error).strip().splitlines() or [repr(error)])[0]
    )
    return BackboneError(
        f"The weights of {spec!r} are not on this machine, and {why}. "
        f"Use {'; '.join(ways[:-1])}; or {ways[-1]}."
    )
