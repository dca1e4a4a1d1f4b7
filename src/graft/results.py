"""What the verbs return: a finished run and a finished study, which a notebook shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.base.errors import FolderError
from graft.deploy.predictor import Predictor
from graft.metrics.metric import Metric
from graft.reports import drawing
from graft.reports.domains import DomainRow
from graft.reports.verdict import Verdict


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and its result.json."""

    folder: Path
    result: dict[str, Any]

    @property
    def model(self) -> Predictor:
        """The trained model, read from the folder."""
        return Predictor(self.folder)

    def __repr__(self) -> str:
        metric = self.result["primary_metric"]
        value = self.result["metrics"]["test"][metric]["value"]
        name = f"{self.result['technique']} of {self.result['backbone']}"
        return f"Run({str(self.folder)!r}, {name}, test {metric} {value})"

    def _repr_html_(self) -> str:
        return drawing.overview(self.folder).html


@dataclass(frozen=True)
class Study:
    """A finished study: its folder, one row per run, the verdict in words, and the page."""

    folder: Path
    rows: list[dict[str, Any]]
    verdict: Verdict
    report: Path

    @property
    def model(self) -> Predictor:
        """The trained model of the technique that validation selects: that of its first seed.

        Raises FolderError if no run has finished.
        """
        selected = (self.verdict.technique, self.verdict.backbone)
        for row in self.rows:
            if row["state"] == "finished" and (row["technique"], row["backbone"]) == selected:
                return Predictor(self.folder / "runs" / row["run"])
        raise FolderError(
            f"{self.folder} has no model: the selected technique has no finished run. Run "
            f"graft resume {self.folder}"
        )

    def __repr__(self) -> str:
        return f"Study({str(self.folder)!r}, {len(self.rows)} runs, {self.verdict.outcome})"

    def _repr_html_(self) -> str:
        return drawing.overview(self.folder).html


@dataclass(frozen=True)
class Domained:
    """The studies of each domain that was left out, and a row a technique over all of them."""

    folder: Path
    studies: dict[str, Study]
    rows: list[DomainRow]
    metric: Metric
    page: Path

    def __repr__(self) -> str:
        return f"Domained({str(self.folder)!r}, {', '.join(self.studies)}, {len(self.rows)} rows)"
