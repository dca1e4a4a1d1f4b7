"""Texts, pictures and sounds as vectors: pooled features of any network, trained here or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graft.backbones.backbone import Model, evaluating
from graft.backbones.load import load_backbone, usual_job
from graft.base import files, plugins, trees
from graft.base.errors import BadValue
from graft.base.trees import Tree
from graft.deploy.inputs import read_inputs
from graft.tasks.task import Task
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed

ENDINGS = (".npy", ".parquet")


@dataclass(frozen=True)
class Embeddings:
    """The ids of N samples and their vectors (N, D), float32."""

    ids: list[str]
    vectors: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write `.npy`, (N, D), with the ids in `.ids.json` next to it.

        Or `.parquet` with the columns `id` and `embedding`.
        Raises BadValue for another ending, FolderError where nothing can be written.
        """
        path = Path(path)
        check_ending(path)
        if path.suffix.lower() == ".parquet":
            frame = pd.DataFrame({"id": self.ids, "embedding": list(self.vectors)})
            files.write(path, lambda part: frame.to_parquet(part, index=False))
            return
        files.write(path, self._write_array)
        files.write_json(path.with_suffix(".ids.json"), self.ids)

    def _write_array(self, part: Path) -> None:
        with part.open("wb") as file:  # by a name, NumPy would add an ending
            np.save(file, self.vectors)


def check_ending(path: str | Path) -> None:
    """Raises BadValue where the file cannot hold embeddings."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise BadValue(f"{path} has no known ending. Use {' or '.join(ENDINGS)}.")


def embed(
    model: Model,
    task: Task,
    inputs: Any,
    engine: Engine,
    normalize: bool = False,
    reading: Mapping[str, Any] | None = None,
) -> Embeddings:
    """The pooled features of inputs as `Predictor.predict` takes them.

    `reading` as in `read_inputs`. Raises DataError.
    """
    preprocess = model.backbone.preprocess
    samples = [
        task.without_target(sample)
        for sample in read_inputs(inputs, preprocess.reads, **(reading or {}))
    ]
    vectors = pool(engine.place(model), Feed.of(samples, task, preprocess, engine.device), engine)
    return Embeddings(
        [sample.id for sample in samples], scale_to_unit(vectors) if normalize else vectors
    )


def open_pretrained(spec: str) -> tuple[Model, Task]:
    """Open the backbone of a spec, and a task that reads its inputs.

    Raises UnknownName, BackboneError.
    """
    job = usual_job(spec)
    # Networks for sounds have a vector for each frame alone; others have one of their own.
    job = job if job.reads == "audio" else replace(job, form="vector")
    backbone = load_backbone(spec, job)
    tasks = [plugins.load("task", name) for name in plugins.names("task")]
    reads = backbone.preprocess.reads
    fitting = next(task for task in tasks if task.reads == reads and task.gives == "classes")
    return Model(backbone), fitting(classes=())


def pool(model: Model, feed: Feed, engine: Engine) -> np.ndarray:
    """The features (N, D) of the feed's samples, in order; float32.

    Where every token has features, their mean over the text; of a text that is read in parts, the
    mean of its parts.
    """
    vectors: list[np.ndarray] = [np.empty(0)] * len(feed.pieces)
    with torch.inference_mode(), evaluating(model):
        for batch in feed.stream(feed.plan(None)):
            with engine.autocast():
                features = model(batch).features
            # The features of an encoder-decoder are those of the tokens that its decoder reads.
            mask = batch.inputs.get("decoder_attention_mask", batch.mask)
            for row, vector in zip(batch.rows, _vectors(features, mask).cpu().numpy(), strict=True):
                vectors[row] = vector
    return np.stack(
        [
            np.mean([vector for _, vector in parts], axis=0)
            for parts in feed.windows.by_sample(vectors)
        ]
    )


def scale_to_unit(vectors: np.ndarray) -> np.ndarray:
    """Each row (N, D) divided by its length, so that the product of two is their cosine.

    Rows of zeros stay.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def _vectors(features: Tree, mask: Tensor | None) -> Tensor:
    """(B, D); of a pyramid the mean of its coarsest level over all places."""
    coarsest = trees.leaves(features)[-1].float()
    return coarsest.mean((2, 3)) if coarsest.dim() == 4 else _mean_over_tokens(coarsest, mask)


def _mean_over_tokens(features: Tensor, mask: Tensor | None) -> Tensor:
    """Return features (B, D): of (B, T, D), the mean over all tokens except padding."""
    if features.dim() == 2:
        return features
    weight = mask.to(features)[..., None]
    return (features * weight).sum(1) / weight.sum(1).clamp(min=1)
