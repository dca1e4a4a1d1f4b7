"""A study of language models, as training leaves it: byte statistics of Python's manual.

All numbers are real. A model is a mixture of uniform bytes, byte frequencies and byte pairs, its
weights learned by expectation maximization; those that transfer have the statistics of other texts,
too. Lower is better.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pandas as pd

from graft.base import env, files
from graft.metrics.find import find
from graft.metrics.intervals import interval

BACKBONE = "counts:manual"
TECHNIQUES = ("from-scratch", "feature-extraction", "full-fine-tuning")
METRICS = ("bits_per_byte", "perplexity")
LENGTH, EPOCHS = 400, 12


class Texts:
    """The first bytes of the manual's topics: half to pretrain on, the others in splits."""

    def __init__(self):
        found = [np.frombuffer(topics[name].encode()[:LENGTH], np.uint8) for name in sorted(topics)]
        self.source, target = found[::2], found[1::2]
        self.splits = {"train": target[:8], "val": target[8:16], "test": target[16:36]}


def learn(texts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities of bytes (256,), and of the next byte by the last one (256, 256)."""
    ones, pairs = np.full(256, 0.01), np.full((256, 256), 0.001)
    for text in texts:
        np.add.at(ones, text, 1)
        np.add.at(pairs, (text[:-1], text[1:]), 1)
    return ones / ones.sum(), pairs / pairs.sum(axis=1, keepdims=True)


def predicted(text: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """What each statistic gives each byte but the first (L, 1 + 2 parts)."""
    columns = [np.full(len(text) - 1, 1 / 256)]
    for ones, pairs in parts:
        columns += [ones[text[1:]], pairs[text[:-1], text[1:]]]
    return np.stack(columns, axis=1)


def terms(texts: list[np.ndarray], parts: list, weights: np.ndarray) -> np.ndarray:
    """(N, 3): nats, predicted tokens, bytes of each text; a token is a byte."""
    nats = [-np.log(predicted(text, parts) @ weights).sum() for text in texts]
    return np.array(
        [[n, len(text) - 1, len(text) - 1] for n, text in zip(nats, texts, strict=True)]
    )


def generate(prompt: bytes, parts: list, weights: np.ndarray, rng: np.random.Generator) -> str:
    out = list(prompt)
    for _ in range(60):
        shares = weights[0] / 256 + sum(
            weights[1 + 2 * i] * ones + weights[2 + 2 * i] * pairs[out[-1]]
            for i, (ones, pairs) in enumerate(parts)
        )
        out.append(int(rng.choice(256, p=shares / shares.sum())))
    return bytes(out[len(prompt) :]).decode("ascii", "replace")


def spec_of(technique: str, seed: int, fraction: float) -> dict:
    data = {"path": "manual", "hash": "d162", "format": "text", "options": {}}
    spec = {
        "schema": 1,
        "data": data,
        "task": "text-generation",
        "backbone": BACKBONE,
        "technique": technique,
    }
    spec |= {"seed": seed, "fraction": fraction, "shots": None, "precision": "fp32"}
    return spec | {"hash": hashlib.sha256(json.dumps(spec).encode()).hexdigest()[:16]}


def train(texts: Texts, technique: str, seed: int, fraction: float, folder: Path) -> str:
    """Learn one mixture and write its run folder."""
    started, spec = time.perf_counter(), spec_of(technique, seed, fraction)
    run = folder / "runs" / spec["hash"]
    files.write_json(
        run / "spec.json", {**spec, "versions": env.versions(), "hardware": env.hardware()}
    )
    count = round(fraction * len(texts.splits["train"]))
    chosen = [texts.splits["train"][i] for i in np.random.default_rng(seed).permutation(8)[:count]]
    own, other = [learn(chosen[: count // 2])], [learn(texts.source)]
    parts = {"from-scratch": own, "feature-extraction": other, "full-fine-tuning": own + other}[
        technique
    ]
    weights, history = np.full(1 + 2 * len(parts), 1 / (1 + 2 * len(parts))), []
    seen = np.concatenate([predicted(text, parts) for text in chosen[count // 2 :]])
    for epoch in range(1, EPOCHS + 1):
        shares = seen * weights
        weights = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        val = measured(terms(texts.splits["val"], parts, weights))
        spent = 0.5 * epoch * len(parts)
        step = {
            "phase": "train",
            "epoch": epoch,
            "step": epoch,
            "train_seconds": spent,
            "lr": 1.0,
            "losses": {"task": 1.0},
        }
        history.append(
            {
                **step,
                "val": {"loss": np.log(val["perplexity"]), "bits_per_byte": val["bits_per_byte"]},
            }
        )
    files.write_text(run / "history.jsonl", "".join(json.dumps(line) + "\n" for line in history))
    test = terms(texts.splits["test"], parts, weights)
    write_predictions(run / "predictions.parquet", texts, test)
    prompts = [bytes(text[:30]) for text in texts.splits["test"][:2]]
    outputs = [generate(prompt, parts, weights, np.random.default_rng(seed)) for prompt in prompts]
    result = {
        **{
            key: spec[key]
            for key in ("schema", "task", "backbone", "technique", "seed", "fraction", "shots")
        },
        "status": "finished",
        "data": {
            **spec["data"],
            "counts": {"train": count, "val": 8, "test": 20},
            "classes": [],
            "notes": [],
        },
        "metrics": {
            "val": {"loss": history[-1]["val"]["loss"], **val},
            "test": with_intervals(test),
        },
        "primary_metric": "bits_per_byte",
        "selected_by": "val",
        "baseline": {},
        "cost": {
            "train_seconds": spent,
            "total_seconds": time.perf_counter() - started + spent,
            "trainable_parameters": len(weights),
            "total_parameters": len(parts) * 65792,
        },
        "frozen": {"tensors": 0, "unchanged": True, "phases": []},
        "samples": [
            {"prompt": prompt.decode(), "output": output, "reference": bytes(text[30:90]).decode()}
            for prompt, output, text in zip(prompts, outputs, texts.splits["test"], strict=False)
        ],
        "warnings": [],
    }
    files.write_json(run / "status.json", {"state": "finished", "message": ""})
    files.write_json(run / "result.json", result)
    return spec["hash"]


def measured(scores: np.ndarray) -> dict[str, float]:
    return {name: find(name)(scores, np.zeros(len(scores))) for name in METRICS}


def with_intervals(scores: np.ndarray) -> dict[str, dict[str, float]]:
    targets = np.zeros(len(scores))
    found = {name: interval(find(name), scores, targets) for name in METRICS}
    return {
        name: dict(zip(("value", "low", "high"), values, strict=True))
        for name, values in found.items()
    }


def write_predictions(path: Path, texts: Texts, test: np.ndarray) -> None:
    rows = [
        {
            "id": f"test/{i}",
            "group": f"test/{i}",
            "target": bytes(text).decode(),
            "prediction": "",
            "terms": json.dumps(row.tolist()),
        }
        for i, (text, row) in enumerate(zip(texts.splits["test"], test, strict=True))
    ]
    files.write(
        path, lambda part: pd.DataFrame(rows).assign(split="test").to_parquet(part, index=False)
    )


def write_baselines(texts: Texts, folder: Path, fractions: tuple[float, ...]) -> None:
    rows = []
    for fraction in fractions:
        parts = [learn(texts.splits["train"][: round(8 * fraction)])]
        for name, weights in (
            ("uniform-bytes", [1.0, 0.0, 0.0]),
            ("byte-frequencies", [0.1, 0.9, 0.0]),
        ):
            test = terms(texts.splits["test"], parts, np.array(weights))
            file = f"{name}-{fraction:g}-0.parquet"
            write_predictions(folder / "baselines" / file, texts, test)
            found = {"test": with_intervals(test)}
            row = {
                "baseline": name,
                "fraction": fraction,
                "seed": 0,
                "metrics": found,
                "seconds": 0.1,
            }
            rows.append({**row, "predictions": file})
    files.write_json(folder / "baselines.json", rows)


def write_texts_study(folder: Path, seeds=(0, 1, 2), fractions=(1.0, 0.5)) -> Path:
    """A whole study folder whose metric is bits per byte."""
    texts = Texts()
    runs = [train(texts, t, s, f, folder) for f in fractions for t in TECHNIQUES for s in seeds]
    about = {
        "schema": 1,
        "command": "graft compare manual",
        "data": {"path": "manual", "hash": "d162", "format": "text", "options": {}},
    }
    about |= {
        "task": "text-generation",
        "techniques": list(TECHNIQUES),
        "backbones": [BACKBONE],
        "seeds": list(seeds),
    }
    about |= {
        "fractions": list(fractions),
        "shots": None,
        "runs": runs,
        "versions": env.versions(),
        "hardware": env.hardware(),
    }
    files.write_json(folder / "study.json", about)
    write_baselines(texts, folder, fractions)
    return folder
