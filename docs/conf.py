"""Sphinx's settings: `make docs` builds the site from the Markdown and the notebooks as they are.

The root of the repository is the source folder, so that a link between two pages leads to the same
page on the site and in the repository.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "Graft"
copyright = "the authors of Graft, Apache-2.0"
release = version = metadata.version("graft-learn")

root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/**.md",
    "benchmarks/*.md",
    "notebooks/*.md",
    "notebooks/*.ipynb",
    "skills/**.md",
]
exclude_patterns = [".*", "build", "dist", "docs/_build", "runs", "src", "tests"]
"""Sphinx walks through every folder that is not excluded, an environment as well."""

extensions = ["myst_nb", "site_index"]
myst_heading_anchors = 4
nb_execution_mode = "off"
nb_merge_streams = True
nitpicky = True
smartquotes = False
"""Else the options of a command that stand in a text have one dash instead of two."""
highlight_language = "text"
"""What fenced blocks without a language are: most show a terminal."""

html_theme = "furo"
html_title = f"Graft {release}"
html_static_path = ["static"]
html_css_files = ["graft.css"]
