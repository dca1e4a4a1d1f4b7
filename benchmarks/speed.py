"""Measure the speed of Graft and of other libraries on the same data, split, backbone and epochs.

    python benchmarks/speed.py [--rows NAME ...] [--peers NAME ...] [--repeats 3] [--out FOLDER]

Creates a virtual environment for each peer and runs every measurement in a process of its own, one
at a time. Results are appended to results.jsonl in the --out folder, so a stopped benchmark
continues there; remove that file to measure again. Prints the tables and writes
benchmarks/speed.md. benchmarks/peers has the scripts of the peers and their exact versions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

import psutil
from choose import choose

import graft
from graft.backbones.backbone import Model
from graft.backbones.load import load_backbone
from graft.backbones.sources.wheel import pull
from graft.base import env
from graft.base.counts import plural
from graft.base.errors import GraftError, UnknownName
from graft.base.job import Job
from graft.base.records import Sample
from graft.data.data import Data
from graft.metrics.find import find
from graft.tasks.specs.options import read_task

HERE = Path(__file__).parent
PEERS = HERE / "peers"
BACKBONES = {"image": "efficientnet-lite0", "text": "minilm-l6"}
LAST_GROUPS = 2
"""How many layer groups below the head train in partial fine-tuning."""

WITHOUT_CACHE = {"GRAFT_CACHE_GB": "0"}
"""With this environment Graft records nothing, and frozen layers run at every epoch."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a script of benchmarks/peers, with the settings of its own."""

    name: str
    script: str
    asked: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    once: bool = False
    """Whether the side runs once only, since it takes many minutes."""


@dataclass(frozen=True)
class Row:
    """One comparison. The first side is Graft; the others are compared with it."""

    name: str
    title: str
    data: str
    modality: str
    asked: dict[str, Any]
    sides: tuple[Side, ...]
    most: dict[str, int] = field(default_factory=dict)
    """The largest number of examples by split; a split that is not named keeps all."""
    shots: int | None = None
    """The number of training and validation examples a class; None keeps all."""
    unit: str = "s"
    """What is compared: `s`, `examples/s` or `MB`."""
    task: str = ""
    """The spec of Graft's task; empty is classification."""
    metric: str = "accuracy"
    """The metric of the test split that the table shows."""
    keras: str = ""
    """A network of keras.applications, with random weights, in place of the built-in backbone."""
    note: str = ""
    """A sentence below the title that a reader needs to read the table right."""


def ours(technique: str, name: str = "ours", **more: Any) -> Side:
    asked = {key: more.pop(key) for key in ("goal", "precision") if key in more}
    return Side(name, "ours", {"technique": technique, **asked}, **more)


PLAIN = Side("plain PyTorch loop", "plain_pytorch")
TRAINER = Side("Hugging Face Trainer", "hugging_face_trainer")
KERAS = Side("Keras on PyTorch", "keras_torch")
TEN_EPOCHS = "feature-extraction:solved=false,epochs=10"
ALL_EPOCHS = "feature-extraction:patience=10"
"""Early stopping could end training before the ten epochs that the others train for."""
FIVE = ["feature-extraction", "partial-fine-tuning", "lp-ft", "full-fine-tuning", "from-scratch"]
PARTIAL = f"partial-fine-tuning:from_group=-{LAST_GROUPS},views=2"


def feature_extraction(name: str) -> Row:
    sides = (
        ours(TEN_EPOCHS),
        ours(TEN_EPOCHS, "ours in fp32", precision="fp32"),
        ours("feature-extraction", "ours, the head solved for"),
        ours("feature-extraction", "ours, all of graft.fit", goal="fit"),
        PLAIN,
        TRAINER,
        Side("fastai", "fastai_learner"),
        Side("Keras on TensorFlow", "keras_tensorflow"),
    )
    title = f"Feature extraction, {name}, ten epochs, 224 px, EfficientNet-Lite0"
    return Row(f"features-{name}", title, name, "image", {"goal": "features", "epochs": 10}, sides)


RANDOM = (
    "The weights of Keras' networks would have to be downloaded, so these are random: both sides "
    "read them from one file. The times are those of pretrained weights; the accuracies mean "
    "nothing."
)
SMALL_TRUNK = (
    "The head takes most of the time of a step. A recording of the frozen trunk is estimated to "
    "save a factor of {gain}, less than the 1.3 from which on Graft makes one, so the first two "
    "lines do the same work."
)
FROZEN = (
    ours(ALL_EPOCHS, once=True),
    ours(ALL_EPOCHS, "ours without recordings", environment=WITHOUT_CACHE, once=True),
)

