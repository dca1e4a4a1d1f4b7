"""Another domain: unlabeled samples to adapt to, whose labels, if there are any, only measure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from graft.base.counts import plural
from graft.base.errors import DataError, listed
from graft.base.records import Sample
from graft.data.data import Data, content_of_each
from graft.data.kinds.kind import kind_named
from graft.data.splits import make_splits
from graft.data.unlabeled import add_unlabeled, inputs_of, strip_labels

MEASURED = "The labels of {path} are used for the final figures alone, on {count} held out."
PARTIAL = (
    "{path} has no samples of classes that the source has: {classes}. Techniques that align the "
    "domains may draw its samples to them."
)
NOT_MEASURED = (
    "{path} has {labels}, so nothing is measured there: the test figures are those of the source."
)
MEASURE_SOME = " To measure, give the labeled ones as the target."
NOT_GUESSED = (
    " Of its columns only {used} {are} read, since labels of a target are not guessed: if a column "
    "holds them, give --columns {role}=NAME (a source in a table needs a column of that name too)."
)


def join_domains(
    source: Data,
    target: Data,
    path: Path | str,
    *,
    seed: int = 0,
    val: float | None = None,
    test: float | None = None,
) -> Data:
    """Return `train` and `val` of the source, and the target, read from `path`, as `unlabeled`.

    Of a labeled target the share `test` is held out, unless it has such a split, and is the split
    `test`; nothing of the source is tested then. Of a target without labels `test` is that of the
    source. Raises DataError if the target is of another kind, has classes that the source lacks, no
    samples that the source lacks, or too few.
    """
    kind = kind_named(source.kind)
    renamed = {
        split: [Sample(f"target/{sample.id}", sample.roles) for sample in samples]
        for split, samples in target.splits.items()
    }
    target = target.with_splits(renamed)
    _check_differs(source, target, path)
    labeled, total = _count_labeled(target, kind.target)
    if not total or labeled < total:
        ready = add_unlabeled(make_splits(source, seed=seed, val=val, test=test), target, path)
        labels = f"labels for {labeled:,} of {total:,} samples alone" if labeled else "no labels"
        advice = MEASURE_SOME if labeled else _advise_column(target, kind.target)
        note = NOT_MEASURED.format(path=path, labels=labels) + advice
        return replace(ready, target="unlabeled", notes=[*ready.notes, note])
    _check_classes(source, target, path)
    trained = make_splits(source, seed=seed, val=val, test=0)
    cut = make_splits(target, seed=seed, val=0, test=test).splits
    bare = {
        split: [Sample(s.id, {**s.roles, kind.target: None}) for s in samples]
        for split, samples in cut.items()
        if split != "test"
    }
    ready = add_unlabeled(trained, target.with_splits(bare), path)
    note = MEASURED.format(path=path, count=plural(len(cut["test"]), "sample"))
    lacking = missing_classes(source.classes, target.classes)
    notes = [PARTIAL.format(path=path, classes=listed(lacking))] if lacking else []
    splits = {**ready.splits, "test": cut["test"]}
    return replace(ready, splits=splits, target="labeled", notes=[*ready.notes, *notes, note])


def _advise_column(target: Data, role: str) -> str:
    """Say how to name the column of the labels: of a target none is guessed by its content."""
    used = [repr(name) for names in target.columns.values() for name in names]
    if not used or role in target.columns:
        return ""
    return NOT_GUESSED.format(role=role, used=listed(used), are="is" if len(used) == 1 else "are")


def _count_labeled(target: Data, role: str) -> tuple[int, int]:
    """How many samples outside `unlabeled` have a label, and how many there are."""
    samples = [s for split, part in target.splits.items() if split != "unlabeled" for s in part]
    return sum(sample.roles.get(role) is not None for sample in samples), len(samples)


def _check_differs(source: Data, target: Data, path: Path | str) -> None:
    """Raise DataError if the target has no inputs as the source has, or no others than these."""
    roles, samples = inputs_of(source), strip_labels(source, target, path)
    known = {c for part in source.splits.values() for c in content_of_each(part, roles)}
    if known.issuperset(content_of_each(samples, roles)):
        raise DataError(
            f"All {plural(len(samples), 'sample')} of {path} are samples of the source too. Give "
            "samples of another domain."
        )


def _check_classes(source: Data, target: Data, path: Path | str) -> None:
    """Raise DataError if the target has another kind of labels, or classes of its own."""
    if target.kind != source.kind:
        raise DataError(
            f"{path} holds {target.kind}, and the source {source.kind}. Give a target of the same "
            "kind."
        )
    missing = missing_classes(target.classes, source.classes)
    spelled = {name.casefold(): name for name in source.classes}
    alike = {name: spelled[name.casefold()] for name in missing if name.casefold() in spelled}
    if alike:
        pairs = listed([f"{name} (there {other})" for name, other in alike.items()])
        raise DataError(
            f"{path} has classes that the source writes in other capitals: {pairs}. Write them as "
            "the source does."
        )
    if missing:
        raise DataError(
            f"{path} has classes that the source lacks, which nothing can learn to predict: "
            f"{listed(missing)}. Remove their samples, or give the source some of them."
        )


def missing_classes(classes: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the classes that are not among the known ones, each once, in their order.

    `missing_classes(target, source)` are those that no adaptation can predict (open set),
    `missing_classes(source, target)` those that alignment of the domains draws target examples to
    (partial set).
    """
    names = set(known)
    return [name for name in dict.fromkeys(classes) if name not in names]
