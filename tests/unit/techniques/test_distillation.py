"""Teachers: opened by what they are, recorded where they can be, and in no file of a run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

import graft
from graft import api
from graft.base.errors import BadValue, UnknownName
from graft.studies.question import Question
from graft.studies.run import build_model, estimate_run, execute
from graft.studies.spec import RunSpec, hash_folders
from graft.tasks.image_classification import ImageClassification
from graft.techniques.specs.combine import canonical, parse
from graft.training.checkpoint import checkpoint_path
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.frozen import recording
from graft.training.frozen.teachers import add_teachers
from graft.training.observers import Observer
from tests.contracts.tiny import Stop, alone, task_of, trained

TASK, STUDENT, TEACHER = "image-classification", "tiny:cnn", "tiny:efficientnet"
NAMES = ["distillation", "feature-distillation", "relational-distillation"]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A finished run of another network, in a folder whose name is no plain word."""
    folder = tmp_path_factory.mktemp("teachers") / "large + old, 1: b"
    data = task_of(TASK)[1]
    execute(spec("feature-extraction", TEACHER), data, folder, Observer(), baselines=False)
    return folder


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "recordings")
    return tmp_path / "recordings"


def spec(technique: str, backbone: str = STUDENT, **changed) -> RunSpec:
    data = task_of(TASK)[1]
    described = {"path": "tiny", "hash": data.fingerprint(), "format": "", "options": {}}
    folders = hash_folders([backbone], [technique])
    asked = RunSpec(described, TASK, backbone, technique, epochs=2, folders=folders)
    return replace(asked, **changed)


def objective_of(technique: str, backbone: str = STUDENT):
    task = task_of(TASK)[0]
    model = build_model(backbone, task, pretrained=True, seed=0)
    parse(technique).check(model.backbone, task)
    return parse(technique).objective(model, task)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["{}:teacher=", "lora:r=2 + {}:teacher=", "{}:views=2,teacher="])
def test_a_network_learns_from_a_run(teacher, recordings, form, name, tmp_path):
    technique = f'{form.format(name)}"{teacher}"'
    trained(technique, TASK, tmp_path / "run", backbone=STUDENT)
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    losses = [row["losses"] for row in map(json.loads, lines) if row["losses"]]
    assert all(len(row) == 2 for row in losses)
    assert parse(canonical(technique)).models == parse(technique).models


@pytest.mark.parametrize("views", ["1", "2", "auto"])
def test_a_teacher_says_the_same_recorded_or_not(teacher, recordings, views, monkeypatch):
    technique = parse(f'distillation:views={views},teacher="{teacher}"')
    objective = objective_of(f'distillation:teacher="{teacher}"')
    task, data = task_of(TASK)
    own = objective.model.backbone.preprocess
    feed = Feed.of(data.splits["train"], task, own, torch.device("cpu"), 4, technique.views)

    def record(prefix, feed):
        return prefix.record(feed, Observer())

    seen = []
    for room in ("20", "0"):
        monkeypatch.setenv("GRAFT_CACHE_GB", room)
        feeds = add_teachers(alone(feed), objective, 2, Engine("fp32"), record)
        ((name, beside),) = feeds.main.beside.items()
        assert (beside.recorded is not None) == (room == "20" and views != "auto")
        assert beside.preprocess.size == objective.teacher.backbone.preprocess.size
        batch = next(feeds.main.stream([[3, 0, 5]], (0, 1)))
        assert name in batch.extras
        seen.append(objective.teach(batch).logits)
    # Folded batch norms round in another order.
    torch.testing.assert_close(*seen, rtol=1e-4, atol=1e-5)


def test_behind_a_recording_of_the_student_the_teacher_still_says_the_same(
    teacher, recordings, tmp_path
):
    """Its last layers train on recorded tensors, which a teacher could not read."""
    technique = f'partial-fine-tuning:views=1 + distillation:teacher="{teacher}"'
    _, position = trained(technique, TASK, tmp_path / "run", epochs=20, backbone=TEACHER)
    assert position.cache["used"]


