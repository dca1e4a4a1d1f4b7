"""Zero-shot: logits are cosines, the run is like any other, and bad input has a message."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from graft import api
from graft.base.errors import BadValue
from graft.base.records import Batch
from graft.studies.run import build_model, open_backbone
from graft.techniques.specs.combine import parse
from graft.techniques.text.class_words import to_words
from graft.techniques.zero_shot import ZeroShot
from tests.contracts.tiny import task_of, trained

TEXT, NETWORK = "text-classification", "tiny:sentence-bert"
TEXTS = [
    "bread and cheese",
    "the team has a goal",
    "sun",
    "a far longer one about the moon and a star",
]


def _plain_means(model, texts: list[str]) -> torch.Tensor:
    """The mean of the token states, text by text, without the pooler."""
    p = model.backbone.preprocess
    with torch.no_grad():
        return torch.cat(
            [model.network.bert(**p.collate([p(t, None)])).last_hidden_state.mean(1) for t in texts]
        )


@pytest.mark.parametrize("several", [False, True])
def test_logits_are_scaled_cosines_of_text_and_description(several):
    task = replace(task_of(TEXT)[0], multi_label=several)
    model = build_model(NETWORK, task, pretrained=True, seed=0).eval()
    technique = parse(
        "zero-shot:template=all about {},descriptions=sky=sun and stars,scale=10,threshold=0.3"
    )
    assert technique.texts(task.classes) == [
        "all about food",
        "all about sun and stars",
        "all about sport",
    ]
    technique.objective(model, task)
    ours, classes = _plain_means(model, TEXTS), _plain_means(model, technique.texts(task.classes))
    standard = [(m - m.mean(1, keepdim=True)) for m in (ours, classes)]
    expected = 10 * (
        torch.nn.functional.cosine_similarity(standard[0][:, None], standard[1][None], dim=2) - 0.3
    )
    p = model.backbone.preprocess
    with torch.no_grad():
        found = model(Batch(p.collate([p(t, None) for t in TEXTS]))).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_it_is_the_same_again_and_before_a_training_it_is_where_that_begins(tmp_path):
    first, position = trained("zero-shot", TEXT, tmp_path / "a")
    again, _ = trained("zero-shot", TEXT, tmp_path / "b")
    assert all(
        torch.equal(tensor, again.state_dict()[name]) for name, tensor in first.state_dict().items()
    )
    assert (position.step, position.trainable, position.history) == (0, 0, 0)
    trained("zero-shot then full-fine-tuning", TEXT, tmp_path / "c", epochs=1)
    start = json.loads((tmp_path / "c" / "history.jsonl").read_text().splitlines()[0])
    _, data = task_of(TEXT)
    assert start["step"] == 0
    assert start["val"]["loss"] == pytest.approx(_val_loss(first, data), rel=1e-4)


def _val_loss(model, data) -> float:
    from graft.training.engine import Engine
    from graft.training.evaluate import evaluate
    from graft.training.feeds.feed import Feed

    task, engine = task_of(TEXT)[0], Engine("fp32")
    return evaluate(
        model, Feed.of(data.splits["val"], task, model.backbone.preprocess, engine.device), engine
    ).loss


def test_a_run_of_it_is_a_run_like_any_other(tmp_path):
    _, data = task_of(TEXT)
    run = api.fit(data, NETWORK, "zero-shot", task=TEXT, out=tmp_path / "run")
    assert run.result["cost"]["trainable_parameters"] == 0
    assert run.result["frozen"] == {"tensors": 0, "unchanged": True, "phases": []}
    assert set(run.result["metrics"]["test"]) >= {"accuracy", "macro_f1"}
    assert (tmp_path / "run" / "history.jsonl").read_text() == ""
    texts = [sample.roles["text"] for sample in data.splits["test"]]
    right = [
        row["prediction"] == s.roles["label"]
        for row, s in zip(run.model.predict(texts), data.splits["test"], strict=True)
    ]
    assert sum(right) / len(right) == pytest.approx(
        run.result["metrics"]["test"]["accuracy"]["value"]
    )
    study = api.open_study(run.folder)
    assert "zero-shot" in study.verdict.sentences[0]
    assert "nothing trained" in study.report.read_text()
    assert api.fit(data, NETWORK, "zero-shot", task=TEXT, dry_run=True).phases == ()


@pytest.mark.slow
def test_in_a_study_it_is_a_row_with_its_interval(tmp_path):
    _, data = task_of(TEXT)
    techniques = ["zero-shot", "nearest-prototypes", "contrastive-few-shot:epochs=2"]
    study = api.compare(
        data, techniques, [NETWORK], task=TEXT, seeds=2, shots=4, epochs=1, jobs=1, out=tmp_path
    )
    rows = [row for row in study.rows if row["technique"] == "zero-shot"]
    assert [row["state"] for row in rows] == ["finished", "finished"]
    assert rows[0]["test_accuracy"] == rows[1]["test_accuracy"]
    assert all(
        row["test_accuracy_low"] <= row["test_accuracy"] <= row["test_accuracy_high"]
        for row in rows
    )
    assert all(row["state"] == "finished" for row in study.rows)
    page = study.report.read_text()
    assert all(name in page for name in techniques)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sci_tech", "sci tech"),
        ("CreditCard", "credit card"),
        ("World", "World"),
        ("USA", "USA"),
        ("a__b ", "a b"),
        ("Sci/Tech", "Sci/Tech"),
    ],
)
def test_names_of_classes_become_words(name, words):
    assert to_words(name) == words


def test_it_is_parsed_from_a_spec_and_written_as_one():
    technique = parse(
        "zero-shot:descriptions=spam=unwanted advertising;ham=a normal message,scale=30"
    )
    assert technique == ZeroShot(
        descriptions="spam=unwanted advertising;ham=a normal message", scale=30.0
    )
    assert technique.texts(("ham", "spam")) == ["a normal message", "unwanted advertising"]


WRONG = {
    "template=no place": "has no {}",
    "descriptions=spam=ads": "'spam=ads'.*classes are: food, sky, sport",
    "descriptions=food": "class=words",
    "descriptions=food=": "class=words",
}


@pytest.mark.parametrize("setting", WRONG)
def test_wrong_settings_are_refused_before_anything_is_written(setting, tmp_path):
    _, data = task_of(TEXT)
    for go in (
        api.fit,
        lambda data, network, technique, **k: api.compare(data, [technique], [network], **k),
    ):
        with pytest.raises(BadValue, match=WRONG[setting]):
            go(data, NETWORK, f"zero-shot:{setting}", task=TEXT, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_it_is_not_for_is_said():
    task, _ = task_of(TEXT)
    backbone = build_model(NETWORK, task, pretrained=True, seed=0).backbone
    with pytest.raises(
        BadValue, match=r"say nothing: '0', '1'.*descriptions=0=some words;1=some words"
    ):
        parse("zero-shot").check(backbone, replace(task, classes=("0", "1")))
    parse("zero-shot:descriptions=0=bad;1=good").check(backbone, replace(task, classes=("0", "1")))
    for network, name, words in (
        ("tiny:bert", TEXT, "is none. Use minilm-l6"),
        ("tiny:efficientnet", "image-classification", "reads images. Use .nearest-prototypes"),
    ):
        other, _ = task_of(name)
        with pytest.raises(BadValue, match=words):
            parse("zero-shot").objective(
                build_model(network, other, pretrained=True, seed=0), other
            )
    questions, _ = task_of("question-answering")
    with pytest.raises(BadValue, match="question-answering is not"):
        parse("zero-shot").check(
            build_model("tiny:bert", questions, pretrained=True, seed=0).backbone, questions
        )


@pytest.mark.parametrize(
    ("name", "network"), [("text-generation", "tiny:llama"), ("translation", "tiny:bart")]
)
def test_a_network_that_keeps_its_own_head_is_measured_as_it_is(name, network, tmp_path):
    task, data = task_of(name)
    before = build_model(network, task, pretrained=True, seed=0).network.state_dict()
    run = api.fit(data, network, "zero-shot", task=name, out=tmp_path / "run")
    after = run.model.network.network.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert run.result["cost"]["trainable_parameters"] == 0
    assert run.result["samples"]
    with pytest.raises(
        BadValue, match=f"'template' of 'zero-shot' is about classes, and {name} has none"
    ):
        parse("zero-shot:template=a {}").check(run.model.network.backbone, task)


@pytest.mark.parametrize(
    ("network", "task", "reads"),
    [
        ("tiny:mobilenet", "image-classification", "images"),
        ("tiny:whisper", "audio-classification", "sounds"),
    ],
)
def test_other_inputs_than_texts_are_told_what_to_use(network, task, reads):
    """The advice is to be followed: what it names takes the same network."""
    job = task_of(task)[0]
    backbone = open_backbone(network, job)
    with pytest.raises(BadValue, match=f"reads {reads}") as error:
        parse("zero-shot").check(backbone, job)
    assert error.value.fix == "Use 'nearest-prototypes', which needs one label of each class."
    parse("nearest-prototypes").check(backbone, job)
    for name in ("masked-language-modeling", "causal-language-modeling", "label-words"):
        with pytest.raises(BadValue, match=f"'{name}' reads texts, and .* {reads}") as error:
            parse(name).check(backbone, job)
        assert error.value.fix == f"Use a technique for {reads}, such as 'lp-ft' or 'lora'."
        parse("lp-ft").check(backbone, job)
        parse("lora").check(backbone, job)
