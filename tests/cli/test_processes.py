"""What only a process shows: its imports, Ctrl-C, a full disk, and a study in a pool."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import write_photos

GRAFT = (sys.executable, "-m", "graft.cli")


def graft(*words: object, cwd: Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*GRAFT, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=300, **options
    )


def test_help_and_list_import_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom graft.cli.main import main\nsys.argv = ['graft', *{words}]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        "heavy = {{'torch', 'pandas', 'numpy', 'transformers', 'timm', 'sklearn', 'rich'}}\n"
        "loaded = sorted(heavy & set(sys.modules))\n"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    for words in (
        ["--help"],
        ["list", "techniques"],
        ["list"],
        ["list", "backbones"],
        ["info", "minilm-l6"],
        ["info", "lora"],
        ["info", "translation"],
        ["info", "object-detection"],
        ["list", "heads"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code.format(words=words)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", each=40)
    options = ["-b", "tiny:cnn", "-t", "full-fine-tuning", "--epochs", "300", "-o", "run"]
    hears = {
        "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    }  # a shell's background jobs do not
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*GRAFT, "fit", "photos", *options], cwd=tmp_path, **pipes, **hears)
    history = tmp_path / "run" / "history.jsonl"
    while process.poll() is None and not (history.exists() and history.read_text().count("\n") > 2):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "Stopped. The run is in run. Go on with: graft resume run"
    assert "Traceback" not in said
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "interrupted"
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.slow
def test_a_disk_that_is_full_is_one_message_and_leaves_no_half_file(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    words = [
        "fit",
        "photos",
        "-b",
        "tiny:cnn",
        "--epochs",
        "1",
        "-t",
        "full-fine-tuning",
        "-o",
        "run",
    ]
    done = graft(*words, cwd=tmp_path, preexec_fn=small_files)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: Cannot write")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "result.json").exists()
    assert not list(tmp_path.rglob("*.part"))
    assert graft(*words, cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_compare_gives_a_verdict_goes_on_and_reports(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    words = [
        "compare",
        "photos",
        "-b",
        "tiny:cnn",
        "-t",
        "full-fine-tuning",
        "--seeds",
        "2",
        "--epochs",
        "1",
        "-o",
        "study",
    ]
    done = graft(*words, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {row["technique"] for row in found["rows"]} >= {"from-scratch", "full-fine-tuning"}
    assert found["verdict"]["outcome"] in ("positive transfer", "no evidence", "negative transfer")
    assert (tmp_path / "study" / "report.html").exists()
    about = json.loads((tmp_path / "study" / "study.json").read_text())
    assert about["command"] == f"graft {' '.join(words)} --json"

    times = {
        file: file.stat().st_mtime_ns
        for file in (tmp_path / "study" / "runs").glob("*/result.json")
    }
    assert len(times) == 4
    again = graft("resume", "study", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "finished before" in again.stderr
    assert found["verdict"]["sentences"][0] in again.stdout
    assert {file: file.stat().st_mtime_ns for file in times} == times
