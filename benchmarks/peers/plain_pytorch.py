"""The loop of PyTorch's tutorials, with no library around it.

Images follow "Transfer Learning for Computer Vision": random resized crops, SGD with momentum,
StepLR, four loading workers, validation each epoch, the best weights kept in a file. Texts follow
"A full training loop" of Hugging Face's course: dynamic padding, AdamW, a linear schedule.
"""

from __future__ import annotations

from pathlib import Path

import torch
from measure import Clock, Task, given, report
from PIL import Image
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, Dataset

WORKERS = 4


class Pictures(Dataset):
    """Images by their paths, with their classes."""

    def __init__(self, rows, transform):
        self.rows, self.transform = rows, transform

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        path, label = self.rows[index]
        return self.transform(Image.open(path).convert("RGB")), label


def images(task: Task, clock: Clock) -> tuple[float, int]:
    """Train and evaluate; return the test accuracy and the number of trained examples."""
    import timm
    from torchvision import transforms

    with clock.running("load"):
        model = timm.create_model(f"local-dir:{task.weights}", pretrained=True)
        model.reset_classifier(len(task.classes))  # a fresh nn.Linear, as in the tutorial
    with clock.running("all"):
        about = timm.data.resolve_model_data_config(model)
        norm = transforms.Normalize(about["mean"], about["std"])
        augmented = [
            transforms.RandomResizedCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            norm,
        ]
        plain = [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), norm]
        steps = {"train": augmented, "val": plain, "test": plain}
        sets = {
            name: Pictures(getattr(task, name), transforms.Compose(found))
            for name, found in steps.items()
        }
        loaders = {
            name: DataLoader(
                found, batch_size=task.batch_size, shuffle=name == "train", num_workers=WORKERS
            )
            for name, found in sets.items()
        }
        trainable = chosen(model, task)
        criterion = nn.CrossEntropyLoss()
        rate = 0.001 * task.batch_size / 4  # the tutorial's rate is for batches of four
        optimizer = torch.optim.SGD(trainable, lr=rate, momentum=0.9)
        scheduler = lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
        kept, best = Path(task.folder, "best.pt"), -1.0
        for _ in range(task.epochs):
            with clock.running("train"):
                model.train()
                for inputs, labels in loaders["train"]:
                    optimizer.zero_grad()
                    loss = criterion(model(inputs), labels)
                    loss.backward()
                    optimizer.step()
                scheduler.step()
            if task.every_epoch and (accuracy := right(model, loaders["val"])) > best:
                best = accuracy
                torch.save(model.state_dict(), kept)
        if task.every_epoch:
            model.load_state_dict(torch.load(kept, weights_only=True))
        return right(model, loaders["test"]), len(task.train) * task.epochs


def chosen(model: nn.Module, task: Task) -> list[nn.Parameter]:
    """Return the parameters that train; freeze the others."""
    head = {id(parameter) for parameter in model.get_classifier().parameters()}
    for name, parameter in model.named_parameters():
        parameter.requires_grad = (
            task.goal == "full" or id(parameter) in head or name in task.trainable
        )
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def right(model: nn.Module, loader: DataLoader) -> float:
    """Return the share of images that are classified correctly."""
    model.eval()
    with torch.no_grad():
        hits = sum((model(inputs).argmax(1) == labels).sum().item() for inputs, labels in loader)
    return hits / len(loader.dataset)


def texts(task: Task, clock: Clock) -> tuple[float, int]:
    """Fine-tune all weights; return the test accuracy and the number of trained examples."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        get_scheduler,
    )

    with clock.running("load"):
        tokenizer = AutoTokenizer.from_pretrained(task.weights)
        model = AutoModelForSequenceClassification.from_pretrained(
            task.weights, num_labels=len(task.classes)
        )
    with clock.running("all"):
        collate = DataCollatorWithPadding(tokenizer)
        sets = {
            name: [
                {**tokenizer(text, truncation=True), "labels": label}
                for text, label in getattr(task, name)
            ]
            for name in ("train", "test")
        }
        loaders = {
            name: DataLoader(
                found, batch_size=task.batch_size, shuffle=name == "train", collate_fn=collate
            )
            for name, found in sets.items()
        }
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
        steps = task.epochs * len(loaders["train"])
        scheduler = get_scheduler("linear", optimizer, num_warmup_steps=0, num_training_steps=steps)
        with clock.running("train"):
            model.train()
            for _ in range(task.epochs):
                for batch in loaders["train"]:
                    model(**batch).loss.backward()
                    optimizer.step()
                    scheduler.step()
                    optimizer.zero_grad()
        model.eval()
        hits = 0
        with torch.no_grad():
            for batch in loaders["test"]:
                labels = batch.pop("labels")
                hits += (model(**batch).logits.argmax(-1) == labels).sum().item()
        return hits / len(task.test), len(task.train) * task.epochs


def main() -> None:
    task, clock = given(), Clock()
    torch.manual_seed(task.seed)
    accuracy, examples = (images if task.modality == "image" else texts)(task, clock)
    packages = (
        ("torch", "torchvision", "timm") if task.modality == "image" else ("torch", "transformers")
    )
    report(
        clock.seconds["all"],
        accuracy,
        packages,
        load_seconds=clock.seconds["load"],
        rate=examples / clock.seconds["train"],
        notes=f"SGD with momentum, {WORKERS} loading workers, fp32"
        if task.modality == "image"
        else "AdamW, fp32",
    )


if __name__ == "__main__":
    main()
