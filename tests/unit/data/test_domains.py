"""Domains of one data set: a column or folders, which of them teach, and which one is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.base.errors import BadValue, DataError, UnknownName
from graft.data.load import load_data, read, read_domains
from tests.unit.data.test_target import pictures

SITES = ("books", "films", "games")


def write_table(path: Path, sites: tuple[str, ...] = SITES, count: int = 20) -> Path:
    rows = [
        f"{site} words {number},{'good' if number % 2 else 'bad'},{site}"
        for site in sites
        for number in range(count)
    ]
    path.write_text("text,label,site\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "reviews.csv")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for shade, name in enumerate(("photo", "art", "sketch")):
        pictures(tmp_path / "pacs" / name, ("ants", "bees"), count=10, shade=60 * shade)
    return tmp_path / "pacs"


COLUMN = {"columns": {"domain": "site"}}


def test_a_column_of_domains_is_read_and_plays_no_other_role(table: Path):
    data = read(table, **COLUMN)
    assert data.columns == {"text": ["text"], "label": ["label"], "domain": ["site"]}
    assert {sample.roles["domain"] for sample in data.splits["all"]} == set(SITES)


def test_one_domain_is_tested_alone_and_all_of_it(table: Path):
    data = load_data(table, test_domain="games", **COLUMN)
    assert {sample.roles["text"].split()[0] for sample in data.splits["test"]} == {"games"}
    assert len(data.splits["test"]) == 20
    learned = [sample for name in ("train", "val") for sample in data.splits[name]]
    assert {sample.roles["text"].split()[0] for sample in learned} == {"books", "films"}
    assert not data.target and "unlabeled" not in data.splits


def test_a_domain_as_target_is_learned_from_without_labels_and_measured_on_a_part(table: Path):
    data = load_data(table, target_domain="games", **COLUMN)
    assert data.target == "labeled"
    assert len(data.splits["unlabeled"]) + len(data.splits["test"]) == 20
    assert all("label" not in sample.roles for sample in data.splits["unlabeled"])


def test_only_the_named_domains_are_learned_from(table: Path):
    data = load_data(table, test_domain="games", source_domains=["films"], **COLUMN)
    learned = [sample for name in ("train", "val") for sample in data.splits[name]]
    assert {sample.roles["text"].split()[0] for sample in learned} == {"films"}


def test_a_column_of_domains_that_nothing_asks_about_is_said_to_have_no_effect(table: Path):
    notes = load_data(table, **COLUMN).notes
    assert any("The column of domains, 'site', has no effect here" in note for note in notes)
    notes = load_data(table, test_domain="games", **COLUMN).notes
    assert not any("no effect" in note for note in notes)


def test_folders_in_a_folder_are_domains(folders: Path):
    data = load_data(folders, test_domain="art")
    assert data.classes == ["ants", "bees"]
    assert {sample.id.split("/")[0] for sample in data.splits["test"]} == {"art"}
    assert {sample.id.split("/")[0] for sample in data.splits["train"]} == {"photo", "sketch"}


def test_test_samples_of_the_sources_are_not_used_and_that_is_said(tmp_path: Path):
    for name in ("photo", "art", "sketch"):
        pictures(tmp_path / "sets" / name / "train", ("ants", "bees"), count=8)
        pictures(tmp_path / "sets" / name / "test", ("ants", "bees"), count=3, shade=90)
    data = load_data(tmp_path / "sets", test_domain="art")
    assert len(data.splits["test"]) == 22
    assert "The 12 test samples of the source domains are not used." in data.notes


def test_a_column_named_domain_is_the_usual_one(tmp_path: Path):
    path = write_table(tmp_path / "reviews.csv")
    path.write_text(path.read_text().replace("text,label,site", "text,label,domain"))
    assert list(read_domains(path).by_name) == list(SITES)


def test_what_is_no_domain_is_refused(table: Path, folders: Path):
    with pytest.raises(UnknownName, match=r"domain of .*'music'.*books"):
        load_data(table, test_domain="music", **COLUMN)
    with pytest.raises(DataError, match="has no column 'domain'"):
        load_data(table, test_domain="games")
    with pytest.raises(BadValue, match="Leave it out of the sources"):
        load_data(folders, test_domain="art", source_domains=["art", "photo"])
    with pytest.raises(BadValue, match="Give one of them"):
        load_data(folders, test_domain="art", target_domain="photo")
    with pytest.raises(BadValue, match="target_domain or test_domain, too"):
        load_data(folders / "art", source_domains=["photo"])
    with pytest.raises(BadValue, match="several names"):
        load_data(folders, test_domain="art", source_domains="photo")


def test_one_domain_alone_leaves_nothing_to_learn_from(tmp_path: Path):
    table = write_table(tmp_path / "one.csv", ("books",))
    with pytest.raises(DataError, match="one domain alone, 'books'"):
        load_data(table, test_domain="books", **COLUMN)


def test_rows_without_a_domain_are_named(table: Path):
    table.write_text(table.read_text().replace(",games", ",", 1))
    with pytest.raises(DataError, match=r"samples without a domain: reviews.csv:42"):
        load_data(table, test_domain="games", **COLUMN)


def test_classes_that_the_target_lacks_are_named(tmp_path: Path):
    source = pictures(tmp_path / "photos", ("ants", "bees", "wasps"))
    target = pictures(tmp_path / "drawings", ("ants", "bees"), shade=90)
    notes = load_data(source, target=target).notes
    assert any("no samples of classes that the source has: wasps" in note for note in notes)