@pytest.mark.parametrize("name", NAMES)
def test_its_weights_are_in_no_file_of_the_run(teacher, name, tmp_path):
    for form, lines in (("{}:patience=3,teacher={}", 2), ("lora:r=2 then {}:teacher={}", 6)):
        technique = form.format(name, f'"{teacher}"')
        with pytest.raises(KeyboardInterrupt):
            trained(technique, TASK, tmp_path / form[:4], Stop(lines), 3, STUDENT)
        folder = checkpoint_path(tmp_path / form[:4]).parent
        assert [path.name for path in folder.iterdir()] == ["last.safetensors"]
        with safe_open(folder / "last.safetensors", "pt") as file:
            assert [key for key in file.keys() if ".teacher." in f".{key}"] == []  # noqa: SIM118


@pytest.mark.parametrize(
    "technique", ["{}:teacher=self", "feature-extraction then {}:teacher=self,views=1", "{}:{}"]
)
@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_run_goes_on_to_the_same_weights(teacher, name, technique, tmp_path):
    asked = technique.format(name, f'teacher="{teacher}"')
    whole, _ = trained(asked, TASK, tmp_path / "whole", None, 3, STUDENT)
    lines = (tmp_path / "whole" / "history.jsonl").read_text().splitlines()
    with pytest.raises(KeyboardInterrupt):
        trained(asked, TASK, tmp_path / "stopped", Stop(len(lines) - 2), 3, STUDENT)
    again, _ = trained(asked, TASK, tmp_path / "stopped", None, 3, STUDENT)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_a_retrained_teacher_makes_another_run(teacher, tmp_path):
    technique = f'distillation:teacher="{teacher}"'
    before = spec(technique)
    assert list(before.folders) == [f"local:{teacher / 'model'}"]
    (teacher / "log.txt").write_text("more words, which are no weights")
    assert spec(technique).hash == before.hash
    weights = next((teacher / "model").glob("*.safetensors"))
    kept = weights.read_bytes()
    try:
        weights.write_bytes(kept[:-4] + bytes(4))
        assert spec(technique).hash != before.hash
    finally:
        weights.write_bytes(kept)
    question = Question(
        replace(before, folders={**before.folders, "local:other": "0"}),
        (technique, "full-fine-tuning"),
        (STUDENT,),
        (0,),
        (1.0,),
        "graft compare",
    )
    read = {run.technique: list(run.folders) for run in question.runs()}
    assert read[technique] == list(before.folders)
    assert read["full-fine-tuning"] == []


def test_another_order_of_the_classes_is_the_same_teacher(teacher):
    objective = objective_of(f'distillation:teacher="{teacher}"')
    task = task_of(TASK)[0]
    turned = replace(task, classes=task.classes[::-1])
    model = build_model(STUDENT, turned, pretrained=True, seed=0)
    other = parse(f'distillation:teacher="{teacher}"').objective(model, turned)
    assert objective.order == other.order[::-1]


@pytest.mark.parametrize(
    ("technique", "words"),
    [
        ("distillation:teacher={there}", "only one of them has 'unicorn'"),
        ("distillation:teacher=tiny:cnn", "'tiny:cnn' is no trained model of Graft"),
        ("distillation:teacher=", "'distillation' needs a teacher"),
    ],
)
def test_a_teacher_of_other_classes_is_refused(teacher, technique, words):
    task = task_of(TASK)[0]
    task = replace(task, classes=(*task.classes, "unicorn"))
    model = build_model(STUDENT, task, pretrained=True, seed=0)
    with pytest.raises(BadValue, match=words):
        parse(technique.format(there=f'"{teacher}"')).check(model.backbone, task)


