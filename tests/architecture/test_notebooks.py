"""The course: each notebook is made from its script, small, without a path, and in the index."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from tests.course import CHAPTERS, NOTEBOOKS, load

INDEX = (NOTEBOOKS / "README.md").read_text(encoding="utf-8")


def outputs(path: Path) -> list[dict]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [output for cell in cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda path: path.stem)
def test_a_notebook_is_made_from_its_script(script: Path) -> None:
    assert not load("build").is_stale(script), f"run python notebooks/build.py {script.stem}"


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda path: path.stem)
def test_a_notebook_has_outputs_without_an_error(script: Path) -> None:
    kinds = [output["output_type"] for output in outputs(script.with_suffix(".ipynb"))]
    assert kinds
    assert "error" not in kinds


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_names_no_folder_of_a_machine(script: Path) -> None:
    text = script.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert len(text.encode()) <= load("build").LARGEST
    assert re.findall(r"/(?:home|root|tmp|work|Users|private|opt)/[\w./-]*", text) == []


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_an_exercise_with_a_solution_at_its_end(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert 0 < text.rindex("## Exercise") < text.rindex("**Solution.**")
    assert text.rindex("# %%") > text.rindex("**Solution.**"), "the solution has no code"


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_python_that_imports_graft(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names = {alias.name for node in imports for alias in node.names}
    assert {"course_data", "graft"} <= names


def test_the_index_lists_every_chapter_in_order() -> None:
    listed = re.findall(r"\| \[(\d+)\. [^\]]+\]\(([\w.]+)\) \|", INDEX)
    assert [name for _, name in listed] == [f"{script.stem}.ipynb" for script in CHAPTERS]
    assert all(name.startswith(f"{int(number):02}_") for number, name in listed)


def test_the_site_lists_the_same_chapters() -> None:
    site = (NOTEBOOKS.parent / "docs" / "index.md").read_text(encoding="utf-8")
    titles = re.compile(r"\| \[(\d+\. [^\]]+)\]\([^)]*\.ipynb\)")
    assert titles.findall(site) == titles.findall(INDEX)


@pytest.mark.parametrize("asked", ["1", "01", "01_what", "notebooks/01_what_transfer_is.py"])
def test_a_chapter_is_chosen_by_its_number_or_name(asked: str) -> None:
    assert [path.stem for path in load("build").choose([asked])] == ["01_what_transfer_is"]


@pytest.mark.parametrize("asked", ["99", "chapter1", "0"])
def test_an_unknown_chapter_is_refused_with_those_that_there_are(asked: str) -> None:
    with pytest.raises(ValueError, match=f"no chapter '{asked}'.*01_what_transfer_is"):
        load("build").choose([asked])


def test_a_folder_of_data_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_DATA", "nowhere")
    with pytest.raises(ValueError, match="GRAFT_DATA is 'nowhere', which is no folder"):
        load("build").check_data()
