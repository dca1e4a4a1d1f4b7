"""`graft.adapt`: what it compares, what chooses, and what it says without labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

import graft
from graft.adaptation import _control_of
from graft.base.errors import BadValue, DataError, UnknownName
from graft.reports.selections import ABOUT
from tests.unit.data.test_target import pictures

HOW = {"backbone": "tiny:cnn", "epochs": 1.0, "batch_size": 8, "jobs": 1}


@pytest.fixture(scope="module")
def domains(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("domains")
    source = pictures(folder / "photos", ("ants", "bees"))
    return source, pictures(folder / "drawings", ("ants", "bees"), shade=90)


@pytest.fixture(scope="module")
def study(domains, tmp_path_factory) -> graft.api.Study:
    out = tmp_path_factory.mktemp("study") / "adapted"
    return graft.adapt(*domains, ["mcc", "feature-extraction + mcc"], seeds=1, out=out, **HOW)


def results(study) -> dict[str, dict]:
    read = (json.loads(path.read_text()) for path in study.folder.glob("runs/*/result.json"))
    return {result["technique"]: result for result in read}


def test_techniques_are_held_against_the_source_alone(study):
    assert set(results(study)) == {
        "source-only",
        "source-only:trains=head",
        "mcc",
        "feature-extraction + mcc",
    }
    assert "training on the labeled samples alone" in " ".join(study.verdict.sentences)


def test_a_validator_chooses_and_this_is_said(study):
    values = {
        name: result["validators"]["mixval"]
        for name, result in results(study).items()
        if "mcc" in name and result["validators"]["mixval"] is not None
    }
    assert study.verdict.selected_by == "mixval"
    assert not values or values[study.verdict.technique] == max(values.values())
    assert any("chosen by mixval" in caution for caution in study.verdict.cautions)


def test_the_report_shows_what_each_validator_chooses(study):
    page = study.report.read_text(encoding="utf-8")
    assert "<h1>photos to drawings</h1>" in page
    assert "Choices without labels of the target" in page
    assert '<small data-by="mixval">' in page  # of which the style makes "selected by mixval"
    for validator in ("labels of the target", "importance-weighted", "snd"):
        assert f'<th scope="row">{validator}</th>' in page


def test_the_report_in_markdown_says_the_same_of_the_choices(study):
    page, plain = (
        " ".join((study.folder / name).read_text(encoding="utf-8").split())
        for name in ("report.html", "report.md")
    )
    for sentence in ABOUT:
        assert sentence in page and sentence in plain


def test_a_run_says_how_far_apart_the_domains_are(study):
    domains = results(study)["mcc"]["domains"]
    # Light drawings and dark photographs: a linear classifier separates them.
    assert domains["proxy_a_distance"] > 1
    shares = domains["class_shares"]
    assert shares is None or sum(each["target"] for each in shares.values()) == pytest.approx(1)


def test_the_test_split_is_of_the_target(study):
    predictions = pd.read_parquet(next(study.folder.glob("runs/*/predictions.parquet")))
    tested = predictions[predictions["split"] == "test"]["id"]
    assert len(tested) and tested.str.startswith("target/").all()


def test_reviews_of_one_thing_teach_those_of_another(tmp_path):
    """Heads of texts begin with a dropout, which has no weights."""
    words = {"books": ("dull plot", "fine plot"), "phones": ("dead battery", "fine battery")}
    paths = []
    for domain, (bad, good) in words.items():
        paths.append(tmp_path / f"{domain}.csv")
        texts = [f"{number} {(bad, good)[number % 2]}" for number in range(40)]
        labels = [("bad", "good")[number % 2] for number in range(40)]
        pd.DataFrame({"text": texts, "label": labels}).to_csv(paths[-1], index=False)
    how = {**HOW, "backbone": "tiny:bert", "seeds": 1, "out": tmp_path / "out"}
    study = graft.adapt(*paths, ["feature-extraction + mcc"], **how)
    (result,) = (each for name, each in results(study).items() if "mcc" in name)
    assert {"mixval", "entropy", "circular"} <= set(result["validators"])


def test_without_labels_it_predicts_and_gives_no_verdict(domains, tmp_path):
    source, _ = domains
    bare = pictures(tmp_path / "bare", ("",), count=12, shade=90)
    run = graft.adapt(source, bare, "mcc", out=tmp_path / "out", **(HOW | {"jobs": None}))
    assert len(pd.read_csv(run.folder / "target.csv")) == 12
    assert set(run.result["validators"]) >= {"mixval", "importance-weighted"}


def test_the_validation_split_of_the_source_may_choose_and_a_caution_says_what_it_cannot_see(
    study, domains
):
    # The runs of the study are kept, so that nothing is trained again.
    how = {"seeds": 1, "out": study.folder, **HOW}
    again = graft.adapt(*domains, ["mcc", "feature-extraction + mcc"], selected_by="val", **how)
    assert again.verdict.selected_by == "val"
    assert any("validation split of the source" in caution for caution in again.verdict.cautions)


def test_the_validation_split_of_the_source_may_choose_where_nothing_is_measured(domains, tmp_path):
    bare = pictures(tmp_path / "bare", ("",), count=12, shade=90)
    how = HOW | {"jobs": None, "selected_by": "val", "out": tmp_path / "out"}
    run = graft.adapt(domains[0], bare, ["mcc", "deep-coral"], **how)
    files = [tmp_path / "out" / name / "result.json" for name in ("mcc", "deep-coral")]
    of_val = [json.loads(path.read_text())["metrics"]["val"] for path in files]
    ratings = [(values["accuracy"], -values["loss"]) for values in of_val]
    chosen = run.result["metrics"]["val"]
    assert (chosen["accuracy"], -chosen["loss"]) == max(ratings)


@pytest.mark.parametrize("technique", ["deep-coral", "dan"])
def test_a_batch_of_one_is_refused(domains, technique, tmp_path):
    how = HOW | {"batch_size": 1, "out": tmp_path / "out", "target": domains[1]}
    how.pop("jobs")
    with pytest.raises(BadValue, match=r"at least 2 examples .* Use a larger batch_size"):
        graft.fit(domains[0], technique=technique, **how)


def test_few_unlabeled_samples_are_said_where_they_are_learned_from(domains, tmp_path):
    class Heard(graft.Observer):
        notes: ClassVar[list[str]] = []

        def note(self, message: str) -> None:
            self.notes.append(message)

    few = pictures(tmp_path / "few", ("",), count=10, shade=90)
    how = {"unlabeled": few, "dry_run": True, "observer": Heard()}
    graft.fit(domains[0], "tiny:cnn", "full-fine-tuning", **how)
    assert not any("seldom pays" in note for note in Heard.notes)
    graft.fit(domains[0], "tiny:cnn", "self-training:batch_size=4", **how)
    assert any("10 samples without labels" in note for note in Heard.notes)


def test_what_cannot_be_is_refused(domains, tmp_path):
    source, target = domains
    with pytest.raises(UnknownName, match=r"validator 'oracle'.*val"):
        graft.adapt(source, target, selected_by="oracle")
    with pytest.raises(BadValue, match="looks at another domain, and there is none"):
        graft.compare(source, selected_by="mixval", backbones="tiny:cnn")
    bare = pictures(tmp_path / "bare", ("",), count=12, shade=90)
    with pytest.raises(DataError, match="techniques cannot be compared there"):
        graft.compare(source, "mcc", "tiny:cnn", target=bare)
    with pytest.raises(DataError, match="'mcc' learns from samples without labels"):
        graft.fit(source, "tiny:cnn", "mcc")


def test_too_short_a_stream_is_refused_before_anything_is_trained(domains, tmp_path):
    few = pictures(tmp_path / "few", ("ants", "bees"), count=3, shade=30)
    for how in (HOW, HOW | {"dry_run": True}):
        with pytest.raises(DataError, match=r"'mcc' takes 8 samples.*--batch-size"):
            graft.adapt(domains[0], few, "mcc", out=tmp_path / "out", **how)
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_neither_a_path_nor_a_domain_is_explained(domains, tmp_path):
    with pytest.raises(UnknownName, match=r"'antz'. Did you mean 'ants'"):
        graft.adapt(domains[0], "antz", "mcc", **HOW)
    table = tmp_path / "reviews.csv"
    table.write_text("text,label,shop\ngood,yes,a\nbad,no,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"No such file or folder: b\..*--columns domain=NAME"):
        graft.adapt(table, "b", "mcc", **HOW)


@pytest.mark.parametrize(
    ("technique", "control"),
    [
        ("mcc", "source-only"),
        ("feature-extraction + mcc", "source-only:trains=head"),
        ("lora", "source-only"),  # and not random weights, which others are held against
    ],
)
def test_predictions_are_held_against_those_of_the_source_alone(technique, control):
    assert _control_of(technique) == control
