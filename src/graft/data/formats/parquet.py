"""Parquet."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, split_file
from graft.data.images.open import open_image
from graft.data.tables.encodings import parse_json
from graft.data.tables.files import TableFiles
from graft.data.tables.rows import table_rows
from graft.data.tables.table import Table


class Parquet(TableFiles):
    """A Parquet table: texts, image paths or encoded images, and labels; lists are several labels.

    Arrow files are read too, as `datasets.save_to_disk` writes them. One file, or a folder with
    train.parquet, val.parquet, test.parquet, in shards too. Class names are taken from a `name`
    column, a classes.json beside the table, or what Hugging Face's datasets wrote into the file.
    """

    suffixes: ClassVar = (".parquet", ".pq", ".arrow")

    def table(self, file: Path, options: ReadOptions) -> Table:
        import pyarrow as pa
        import pyarrow.parquet

        read = _read_arrow if file.suffix.lower() == ".arrow" else pa.parquet.read_table
        try:
            table = read(file)
            values = [column.to_pylist() for column in table.columns]
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            form = "Arrow" if read is _read_arrow else "Parquet"
            reason = str(error).partition("\n")[0].rstrip(".")
            raise DataError(f"{file} cannot be read as {form}: {reason}.") from error
        if not table.num_rows:
            raise DataError(f"{file} holds no rows. Its columns: {', '.join(table.column_names)}.")
        columns = dict(zip(table.column_names, values, strict=True))
        if len(columns) < len(values):
            raise DataError(
                f"{file} has several columns of one name: "
                f"{', '.join(table.column_names)}. Rename them."
            )
        return Table(
            file.name,
            columns,
            range(1, table.num_rows + 1),
            class_names=_class_names(table.schema.metadata or {}),
        )

    def write_tiny(self, data: Data, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet

        for split, rows in table_rows(data).items():
            table = pa.Table.from_pylist(
                [{role: _plain(role, value) for role, value in row.items()} for row in rows]
            )
            pa.parquet.write_table(table, split_file(path, split, ".parquet"))


def _read_arrow(file: Path) -> Any:
    """The table of a stream, as datasets saves it, or of a file, as other programs do."""
    import pyarrow as pa

    try:
        return pa.ipc.open_stream(file.read_bytes()).read_all()
    except pa.ArrowInvalid:
        return pa.ipc.open_file(file.read_bytes()).read_all()


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Column -> class names, as Hugging Face's datasets writes them into the schema."""
    try:
        features = parse_json(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    if not isinstance(features, dict):
        return {}
    named = {name: _names_in(feature) for name, feature in features.items()}
    return {name: names for name, names in named.items() if names}


def _names_in(feature: Any) -> list[str]:
    """The names in a feature, or in what it is a list or an object of: the boxes of a picture."""
    if isinstance(feature, dict) and isinstance(feature.get("names"), list):
        return feature["names"]
    parts = feature.values() if isinstance(feature, dict) else feature
    parts = parts if isinstance(feature, dict | list) else ()
    return next(filter(None, map(_names_in, parts)), [])


def _plain(role: str, value: Any) -> Any:
    if role == "image" or isinstance(value, np.ndarray):
        buffer = io.BytesIO()
        # A picture becomes RGB; the numbers of other pixels, as those of a mask, stay.
        image = open_image(value, "image") if role == "image" else Image.fromarray(value)
        image.save(buffer, "PNG")
        return buffer.getvalue()
    return list(value) if isinstance(value, tuple) else value
