"""The contract of a kind of example: its columns, roles, texts, splits, classes and findings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from graft.base import plugins
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.images.open import image_digest
from graft.data.sounds.open import sound_digest

if TYPE_CHECKING:  # these import this module
    from graft.data.checks.finding import Finding
    from graft.data.data import Data
    from graft.data.tables.columns import Columns, Match
    from graft.data.tables.rows import Rows

GROUP = (
    "group", "group_id", "patient", "patient_id", "speaker", "speaker_id", "subject_id",
    "document", "document_id", "doc_id",
)  # fmt: skip
"""Names of columns whose equal values mark rows about the same thing."""
SHARES = {"val": 0.15, "test": 0.2}
"""The shares that are held out unless the user or the kind sets others."""


class Kind(ABC):
    """A kind of example; the name of its file is `Data.kind`. It takes no arguments."""

    inputs: ClassVar[tuple[frozenset[str], ...]]
    """Sets of roles, each of which is enough to predict from."""
    target: ClassVar[str]
    """The role that is predicted; running text is its own target."""
    columns: ClassVar[dict[str, tuple[str, ...]]]
    """Role -> the usual names of its column, the likeliest first. Lists every role that a user may
    name with --columns, except `group` and `split`."""
    joined: ClassVar[tuple[str, ...]] = ()
    """The roles that may be joined from several columns: `--columns text=title+body`."""
    precedence: ClassVar[int] = 0
    """If a table fits two kinds equally well, the kind with the higher number is used. A kind below
    0 is never used for its inputs alone."""
    groups: ClassVar[tuple[str, ...]] = GROUP
    """The names of columns whose equal values mark rows about the same thing."""
    texts: ClassVar[dict[str, str]] = {}
    """Role of a text -> its name in the plural, in reading order."""
    shared: ClassVar[tuple[str, ...]] = ()
    """Roles other than `group` by which samples are related: questions share a context."""
    shares: ClassVar[dict[str, float]] = SHARES
    """The shares of the samples for `val` and `test` unless the user sets others."""
    is_stratified: ClassVar[bool] = False
    """Whether splits are drawn from each stratum, see `strata`; else from all samples."""
    in_order: ClassVar[bool] = False
    """Whether the order of samples matters: held-out splits are then cut from the end."""
    blanks: ClassVar[tuple[dict[str, Any], ...]] = ()
    """Empty values of roles, with which the contract suites test a task."""

    @property
    def name(self) -> str:
        """The public name."""
        return plugins.name_of(type(self))

    @property
    def roles(self) -> set[str]:
        """All roles that a user may name with --columns."""
        return {*self.columns, "group", "split", "domain"}

    @abstractmethod
    def match(self, columns: Columns) -> Match | None:
        """Return the column of each role if the table holds this kind, else None.

        Raises DataError if several readings are equally likely.
        """

    @abstractmethod
    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        """Read the roles of every row of every table; DataError names the unreadable rows."""

    def gather(self, rows: Rows) -> Rows:
        """The rows with one for each sample: a kind whose samples span several rows joins them."""
        return rows

    def adopt(self, data: Data) -> Data | None:
        """The same samples as this kind if data of another kind hold as much, else None."""
        return None

    def describe_lack(self, data: Data) -> str | None:
        """Say what data of another kind lack to be adopted, where their roles do not say it."""
        return None

    def row(self, sample: Sample) -> dict[str, Any]:
        """Return the sample as a row of a table; `samples` reads it back."""
        return dict(sample.roles)

    def plain_rows(self, sample: Sample) -> list[dict[str, Any]]:
        """The sample as rows of texts and numbers, for tables that hold nothing else."""
        return [self.row(sample)]

    def words(self, sample: Sample) -> str:
        """All texts of a sample that has the inputs; empty for a picture or a sound."""
        return " ".join(self._texts(sample))

    def content(self, sample: Sample) -> str:
        """A key of the inputs: texts ignore case and blanks, pictures and sounds are bytes."""
        if "image" in sample.roles:
            return f"image {image_digest(sample.roles['image']) or sample.id}"
        if "audio" in sample.roles:
            return f"audio {sound_digest(sample.roles['audio']) or sample.id}"
        return f"{' '.join(self.texts)} " + "\0".join(map(normalize_text, self._texts(sample)))

    def text(self, sample: Sample) -> str:
        """All texts of the sample, which in `unlabeled` may be a plain text of no kind."""
        return self.words(sample) if self._is_whole(sample) else sample.roles["text"]

    def key(self, sample: Sample) -> str:
        """A key that is equal for samples with equal content."""
        if self._is_whole(sample):
            return self.content(sample)
        return f"text {normalize_text(sample.roles['text'])}"

    def passage(self, sample: Sample) -> str:
        """The text that pretraining may read: without the target."""
        return self.text(sample)

    def may_recur(self, sample: Sample) -> bool:
        """Whether equal samples may occur by chance, so that they are not copies."""
        return False

    def relations(self, sample: Sample) -> list[str]:
        """Keys of what the sample may share with others: its group, its context."""
        shared = {role: sample.roles.get(role) for role in ("group", *self.shared)}
        return [f"{role} {value}" for role, value in shared.items() if value is not None]

    def strata(self, samples: Sequence[Sample]) -> list[str]:
        """The stratum of each sample; the same for all unless `is_stratified`."""
        return [""] * len(samples)

    def has_several(self, samples: Sequence[Sample]) -> bool:
        """Whether samples may have several classes; the stratum is then the rarest of them."""
        return False

    def counts(self, splits: dict[str, list[Sample]]) -> dict[str, Counter[str]]:
        """Split -> how many times each class occurs in it."""
        return {split: Counter() for split in splits}

    def classes(self, samples: Sequence[Sample]) -> set[str]:
        """The classes, if the target is one of a list of names."""
        return set()

    def problem(self, samples: Sequence[Sample]) -> str | None:
        """Why a model cannot learn from these labeled samples, or None."""
        empty = not any(sample.roles[self.target] for sample in samples)
        return f"every {self.target} is empty" if empty else None

    def mismatch(
        self, training: Sequence[Sample], held_out: Mapping[str, Sequence[Sample]]
    ) -> str | None:
        """Why a model of these training samples cannot be measured on the others, or None."""
        return None

    @abstractmethod
    def findings(self, data: Data) -> list[Finding]:
        """List what a person should know: the counts, and what is rare or missing."""

    def difference(self, one: Sample, other: Sample) -> str | None:
        """Say how the targets of two equal samples differ; None if both may be right."""
        return None

    def conflict(self, samples: Sequence[Sample]) -> str | None:
        """Say how the first two of these equal samples with different targets differ."""
        known = [sample for sample in samples if sample.roles.get(self.target) is not None]
        targets = [sample.roles[self.target] for sample in known]
        others = (s for s, target in zip(known, targets, strict=True) if target != targets[0])
        other = next(others, None)
        return self.difference(known[0], other) if other else None

    @abstractmethod
    def tiny(self) -> dict[str, Data]:
        """Name -> a small data set with difficult content, for the contract suites."""

    def _texts(self, sample: Sample) -> list[str]:
        """The texts of the sample, in reading order."""
        return [sample.roles[role] for role in self.texts if sample.roles.get(role) is not None]

    def _is_whole(self, sample: Sample) -> bool:
        """Whether the sample has the inputs; else it is a plain text, or a DataError is raised."""
        if any(inputs <= sample.roles.keys() for inputs in self.inputs):
            return True
        if "text" in sample.roles:
            return False
        has = ", ".join(sorted(sample.roles)) or "nothing"
        raise DataError(
            f"{sample.id} has {has}, and data of the kind {self.name!r} have "
            f"{describe_inputs(self)}. Data are of one kind."
        )


@cache
def kind_named(name: str) -> Kind:
    """Return the kind of this name; raises UnknownName."""
    return plugins.load("kind", name)()


def kind_of(roles: Collection[str]) -> str:
    """Return the name of the kind of samples with these roles; raises DataError if there is none.

    A kind fits if its inputs are among the roles, and either its target is too or the kind knows
    all of them. Those with the target come first, then those with the most inputs.
    """
    known = {name: kind_named(name) for name in plugins.names("kind")}
    ranks = {}
    for name, kind in known.items():
        sizes = [len(inputs) for inputs in kind.inputs if inputs <= set(roles)]
        if sizes and (kind.target in roles or set(roles) <= {*kind.roles, kind.target}):
            ranks[name] = (kind.target in roles, max(sizes), kind.precedence >= 0)
    if not ranks:
        known_kinds = "; ".join(
            f"{name}: {describe_inputs(kind)} -> {kind.target}" for name, kind in known.items()
        )
        raise DataError(
            f"No kind of data has the roles {', '.join(sorted(roles))}. Kinds: {known_kinds}. "
            "Set it: Data(..., kind=NAME)."
        )
    return max(ranks, key=lambda name: ranks[name])


def make_splits(
    roles: Callable[[str, int], dict[str, Any]],
    count: int,
    splits: Sequence[str] = ("train", "val", "test"),
) -> dict[str, list[Sample]]:
    """Make `count` samples per split from `roles(split, number)`, for tiny data."""
    return {
        split: [Sample(f"{split}:{i}", roles(split, i)) for i in range(count)] for split in splits
    }


def describe_inputs(kind: Kind) -> str:
    """Name the inputs: `image or text`."""
    return " or ".join(", ".join(sorted(inputs)) for inputs in kind.inputs)


def normalize_text(text: str) -> str:
    """Return the text in lower case with single blanks."""
    return " ".join(text.casefold().split())
