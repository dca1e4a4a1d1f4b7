"""A toy format: one file is all it takes."""

from __future__ import annotations

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data


class ToyLines:
    """`label: text` lines in one .toy file."""

    def sniff(self, path):
        return float(path.is_dir() and (path / "lines.toy").is_file())

    def read(self, path, options):
        if not self.sniff(path):
            raise DataError(f"{path} holds no lines.toy.")
        lines = (path / "lines.toy").read_text(encoding="utf-8").split("\n")[:-1]
        rows = (line.split(": ", 1) for line in lines)
        samples = [
            Sample(f"lines.toy:{i}", {"text": text, "label": label})
            for i, (label, text) in enumerate(rows, 1)
        ]
        return Data({"all": samples}, kind="labels")

    def write_tiny(self, data, path):
        if list(data.splits) != ["all"] or data.kind != "labels":
            raise DataError("only labels, and no splits")
        path.mkdir(parents=True)
        rows = (f"{s.roles['label']}: {s.roles['text']}\n" for s in data.splits["all"])
        (path / "lines.toy").write_text("".join(rows), encoding="utf-8")
