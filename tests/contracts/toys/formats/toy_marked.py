"""A toy format of a toy kind of data: one file is all it takes."""

from __future__ import annotations

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data


class ToyMarked:
    """`mark: line` lines in one .marks file."""

    def sniff(self, path):
        return float(path.is_dir() and (path / "lines.marks").is_file())

    def read(self, path, options):
        if not self.sniff(path):
            raise DataError(f"{path} holds no lines.marks.")
        rows = [
            line.split(": ", 1)
            for line in (path / "lines.marks").read_text(encoding="utf-8").split("\n")[:-1]
        ]
        return Data(
            {
                "all": [
                    Sample(f"{i}", {"line": line, "mark": mark})
                    for i, (mark, line) in enumerate(rows)
                ]
            },
            kind="toy-marks",
        )

    def write_tiny(self, data, path):
        if data.kind != "toy-marks":
            raise DataError("only marked lines")
        path.mkdir(parents=True)
        rows = (f"{s.roles['mark']}: {s.roles['line']}\n" for s in data.splits["all"])
        (path / "lines.marks").write_text("".join(rows), encoding="utf-8")