ROWS = (
    feature_extraction("cats_dogs"),
    feature_extraction("hymenoptera"),
    Row(
        "partial",
        f"Partial fine-tuning of the last {LAST_GROUPS} layer groups, hymenoptera, ten epochs, "
        "EfficientNet-Lite0",
        "hymenoptera",
        "image",
        {"goal": "partial", "epochs": 10},
        (ours(PARTIAL), ours(PARTIAL, "ours without recordings", environment=WITHOUT_CACHE), PLAIN),
    ),
    Row(
        "full-images",
        "Full fine-tuning of EfficientNet-Lite0, hymenoptera, two epochs, "
        "trained examples a second",
        "hymenoptera",
        "image",
        {"goal": "full", "epochs": 2, "every_epoch": False},
        (
            ours("full-fine-tuning"),
            ours("full-fine-tuning", "ours in fp32", precision="fp32"),
            PLAIN,
            TRAINER,
        ),
        unit="examples/s",
    ),
    Row(
        "full-texts",
        "Full fine-tuning of MiniLM, 1,600 texts of sst2, one epoch, trained examples a second",
        "sst2",
        "text",
        {"goal": "full", "epochs": 1, "every_epoch": False},
        (
            ours("full-fine-tuning"),
            ours("full-fine-tuning", "ours in fp32", precision="fp32"),
            PLAIN,
            TRAINER,
        ),
        {"train": 1600, "val": 64, "test": 600},
        unit="examples/s",
    ),
    Row(
        "features-texts",
        "Feature extraction, 2,000 texts of sst2, ten epochs, MiniLM",
        "sst2",
        "text",
        {"goal": "features", "epochs": 10, "pad_to": 128},
        (
            ours(TEN_EPOCHS),
            ours(TEN_EPOCHS, "ours in fp32", precision="fp32"),
            ours("feature-extraction", "ours, the head solved for"),
            ours("feature-extraction", "ours, all of graft.fit", goal="fit"),
            replace(TRAINER, name="Hugging Face Trainer, padded to 128", once=True),
            Side("sentence-transformers and scikit-learn", "sentence_embeddings"),
        ),
        {"train": 2000, "val": 400},
    ),
    Row(
        "few-texts",
        "Eight texts a class of sst2, MiniLM: feature extraction, its head solved for, "
        "beside SetFit, ten epochs",
        "sst2",
        "text",
        {"goal": "features", "epochs": 10},
        (ours("feature-extraction"), Side("SetFit", "setfit_trainer")),
        shots=8,
    ),
    Row(
        "frozen-unet",
        "U-Net on a frozen EfficientNet-Lite0, coffee_leaf_masks, ten epochs, batches of 8",
        "coffee_leaf_masks",
        "image",
        {"goal": "features", "epochs": 10, "batch_size": 8},
        (*FROZEN, Side("plain loop of segmentation-models-pytorch", "smp_loop", once=True)),
        task="semantic-segmentation:head=unet",
        metric="miou",
        note=SMALL_TRUNK.format(gain="1.06"),
    ),
    Row(
        "frozen-faster-rcnn",
        "Faster R-CNN on a frozen EfficientNet-Lite0, kangaroo, ten epochs, batches of 4",
        "kangaroo",
        "image",
        {"goal": "features", "epochs": 10, "batch_size": 4},
        (*FROZEN, Side("plain loop of torchvision", "torchvision_loop", once=True)),
        task="object-detection:head=faster-rcnn,size=320",
        metric="ap50",
        note=SMALL_TRUNK.format(gain="1.10"),
    ),
    Row(
        "keras-features",
        "Feature extraction, hymenoptera, ten epochs, 224 px, Keras' MobileNetV2",
        "hymenoptera",
        "image",
        {"goal": "features", "epochs": 10},
        (ours(TEN_EPOCHS), ours(TEN_EPOCHS, "ours in fp32", precision="fp32"), KERAS),
        keras="MobileNetV2",
        note=RANDOM,
    ),
    Row(
        "keras-full",
        "Full fine-tuning of Keras' MobileNetV2, hymenoptera, two epochs, "
        "trained examples a second",
        "hymenoptera",
        "image",
        {"goal": "full", "epochs": 2, "every_epoch": False},
        (
            ours("full-fine-tuning"),
            ours("full-fine-tuning", "ours in fp32", precision="fp32"),
            KERAS,
        ),
        unit="examples/s",
        keras="MobileNetV2",
        note=RANDOM,
    ),
    Row(
        "study",
        "A study: five techniques, three seeds, hymenoptera, three epochs each, EfficientNet-Lite0",
        "hymenoptera",
        "image",
        {"epochs": 3, "techniques": FIVE, "seeds": 3},
        (
            ours("", "ours, one study", goal="study", once=True),
            ours("", "ours, the same runs each alone", goal="alone", once=True),
        ),
    ),
    Row(
        "memory",
        "Peak memory: feature extraction on made pictures of 224 px, 50,000 beside 5,000",
        "",
        "image",
        {"goal": "memory", "epochs": 10, "technique": "feature-extraction"},
        (
            Side("ours, 5,000 pictures", "ours", {"pictures": 5_000}, once=True),
            Side("ours, 50,000 pictures", "ours", {"pictures": 50_000}, once=True),
        ),
        unit="MB",
    ),
)


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument(
        "--rows",
        nargs="*",
        help=f"run only these comparisons ({', '.join(row.name for row in ROWS)}); "
        "speed.md is not written",
    )
    words.add_argument(
        "--peers", nargs="*", help="run only these scripts of benchmarks/peers, and ours"
    )
    words.add_argument(
        "--repeats",
        type=int,
        default=3,
        help="number of measurements of each side; the table has the median",
    )
    words.add_argument(
        "--once",
        nargs="*",
        default=[],
        help="scripts of benchmarks/peers to measure once only",
    )
    words.add_argument(
        "--data",
        type=Path,
        default=HERE.parent.parent / "shared" / "data",
        help="the folder of the data sets",
    )
    words.add_argument(
        "--out",
        type=Path,
        default=Path("runs") / "speed",
        help="the folder for environments, weights and results",
    )
    words.add_argument(
        "--print",
        action="store_true",
        help="print the tables of earlier results, and run nothing",
    )
    words.add_argument(
        "--smoke",
        action="store_true",
        help="a few examples and one epoch, to see that everything runs",
    )
    given = words.parse_args()
    out = given.out.resolve()
    check_peers([*(given.peers or ()), *given.once])
    rows = [few(row) if given.smoke else row for row in choose(ROWS, "row", given.rows)]
    results = out / ("smoke.jsonl" if given.smoke else "results.jsonl")
    if not given.print:
        for run in range(1 if given.smoke else given.repeats):
            for row in rows:
                measure(row, run, given.data, out, results, given.peers, given.once)
    text = "\n".join(
        [*HEAD, machine(), "", *(line for row in rows for line in table(row, read(results)))]
    )
    print(text)
    if not given.rows and not given.smoke:
        (HERE / "speed.md").write_text(text, encoding="utf-8")