def test_a_teacher_that_reads_something_else_is_refused(teacher):
    task = task_of("text-classification")[0]
    model = build_model("tiny:bert", task, pretrained=True, seed=0)
    for name in NAMES:
        with pytest.raises(BadValue, match="reads image, and tiny:bert reads text"):
            parse(f'{name}:teacher="{teacher}"').check(model.backbone, task)


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_backbone_that_reads_something_else_is_no_teacher(name):
    task = task_of(TASK)[0]
    model = build_model(STUDENT, task, pretrained=True, seed=0)
    with pytest.raises(BadValue, match=r"'tiny:bert' cannot be one here.*not made for image"):
        parse(f"{name}:teacher=tiny:bert").check(model.backbone, task)


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_teacher_of_words_is_refused_before_anything_is_written(name, tmp_path):
    data = task_of("token-classification")[1]
    tags = replace(spec("feature-extraction", "tiny:bert"), task="token-classification")
    execute(tags, data, tmp_path, Observer(), baselines=False)
    task = task_of("text-classification")[0]
    model = build_model("tiny:bert", task, pretrained=True, seed=0)
    with pytest.raises(BadValue, match=r"yields sequence features.*or another teacher"):
        parse(f'{name}:teacher="{tmp_path}"').check(model.backbone, task)
    with pytest.raises(BadValue, match="is for token-classification, and the data are for text-c"):
        parse(f'distillation:teacher="{tmp_path}"').check(model.backbone, task)


def test_a_teacher_of_one_class_has_no_probabilities_of_several_labels(teacher):
    task = replace(task_of(TASK)[0], multi_label=True)
    model = build_model(STUDENT, task, pretrained=True, seed=0)
    with pytest.raises(BadValue, match=r"predicts one class.*have several labels"):
        parse(f'distillation:teacher="{teacher}"').check(model.backbone, task)
    parse(f'feature-distillation:teacher="{teacher}"').check(model.backbone, task)


def test_a_run_that_has_not_finished_is_no_teacher(teacher, tmp_path):
    (tmp_path / "spec.json").write_bytes((teacher / "spec.json").read_bytes())
    task = task_of(TASK)[0]
    model = build_model(STUDENT, task, pretrained=True, seed=0)
    with pytest.raises(
        BadValue, match=r"a run without a trained model\. Finish it by graft resume"
    ):
        parse(f'feature-distillation:teacher="{tmp_path}"').check(model.backbone, task)


@pytest.mark.parametrize("name", NAMES)
def test_a_teacher_that_there_is_not_is_refused_before_anything_is_written(name):
    task = task_of(TASK)[0]
    model = build_model(STUDENT, task, pretrained=True, seed=0)
    with pytest.raises(BadValue, match="'runs/none' is no run with a trained model"):
        parse(f"{name}:teacher=runs/none").check(model.backbone, task)


def test_a_run_with_a_teacher_that_there_is_not_says_so(tmp_path):
    spec, out = "distillation:teacher=nowhere", tmp_path / "run"
    with pytest.raises(BadValue, match=r"The teacher 'nowhere' is no .*write teacher=self"):
        graft.fit(task_of(TASK)[1], STUDENT, spec, out=out)
    assert not out.exists()


@pytest.mark.parametrize("name", NAMES[1:])
def test_features_may_be_those_of_a_backbone(name, tmp_path):
    trained(f"{name}:teacher={TEACHER}", TASK, tmp_path, backbone=STUDENT)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    (learned,) = {*rows[-1]["losses"]} - {"task"}
    assert 0 < rows[-1]["losses"][learned] < float("inf")


@pytest.mark.parametrize("added", ["distillation", "feature-distillation"])
def test_a_head_alone_is_estimated_with_its_teacher(teacher, added):
    data = task_of(TASK)[1]
    estimated = estimate_run(spec(f'feature-extraction + {added}:teacher="{teacher}"'), data)
    assert 0 < estimated.training_seconds < float("inf")


def test_the_python_interface_finds_the_teacher(teacher, tmp_path):
    data = ImageClassification.tiny_data()
    run = api.fit(data, STUDENT, f'distillation:epochs=1,teacher="{teacher}"', out=tmp_path / "run")
    assert list(json.loads((run.folder / "spec.json").read_text())["folders"]) == [
        f"local:{teacher / 'model'}"
    ]


def test_a_path_that_a_plus_cuts_is_to_be_quoted():
    words = r"\S '\+' and 'then' also end the path in 'distillation:teacher=runs/a'\. .*quotes"
    with pytest.raises(UnknownName, match=words):
        parse("distillation:teacher=runs/a+b")
    with pytest.raises(UnknownName, match=r"list techniques$"):  # nothing here reads a path
        parse("lora:r=2+b")
    assert parse('distillation:teacher="runs/a+b"').teacher == "runs/a+b"
