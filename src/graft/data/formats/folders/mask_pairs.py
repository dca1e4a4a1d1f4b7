"""Pictures and their masks in folders, paired by the names of files and folders."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from graft.base.errors import DataError, listed
from graft.data.formats.folders.class_folders import MASKS, is_place
from graft.data.formats.folders.name_lists import find_lists, read_lists
from graft.data.formats.format import split_of, split_word
from graft.data.images.open import has_image_suffix
from graft.data.listing import subfolders, walk

_WORDS = "|".join(sorted((re.escape(word) for word in MASKS), key=len, reverse=True))
_FOLDER = re.compile(rf"(?:(.*?)[-_ .]?(?:{_WORDS}|annot)|(?:{_WORDS})[-_ .](.*))", re.IGNORECASE)
"""A folder of masks: `masks`, `train_masks`, `masks_train`, and CamVid's `trainannot`."""
_SUFFIX = re.compile(r"[-_ .](mask|seg|segmentation|gt|label|annotation)s?$", re.IGNORECASE)
_PREFIX = re.compile(r"^(mask|seg|segmentation|gt|label|annotation)s?[-_ .]", re.IGNORECASE)
_PICTURE = re.compile(r"^(image|img|picture|photo)s?[-_ .]|[-_ .](image|img)$", re.IGNORECASE)
INSTANCES = frozenset(("instance", "instances", "segmentationobject"))
"""Folders whose masks number each object."""
ANY = "any"
"""Stands for every split."""
LEAST = 0.5
"""The share of the pictures that need a mask, so that a folder holds pictures with masks."""
_FEW_FOLDERS, _FEW_FILES = 200, 2_000
"""How much of a folder is looked at for a mask before all of it is walked through."""


@dataclass(frozen=True)
class Pairs:
    """The pictures of a folder by split, each with its mask, and what has no partner."""

    splits: dict[str, list[tuple[Path, Path]]] = field(default_factory=dict)
    bare: dict[str, list[Path]] = field(default_factory=dict)
    """Split -> its pictures without a mask."""
    masks: list[Path] = field(default_factory=list)
    """Masks without a picture."""
    unlisted: list[Path] = field(default_factory=list)
    """Pictures with a mask that no list of a split names."""

    @property
    def count(self) -> int:
        """How many pictures have a mask."""
        return sum(map(len, self.splits.values()))

    @property
    def are_instances(self) -> bool:
        """Whether all masks lie in folders of instances."""
        masks = [mask for pairs in self.splits.values() for _, mask in pairs]
        return all(any(part.lower() in INSTANCES for part in mask.parts[:-1]) for mask in masks)


@dataclass(frozen=True)
class _File:
    """A picture or a mask: where it belongs, and by which names it is paired."""

    path: Path
    split: str
    place: tuple[str, ...]
    """The folders that say neither a split nor a kind of file: `patient1`."""
    is_mask: bool
    names: tuple[str, ...]
    """Its name as it is, then without what says that it is a mask, or a picture; both in lower case
    too."""


def has_masks(root: Path) -> bool:
    """Whether most pictures below a folder have a mask there, by their names.

    Pictures in class folders with masks beside them are classified: masks need folders then.
    """
    if not _may_have_masks(root):
        return False
    pairs = find_pairs(root)
    with_masks = [split for split in pairs.splits if pairs.splits[split]]
    pictures = pairs.count + sum(len(pairs.bare.get(split, ())) for split in with_masks)
    if pairs.count and _lists(root):
        return True
    if not pairs.count or pairs.count < LEAST * pictures:
        return False
    paired = [pair for part in pairs.splits.values() for pair in part]
    if any(_mask_folder(mask.relative_to(root)) for _, mask in paired):
        return True
    classes = {
        folder
        for picture, _ in paired
        for folder in picture.relative_to(root).parts[:-1]
        if not is_place(folder)
    }
    return len(classes) < 2


