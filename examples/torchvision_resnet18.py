"""torchvision's resnet18, frozen, under a new `fc`: PyTorch's own program, and the line of Graft.

    python examples/torchvision_resnet18.py [PHOTOS]

PHOTOS is a folder of photos, one folder a class, such as the ants and bees of PyTorch's tutorial;
without one, handwritten digits. Where the weights of ImageNet cannot be fetched, PyTorch's program
has random weights, and Graft takes its built-in network.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import models, transforms

import graft

EPOCHS, MOST = 3, 200
PREPARE = transforms.Compose(
    [
        transforms.Resize((224, 224)),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)


def load_data() -> graft.Data:
    """Return the photos of the folder that the command line names, or digits."""
    if len(sys.argv) > 1:
        return graft.load_data(sys.argv[1])
    digits = load_digits()
    data = graft.load_data(((digits.images / 16 * 255).astype("uint8"), digits.target.astype(str)))
    return data.sample(train=MOST, val=MOST, test=MOST)


def load_resnet() -> nn.Module:
    """Return the network with the weights of ImageNet, or with random ones."""
    try:
        return models.resnet18(weights="DEFAULT")
    except OSError:
        print("The weights of ImageNet cannot be fetched here: PyTorch's program has random ones.")
        return models.resnet18()


def encode(data: graft.Data, split: str) -> list[tuple[Tensor, int]]:
    """Return the pictures of a split as tensors, with the numbers of their classes."""
    pairs = []
    for sample in data.splits[split]:
        image = sample.roles["image"]
        picture = Image.open(image) if isinstance(image, Path) else Image.fromarray(image)
        label = data.classes.index(sample.roles["label"])
        pairs.append((PREPARE(picture.convert("RGB")), label))
    return pairs


def train_with_pytorch(data: graft.Data) -> float:
    """Return the test accuracy of the program as PyTorch's tutorial has it."""
    torch.manual_seed(0)
    network = load_resnet()
    for parameter in network.parameters():
        parameter.requires_grad = False
    network.fc = nn.Linear(network.fc.in_features, len(data.classes))
    optimizer = torch.optim.SGD(network.fc.parameters(), lr=0.001, momentum=0.9)
    loss = nn.CrossEntropyLoss()
    batches = DataLoader(encode(data, "train"), batch_size=4, shuffle=True)
    for _ in range(EPOCHS):
        network.train()
        for pictures, labels in batches:
            optimizer.zero_grad()
            loss(network(pictures), labels).backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        hits = [
            network(pictures).argmax(1) == labels
            for pictures, labels in DataLoader(encode(data, "test"), batch_size=32)
        ]
    return torch.cat(hits).float().mean().item()


def train_with_graft(data: graft.Data) -> float:
    """Return the test accuracy of the same, a new last layer on the frozen network."""
    try:
        run = graft.fit(data, "torchvision:resnet18", "feature-extraction")
    except graft.BackboneError:
        print("Graft cannot fetch them either, and takes its built-in efficientnet-lite0.")
        run = graft.fit(data, "efficientnet-lite0", "feature-extraction")
    return run.result["metrics"]["test"]["accuracy"]["value"]


def main() -> None:
    data = load_data()
    theirs = train_with_pytorch(data)
    print(f"PyTorch's own program, {EPOCHS} epochs: test accuracy {theirs:.3f}")
    print(f"Graft, feature extraction: test accuracy {train_with_graft(data):.3f}")


if __name__ == "__main__":
    main()
