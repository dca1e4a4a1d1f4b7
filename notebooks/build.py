"""Make the notebooks of the course from their percent scripts, and execute them.

    python notebooks/build.py [CHAPTER ...]    # all chapters, or these: 1 09
    python notebooks/build.py --stale          # only those whose script has changed; where that is
                                               # its prose alone, the outputs are kept

A chapter is executed in an empty folder, so that nothing is measured on the runs of an earlier
time. GRAFT_DATA names the folder of the larger data, if there is one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
CHAPTERS = tuple(sorted(HERE.glob("[0-9][0-9]_*.py")))
LARGEST = 400_000
"""Bytes of a notebook with its outputs: larger ones are slow to open, and swell the repository."""
SLOWEST = 600
"""Seconds of a cell before its chapter fails: a chapter takes minutes, on a busy machine more."""


def read_script(path: Path) -> NotebookNode:
    """Return the percent script as a notebook without outputs; its cells have stable names."""
    notebook = jupytext.read(path)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", nbformat.from_dict({})
    return notebook


def sources(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Return the kind and the text of each cell."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def is_stale(script: Path) -> bool:
    """Whether the notebook is missing, or its cells are not those of the script."""
    path = script.with_suffix(".ipynb")
    if not path.exists():
        return True
    return sources(nbformat.read(path, as_version=4)) != sources(read_script(script))


def keep_outputs(script: Path) -> NotebookNode | None:
    """Return the notebook with the new prose and its outputs; None if any code has changed."""
    path = script.with_suffix(".ipynb")
    if not path.exists():
        return None
    new, old = read_script(script), nbformat.read(path, as_version=4)
    executed = [cell for cell in old.cells if cell.cell_type == "code"]
    cells = [cell for cell in new.cells if cell.cell_type == "code"]
    if [cell.source for cell in cells] != [cell.source for cell in executed]:
        return None
    for cell, before in zip(cells, executed, strict=True):
        cell.outputs, cell.execution_count = before.outputs, before.execution_count
    return new


def execute(script: Path) -> NotebookNode:
    """Return the notebook of a script with the outputs of its cells; raises CellExecutionError."""
    notebook = read_script(script)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=SLOWEST,
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        client.execute(env={**os.environ, **_environment()})
    notebook.metadata = read_script(script).metadata  # without the versions of this machine
    return notebook


def _environment() -> dict[str, str]:
    """The variables of a kernel: it finds course_data.py, and data wherever it runs."""
    paths = [str(HERE), os.environ.get("PYTHONPATH", "")]
    variables = {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    if "GRAFT_DATA" in os.environ:
        variables["GRAFT_DATA"] = str(Path(os.environ["GRAFT_DATA"]).resolve())
    return variables


def choose(asked: Sequence[str]) -> list[Path]:
    """Return the scripts of these chapters, all if none is asked for; raises ValueError."""
    chosen: list[Path] = []
    for name in asked:
        begins = name.zfill(2) if name.isdigit() else Path(name).name
        scripts = [script for script in CHAPTERS if script.name.startswith(begins)]
        if not scripts:
            known = ", ".join(script.stem for script in CHAPTERS)
            raise ValueError(f"There is no chapter {name!r}. Choose among {known}.")
        chosen += scripts
    return chosen or list(CHAPTERS)


def check_data() -> None:
    """Raise ValueError if GRAFT_DATA is no folder: the outputs would be those of toy data."""
    folder = os.environ.get("GRAFT_DATA")
    if folder is not None and not Path(folder).is_dir():
        raise ValueError(
            f"GRAFT_DATA is {folder!r}, which is no folder. Set it to the folder of the larger "
            "data, or unset it to run on small ones."
        )


def main() -> int:
    """Execute the chapters that were asked for; return 1 if a notebook is too large."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("chapters", nargs="*", help="numbers, or how names begin: 1 09 11_you")
    parser.add_argument("--stale", action="store_true", help="only those whose script has changed")
    asked = parser.parse_args()
    try:
        check_data()
        chosen = [path for path in choose(asked.chapters) if not asked.stale or is_stale(path)]
    except ValueError as error:
        parser.error(str(error))
    too_large = False
    for script in chosen:
        started = time.monotonic()
        kept = keep_outputs(script) if asked.stale else None
        text = nbformat.writes(kept or execute(script)) + "\n"
        size = len(text.encode())
        script.with_suffix(".ipynb").write_text(text, encoding="utf-8")
        print(f"{script.stem}: {time.monotonic() - started:.0f} s, {size / 1000:.0f} kB")
        too_large = too_large or size > LARGEST
    return int(too_large)


if __name__ == "__main__":
    sys.exit(main())
