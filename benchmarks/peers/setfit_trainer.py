"""SetFit on a few texts a class, with the settings of its README.

It fine-tunes by contrast, then fits a logistic regression.
"""

from __future__ import annotations

from pathlib import Path

from datasets import Dataset
from measure import Clock, given, report
from setfit import SetFitModel, Trainer, TrainingArguments


def main() -> None:
    task, clock = given(), Clock()
    with clock.running("load"):
        model = SetFitModel.from_pretrained(task.weights, labels=task.classes)
    with clock.running("all"):
        sets = {}
        for name in ("train", "test"):
            texts, labels = zip(*getattr(task, name), strict=True)
            sets[name] = Dataset.from_dict(
                {"text": list(texts), "label": [task.classes[label] for label in labels]}
            )
        settings = TrainingArguments(
            batch_size=task.batch_size,
            num_epochs=task.epochs,
            seed=task.seed,
            output_dir=str(Path(task.folder, "setfit")),
            save_strategy="no",
            report_to="none",
        )
        trainer = Trainer(
            model=model,
            args=settings,
            train_dataset=sets["train"],
            eval_dataset=sets["test"],
            metric=agreement,
        )
        trainer.train()
        found = trainer.evaluate()
    report(
        clock.seconds["all"],
        found["accuracy"],
        ("setfit", "sentence-transformers", "transformers", "torch"),
        load_seconds=clock.seconds["load"],
        notes=f"{len(task.train)} texts, {task.epochs} epochs of pairs, "
        f"batches of {task.batch_size}, fp32",
    )


def agreement(predictions, labels) -> dict[str, float]:
    """Return the accuracy; SetFit's own accuracy metric would be downloaded."""
    pairs = list(zip(predictions, labels, strict=True))
    return {"accuracy": sum(str(one) == str(other) for one, other in pairs) / len(pairs)}


if __name__ == "__main__":
    main()
