"""`graft.leave_one_domain_out`: a study for each domain, and the mean over them."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean, stdev

import pytest
from scipy.stats import t

import graft
from graft.base.errors import BadValue, DataError, UnknownName
from tests.unit.data.test_target import pictures

HOW = {"epochs": 1.0, "batch_size": 8, "jobs": 1, "seeds": 1}
NAMES = ("art", "photo", "sketch")


@pytest.fixture(scope="module")
def domains(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("domains") / "pacs"
    for shade, name in enumerate(NAMES):
        pictures(folder / name, ("ants", "bees"), count=10, shade=60 * shade)
    return folder


@pytest.fixture(scope="module")
def left_out(domains, tmp_path_factory):
    out = tmp_path_factory.mktemp("left_out") / "out"
    return graft.leave_one_domain_out(domains, ["feature-extraction"], "tiny:cnn", out=out, **HOW)


def test_each_domain_has_a_study_that_is_tested_on_all_of_it(left_out):
    assert tuple(left_out.studies) == NAMES
    for name, study in left_out.studies.items():
        assert study.folder == left_out.folder / name
        result = json.loads(next(study.folder.glob("runs/*/result.json")).read_text())
        assert result["data"]["counts"]["test"] == 20


def test_the_mean_has_an_interval_of_students_t_over_the_domains(left_out):
    row = next(row for row in left_out.rows if row.technique == "feature-extraction")
    values = list(row.scores.values())
    half = t.ppf(0.975, 2) * stdev(values) / 3**0.5
    assert row.score.mean == pytest.approx(fmean(values))
    assert row.score.high - row.score.low == pytest.approx(2 * half)
    control = next(row for row in left_out.rows if row.technique == "from-scratch")
    gains = [row.scores[name] - control.scores[name] for name in NAMES]
    assert row.to_control.mean == pytest.approx(fmean(gains))


def test_the_page_has_a_row_a_technique(left_out):
    page = left_out.page.read_text(encoding="utf-8")
    assert "| technique | art | photo | sketch | all domains |" in page
    assert "| feature-extraction |" in page and "majority (baseline)" in page
    assert json.loads((left_out.folder / "domains.json").read_text())["metric"] == "accuracy"


def test_a_study_of_a_domain_can_be_resumed(left_out):
    again = graft.resume(left_out.studies["art"].folder)
    assert {row["state"] for row in again.rows} == {"finished"}


def rows_of(*sites: str) -> list[dict[str, str]]:
    return [
        {"text": f"{site} {number}", "label": "ab"[number % 2], "domain": site}
        for site in sites
        for number in range(16)
    ]


@pytest.mark.slow
def test_domains_given_in_python_are_split_here(domains, tmp_path):
    found = graft.leave_one_domain_out(
        rows_of(*"xyz"), "feature-extraction", "tiny:bert", out=tmp_path / "out", **HOW
    )
    assert tuple(found.studies) == ("x", "y", "z")


def test_two_domains_are_too_few(tmp_path):
    for shade, name in enumerate(("photo", "sketch")):
        pictures(tmp_path / "two" / name, ("ants", "bees"), shade=60 * shade)
    with pytest.raises(DataError, match=r"needs at least 3.*Use graft adapt SOURCE TARGET"):
        graft.leave_one_domain_out(tmp_path / "two")


def test_two_domains_do_not_share_a_folder(tmp_path):
    rows = rows_of("Kitchen", "kitchen", "books")
    with pytest.raises(DataError, match=r"'Kitchen' and 'kitchen' would have one folder"):
        graft.leave_one_domain_out(rows, ["feature-extraction"], out=tmp_path)


def test_what_cannot_be_is_refused(domains):
    with pytest.raises(BadValue, match="dry_run estimates one study"):
        graft.leave_one_domain_out(domains, dry_run=True)
    with pytest.raises(UnknownName, match="option"):
        graft.leave_one_domain_out(domains, "feature-extraction", "tiny:cnn", seedss=3)


def test_a_domain_of_the_source_may_be_the_target(domains, tmp_path):
    how = HOW | {"out": tmp_path / "out", "backbone": "tiny:cnn", "source_domains": ["art"]}
    study = graft.adapt(domains, "sketch", "feature-extraction + mcc", **how)
    result = json.loads(next(study.folder.glob("runs/*/result.json")).read_text())
    assert result["data"]["counts"] == {"train": 17, "val": 3, "unlabeled": 16, "test": 4}
    with pytest.raises(BadValue, match="no domain of the source"):
        graft.adapt(domains / "art", domains / "sketch", source_domains=["art"])
