"""A trained model in use.

Predictions, evaluation and embeddings of files, folders, tables, texts and arrays.
"""

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
from graft.base.counts import plural
from graft.base.errors import BadValue, DataError, FolderError, listed
from graft.base.ranges import check_path
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.kinds.several import check_any_label
from graft.data.load import read_source
from graft.deploy.drawings import check_draws, name_drawings, write_drawings
from graft.deploy.embedding import pool
from graft.deploy.inputs import are_messages, find_broken, read_inputs, warn_of_lost_sound
from graft.tasks.specs.options import kinds_of, wanted_by
from graft.tasks.task import Task
from graft.training.engine import Engine
from graft.training.evaluate import Evaluation, add_texts, evaluate, intervals, predict
from graft.training.feeds.feed import Feed, inference_batch_size

_LOG = logging.getLogger("graft")


class Predictor:
    """A saved model, loaded: it predicts, evaluates and embeds.

    `folder` is a run or its `model/`. `precision` is fp32 so that outputs equal those of the model
    opened by its own library; bf16 is several times faster where the processor has it. Raises
    FolderError where the folder is no model, or where it is not what was saved.
    """

    def __init__(self, folder: str | Path, precision: str = "fp32"):
        folder = check_path("folder", folder)
        if folder.is_file():
            raise FolderError(f"{folder} is a file. Give the folder of a run, or a model folder.")
        if (folder / "study.json").exists():
            raise FolderError(
                f"{folder} is a study, which may have many models. Give the folder of one of its "
                f"runs, which results.csv lists: {folder / 'runs' / 'RUN'}."
            )
        if (folder / "spec.json").exists() and not is_saved(folder):
            raise FolderError(
                f"The run {folder} has no trained model yet. Resume it: graft resume {folder}"
            )
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
        self,
        inputs: Any,
        *,
        skip_broken: bool = False,
        draw: str | Path | None = None,
        timestamps: bool = False,
        **reading: Any,
    ) -> list[dict[str, Any]]:
        """A row an example: `id`, `prediction`, and what else the task's `decode` says of it.

        Of a task that generates, the prediction is what the model writes by its likeliest tokens:
        see `generate`.

        `inputs`: a text or a list of texts, or of pairs of texts (tuples); a list of dicts of the
        task's roles, as `{"question": ..., "context": ...}`; an image, an array of images
        (N, H, W[, C]); a sound, as `{"array", "sampling_rate"}` or the bytes of its file; a path or
        a list of paths of files; a folder; a table (CSV, TSV, JSONL, Parquet); a data frame.
        `reading` are options of `graft.data.load.read` for files and frames, as `columns`. Raises
        DataError for what cannot be read, naming all pictures and sounds that cannot; `skip_broken`
        predicts the others.

        `draw` names a folder for a PNG of each picture with what was found in it, and each row has
        its path as `drawing`. Raises BadValue for a model whose predictions have no place in a
        picture, FolderError for a drawing that exists already.

        With `timestamps` each row has its `segments` too: `text`, `start` and `end`, in seconds.
        Raises BadValue for a model whose texts have no times.
        """
        if timestamps and not self.task.times_texts:
            raise BadValue(
                f"timestamps are of models that write what is said in a sound. The model in "
                f"{self.folder} is for {self.task.name}. Leave them out."
            )
        if draw is not None:
            draw = check_path("draw", draw)
            check_draws(self.task, self.folder)
        samples = self.samples(inputs, **reading)
        try:
            return self._predict(samples, draw, timestamps)
        except DataError as error:
            reads = self.network.backbone.preprocess.reads
            problems = {} if reads == "text" else find_broken(samples)
            if not problems:
                raise
            if not skip_broken or len(problems) == len(samples):
                count = f"{len(problems):,} of {len(samples):,} inputs cannot be read"
                others = " To predict the others: --skip-broken, in Python skip_broken=True."
                way_out = others if len(problems) < len(samples) else ""
                first = " ".join(list(problems.values())[:5])
                raise DataError(f"{count}. {first}{way_out}") from error
            _LOG.warning(
                f"Left out, since they cannot be read: {listed(samples[n].id for n in problems)}."
            )
            rest = [sample for n, sample in enumerate(samples) if n not in problems]
            return self._predict(rest, draw, timestamps)

    def _predict(
        self, samples: Sequence[Sample], draw: Path | None, timestamps: bool
    ) -> list[dict[str, Any]]:
        warn_of_lost_sound(samples)
        if self.task.generates:
            return self._write(samples, timestamps)
        self._warn_of_cut_sounds(samples)
        drawings = [] if draw is None else name_drawings(draw, samples)
        scores, _ = predict(self.network, self._feed(samples), self._engine)
        rows = self.task.decode(scores, samples)
        rows = [{"id": sample.id, **row} for sample, row in zip(samples, rows, strict=True)]
        if draw is None:
            return rows
        write_drawings(self.task, samples, rows, drawings)
        return [{**row, "drawing": str(path)} for row, path in zip(rows, drawings, strict=True)]

    def _warn_of_cut_sounds(self, samples: Sequence[Sample]) -> None:
        """Log how many sounds are longer than what the network reads."""
        preprocess = self.network.backbone.preprocess
        cut = self.task.count_cut(samples, preprocess) if preprocess.reads == "audio" else 0
        if cut:
            _LOG.warning(
                f"{cut:,} of {len(samples):,} {self.task.cut_words}: the first "
                f"{preprocess.seconds:g} seconds are heard."
            )

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
        """Generate a text after each prompt, up to an end token or `max_new_tokens` tokens.

        `prompts` are one or a list. A prompt is a text, a list of messages with `role` and
        `content`, or a dict of the task's roles. Temperature 0 takes the likeliest tokens, by beam
        search where `num_beams` is above 1; above 0 they are drawn, the same again for the same
        seed and prompts. Raises BadValue for a task whose predictions are no texts, and for prompts
        beyond what the network reads.
        """
        usual = self.task.decoding
        if num_beams is None:
            num_beams = 1 if temperature else usual.num_beams
        drawn = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        decoding = replace(usual, num_beams=num_beams, **drawn)
        if max_new_tokens is not None:
            decoding = decoding.limit(max_new_tokens)
        samples = self.prompts(prompts)
        with self._engine.autocast():
            return self.task.generate(self.network, samples, decoding)

    def prompts(self, prompts: Any) -> list[Sample]:
        """The prompts of `generate`, of which a file may hold several, as samples."""
        if not self.task.generates:
            raise BadValue(
                f"The model in {self.folder} is for {self.task.name}, "
                "which writes no text. Use predict."
            )
        return self.samples(prompts)

    def _write(self, samples: Sequence[Sample], timestamps: bool) -> list[dict[str, Any]]:
        """Return one row per sample: the generated text, and the mean probability of its bytes."""
        task, preprocess = self.task, self.network.backbone.preprocess
        with self._engine.autocast():
            written = task.write(self.network, samples, task.decoding, timestamps)
        size = inference_batch_size(task, preprocess)
        feed = Feed(written.windows, task, preprocess, self._engine.device, size)
        scores, _ = predict(self.network, feed, self._engine)
        decoded = zip(samples, written.texts, task.decode(scores, samples), strict=True)
        rows = [
            {"id": sample.id, "prediction": text, "confidence": row["confidence"]}
            for sample, text, row in decoded
        ]
        if written.segments is None:
            return rows
        timed = zip(rows, written.segments, strict=True)
        return [{**row, "segments": segments} for row, segments in timed]

    def evaluate(
        self, data: Any, num_beams: int | None = None, **reading: Any
    ) -> dict[str, dict[str, float]]:
        """Every metric with its 95 % interval, on the test split, else on val, else on all.

        Where texts are measured, `num_beams` above 1 searches for the likeliest ones; None is as
        the task was asked for. `reading` are options of `graft.data.load.read`, as `columns`.
        Raises DataError for data of another kind, BadValue for `num_beams` of a task without them.
        """
        if num_beams is not None and not self.task.measures_texts:
            raise BadValue(
                f"num_beams={num_beams} is for models that write the texts that are measured. The "
                f"model in {self.folder} is for {self.task.name}. Leave it out."
            )
        if not isinstance(data, Data):
            reading = {**self._reading(), **reading}
        data = read_source(data, **reading)
        self.task.check_data(data)
        held = next((data.splits[name] for name in ("test", "val") if data.splits.get(name)), None)
        samples = held or [s for split in data.splits.values() for s in split]
        if self.task.parts:
            check_any_label(samples, list(self.task.parts))
        if held is None:
            _LOG.warning(
                f"Without a test split, all of {data.path or 'the data'} is measured "
                f"({plural(len(samples), 'example')}). A model that was trained on some of it is "
                "worse on new examples."
            )
        evaluation: Evaluation = evaluate(self.network, self._feed(samples), self._engine)
        usual = self.task.decoding
        decoding = usual if num_beams is None else replace(usual, num_beams=num_beams)
        evaluation = add_texts(self.network, self.task, samples, evaluation, self._engine, decoding)
        return intervals(self.task, evaluation, samples, data.kind)

    def _reading(self) -> dict[str, Any]:
        """How data to measure on are read: with the target of each of several tasks."""
        parts = {name: wanted_by(type(part)) for name, part in self.task.parts.items()}
        return {"parts": parts} if parts else {"kinds": kinds_of(type(self.task))}

    def embed(self, inputs: Any) -> np.ndarray:
        """The features (N, D) that enter the head, in the order of the inputs; float32.

        See `graft.deploy.embedding.pooled`.
        """
        return pool(self.network, self._feed(self.samples(inputs)), self._engine)

    def save(self, folder: str | Path) -> Path:
        """Copy the model to a folder of its own; raises FolderError where it exists."""
        folder = check_path("folder", folder)
        if folder.exists():
            raise FolderError(
                f"{folder} exists. Choose a folder that does not, or delete it first."
            )
        return Path(shutil.copytree(self.folder, folder))

    def _feed(self, samples: Sequence[Sample]) -> Feed:
        return Feed.of(samples, self.task, self.network.backbone.preprocess, self._engine.device)

    def samples(self, inputs: Any, **reading: Any) -> list[Sample]:
        """The `inputs` of `predict` as samples without the answers; of a table what the task reads.

        A chat, a list of messages, is one input; samples stay as they are. Raises as `predict`.
        """
        if reading.get("group_by") is not None:
            raise BadValue(
                f"group_by={reading['group_by']!r} says which samples stay in one split, and "
                "inputs are not split. Leave it out."
            )
        if isinstance(inputs, list) and inputs and all(isinstance(s, Sample) for s in inputs):
            return inputs
        one = isinstance(inputs, Mapping) or are_messages(inputs)
        if one or (isinstance(inputs, list | tuple) and any(map(are_messages, inputs))):
            inputs = [
                {"messages": one} if are_messages(one) else one
                for one in ([inputs] if one else inputs)
            ]
        reading = {"kinds": frozenset(kinds_of(type(self.task.read_as))), **reading}
        modality = self.network.backbone.preprocess.reads
        return [self.task.without_target(s) for s in read_inputs(inputs, modality, **reading)]


def is_saved(folder: str | Path) -> bool:
    """Whether the folder is a run with its model, or a model folder of Graft."""
    folder = check_path("model", folder)
    return any((Path(folder) / part / "graft.json").exists() for part in ("", "model"))


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
