"""A study as training leaves it: networks of scikit-learn, transferred between handwritten digits.

All numbers are real: the source task is to name the digit, the target task to name its group of
two, from a few examples.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from graft.base import env, files
from graft.metrics.classification import METRICS, accuracy
from graft.metrics.intervals import interval
from graft.tasks.image_classification import ImageClassification

CLASSES = ["0–1", "2–3", "4–5", "6–7", "<8 & 9>"]
BACKBONE = "sklearn:mlp-digits"
HIDDEN = 48
WORDS = {
    "majority": "always naming the most frequent class",
    "pixels-logistic": "logistic regression on pixels",
}
TECHNIQUES = ("from-scratch", "feature-extraction", "full-fine-tuning")


class Digits:
    """Splits of the digits: a source to pretrain on, and train, val, test of the target."""

    def __init__(self):
        found = load_digits()
        order = np.random.default_rng(0).permutation(len(found.target))
        self.images, digits = found.images[order], found.target[order]
        self.pixels, self.groups = self.images.reshape(len(order), -1) / 16, digits // 2
        cuts = {"source": (0, 900), "train": (900, 960), "val": (1000, 1100), "test": (1100, 1400)}
        self.rows = {name: np.arange(*cut) for name, cut in cuts.items()}
        self.network = MLPClassifier(
            (HIDDEN,), max_iter=80, random_state=0, tol=0, n_iter_no_change=100
        )
        with np.errstate(all="ignore"):
            fit_quietly(self.network, self.pixels[self.rows["source"]], digits[self.rows["source"]])

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        return self.pixels[self.rows[name]], self.groups[self.rows[name]]

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        return np.maximum(pixels @ self.network.coefs_[0] + self.network.intercepts_[0], 0)

    def preview(self, row: int) -> str:
        buffer = io.BytesIO()
        Image.fromarray((255 - 15.9 * self.images[row]).astype(np.uint8)).resize(
            (96, 96), Image.Resampling.NEAREST
        ).save(buffer, "PNG")
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def fit_quietly(network: MLPClassifier, pixels: np.ndarray, labels: np.ndarray) -> None:
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(pixels, labels)


def train(digits: Digits, technique: str, seed: int, fraction: float, folder: Path) -> dict:
    """Train one small network and write its run folder."""
    started = time.perf_counter()
    spec = {
        "schema": 1,
        "data": {"path": "digits", "hash": "d161", "format": "npz", "options": {}},
        "task": "image-classification",
    }
    spec |= {
        "backbone": BACKBONE,
        "technique": technique,
        "seed": seed,
        "fraction": fraction,
        "shots": None,
        "precision": "fp32",
    }
    spec["hash"] = hashlib.sha256(json.dumps(spec).encode()).hexdigest()[:16]
    run = folder / "runs" / spec["hash"]
    files.write_json(
        run / "spec.json", {**spec, "versions": env.versions(), "hardware": env.hardware()}
    )
    pixels, labels = digits.split("train")
    chosen = np.random.default_rng(seed).permutation(len(labels))[: round(fraction * len(labels))]
    frozen = technique == "feature-extraction"
    view = digits.embed if frozen else np.asarray
    shape = () if frozen else (HIDDEN,)
    network = MLPClassifier(
        shape, learning_rate_init=0.05 if frozen else 0.003, random_state=seed, batch_size=10
    )
    history, spent = [], 0.0
    x, y = view(pixels[chosen]), labels[chosen]
    network.partial_fit(x[:10], y[:10], classes=np.arange(5))
    if technique == "full-fine-tuning":
        network.coefs_[0][:], network.intercepts_[0][:] = (
            digits.network.coefs_[0],
            digits.network.intercepts_[0],
        )
    for epoch in range(1, 31):
        begun = time.perf_counter()
        network.partial_fit(x, y)
        spent += time.perf_counter() - begun
        scores = network.predict_proba(view(digits.split("val")[0]))
        found = {
            "loss": log_loss(scores, digits.split("val")[1]),
            "accuracy": accuracy(scores, digits.split("val")[1]),
        }
        step = {
            "phase": "train",
            "epoch": epoch,
            "step": epoch * 10,
            "train_seconds": spent,
            "lr": network.learning_rate_init,
        }
        history.append({**step, "losses": {"task": float(network.loss_)}, "val": found})
    files.write_text(run / "history.jsonl", "".join(json.dumps(line) + "\n" for line in history))
    scores = {
        split: network.predict_proba(view(digits.split(split)[0])) for split in ("val", "test")
    }
    write_predictions(run / "predictions.parquet", digits, scores)
    write_mistakes(run / "mistakes.jsonl", digits, scores["test"])
    targets = digits.split("test")[1]
    parameters = sum(w.size for w in (*network.coefs_, *network.intercepts_))
    total = parameters + (64 * HIDDEN + HIDDEN if frozen else 0)
    result = {
        **{
            key: spec[key]
            for key in ("schema", "task", "backbone", "technique", "seed", "fraction", "shots")
        },
        "status": "finished",
        "data": {
            **spec["data"],
            "counts": {"train": len(chosen), "val": 100, "test": 300},
            "classes": CLASSES,
            "notes": ["8 x 8 pixels."],
        },
        "metrics": {"val": history[-1]["val"], "test": measured(scores["test"], targets)},
        "primary_metric": "accuracy",
        "selected_by": "val",
        "baseline": {},
        "cost": {
            "train_seconds": spent,
            "total_seconds": time.perf_counter() - started,
            "samples_per_second": 30 * len(chosen) / spent,
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "trainable_parameters": parameters,
            "total_parameters": total,
            "model_mb": total * 8 / 2**20,
            "cache": {
                "used": frozen,
                "estimated_gain": 4.0 if frozen else 1.0,
                "bytes": len(chosen) * HIDDEN * 8 if frozen else 0,
            },
        },
        "frozen": {"tensors": 2 if frozen else 0, "unchanged": True, "phases": []},
        **ImageClassification(tuple(CLASSES)).details(scores["test"], targets).to_json(),
        "warnings": [],
    }
    files.write_json(run / "status.json", {"state": "finished", "message": ""})
    files.write_json(run / "result.json", result)
    return spec


def log_loss(scores: np.ndarray, targets: np.ndarray) -> float:
    return float(-np.log(scores[np.arange(len(targets)), targets] + 1e-12).mean())


def measured(scores: np.ndarray, targets: np.ndarray) -> dict:
    names = ("accuracy", "macro_f1", "auroc", "ece", "brier")
    found = {name: interval(METRICS[name], scores, targets) for name in names}
    return {
        name: dict(zip(("value", "low", "high"), values, strict=True))
        for name, values in found.items()
    }


def write_predictions(path: Path, digits: Digits, scores: dict[str, np.ndarray]) -> None:
    rows = [
        {
            "split": split,
            "id": f"{split}/{row}",
            "group": f"{split}/{row}",
            "target": CLASSES[digits.groups[row]],
            "prediction": CLASSES[each.argmax()],
            "confidence": each.max(),
            "terms": json.dumps([float(each.argmax() == digits.groups[row]), 1.0]),
        }
        for split, found in scores.items()
        for row, each in zip(digits.rows[split], found, strict=True)
    ]
    files.write(path, lambda part: pd.DataFrame(rows).to_parquet(part, index=False))


def write_mistakes(path: Path, digits: Digits, scores: np.ndarray) -> None:
    targets, predicted = digits.split("test")[1], scores.argmax(axis=1)
    worst = sorted(np.flatnonzero(targets != predicted), key=lambda i: -scores[i].max())[:12]
    lines = [
        {
            "id": f"test/{digits.rows['test'][i]}",
            "target": CLASSES[targets[i]],
            "prediction": CLASSES[predicted[i]],
            "confidence": float(scores[i].max()),
            "caption": f"{CLASSES[targets[i]]}, taken for {CLASSES[predicted[i]]}",
            "kind": "image",
            "preview": digits.preview(digits.rows["test"][i]),
        }
        for i in worst
    ]
    files.write_text(path, "".join(json.dumps(line) + "\n" for line in lines))


def write_baselines(digits: Digits, folder: Path, fractions: tuple[float, ...]) -> None:
    rows = []
    pixels, labels = digits.split("train")
    for fraction in fractions:
        x, y = pixels[: round(fraction * len(labels))], labels[: round(fraction * len(labels))]
        for name, words in WORDS.items():
            started = time.perf_counter()
            if name == "majority":
                scores = np.tile(np.bincount(y, minlength=5) / len(y), (300, 1))
            else:
                scores = (
                    LogisticRegression(C=10, max_iter=2000)
                    .fit(x, y)
                    .predict_proba(digits.split("test")[0])
                )
            seconds = time.perf_counter() - started
            file = f"{name}-{fraction:g}-0.parquet"
            write_predictions(folder / "baselines" / file, digits, {"test": scores})
            found = {"test": measured(scores, digits.split("test")[1])}
            rows.append(
                {
                    "baseline": name,
                    "words": words,
                    "fraction": fraction,
                    "seed": 0,
                    "metrics": found,
                    "seconds": seconds,
                    "predictions": file,
                }
            )
    files.write_json(folder / "baselines.json", rows)


def write_study(
    folder: Path, techniques=TECHNIQUES, seeds=(0, 1, 2), fractions=(1.0, 0.5), failed: bool = True
) -> Path:
    """A whole study folder; with `failed`, a run of a fourth technique that cannot train."""
    digits = Digits()
    runs = [
        train(digits, t, s, f, folder)["hash"] for f in fractions for t in techniques for s in seeds
    ]
    if failed:
        runs.append(write_failed(folder))
    about = {
        "schema": 1,
        "command": "graft compare digits --seeds 3 --fractions 1,0.5",
        "data": {"path": "digits", "hash": "d161", "format": "npz", "options": {}},
    }
    about |= {
        "task": "image-classification",
        "techniques": [*techniques, "lora:r=0"],
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
    findings = [
        {
            "kind": "duplicates",
            "severity": "warning",
            "message": "2 examples of <train> are in test, too.",
            "samples": ["train/3", "test/9"],
        },
        {
            "kind": "note",
            "severity": "info",
            "message": "Images of 8 x 8 pixels are small.",
            "samples": [],
        },
    ]
    files.write_json(folder / "findings.json", findings)
    write_baselines(digits, folder, fractions)
    return folder


def write_failed(folder: Path) -> str:
    run = folder / "runs" / "00000000deadbeef"
    spec = {
        "schema": 1,
        "hash": run.name,
        "data": {"path": "digits", "hash": "d161", "options": {}},
        "task": "image-classification",
    }
    spec |= {
        "backbone": BACKBONE,
        "technique": "lora:r=0",
        "seed": 0,
        "fraction": 1.0,
        "shots": None,
    }
    files.write_json(run / "spec.json", spec)
    try:
        np.zeros((64, 0)) @ np.zeros((1, 48))
    except ValueError as error:
        files.write_json(
            run / "status.json", {"state": "failed", "message": f"ValueError: {error}"}
        )
    return run.name


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Path:
    """Read only."""
    return write_study(tmp_path_factory.mktemp("digits") / "study")
