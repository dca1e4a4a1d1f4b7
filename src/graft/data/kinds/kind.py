"""The contract of a kind of example: all that one can ask of it, from columns to findings."""

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
"""What is held out unless the user or the kind says otherwise."""


class Kind(ABC):
    """One kind of example, made without arguments; its file name is its name, `Data.kind`."""

    inputs: ClassVar[tuple[frozenset[str], ...]]
    """Sets of roles, each enough to predict from."""
    target: ClassVar[str]
    """The role that is predicted; running text is its own target."""
    columns: ClassVar[dict[str, tuple[str, ...]]]
    """Role -> the names of columns that hold it, the likeliest first: every role that a user may
    name with --columns, beside `group` and `split`."""
    joined: ClassVar[tuple[str, ...]] = ()
    """The roles that several columns may hold together: `--columns text=title+body`."""
    precedence: ClassVar[int] = 0
    """Of two kinds that a table fits alike, the one with the higher number is taken."""
    groups: ClassVar[tuple[str, ...]] = GROUP
    """The names of columns whose equal values mark rows about the same thing."""
    texts: ClassVar[dict[str, str]] = {}
    """Role of a text -> what such texts are called, in the order in which a person reads them."""
    shared: ClassVar[tuple[str, ...]] = ()
    """The roles by which samples are related, beside `group`: the context of questions."""
    shares: ClassVar[dict[str, float]] = SHARES
    """The share of the samples that is cut for `val` and `test` unless the user sets another."""
    is_stratified: ClassVar[bool] = False
    """Whether splits are cut stratum by stratum, see `strata`; else at random."""
    in_order: ClassVar[bool] = False
    """Whether samples follow each other, so that splits are cut from the end, not at random."""
    blanks: ClassVar[tuple[dict[str, Any], ...]] = ()
    """Roles without a word that may replace those of a sample: for the suites of tasks."""

    @property
    def name(self) -> str:
        """The public name."""
        return plugins.name_of(type(self))

    @property
    def roles(self) -> set[str]:
        """The roles that a user may name with --columns."""
        return {*self.columns, "group", "split"}

    @abstractmethod
    def match(self, columns: Columns) -> Match | None:
        """The column of each role if the table holds this kind, else None.

        Raises DataError for what cannot be decided.
        """

    @abstractmethod
    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        """The roles of every row of every table; raises DataError naming the unreadable rows."""

    def row(self, sample: Sample) -> dict[str, Any]:
        """The sample as a row of a table, from which `samples` makes it again."""
        return dict(sample.roles)

    def words(self, sample: Sample) -> str:
        """What a person reads of a sample that has the inputs; nothing of a picture."""
        return " ".join(self._texts(sample))

    def content(self, sample: Sample) -> str:
        """Equal for equal inputs: texts are compared without case and blanks, pictures by bytes."""
        if "image" in sample.roles:
            return f"image {image_digest(sample.roles['image']) or sample.id}"
        return f"{' '.join(self.texts)} " + "\0".join(map(normalized, self._texts(sample)))

    def text(self, sample: Sample) -> str:
        """What a person reads of the sample, which in `unlabeled` may be a text of no kind."""
        return self.words(sample) if self._is_whole(sample) else sample.roles["text"]

    def key(self, sample: Sample) -> str:
        """Equal for samples that hold the same."""
        if self._is_whole(sample):
            return self.content(sample)
        return f"text {normalized(sample.roles['text'])}"

    def passage(self, sample: Sample) -> str:
        """The text of the sample that a network may learn from without what is predicted."""
        return self.text(sample)

    def may_recur(self, sample: Sample) -> bool:
        """Whether its like may come back by chance, so that equal samples are no copies."""
        return False

    def relations(self, sample: Sample) -> list[str]:
        """Keys of what the sample shares with others that are about the same."""
        shared = {role: sample.roles.get(role) for role in ("group", *self.shared)}
        return [f"{role} {value}" for role, value in shared.items() if value is not None]

    def strata(self, samples: Sequence[Sample]) -> list[str]:
        """The stratum of each sample; one for all if samples are drawn at random."""
        return [""] * len(samples)

    def has_several(self, samples: Sequence[Sample]) -> bool:
        """Whether a sample may have several classes; its stratum is then the rarest of them."""
        return False

    def counts(self, splits: dict[str, list[Sample]]) -> dict[str, Counter[str]]:
        """Split -> how many times each class occurs in it."""
        return {split: Counter() for split in splits}

    def classes(self, samples: Sequence[Sample]) -> set[str]:
        """The names that are predicted, if there is a list of such names."""
        return set()

    def problem(self, samples: Sequence[Sample]) -> str | None:
        """Why nothing can be learnt from these labeled samples, or None."""
        empty = not any(sample.roles[self.target] for sample in samples)
        return f"every {self.target} is empty" if empty else None

    def mismatch(
        self, training: Sequence[Sample], held_out: Mapping[str, Sequence[Sample]]
    ) -> str | None:
        """Why the held-out splits cannot be predicted after training on these samples, or None."""
        return None

    @abstractmethod
    def findings(self, data: Data) -> list[Finding]:
        """What a person should know: how much there is of what, and what is rare or missing."""

    def difference(self, one: Sample, other: Sample) -> str | None:
        """How the targets of two equal samples differ, in words; None if both may be right."""
        return None

    def conflict(self, samples: Sequence[Sample]) -> str | None:
        """The difference between the first two of these equal samples whose targets differ."""
        known = [sample for sample in samples if sample.roles.get(self.target) is not None]
        targets = [sample.roles[self.target] for sample in known]
        others = (s for s, target in zip(known, targets, strict=True) if target != targets[0])
        other = next(others, None)
        return self.difference(known[0], other) if other else None

    @abstractmethod
    def tiny(self) -> dict[str, Data]:
        """Name -> a small data set that is hard to write and read, for the contract suites."""

    def _texts(self, sample: Sample) -> list[str]:
        """The texts of the sample, in the order in which a person reads them."""
        return [sample.roles[role] for role in self.texts if sample.roles.get(role) is not None]

    def _is_whole(self, sample: Sample) -> bool:
        """Whether the sample has the inputs, or is a text alone; raises DataError if neither."""
        if any(inputs <= sample.roles.keys() for inputs in self.inputs):
            return True
        if "text" in sample.roles:
            return False
        has, reads = ", ".join(sorted(sample.roles)) or "nothing", described(self)
        raise DataError(
            f"{sample.id} has {has}, and data of the kind {self.name!r} have {reads}. "
            "Data are of one kind."
        )


