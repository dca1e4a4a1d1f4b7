"""A trained model in use: predictions, evaluation and embeddings of files, folders, tables, texts and arrays."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from graft.backbones import folder as model_folder
from graft.base import plugins
from graft.base.errors import BadValue, DataError, FolderError, listed
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.load import read
from graft.data.memory import from_memory
from graft.deploy.embedding import pooled
from graft.deploy.inputs import broken, read_inputs
from graft.tasks.specs.options import kinds_of
from graft.tasks.task import Task
from graft.tasks.text.generation import Decoding
from graft.training.engine import Engine
from graft.training.evaluate import Evaluation, evaluate, intervals, predict, written
from graft.training.feeds.feed import Feed


class Predictor:
    """A saved model, loaded: it predicts, evaluates and embeds.

    `folder` is a run or its `model/`. `precision` is fp32 so that outputs equal those of the model opened by its own
    library; bf16 is several times faster where the processor has it. Raises FolderError where the folder is no model, or
    where it is not what was saved.
    """

    def __init__(self, folder: str | Path, precision: str = "fp32"):
        folder = Path(folder)
        self.folder = folder / "model" if (folder / "model" / "graft.json").exists() else folder
        self.network, self.info = model_folder.open_model(self.folder)
        self.task: Task = plugins.load("task", self.info["task"])(
            **_tuples(self.info["task_settings"])
        )
        self._engine = Engine(precision)
        self.network = self._engine.place(self.network).eval()

    @property
    def classes(self) -> list[str]:
        return list(self.task.classes)

    def predict(
        self, inputs: Any, *, skip_broken: bool = False, **reading: Any
    ) -> list[dict[str, Any]]:
        """A row an example: `id`, `prediction`, and what else the task's `decode` says of it.

        Of a task that generates, the prediction is what the model writes by its likeliest tokens: see `generate`.

        `inputs`: a text or a list of texts, or of pairs of texts (tuples); a list of dicts of the task's roles, as
        `{"question": ..., "context": ...}`; an image, an array of images (N, H, W[, C]); a path or a list of paths of files; a
        folder; a table (CSV, TSV, JSONL, Parquet); a data frame. `reading` are options of
        `graft.data.load.read` for files and frames, as `columns`. Raises DataError for what cannot
        be read, naming all pictures that cannot; `skip_broken` predicts the others.
        """
        samples = self._samples(inputs, reading)
        try:
            return self._predicted(samples)
        except DataError as error:
            reads = self.network.backbone.preprocess.reads
            problems = broken(samples) if reads == "image" else {}
            if not problems:
                raise
            if not skip_broken or len(problems) == len(samples):
                count = f"{len(problems):,} of {len(samples):,} pictures cannot be read"
                others = " To predict the others: --skip-broken, in Python skip_broken=True."
                way_out = others if len(problems) < len(samples) else ""
                raise DataError(f"{count}. {listed(problems.values(), 5)}{way_out}") from error
            logging.getLogger("graft").warning(
                f"{len(problems):,} pictures that cannot be read were left out: {listed(problems)}."
            )
            return self._predicted([sample for sample in samples if sample.id not in problems])

    def _predicted(self, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        if self.task.generates:
            return self._written(samples, self.task.decoding)
        scores, _ = predict(self.network, self._feed(samples), self._engine)
        rows = self.task.decode(scores, samples)
        return [{"id": sample.id, **row} for sample, row in zip(samples, rows, strict=True)]

    def generate(
        self,
        prompts: Any,
        max_new_tokens: int | None = None,
        temperature: float = 0.0,
        top_k: int | None = None,
        top_p: float = 1.0,
        seed: int = 0,
        num_beams: int | None = None,
    ) -> list[str]:
        """What the model writes after each prompt, of which there may be one or a list: up to an end or so many tokens.

        A prompt is a text, a list of messages with `role` and `content`, or a dict of the task's roles. Temperature 0 takes the
        likeliest tokens, by beam search where `num_beams` is above 1; above 0 they are drawn, the same again for the same seed
        and prompts. Raises BadValue for a task whose predictions are no texts, and for prompts beyond what the network reads.
        """
        if not self.task.generates:
            raise BadValue(
                f"The model in {self.folder} is for {self.task.name}, which writes no text. Use predict."
            )
        usual = self.task.decoding
        most = usual.max_new_tokens if max_new_tokens is None else max_new_tokens
        decoding = Decoding(
            most,
            temperature,
            top_k,
            top_p,
            seed,
            usual.num_beams if num_beams is None else num_beams,
        )
        one = isinstance(prompts, str | Mapping) or _are_messages(prompts)
        several = [
            {"messages": p} if _are_messages(p) else p for p in ([prompts] if one else prompts)
        ]
        with self._engine.autocast():
            return self.task.generated(self.network, self._samples(several), decoding)

    def _written(self, samples: Sequence[Sample], decoding: Decoding) -> list[dict[str, Any]]:
        """A row a sample: what is written, and the mean probability of its bytes."""
        with self._engine.autocast():
            texts = self.task.generated(self.network, samples, decoding)
        whole = [
            Sample(s.id, {**s.roles, self.task.target_role: text})
            for s, text in zip(samples, texts, strict=True)
        ]
        scores, _ = predict(self.network, self._feed(whole), self._engine)
        rows = self.task.decode(scores, whole)
        return [
            {"id": sample.id, "prediction": text, "confidence": row["confidence"]}
            for sample, text, row in zip(samples, texts, rows, strict=True)
        ]

    def evaluate(
        self, data: Any, num_beams: int | None = None, **reading: Any
    ) -> dict[str, dict[str, float]]:
        """Every metric with its 95 % interval, on the test split or, without one, on all.

        Where texts are measured, `num_beams` above 1 searches for the likeliest ones; None is as the task was asked for.
        `reading` are options of `graft.data.load.read` for what lies at a path, as `columns`. Raises DataError.
        """
        if not isinstance(data, Data):
            data = read(data, **reading) if isinstance(data, str | Path) else from_memory(data)
        held = next((data.splits[name] for name in ("test", "val") if data.splits.get(name)), None)
        samples = held or [s for split in data.splits.values() for s in split]
        found: Evaluation = evaluate(self.network, self._feed(samples), self._engine)
        usual = self.task.decoding
        decoding = usual if num_beams is None else replace(usual, num_beams=num_beams)
        found = written(self.network, self.task, samples, found, self._engine, decoding)
        return intervals(self.task, found, samples, data.kind)

    def embed(self, inputs: Any) -> np.ndarray:
        """The features (N, D) that enter the head, in the order of the inputs; float32. See `graft.deploy.embedding.pooled`."""
        return pooled(self.network, self._feed(self._samples(inputs)), self._engine)

    def save(self, folder: str | Path) -> Path:
        """Copy the model to a folder of its own; raises FolderError where it exists."""
        folder = Path(folder)
        if folder.exists():
            raise FolderError(
                f"{folder} exists. Choose a folder that does not, or delete it first."
            )
        return Path(shutil.copytree(self.folder, folder))

    def _feed(self, samples: Sequence[Sample]) -> Feed:
        return Feed.of(samples, self.task, self.network.backbone.preprocess, self._engine.device)

    def _samples(self, inputs: Any, reading: Mapping[str, Any] | None = None) -> list[Sample]:
        """What is to be predicted, without the answers; of a table what the task reads."""
        kinds = {"kinds": frozenset(kinds_of(type(self.task)))} | dict(reading or {})
        samples = read_inputs(inputs, self.network.backbone.preprocess.reads, **kinds)
        return [self.task.unlabeled(sample) for sample in samples]


def is_saved(folder: str | Path) -> bool:
    """Whether a run with its model, or a model folder of Graft, is there."""
    return any((Path(folder) / part / "graft.json").exists() for part in ("", "model"))


def _are_messages(prompt: Any) -> bool:
    return (
        isinstance(prompt, list | tuple)
        and bool(prompt)
        and all(isinstance(m, Mapping) and "content" in m for m in prompt)
    )


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