def check_peers(names: Sequence[str]) -> None:
    """Raise UnknownName for a name that is no script of benchmarks/peers used by a row."""
    scripts = {side.script for row in ROWS for side in row.sides}
    for name in names:
        if name not in scripts:
            raise UnknownName.of("peer", name, scripts)


def few(row: Row) -> Row:
    """Return the same comparison on a few examples."""
    sides = tuple(
        replace(side, asked={**side.asked, "pictures": side.asked["pictures"] // 500})
        if "pictures" in side.asked
        else side
        for side in row.sides
    )
    asked = {**row.asked, "epochs": 1} | ({"seeds": 1} if "seeds" in row.asked else {})
    return replace(
        row, asked=asked, sides=sides, most={"train": 8, "val": 4, "test": 4}, shots=row.shots and 4
    )


def measure(
    row: Row,
    run: int,
    folder: Path,
    out: Path,
    results: Path,
    peers: list[str] | None,
    once: list[str],
) -> None:
    """Run each side of the comparison that has no result yet; record failures with a reason."""
    if not (folder / row.data).exists():
        print(f"{row.name}: skipped, {row.data} is not in the data folder")
        return
    done = {
        (found["row"], found["side"], found["run"])
        for found in read(results)
        if "error" not in found
    }
    wanted = [
        side for side in row.sides if side.script == "ours" or not peers or side.script in peers
    ]
    wanted = [side for side in wanted if not run or not (side.once or side.script in once)]
    left = [side for side in wanted if (row.name, side.name, run) not in done]
    task = common_task(row, folder, out) if left else {}
    for side in left:
        print(f"{row.name}: {side.name}, run {run + 1}", flush=True)
        found = one(row, side, {**task, **row.asked, **side.asked, "seed": run}, out)
        about = {"row": row.name, "side": side.name, "script": side.script, "run": run}
        counts = {name: len(task[name]) for name in ("train", "val", "test") if name in task}
        out.mkdir(parents=True, exist_ok=True)
        with results.open("a", encoding="utf-8") as file:
            file.write(
                json.dumps(
                    {**about, **found, "counts": counts, "at": time.strftime("%Y-%m-%d %H:%M")}
                )
                + "\n"
            )
        print(f"  {found.get('error') or summary(row, found)}", flush=True)


def summary(row: Row, found: dict[str, Any]) -> str:
    quality = "" if found["quality"] is None else f", {row.metric} {found['quality']:.3f}"
    times = f"{found['seconds']:.1f} s of {found['whole_seconds']:.1f} s"
    return f"{times}, {found['peak_mb']:.0f} MB{quality}"


def common_task(row: Row, folder: Path, out: Path) -> dict[str, Any]:
    """Return what all sides get: the rows of Graft's split and the pretrained network's folder."""
    spec = row.task or f"{row.modality}-classification"
    task = {"modality": row.modality, "task": spec, "metric": row.metric}
    if row.keras:
        file = keras_file(row.keras, out)
        task |= {"weights": str(file), "backbone": f"keras:{file}"}
    else:
        task["weights"] = str(weights(BACKBONES[row.modality], out))
    if not row.data:
        return task
    data = graft.load_data(folder / row.data)
    task |= {"classes": data.classes, "size": read_task(spec, data).input_size}
    if "mask" in data.roles:
        coding = data.splits["train"][0].roles["mask"].coding
        task["colors"] = [coding.code_of(name) for name in data.classes]
    task |= {name: rows_of(data, name, row) for name in ("train", "val", "test")}
    if row.asked.get("goal") == "partial":
        task["trainable"] = last_parameters(row.modality, len(data.classes))
    return task


def rows_of(data: Data, split: str, row: Row) -> list[tuple[str, Any]]:
    """Return (path or text, target) of the examples of a split that take part, as JSON holds them.

    The random choice is always the same.
    """
    samples = data.splits[split]
    if split in row.most or (row.shots and split != "test"):
        samples = random.Random(0).sample(samples, len(samples))
    if row.shots and split != "test":
        by_class = [
            [s for s in samples if s.roles["label"] == label][: row.shots] for label in data.classes
        ]
        samples = [sample for found in by_class for sample in found]
    found = samples[: row.most.get(split)] if not row.shots or split == "test" else samples
    values = [
        str(s.roles["image"].resolve()) if row.modality == "image" else s.roles["text"]
        for s in found
    ]
    return [
        (value, target_of(sample, data.classes))
        for value, sample in zip(values, found, strict=True)
    ]


def target_of(sample: Sample, classes: list[str]) -> Any:
    """Return the target of a row: see `Task` of benchmarks/peers/measure.py."""
    roles = sample.roles
    if "mask" in roles:
        return str(roles["mask"].source.resolve())
    if "boxes" in roles:
        return [[classes.index(box.label), *box.box] for box in roles["boxes"]]
    return classes.index(roles["label"])


def weights(alias: str, out: Path) -> Path:
    """Return a folder with the built-in backbone that timm or transformers can open."""
    folder = out / "weights" / alias
    if not folder.exists():
        shutil.copytree(pull(alias), folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config.pop("model_args", None)  # transformers cannot open a folder of timm's that has them
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def keras_file(name: str, out: Path) -> Path:
    """Return a file with a network of keras.applications, its weights random, for 224 pixels."""
    from graft.backbones.keras.library import building
    from graft.backbones.keras.models import make_application

    file = out / "weights" / f"{name}.keras"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with building():
            make_application(name).save(file)
    return file


def empty_cache(alias: str, out: Path) -> Path:
    """Return a cache folder with the backbone but no recordings.

    So no measurement gains from what an earlier one has computed.
    """
    cache, backbone = out / "cache", pull(alias)
    shutil.rmtree(cache / "recordings", ignore_errors=True)
    if not (cache / "backbones" / backbone.name).exists():
        shutil.copytree(backbone, cache / "backbones" / backbone.name)
    return cache


def last_parameters(modality: str, classes: int) -> list[str]:
    """Return the names of the parameters of the head and of the last layer groups."""
    model = Model(load_backbone(BACKBONES[modality], Job("features", modality, "vector", classes)))
    first = len(model.backbone.groups) - 1 - LAST_GROUPS
    group = model.group_indices()
    return [
        name
        for name, _ in model.network.named_parameters()
        if group[name] == -1 or group[name] >= first
    ]


def one(row: Row, side: Side, task: dict[str, Any], out: Path) -> dict[str, Any]:
    """Measure one side once, in a process of its own.

    Returns the JSON that its script printed, or {"error": reason}.
    """
    try:
        python = sys.executable if side.script == "ours" else str(python_of(side.script, out))
    except subprocess.CalledProcessError as error:
        return {"error": f"cannot be installed: {last_line(error.stderr, out, 'ERROR')}"}
    name = f"{row.name}-{side.name}".replace(" ", "-").replace(",", "")
    scratch, logs = out / "scratch", out / "logs" / name
    for folder in (scratch, logs):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    file = logs / "task.json"
    file.write_text(json.dumps({**task, "folder": str(scratch)}), encoding="utf-8")
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(out / "hf"), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [python, str(PEERS / f"{side.script}.py"), str(file)]
    cache = {"GRAFT_CACHE": str(empty_cache(BACKBONES[row.modality], out))}
    code, seconds, peak = watched(
        command, {**os.environ, **offline, **cache, **side.environment}, logs
    )
    shutil.rmtree(scratch)
    said = [
        line
        for line in (logs / "stdout.txt").read_text(encoding="utf-8").splitlines()
        if line.startswith('{"seconds"')
    ]
    if code or not said:
        return {
            "error": f"failed: {last_line((logs / 'stderr.txt').read_text(encoding='utf-8'), out)}"
        }
    return {**json.loads(said[-1]), "whole_seconds": seconds, "peak_mb": peak}


def python_of(peer: str, out: Path) -> Path:
    """Return the Python of the peer's virtual environment; create the environment if needed.

    Raises CalledProcessError if the packages cannot be installed.
    """
    folder, wanted = out / "venvs" / peer, PEERS / f"requirements-{peer}.txt"
    python, mark = folder / "bin" / "python", folder / "installed.txt"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if not mark.exists() or mark.read_text(encoding="utf-8") != digest:
        print(f"{peer}: creating its virtual environment takes some minutes", flush=True)
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [
                str(python),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
                str(wanted),
            ],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True)
        mark.write_text(digest, encoding="utf-8")
    return python


def watched(
    command: list[str], environment: dict[str, str], logs: Path
) -> tuple[int, float, float]:
    """Run the command; return its exit code, its wall time and its peak memory (MB).

    The memory includes that of its children.
    """
    started, peak = time.perf_counter(), 0.0
    with (logs / "stdout.txt").open("wb") as stdout, (logs / "stderr.txt").open("wb") as stderr:
        process = psutil.Popen(command, env=environment, stdout=stdout, stderr=stderr)
        try:
            while process.poll() is None:
                held, children = memory(process)
                peak = max(peak, held)
                try:
                    # Counting pages that children share takes milliseconds: count less often.
                    process.wait(1.0 if children else 0.2)
                except psutil.TimeoutExpired:
                    continue
        finally:
            if process.is_running() and process.poll() is None:
                for child in [*process.children(recursive=True), process]:
                    child.kill()
    return process.returncode, time.perf_counter() - started, peak


def memory(process: psutil.Process) -> tuple[float, int]:
    """Return the resident memory (MB) of a process with its children, and the number of children.

    Pages that they share count once.
    """
    try:
        children = process.children(recursive=True)
        if not children:
            return process.memory_info().rss / 2**20, 0
        full = [one.memory_full_info() for one in (process, *children)]
        return sum(getattr(info, "pss", info.rss) for info in full) / 2**20, len(children)
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # one of them has just ended
        return 0.0, 0


def last_line(text: str, out: Path, containing: str = "") -> str:
    lines = [line for line in text.splitlines() if line.strip() and containing in line]
    return (
        lines[-1].replace(str(out), "OUT").replace("|", "/")[:300] if lines else "it said nothing"
    )


def read(results: Path) -> list[dict[str, Any]]:
    return (
        [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
        if results.exists()
        else []
    )


HEAD = (
    "# Speed and memory beside other libraries",
    "",
    "Printed by `make bench-speed`: the median over the runs, with the lowest and the highest.",
    "Time is measured from opened data (paths or texts, and labels) to the evaluated model.",
    "`loading` is the time to load the network; `whole command` adds imports and the start of the",
    "process. `ratio` is the time or memory relative to the first line. Peak memory is that of the",
    "process with its children; pages that they share count once. Batches have 32 examples, unless",
    "the title says otherwise. All sides validate after each epoch, except in tables of trained",
    "examples a second. Each peer follows its documentation (its script is in `benchmarks/peers`),",
    "with the same files, split, pretrained network and epochs. Only `graft.fit` also saves its",
    "model. Graft starts each run without recordings, so that no run gains from what another one",
    "has computed.",
    "",
)
UNITS = {"s": "time, s", "examples/s": "examples a second", "MB": "peak memory, MB"}


def machine() -> str:
    found, python = env.hardware(), env.versions()["python"]
    size = f"{plural(found['cores'], 'core')}, {found['memory_gb']} GB"
    precision = f"natively {found['native_precision']}"
    return f"Machine: {found['processor']}, {size}, {precision}; Python {python}."


def table(row: Row, results: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the Markdown lines of one comparison."""
    mine = [found for found in results if found["row"] == row.name]
    counts = next((found["counts"] for found in mine if found["counts"]), {})
    yield f"## {row.title}"
    yield ""
    if counts:
        numbers = " / ".join(f"{counts[split]:,}" for split in ("train", "val", "test"))
        yield f"{numbers} train, validation and test examples."
        yield ""
    if row.note:
        yield row.note
        yield ""
    columns = columns_of(row)
    yield "| " + " | ".join(["what", UNITS[row.unit], "ratio", *columns, "how"]) + " |"
    yield "| --- |" + " ---: |" * (2 + len(columns)) + " --- |"
    first = None
    for side in row.sides:
        found = [one for one in mine if one["side"] == side.name and "error" not in one]
        if not found:
            reasons = [one["error"] for one in mine if one["side"] == side.name]
            yield f"| {side.name} | {reasons[-1] if reasons else 'not run'} |" + " |" * (
                2 + len(columns)
            )
            continue
        values = [value_of(one, row.unit) for one in found]
        first = first or (median(values) if side is row.sides[0] else None)
        yield line(side.name, row, found, values, first)
    yield ""
    versions = {one["script"]: one["versions"] for one in mine if "error" not in one}
    for script, packages in versions.items():
        yield f"- `{script}`: " + ", ".join(
            f"{name} {version}" for name, version in packages.items()
        )
    yield ""


def value_of(found: dict[str, Any], unit: str) -> float:
    return {"s": found["seconds"], "examples/s": found["rate"], "MB": found["peak_mb"]}[unit]


def columns_of(row: Row) -> dict[str, tuple[str, int]]:
    """Return the further columns: title -> name of the measured value, number of decimals."""
    columns = {
        "time, s": ("seconds", 1),
        find(row.metric).words: ("quality", 3),
        "peak memory, MB": ("peak_mb", 0),
        "loading, s": ("load_seconds", 1),
        "whole command, s": ("whole_seconds", 1),
    }
    return {title: about for title, about in columns.items() if title != UNITS[row.unit]}


def line(
    name: str, row: Row, found: list[dict[str, Any]], values: list[float], first: float | None
) -> str:
    """Return the Markdown line of one side: the mean of the metric, the median of other values."""
    middle = median(values)
    ratio = (
        ""
        if first is None
        else f"{(first / middle if row.unit == 'examples/s' else middle / first):.2f}"
    )
    spread = f"({min(values):,.1f} to {max(values):,.1f})" if len(values) > 1 else "(once)"
    cells = [name, f"{middle:,.1f} {spread}", ratio]
    for key, digits in columns_of(row).values():
        known = [one[key] for one in found if one[key] is not None]
        cells.append(
            f"{(fmean if key == 'quality' else median)(known):,.{digits}f}" if known else ""
        )
    return "| " + " | ".join([*cells, found[-1]["notes"]]) + " |"


if __name__ == "__main__":
    try:
        main()
    except GraftError as error:
        sys.exit(str(error))
