"""The pages: no broken links, a reference made from docstrings, a README whose commands exist."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import textwrap
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from typer.testing import CliRunner

import graft
from graft.base import plugins
from graft.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("**/*.md"))
VERBS = {command.name: command for command in app.registered_commands}


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """docs/build.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_link_leads_somewhere(build: ModuleType) -> None:
    assert build.broken_links() == []


def test_what_is_made_from_the_code_is_as_the_code_has_it(build: ModuleType) -> None:
    for path, write in build.WRITTEN.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        assert text == write(), f"{path} is old: run make docs"


def test_the_skill_has_the_front_matter_that_programs_look_for() -> None:
    path = ROOT / "skills" / "graft" / "SKILL.md"
    _, front, text = path.read_text(encoding="utf-8").split("---\n", 2)
    about = yaml.safe_load(front)
    assert about["name"] == path.parent.name
    assert set(about) == {"name", "description"}
    assert len(about["description"]) <= 1024
    assert re.findall(r"^### graft (\w+)$", text, re.MULTILINE) == list(VERBS)


def test_agents_md_is_short_and_names_targets_and_paths_that_exist() -> None:
    text = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 16
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{target}:" in makefile for target in re.findall(r"`make ([\w-]+)`", text))
    paths = re.findall(r"`((?:tests|docs|src|examples)/[\w./]*)`", text)
    assert [path for path in paths if not (ROOT / path.partition("PART")[0]).exists()] == []


def test_every_code_of_a_finding_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    sources = "".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "src" / "graft" / "data").rglob("*.py")
    )
    codes = set(re.findall(r'(?:Finding|_leak)\(\s*"([a-z-]+)"', sources))
    assert {"leak", "counts", "note"} <= codes
    assert {code for code in codes if f"`{code}`" not in page} == set()


def test_every_page_is_listed_in_the_index() -> None:
    docs = ROOT / "docs"
    index = (docs / "index.md").read_text(encoding="utf-8")
    pages = [
        page.relative_to(docs).as_posix()
        for page in docs.glob("**/*.md")
        if page.name != "index.md"
    ]
    assert [page for page in pages if f"({page})" not in index] == []


def test_every_task_has_its_page_with_an_example() -> None:
    for task in plugins.names("task"):
        page = (ROOT / "docs" / "tasks" / f"{task}.md").read_text(encoding="utf-8")
        assert "(../../examples/" in page, task


def test_every_page_names_verbs_that_exist() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        used = set(re.findall(r"(?:^|`|\$ |, then )graft ([a-z]+)\b", text, re.MULTILINE))
        assert used <= set(VERBS), f"{page.name}: {used - set(VERBS)}"


def test_every_verb_is_in_the_readme_or_its_help() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert all(verb in shown for verb in VERBS)
    verbs = [
        "adapt",
        "cache",
        "check",
        "compare",
        "demo",
        "doctor",
        "embed",
        "evaluate",
        "fit",
        "generate",
        "info",
        "list",
        "predict",
        "pull",
        "report",
        "resume",
    ]
    assert sorted(VERBS) == verbs


def test_the_python_of_every_page_is_python_and_its_names_exist() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^ *```python\n(.*?)```", text, re.DOTALL | re.MULTILINE):
            ast.parse(textwrap.dedent(block))
        called = set(re.findall(r"\bgraft\.([A-Za-z_]+)\(", text))
        assert called <= set(graft.__all__), f"{page.name}: {called - set(graft.__all__)}"


def test_techniques_that_pages_name_exist() -> None:
    page = (ROOT / "docs" / "techniques.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", page)) - set(VERBS)
    assert named
    assert named <= set(plugins.names("technique"))


@pytest.mark.parametrize("target", ["demo", "test", "test-slow", "lint", "docs", "bench"])
def test_make_knows_the_target(target: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_continuous_integration_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text(encoding="utf-8")
