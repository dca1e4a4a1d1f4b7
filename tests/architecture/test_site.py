"""The site: its sidebar and llms.txt follow docs/index.md, and its search knows every plugin."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from graft.base import plugins

ROOT = Path(__file__).resolve().parents[2]
NOT_PAGES = {"docs/index.md"}


@pytest.fixture(scope="module")
def index() -> ModuleType:
    """docs/site_index.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location(
        "docs_site_index", ROOT / "docs" / "site_index.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks its module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning of Sphinx, such as a dead link, fails the build."""
    pytest.importorskip("sphinx", reason="the site needs: pip install -e '.[docs]'")
    out = tmp_path_factory.mktemp("site")
    words = ["-E", "-W", "-q", "-d", str(out / "doctrees"), "-c", "docs", ".", str(out / "html")]
    command = [sys.executable, "-m", "sphinx", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_the_index_lists_every_page_once(index: ModuleType) -> None:
    listed = [page.path for pages in index.sections().values() for page in pages]
    folders = (
        *("*.md", "docs/**/*.md", "skills/**/*.md"),
        *("benchmarks/*.md", "notebooks/*.md", "notebooks/*.ipynb"),
    )
    pages = {path.relative_to(ROOT).as_posix() for glob in folders for path in ROOT.glob(glob)}
    assert sorted(listed) == sorted(pages - NOT_PAGES)


def test_llms_txt_names_every_section_and_links_every_page(index: ModuleType) -> None:
    text = index.llms()
    assert text.startswith("# Graft\n\n> Transfer learning with evidence.")
    for heading, pages in index.sections().items():
        assert f"\n## {heading}\n" in text
        for page in pages:
            assert f"- [{page.title}](_sources/{page.path}.txt): {page.content}\n" in text


@pytest.mark.slow
def test_every_plugin_is_a_title_that_the_search_finds(site: Path) -> None:
    script = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", script, re.DOTALL)[1])
    for axis in plugins.AXES:
        for name in plugins.names(axis):
            assert name in index["alltitles"], f"{axis} {name}"


@pytest.mark.slow
def test_the_first_page_leads_to_the_index_and_llms_txt_to_pages(site: Path) -> None:
    target = re.search(r"url=([\w/.]+)", (site / "index.html").read_text(encoding="utf-8"))[1]
    assert (site / target).is_file()
    links = re.findall(r"\]\(([^)]+)\)", (site / "llms.txt").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (site / link).is_file()] == []
    assert "# Choosing a technique" in (site / "llms-full.txt").read_text(encoding="utf-8")