def find_pairs(root: Path) -> Pairs:
    """Pair all pictures and masks below a folder. Raises DataError for two masks of one picture."""
    files = [_described(file, root) for file in walk(root) if has_image_suffix(file)]
    pictures: dict[tuple[str, ...], dict[str, _File | None]] = defaultdict(dict)
    for level in range(4):  # exact names come first
        for file in files:
            if not file.is_mask and level < len(file.names):
                name = file.names[level]
                pictures[file.split, *file.place].setdefault(name, file)
                # Masks may lie outside of the folders of splits if a name is in one split alone.
                same = pictures[ANY, *file.place].setdefault(name, file)
                if same is not None and same.split != file.split:
                    pictures[ANY, *file.place][name] = None
    masks: dict[Path, list[Path]] = defaultdict(list)
    alone = []
    for file in files:
        if file.is_mask:
            split = ANY if file.split == "all" else file.split
            named = pictures.get((split, *file.place), {})
            picture = next((named[name] for name in file.names if named.get(name)), None)
            if picture is None:
                alone.append(file.path)
            else:
                masks[picture.path].append(file.path)
    pairs = Pairs(masks=alone)
    for file in files:
        if not file.is_mask and (several := masks.get(file.path)):
            pair = (file.path, _only(file.path, several))
            pairs.splits.setdefault(file.split, []).append(pair)
        elif not file.is_mask:
            pairs.bare.setdefault(file.split, []).append(file.path)
    return pairs


def split_by_lists(pairs: Pairs, root: Path) -> Pairs:
    """The pairs by the lists in `ImageSets/Segmentation`, as Pascal VOC has them, if there are any.

    Raises DataError for a name in them that has no mask.
    """
    by_name = {pair[0].stem: pair for part in pairs.splits.values() for pair in part}
    lists = read_lists(_lists(root), by_name, "mask")
    if not lists:
        return pairs
    splits = {split: [by_name[name] for name in names] for split, names in lists.items()}
    named = {name for names in lists.values() for name in names}
    unlisted = [picture for name, (picture, _) in by_name.items() if name not in named]
    return replace(pairs, splits=splits, unlisted=unlisted)


def _lists(root: Path) -> list[Path]:
    return [file for file in find_lists(root) if file.parent.name == "Segmentation"]


def _may_have_masks(root: Path) -> bool:
    """Whether the first folders or files are named as masks: a large folder is not all read."""
    if any(_is_mask_folder(folder.name) for folder in islice(_folders(root), _FEW_FOLDERS)):
        return True
    files = islice(walk(root), _FEW_FILES)
    return any(_SUFFIX.search(file.stem) for file in files if has_image_suffix(file))


def _folders(root: Path, depth: int = 3) -> Iterator[Path]:
    """The folders below a folder, the upper ones first."""
    level = subfolders(root)
    while level and depth:
        yield from level
        level, depth = [inner for folder in level for inner in subfolders(folder)], depth - 1


def _described(file: Path, root: Path) -> _File:
    """What the names of a file and of its folders say."""
    folders = file.relative_to(root).parts[:-1]
    is_mask = bool(_mask_folder(file.relative_to(root))) or bool(_SUFFIX.search(file.stem))
    split = next((word for folder in folders if (word := _split(folder))), "all")
    place = tuple(f for f in folders if not (is_place(f) or _is_mask_folder(f) or _split(f)))
    stem = unicodedata.normalize("NFC", file.stem)
    short = _PREFIX.sub("", _SUFFIX.sub("", stem)) if is_mask else _PICTURE.sub("", stem)
    names = dict.fromkeys((stem, short, stem.lower(), short.lower()))
    return _File(file, split, place, is_mask, tuple(names))


def _mask_folder(path: Path) -> str | None:
    """The folder on a path that holds masks, if one does."""
    return next((folder for folder in path.parts[:-1] if _is_mask_folder(folder)), None)


def _is_mask_folder(name: str) -> bool:
    """Whether a folder is named as one of masks: what else its name says may only be a split."""
    match = _FOLDER.fullmatch(name)
    rest = match and (match[1] or match[2] or "")
    return match is not None and (not rest or bool(split_word(rest)[0]))


def _split(folder: str) -> str | None:
    """The split that the name of a folder says: `val` of `val`, `images_val` and `valannot`."""
    match = _FOLDER.fullmatch(folder)
    rest = (match[1] or match[2] or "") if match else folder
    word = split_word(rest)[0]
    return split_of(word) if word else None


def _only(picture: Path, masks: Sequence[Path]) -> Path:
    """The mask of a picture: that of classes if there is one of instances too."""
    classes = [m for m in masks if not any(part.lower() in INSTANCES for part in m.parts[:-1])]
    several = classes or list(masks)
    if len(several) > 1:
        raise DataError(
            f"{picture} has {len(several):,} masks: {listed(map(str, several))}. Keep one mask for "
            "each picture, with a number or a color for each class."
        )
    return several[0]