@cache
def kind_named(name: str) -> Kind:
    """The kind of this name; raises UnknownName."""
    return plugins.load("kind", name)()


def kind_of(roles: Collection[str]) -> str:
    """The name of the kind of samples that have these roles. Raises DataError if there is none.

    A kind whose target they have, else one whose inputs they have and that knows all their roles.
    """
    known = {name: kind_named(name) for name in plugins.names("kind")}
    ranks = {}
    for name, kind in known.items():
        sizes = [len(inputs) for inputs in kind.inputs if inputs <= set(roles)]
        if sizes and (kind.target in roles or set(roles) <= {*kind.roles, kind.target}):
            ranks[name] = (kind.target in roles, max(sizes))
    if not ranks:
        known_kinds = "; ".join(
            f"{name}: {described(kind)} -> {kind.target}" for name, kind in known.items()
        )
        raise DataError(
            f"No kind of data has the roles {', '.join(sorted(roles))}. Kinds: {known_kinds}. "
            "Set it: Data(..., kind=NAME)."
        )
    return max(ranks, key=lambda name: ranks[name])


def numbered(
    roles: Callable[[str, int], dict[str, Any]],
    count: int,
    splits: Sequence[str] = ("train", "val", "test"),
) -> dict[str, list[Sample]]:
    """`count` samples in each split, whose roles `roles(split, number)` makes: for tiny data."""
    return {
        split: [Sample(f"{split}:{i}", roles(split, i)) for i in range(count)] for split in splits
    }


def described(kind: Kind) -> str:
    """The inputs in words: `image or text`."""
    return " or ".join(", ".join(sorted(inputs)) for inputs in kind.inputs)


def normalized(text: str) -> str:
    """The text in lower case with single blanks."""
    return " ".join(text.casefold().split())
