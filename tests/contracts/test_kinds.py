"""What every kind of data must answer, asked of its own small data sets."""

from __future__ import annotations

import pytest

from graft.base import plugins
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.checks.inspect import inspect, summarize
from graft.data.data import Data
from graft.data.kinds.kind import kind_named, kind_of
from graft.data.memory import from_memory
from graft.data.tables.rows import table_rows
from tests.contracts.test_formats import comparable

CASES = {
    f"{kind}: {name}": data
    for kind in plugins.names("kind")
    for name, data in kind_named(kind).tiny().items()
}


def samples_of(data: Data) -> list[Sample]:
    return [sample for part in data.splits.values() for sample in part]


@pytest.mark.parametrize("case", CASES)
def test_a_sample_made_in_python_is_known_by_its_roles(case: str) -> None:
    data = CASES[case]
    assert kind_of(samples_of(data)[0].roles) == data.kind == Data(data.splits).kind


@pytest.mark.parametrize("case", CASES)
def test_equal_samples_have_one_key_and_others_another(case: str) -> None:
    data = CASES[case]
    kind, samples = kind_named(data.kind), samples_of(data)
    assert [kind.key(sample) for sample in samples] == [
        kind.key(Sample("another id", sample.roles)) for sample in samples
    ]
    assert len({kind.key(sample) for sample in samples}) == len(samples), (
        "all samples of a tiny data set are different"
    )


@pytest.mark.parametrize("case", CASES)
def test_the_rows_of_a_table_are_read_again(case: str) -> None:
    """Guessing the columns of what the kind itself writes leads back to the kind."""
    data = CASES[case]
    found = from_memory(
        table_rows(data) if set(data.splits) != {"all"} else table_rows(data)["all"]
    )
    assert found.kind == data.kind
    assert {split: len(part) for split, part in found.splits.items()} == {
        s: len(part) for s, part in data.splits.items()
    }
    assert list(map(comparable, samples_of(found))) == list(map(comparable, samples_of(data)))


@pytest.mark.parametrize("case", CASES)
def test_a_sample_of_another_kind_is_refused_and_a_text_alone_is_not(case: str) -> None:
    kind = kind_named(CASES[case].kind)
    for ask in (kind.key, kind.text, kind.passage):
        with pytest.raises(DataError, match=r"odd has smell.*Data are of one kind"):
            ask(Sample("odd", {"smell": "of roses"}))
    bare = Sample("bare", {"text": "Some Text"})
    assert kind.text(bare) == kind.passage(bare) == "Some Text"
    assert kind.key(bare) == kind.key(Sample("again", {"text": "some  text"}))


@pytest.mark.parametrize("case", CASES)
def test_it_says_what_is_there(case: str) -> None:
    data = CASES[case]
    kind, samples = kind_named(data.kind), samples_of(data)
    assert [f.code for f in inspect(data)].count("counts") == 1
    assert sorted(kind.classes(samples)) == sorted(set().union(*data.counts().values()))
    assert summarize(data, None, []).kind == data.kind
    assert kind.problem(samples) is None
    assert len(kind.strata(samples)) == len(samples)
    assert kind.is_stratified or len(set(kind.strata(samples))) == 1
    assert kind.mismatch(samples, {"test": samples}) is None
    assert all(isinstance(kind.text(sample), str) for sample in samples)
    assert all(sample.roles.get("group") is None or kind.relations(sample) for sample in samples)


@pytest.mark.parametrize("case", CASES)
def test_texts_alone_may_stand_in_its_unlabeled_split(case: str) -> None:
    data = CASES[case]
    more = data.with_splits({**data.splits, "unlabeled": [Sample("u:0", {"text": "one more"})]})
    assert not [finding for finding in inspect(more) if finding.severity == "error"]


def test_data_of_no_known_kind_are_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"No kind of data has the roles label, smell\. "
        r"Kinds: .*labels: image or audio or text -> label",
    ):
        Data({"all": [Sample(f"{i}", {"smell": b"", "label": "a"}) for i in range(20)]})
