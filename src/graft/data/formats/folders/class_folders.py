"""Class folders of files: `ants/1.jpg`, or `train/ants/1.jpg` where there are split folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graft.base.errors import DataError, listed
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.formats.format import SPLIT_NAMES, ReadOptions, split_of, splits_of

_SYSTEM_FILES = frozenset(("thumbs.db", "desktop.ini", "icon\r"))
_ABOUT = frozenset((".md", ".rst", ".json", ".toml", ".yaml", ".yml", ".cff", ".bib"))
_ABOUT_STEMS = ("readme", "license", "licence", "classes", "labels", "attribution", "notice", "citation")
"""How files are named that describe a data set and hold no samples, where they lie beside them."""


def is_hidden(path: Path) -> bool:
    """Whether the system or a tool put the file there: `.DS_Store`, `Thumbs.db`, `__MACOSX`, `.git`."""
    return path.name.startswith((".", "__")) or path.name.lower() in _SYSTEM_FILES


def is_about(path: Path) -> bool:
    """Whether the file describes the data: a readme, a licence, a list of classes."""
    return is_hidden(path) or path.suffix.lower() in _ABOUT or path.stem.lower().startswith(_ABOUT_STEMS)


def left_out(files: list[str], why: str) -> list[str]:
    """A note of the files that were not read, or none."""
    if not files:
        return []
    return [f"{len(files):,} {'file' if len(files) == 1 else 'files'} left out, {why}: {listed(files)}."]


@dataclass(frozen=True)
class ClassFolders:
    """Reads folders whose names are the labels of the files in them."""

    what: str
    """What the files are, in the plural: `images`."""
    suffixes: frozenset[str]
    role: str
    value: Callable[[Path, list[str]], Any]
    """From a file to the value of the role; may add notes."""

    def sniff(self, path: Path) -> float:
        """0.9 where all of the files in class folders are of this kind, less where only some are or none is in a folder."""
        if path.is_file() or not path.is_dir():
            return 0.0
        nested: Counter[bool] = Counter()
        flat = False
        for file in _walk(path):
            if file.parent == path:
                flat = flat or (self._is_one(file) and not is_about(file))
            elif not is_about(file):
                nested[self._is_one(file)] += 1
            if nested.total() >= 500:
                break
        share = nested[True] / nested.total() if nested else 0.0
        alone = sum(p.is_dir() and not is_hidden(p) for p in path.iterdir()) < 2
        return (0.4 if alone else 0.9) * share if share else 0.2 * flat

    def read(self, path: Path, options: ReadOptions) -> Data:
        notes: list[str] = []
        roots = _split_folders(path, self._is_one)
        splits: dict[str, list[Sample]] = {}
        for split, root in roots.items():
            for sample in self._samples(path, root, split, options, notes):
                unlabeled = split == "train" and sample.roles["label"] in SPLIT_NAMES["unlabeled"]  # as in aclImdb's train/unsup
                samples = splits.setdefault("unlabeled" if unlabeled else split, [])
                samples.append(replace(sample, roles={**sample.roles, "label": None}) if unlabeled else sample)
        if not splits:
            raise DataError(f"{path} holds no {self.what} (files ending in {', '.join(sorted(self.suffixes))}).")
        notes += [] if "all" in roots else _beside(path, set(roots.values()))
        return Data(splits, notes=notes, kind="labels")

    def _samples(self, top: Path, root: Path, split: str, options: ReadOptions, notes: list[str]) -> list[Sample]:
        files = sorted((f for f in _walk(root) if f.parent != root or not is_about(f)), key=lambda f: f.relative_to(root).parts)
        ours = [f for f in files if self._is_one(f)]
        loose = [f for f in ours if f.parent == root]
        labeled = split != "unlabeled" and len(loose) < len(ours)
        notes += left_out([_name(f, top) for f in files if not self._is_one(f)], f"they are not {self.what}")
        if loose and labeled and options.labels:
            notes += left_out([_name(f, top) for f in loose], "they are in no class folder, so have no label")
            ours = [f for f in ours if f.parent != root]
        elif loose and split != "unlabeled" and options.labels:
            raise DataError(
                f"{root} holds {len(loose):,} {self.what} but no class folders, so they have no labels. Put each one "
                f"into a folder named after its class ({root.name}/cats/{loose[0].name}), or give a table of paths and labels."
            )
        with_some = {f.relative_to(root).parts[0] for f in ours}
        empty = sorted(p.name for p in root.iterdir() if p.is_dir() and not is_hidden(p) and p.name not in with_some)
        notes += [f"Class folders without {self.what}, left out: {', '.join(empty)}."] if empty and labeled else []
        labels = [f.relative_to(root).parts[0] if labeled and f.parent != root else None for f in ours]
        return [
            Sample(_name(file, top), {self.role: self.value(file, notes), "label": label})
            for file, label in zip(ours, labels, strict=True)
        ]

    def _is_one(self, file: Path) -> bool:
        return file.suffix.lower() in self.suffixes


def write_class_folders(data: Data, path: Path, suffix: str, write: Callable[[Sample, Path], None]) -> None:
    """Write each sample to `split/label/number`; splits named `all` go to `label/number`."""
    for split, samples in data.splits.items():
        for number, sample in enumerate(samples):
            if "label" not in sample.roles or len(sample.roles.keys() - {"group"}) > 2:
                raise DataError(
                    f"{sample.id} is no file with a label, after which its folder would be named. Use a table format."
                )
            label = sample.roles["label"]
            if isinstance(label, tuple):
                raise DataError(f"{sample.id} has several labels, and a file lies in one class folder only. Use a table format.")
            parts = [*([] if split == "all" else [split]), *([] if label is None else [label])]
            write(sample, path.joinpath(*parts, f"{number:04d}{suffix}"))


def _split_folders(path: Path, is_one: Callable[[Path], bool]) -> dict[str, Path]:
    """Split -> its folder; `{"all": path}` where folders with split names hold files themselves, so are classes."""
    folders = {p.name: p for p in path.iterdir() if p.is_dir() and not is_hidden(p)}
    named = {name: split_of(name) for name in folders if split_of(name)}
    layered = any(any(is_one(f) for f in _walk(sub)) for name in named for sub in folders[name].iterdir() if sub.is_dir())
    if not layered:
        return {"all": path}
    return {split: folders[name] for name, split in splits_of(named).items()}


def _beside(path: Path, used: set[Path]) -> list[str]:
    """Notes of what lies beside split folders and is not read."""
    others = [p for p in sorted(path.iterdir()) if p not in used and not is_hidden(p)]
    folders = [p.name for p in others if p.is_dir()]
    notes = [f"Folders left out, their names mean no split: {', '.join(folders)}."] if folders else []
    return notes + left_out([p.name for p in others if p.is_file() and not is_about(p)], "they are in no split folder")


def _name(file: Path, top: Path) -> str:
    return file.relative_to(top).as_posix()


def _walk(root: Path) -> Iterator[Path]:
    """All files below `root` that are not hidden, through linked folders too, each folder once."""
    seen: set[str] = set()
    for folder, below, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not is_hidden(Path(name)))
        for name in sorted(files):
            if not is_hidden(Path(name)):
                yield Path(folder, name)
