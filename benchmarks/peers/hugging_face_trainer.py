"""Hugging Face's Trainer, as the image and text classification guides of transformers use it.

Two things differ from the guides. The body is frozen where the task asks for it, with a learning
rate that suits a new head. Nothing is saved, since saving is not timed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from datasets import Dataset, Image
from measure import Clock, Task, given, report
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    DefaultDataCollator,
    Trainer,
    TrainingArguments,
    set_seed,
)

HEAD_RATE = 3e-3


def accuracy(found) -> dict[str, float]:
    predictions, labels = found
    return {"accuracy": float((np.argmax(predictions, axis=1) == labels).mean())}


def load_images(task: Task):
    processor = AutoImageProcessor.from_pretrained(task.weights)
    model = AutoModelForImageClassification.from_pretrained(task.weights)
    model.timm_model.reset_classifier(
        len(task.classes)
    )  # asked for other labels, the wrapper keeps ImageNet's head
    model.config.num_labels = len(task.classes)
    if task.goal == "features":
        freeze(model, model.timm_model.get_classifier())
    return processor, model


def load_texts(task: Task):
    tokenizer = AutoTokenizer.from_pretrained(task.weights)
    model = AutoModelForSequenceClassification.from_pretrained(
        task.weights, num_labels=len(task.classes)
    )
    if task.goal == "features":
        freeze(model, model.classifier)
    return tokenizer, model


def freeze(model, head) -> None:
    model.requires_grad_(False)
    head.requires_grad_(True)


def image_sets(task: Task, processor) -> dict[str, Dataset]:
    """Images that are decoded and transformed when read.

    They are augmented for training and cropped at the center for evaluation.
    """
    from torchvision.transforms import (
        CenterCrop,
        Compose,
        Normalize,
        RandomHorizontalFlip,
        RandomResizedCrop,
        Resize,
        ToTensor,
    )

    config = processor.data_config
    end = [ToTensor(), Normalize(mean=config["mean"], std=config["std"])]
    augmented = Compose([RandomResizedCrop(224), RandomHorizontalFlip(), *end])
    plain = Compose([Resize(256), CenterCrop(224), *end])

    def reading(transform):
        def read(examples):
            examples["pixel_values"] = [
                transform(image.convert("RGB")) for image in examples.pop("image")
            ]
            return examples

        return read

    sets = {}
    for name in ("train", "val", "test"):
        paths, labels = zip(*getattr(task, name), strict=True)
        found = Dataset.from_dict({"image": list(paths), "label": list(labels)}).cast_column(
            "image", Image()
        )
        sets[name] = found.with_transform(reading(augmented if name == "train" else plain))
    return sets


def text_sets(task: Task, tokenizer) -> dict[str, Dataset]:
    padding = {"padding": "max_length", "max_length": task.pad_to} if task.pad_to else {}

    def tokenize(examples):
        return tokenizer(examples["text"], truncation=True, **padding)

    sets = {}
    for name in ("train", "val", "test"):
        texts, labels = zip(*getattr(task, name), strict=True)
        sets[name] = Dataset.from_dict({"text": list(texts), "label": list(labels)}).map(
            tokenize, batched=True
        )
    return sets


def main() -> None:
    task, clock = given(), Clock()
    set_seed(task.seed)
    image = task.modality == "image"
    with clock.running("load"):
        reader, model = (load_images if image else load_texts)(task)
    with clock.running("all"):
        sets = (image_sets if image else text_sets)(task, reader)
        frozen = task.goal == "features"
        settings = TrainingArguments(
            output_dir=str(Path(task.folder, "trainer")),
            remove_unused_columns=not image,
            eval_strategy="epoch" if task.every_epoch else "no",
            save_strategy="no",
            learning_rate=HEAD_RATE if frozen else 5e-5 if image else 2e-5,
            per_device_train_batch_size=task.batch_size,
            per_device_eval_batch_size=task.batch_size,
            num_train_epochs=task.epochs,
            weight_decay=0.0 if image else 0.01,
            logging_steps=10,
            seed=task.seed,
            report_to="none",
        )
        trainer = Trainer(
            model=model,
            args=settings,
            data_collator=DefaultDataCollator() if image else DataCollatorWithPadding(reader),
            train_dataset=sets["train"],
            eval_dataset=sets["val"],
            processing_class=reader,
            compute_metrics=accuracy,
        )
        with clock.running("train"):
            trainer.train()
        found = trainer.evaluate(sets["test"])
    padded = "" if image else f", texts padded to {task.pad_to or 'the longest of a batch'}"
    pooler = ", head on BERT's own pooler" if frozen and not image else ""
    report(
        clock.seconds["all"],
        found["eval_accuracy"],
        ("transformers", "accelerate", "datasets", "torch") + (("timm",) if image else ()),
        load_seconds=clock.seconds["load"],
        rate=None if task.every_epoch else len(task.train) * task.epochs / clock.seconds["train"],
        notes=f"AdamW, rate {settings.learning_rate:g}, fp32{padded}{pooler}",
    )


if __name__ == "__main__":
    main()
