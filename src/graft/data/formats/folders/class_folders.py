"""Class folders of files: `ants/1.jpg`, or `train/ants/1.jpg` where there are split folders."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.base.errors import DataError, listed
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.formats.format import SPLIT_NAMES, ReadOptions, folder_splits, split_word
from graft.data.listing import is_about, is_hidden, note_left_out, subfolders, walk

MASKS = frozenset((
    "mask", "masks", "label", "labels", "annotation", "annotations", "instance", "instances",
    "segmentation", "segmentations", "segmentationclass", "segmentationobject", "seg",
    "gt", "groundtruth", "ground_truth", "target", "targets",
))  # fmt: skip
"""The names of folders that hold annotations of the pictures in another folder."""
_PLACES = MASKS | {
    "image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "jpegimages",
    "frames", "text", "texts", "data", "dataset", "file", "files", "audio", "audios", "sound",
    "sounds", "wav", "wavs", "clips", "recordings",
}  # fmt: skip


def is_place(name: str) -> bool:
    """Whether a folder is named by its kind of files or its split: `images`, `seg_test`."""
    return name.lower() in _PLACES or bool(split_word(name)[0])


@dataclass(frozen=True)
class ClassFolders:
    """Reads folders whose names are the labels of the files in them."""

    what: str
    """The name of the files in the plural: `images`."""
    suffixes: frozenset[str]
    role: str
    value: Callable[[Path], tuple[Any, str | None]]
    """Read the value of the role from a file, and a note about it."""
    unreadable: frozenset[str] = frozenset()
    """The suffixes of files of this kind that cannot be read here."""
    way_out: str = ""
    """What to do with files that cannot be read here."""
    alone: bool = False
    """Whether a file that is in no class folder can be predicted: other formats read such texts."""

    def sniff(self, path: Path) -> float:
        """0.9 if all files in class folders are of this kind, less if only some, or none in one."""
        if not path.is_dir():
            return float(self.alone and path.is_file() and self._is_one(path))
        nested: Counter[bool] = Counter()
        flat = False
        for file in walk(path):
            is_kin = self._is_one(file) or file.suffix.lower() in self.unreadable
            if file.parent == path:
                flat = flat or (is_kin and not is_about(file))
            elif not is_about(file):
                nested[is_kin] += 1
            if nested.total() >= 500:
                break
        share = nested[True] / nested.total() if nested else 0.0
        classes = [folder for folder in subfolders(path) if folder.name.lower() not in MASKS]
        return (0.4 if len(classes) < 2 else 0.9) * share if share else 0.2 * flat

    def read(self, path: Path, options: ReadOptions) -> Data:
        if not path.is_dir():
            if not self.alone or options.labels or not self._is_one(path):
                raise DataError(
                    f"{path} is one file, not a data set. Give the folder that holds the class "
                    f"folders of {self.what}."
                )
            sample = Sample(path.name, {self.role: self.value(path)[0], "label": None})
            return Data({"all": [sample]}, kind="labels")
        roots = _split_folders(path, self._is_one)
        if options.labels and "all" in roots and (inner := _inner_level(path, self._is_one)):
            held = "several data sets" if len(inner) > 1 else "its classes further down"
            where = listed(map(str, inner))
            raise DataError(f"{path} holds {held}. Give the path of what you mean: {where}.")
        skipped: dict[str, list[str]] = {}
        notes: dict[str, str] = {}
        splits: dict[str, list[Sample]] = {}
        for split, root in roots.items():
            for file, label in self._label_files(path, root, split, options, skipped):
                # aclImdb has its unlabeled reviews in train/unsup.
                is_unlabeled = split == "train" and label in SPLIT_NAMES["unlabeled"]
                name, (value, note) = _name(file, path), self.value(file)
                notes |= {name: note} if note else {}
                sample = Sample(name, {self.role: value, "label": None if is_unlabeled else label})
                splits.setdefault("unlabeled" if is_unlabeled else split, []).append(sample)
        skip_notes = [note for why, names in skipped.items() for note in note_left_out(names, why)]
        if not splits:
            nothing = f"{path} holds no {self.what} ({', '.join(sorted(self.suffixes))})."
            raise DataError(" ".join([nothing, *skip_notes]))
        all_notes = [*_shorten(notes), *skip_notes, *_outside_splits(path, roots)]
        return Data(splits, notes=all_notes, kind="labels")

    def _label_files(
        self, top: Path, root: Path, split: str, options: ReadOptions, skipped: dict[str, list[str]]
    ) -> list[tuple[Path, str | None]]:
        """Pair files with their class folders; files left out are added to `skipped` by reason."""
        parts = {
            f: f.relative_to(root).parts for f in walk(root) if f.parent != root or not is_about(f)
        }
        files = sorted(parts, key=parts.__getitem__)
        ours = [f for f in files if self._is_one(f)]
        loose = [f for f in ours if len(parts[f]) == 1]
        classes = {parts[f][0] for f in ours if len(parts[f]) > 1}
        if ours and options.labels and split != "unlabeled" and all(map(is_place, classes)):
            raise self._no_classes(root, ours)
        for file in files:
            if not self._is_one(file):
                skipped.setdefault(self._why_not(file), []).append(_name(file, top))
        labeled = split != "unlabeled" and bool(classes)
        if loose and labeled and options.labels:
            names = [_name(f, top) for f in loose]
            skipped.setdefault("they are in no class folder, so have no label", []).extend(names)
            ours = [f for f in ours if len(parts[f]) > 1]
        empty = [f"{_name(p, top)}/" for p in subfolders(root) if p.name not in classes]
        if labeled and empty:
            skipped.setdefault(f"they hold no {self.what}", []).extend(empty)
        # Accents come in two forms of Unicode: files moved between systems may have either.
        names = {name: unicodedata.normalize("NFC", name) for name in classes} if labeled else {}
        return [(f, names.get(parts[f][0])) for f in ours]

    def _no_classes(self, root: Path, files: Sequence[Path]) -> DataError:
        named = dict.fromkeys(f.relative_to(root).parts[0] for f in files if f.parent != root)
        where = f" in {listed(map(repr, named))}" if named else ""
        return DataError(
            f"{root} holds {len(files):,} {self.what}{where} but no class folders, so they have no "
            f"labels. Put each one into a folder named after its class ({root.name}/cats/"
            f"{files[0].name}), or give a table of paths and labels."
        )

    def _why_not(self, file: Path) -> str:
        if file.suffix.lower() in self.unreadable:
            return f"{self.what} ending in {file.suffix} cannot be read here, {self.way_out}"
        return f"they are not {self.what}"

    def _is_one(self, file: Path) -> bool:
        return file.suffix.lower() in self.suffixes


def write_class_folders(
    data: Data, path: Path, suffix: str, write: Callable[[Sample, Path], None]
) -> None:
    """Write each sample to `split/label/number`; splits named `all` go to `label/number`."""
    for split, samples in data.splits.items():
        for number, sample in enumerate(samples):
            if "label" not in sample.roles or len(sample.roles.keys() - {"group"}) > 2:
                raise DataError(
                    f"{sample.id} is not a file with a label, after which its folder would be "
                    "named. Use a table format."
                )
            label = sample.roles["label"]
            if isinstance(label, tuple):
                raise DataError(
                    f"{sample.id} has several labels, and a file lies "
                    "in one class folder only. Use a table format."
                )
            parts = [*([] if split == "all" else [split]), *([] if label is None else [label])]
            write(sample, path.joinpath(*parts, f"{number:04d}{suffix}"))


def _split_folders(path: Path, is_one: Callable[[Path], bool]) -> dict[str, Path]:
    """Split -> its folder; `{"all": path}` if folders named by split hold files, so are classes."""
    named = folder_splits(p.name for p in subfolders(path))
    within = (folder for name in named for folder in subfolders(path / name))
    if not any(any(map(is_one, walk(folder))) for folder in within):
        return {"all": path}
    return {split: _unwrap(path / name) for name, split in named.items()}


def _unwrap(folder: Path) -> Path:
    """Return the folder, or its only subfolder if that is not a class: `train/images`."""
    below = [p for p in sorted(folder.iterdir()) if not is_hidden(p.name)]
    is_wrapped = len(below) == 1 and below[0].is_dir() and is_place(below[0].name)
    return _unwrap(below[0]) if is_wrapped else folder


def _inner_level(path: Path, is_one: Callable[[Path], bool]) -> list[Path]:
    """The folder around the classes or splits, or those of several data sets, if not `path`."""
    folders = [folder for folder in subfolders(path) if any(map(is_one, walk(folder)))]
    if folders and all("all" not in _split_folders(folder, is_one) for folder in folders):
        return folders
    if len(folders) != 1:
        return []
    several = sum(any(map(is_one, walk(folder))) for folder in subfolders(folders[0])) > 1
    return folders if several else _inner_level(folders[0], is_one)


def _outside_splits(path: Path, roots: dict[str, Path]) -> list[str]:
    """Note the files next to split folders that are not read."""
    if "all" in roots:
        return []
    used = {path / root.relative_to(path).parts[0] for root in roots.values()}
    others = [p for p in sorted(path.iterdir()) if p not in used and not is_hidden(p.name)]
    folders = [p.name for p in others if p.is_dir()]
    files = [p.name for p in others if p.is_file() and not is_about(p)]
    notes = note_left_out([f"{name}/" for name in folders], "their names mean no split")
    return notes + note_left_out(files, "they are in no split folder")


def _shorten(notes: dict[str, str]) -> list[str]:
    """Keep the note of the first file, and count the others."""
    first, *others = notes or [""]
    if not others:
        return list(notes.values())
    return [f"{notes[first]} The same applies to {len(others):,} more: {listed(others)}."]


def _name(file: Path, top: Path) -> str:
    return file.relative_to(top).as_posix()
