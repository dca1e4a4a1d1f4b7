"""Numbers as people write them: an error names the cells and says how to write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.base.errors import DataError
from graft.data.load import read
from graft.data.tables.cells import parse_written_number


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("$1,234.50", 1234.5),
        ("1.234,50 €", 1234.5),
        ("€ 99", 99),
        ("USD 12.5", 12.5),
        ("12 kg", 12),
        ("3,5", 3.5),
        ("1,234", 1234),
        ("1 234 567", 1234567),
        ("1'234.5", 1234.5),
        ("40 %", 40),
        ("-5 °C", -5),
        ("7.25", 7.25),
        (7, 7),
    ],
)
def test_a_number_is_known_however_it_is_written(cell: object, number: float) -> None:
    assert parse_written_number(cell) == number


@pytest.mark.parametrize("cell", ["", "n/a", "two", "2020-01-01", "12:30", "3 little pigs", None])
def test_other_cells_are_no_numbers(cell: object) -> None:
    assert parse_written_number(cell) is None


def table(folder: Path, header: str | None, cells: list[str], delimiter: str = ";") -> Path:
    rows = [f"what is sold here, number {i}{delimiter}{cell}" for i, cell in enumerate(cells)]
    lines = [*([] if header is None else [header.replace(";", delimiter)]), *rows]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "t.csv"


PRICES = {
    "dollars": [f"${i},{200 + i}.50" for i in range(1, 30)],
    "euros": [f"{100 + i},45 €" for i in range(30)],
    "units": [f"{i * i} kg" for i in range(1, 30)],
    "commas": [f"{i},{i % 7}1" for i in range(30)],
}
ADVICE = r"Write plain numbers such as 1234\.5, without currency, unit or thousands separators"


@pytest.mark.parametrize("cells", PRICES.values(), ids=PRICES)
@pytest.mark.parametrize("header", ["text;price", "Beschreibung;Preis"])
def test_cells_that_are_no_plain_numbers_are_named(
    tmp_path: Path, cells: list[str], header: str
) -> None:
    file = table(tmp_path, header, cells, "|")
    name = header.split(";")[1]
    with pytest.raises(DataError, match=rf"column '{name}' that are not plain numbers.*{ADVICE}"):
        read(file)


def test_words_for_what_is_missing_are_named(tmp_path: Path) -> None:
    file = table(tmp_path, "text;price", ["n/a", *(f"{i}.25" for i in range(30))])
    with pytest.raises(DataError, match=rf"not plain numbers: 'n/a' \(t\.csv:2\)\. {ADVICE}"):
        read(file)


def test_cells_are_named_by_their_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'101,45 €' \(t\.csv:3\).* and 25 more.*label=price"):
        read(table(tmp_path, "text;price", PRICES["euros"]))


def test_a_table_that_lost_its_header_is_delimited_by_semicolons(tmp_path: Path) -> None:
    file = table(tmp_path, None, PRICES["euros"])
    with pytest.raises(
        DataError, match=rf"column '1' \(counted from 0.*'100,45 €' \(t\.csv:1\).*{ADVICE}"
    ):
        read(file)


def test_numbers_that_are_asked_for_are_named_too(tmp_path: Path) -> None:
    file = table(tmp_path, "text;category;price", [f"a;{cell}" for cell in PRICES["dollars"]])
    with pytest.raises(DataError, match=rf"not a finite number: t\.csv:2 .*{ADVICE}"):
        read(file, columns={"value": "price"})


def test_a_label_beside_such_numbers_is_the_label(tmp_path: Path) -> None:
    cells = [f"{'ab'[i % 2]};{price}" for i, price in enumerate(PRICES["dollars"])]
    assert read(table(tmp_path, "text;category;price", cells)).classes == ["a", "b"]


def test_few_such_values_that_come_back_are_classes(tmp_path: Path) -> None:
    cells = [f"{1 + i % 5} stars" for i in range(30)]
    assert len(read(table(tmp_path, "text;rating", cells)).classes) == 5


def test_several_numbers_of_labels_in_a_cell_are_labels(tmp_path: Path) -> None:
    cells = [f"{i % 28},{(i + 3) % 28}" if i % 3 else str(i % 28) for i in range(120)]
    assert len(read(table(tmp_path, "text;labels", cells)).classes) == 28
