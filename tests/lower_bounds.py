"""Print the lower bound of each package of pyproject.toml, for `make test-lowest`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def lower_bounds(pyproject: Path) -> list[str]:
    """Return `name==version` for each dependency and each tool that the tests need."""
    project = tomllib.loads(pyproject.read_text())["project"]
    requirements = project["dependencies"] + project["optional-dependencies"]["dev"]
    return [requirement.replace(">=", "==") for requirement in requirements]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lower_bounds(Path(__file__).parents[1] / "pyproject.toml")) + "\n")
