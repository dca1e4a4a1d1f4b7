"""Assign columns to roles: each kind of data rates how well a table fits it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, auto
from functools import cache
from itertools import islice
from typing import Any

from graft.base import plugins
from graft.base.errors import DataError, UnknownName, listed
from graft.data.formats.format import ReadOptions, are_splits
from graft.data.kinds.kind import Kind, kind_named
from graft.data.sounds.open import holds_sounds
from graft.data.tables.cells import describe_object, is_missing, present
from graft.data.tables.table import Table

SPLIT = ("split", "subset", "partition", "set")
"""Names of columns that say which split a row is of, if most of their values name one."""


TARGET = "the target of a task"
"""The role of the columns of several tasks, in errors."""


class Fit(IntEnum):
    """How well a table fits a kind, in increasing order; the kind with the best fit is used."""

    CONTENT = auto()
    """Few short values that come back: any table may have such a column."""
    LIKELY_NAME = auto()
    """`category` or `score`: tables of every other kind may have such a column too."""
    ONE_COLUMN = auto()
    """`passage`: a name of its own, but of one column, which questions have too."""
    TWO_COLUMNS = auto()
    """`text` and `summary`: names that mean something only together."""
    OWN_NAMES = auto()
    """`prompt` and `completion`: names that no other kind has; `dialogue` must hold messages."""
    THREE_COLUMNS = auto()
    """`question`, `context`, `answers`: of two of them alone other kinds could be made."""
    LISTS = auto()
    """Lists of tokens and tags, or of spans: names and content agree."""
    NEAR_MISS = auto()
    """One word a row with its tag: read as anything else, its words would make nonsense."""
    LABEL = auto()
    """A column named `label` that holds words or numbers: what is wanted is said outright."""
    PLACES = auto()
    """Four edges beside a picture: a column named `label` then says what is between them."""


@dataclass(frozen=True)
class Match:
    """The columns of each role in a table of one kind, how well it fits, and notes for the user."""

    columns: dict[str, list[str]]
    fit: Fit
    notes: list[str] = field(default_factory=list)
    problem: str = ""
    """Why the table cannot be read though it is of this kind, and what to do."""


class Columns:
    """The columns of one table, which kinds search by name, whatever its case, and by content."""

    def __init__(
        self,
        table: Table,
        asked: dict[str, list[str]],
        labels: bool,
        for_task: bool,
        others: Collection[str] = (),
    ):
        self.table, self.asked, self.needs_target = table, asked, labels
        self.for_task = for_task
        """Whether only kinds that a task reads are tried, so that names may be less telling."""
        self.header = table.header
        # A column that says the group or the domain plays no second role.
        taken = {name for role in ("group", "domain") for name in asked.get(role, ())} | {*others}
        self.values = {name: values for name, values in table.columns.items() if name not in taken}
        self._low = {name.strip().lower(): name for name in reversed(self.values)}

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __getitem__(self, name: str) -> list[Any]:
        return self.values[name]

    @property
    def split(self) -> list[str]:
        """The column of splits, if given or known by its name and values.

        Whoever reads the splits refuses mistyped ones: their rows must not end up in training.
        """
        if "split" in self.asked:
            return self.asked["split"]
        named = self.find_named(SPLIT)[:1] if self.header else []
        return [name for name in named if are_splits(self.values[name])]

    @property
    def listed(self) -> str:
        """All names, for messages."""
        return ", ".join(map(repr, self.table.columns))

    def find_named(self, names: Sequence[str]) -> list[str]:
        """The columns that have one of these names, in the order of the names."""
        return [self._low[name] for name in names if name in self._low]

    def first(
        self, names: Sequence[str], fits: Callable[[list[Any]], bool], but: Collection[str] = ()
    ) -> list[str]:
        """The first column of one of these names whose values fit, as a list; else none."""
        fitting = (n for n in self.find_named(names) if n not in but and fits(self.values[n]))
        return list(islice(fitting, 1))

    def one(
        self,
        role: str,
        names: dict[str, tuple[str, ...]],
        fits: Callable[[list[Any]], bool],
        but: Collection[str] = (),
    ) -> list[str]:
        """Return the column given for the role, else the first of its names whose values fit."""
        return self.asked.get(role) or self.first(names[role], fits, but)

    def match(
        self,
        names: dict[str, tuple[str, ...]],
        fits: dict[str, Callable[[list[Any]], bool]],
        needed: Sequence[str],
        fit: Fit,
    ) -> Match | None:
        """Return the column of each role: given, or the first of its names whose values fit.

        None if a needed one is missing and none is asked for. Raises DataError if some are.
        """
        roles = {role: self.one(role, names, fits_it) for role, fits_it in fits.items()}
        if not set(self.asked) & set(fits) and not all(roles[role] for role in needed):
            return None
        self.require(roles, needed)
        return Match(roles, fit)

    def require(self, columns: dict[str, list[str]], roles: Sequence[str], more: str = "") -> None:
        """Raises DataError if one of the roles has no column; `more` is advice."""
        if missing := [role for role in roles if not columns.get(role)]:
            raise DataError(
                f"Cannot tell which column of {self.table.name} is the {' or '.join(missing)}. "
                f"Its columns: {self.listed}. Say which it is: --columns {missing[0]}=NAME{more}."
                f"{self.empty_advice}{self.object_advice}"
            )

    @property
    def empty_advice(self) -> str:
        """Name the columns without a value, for errors."""
        names = [repr(name) for name in self if all(map(is_missing, self[name]))]
        return f" Without a single value: {listed(names)}. Fill them in." if names else ""

    @property
    def object_advice(self) -> str:
        """Advise, for errors, what to do with columns whose cells are objects."""
        shown = {name: describe_object(next(iter(present(self[name])), None)) for name in self}
        objects = [f"{name!r} ({value})" for name, value in shown.items() if value]
        if not objects:
            return ""
        return (
            f" Cells that are objects or lists of lists are neither texts nor labels: "
            f"{listed(objects, 3)}. Give each of their keys a column of its own."
        )


def choose(
    table: Table, options: ReadOptions, everywhere: Collection[str], only: str | None = None
) -> tuple[Kind, Match]:
    """The kind that a table fits best, and the columns of its roles.

    `only` is the kind if the format knows it. Requested columns may be missing from this table if
    another one of the same data has them (`everywhere`). Raises DataError if no kind fits.
    """
    names = [only] if only else sorted(options.kinds or plugins.names("kind"))
    kinds = {name: kind_named(name) for name in names}
    known = {role for kind in kinds.values() for role in kind.roles}
    if unknown := set(options.columns) - known:
        raise DataError(
            f"Unknown role {', '.join(sorted(unknown))} in --columns. "
            f"Roles: {', '.join(sorted(known))}.{_suggest_role(unknown, kinds.values())}"
        )
    fitting = [kind for kind in kinds.values() if set(options.columns) <= kind.roles]
    if not fitting:
        roles = "; ".join(f"{name}: {', '.join(sorted(k.roles))}" for name, k in kinds.items())
        raise DataError(
            f"--columns {', '.join(sorted(options.columns))} do not go together. "
            f"Roles of a kind of data: {roles}."
        )
    joined = {role for kind in fitting for role in kind.joined}
    targets = {kind.target for kind in fitting}
    words = dict.fromkeys(targets if options.others else (), TARGET)
    asked = {
        role: _resolve(table, words.get(role, role), name, everywhere, role in joined)
        for role, name in options.columns.items()
    }
    others = {c for name in options.others for c in _resolve(table, TARGET, name, everywhere, True)}
    columns = Columns(table, asked, options.labels, options.kinds is not None, others)
    fitting = _leave_hearing(columns, fitting)
    matches, errors = [], []
    for kind in fitting:
        try:
            matches.append((kind, kind.match(columns)))
        except DataError as error:
            errors.append(error)
    fits = [(kind, match) for kind, match in matches if match is not None]
    if not fits:
        raise errors[0] if errors else _no_kind(columns, fitting)
    kind, match = max(fits, key=lambda pair: (pair[1].fit, pair[0].precedence))
    if match.problem:
        raise DataError(f"{table.name} {match.problem} Its columns: {columns.listed}.")
    roles = {**match.columns, "split": columns.split, "domain": asked.get("domain", [])}
    group = [] if options.group_by else _group(columns, kind, roles)
    return kind, replace(match, columns={**roles, "group": group})


def _suggest_role(unknown: Collection[str], kinds: Collection[Kind]) -> str:
    """Say of which role these words are usual names of columns, as `speaker` is of `group`."""
    usual = {name: role for kind in kinds for role, names in kind.columns.items() for name in names}
    usual |= {name: "group" for kind in kinds for name in kind.groups}
    return "".join(f" For {word} write {usual[word]}." for word in sorted(unknown) if word in usual)


def sound_columns(columns: Columns) -> list[str]:
    """The columns of sounds: the one that is requested, or those that hold nothing else."""
    names = (name for name in columns if holds_sounds(present(columns[name])))
    return columns.asked.get("audio") or list(names)


def _leave_hearing(columns: Columns, kinds: Sequence[Kind]) -> Sequence[Kind]:
    """The kinds of sounds for a table of sounds, unless other inputs are asked for; else all."""
    inputs = {role for kind in kinds for roles in kind.inputs for role in roles} - {"audio"}
    names = sound_columns(columns)
    if not names or inputs & columns.asked.keys():
        return kinds
    hearing = [kind for kind in kinds if any("audio" in roles for roles in kind.inputs)]
    if hearing:
        return hearing
    words = f"{columns.table.name} is a table of sounds ({names[0]!r}), which are not read here. "
    raise DataError(f"{words}For other columns: --columns text=NAME. It has {columns.listed}.")


def _no_kind(columns: Columns, kinds: Sequence[Kind]) -> DataError:
    hears = bool(sound_columns(columns))  # a kind of several inputs is then asked for sounds
    inputs = [(max(k.inputs, key=lambda names: hears and "audio" in names), k) for k in kinds]
    roles = [[*sorted(names - {kind.target}), kind.target] for names, kind in inputs]
    needs = " or ".join(dict.fromkeys(", ".join(names) for names in roles))
    asked = " ".join(f"--columns {role}=NAME" for role in roles[0])
    return DataError(
        f"Cannot tell which columns of {columns.table.name} are {needs}. "
        f"Its columns: {columns.listed}. Name them: {asked}.{columns.object_advice}"
    )


def _resolve(
    table: Table, role: str, name: str, everywhere: Collection[str], joined: bool
) -> list[str]:
    """The column that the user means; `title+body` are two if the role is `joined`."""
    name = str(name)
    if name in table.columns or name in everywhere:
        return [name]
    if name.isdecimal() and int(name) < len(table.columns):
        return [list(table.columns)[int(name)]]
    if joined and "+" in name:
        parts = [part.strip() for part in name.split("+")]
        return [name for part in parts for name in _resolve(table, role, part, everywhere, False)]
    column, equals, task = name.rpartition("=")
    if equals and column in table.columns:
        unknown = UnknownName.of("task", task, plugins.names("task"))
        raise DataError(
            f"{table.name} has a column {column!r}, but none that is named {name!r}. {unknown} "
            f"Write --task {column}=TASK with one of 'graft list tasks', or --task {column} for "
            "the one that fits its content."
        )
    names = ", ".join(map(repr, table.columns))
    advice = (
        " To measure without labels of this task, add an empty column." if role == TARGET else ""
    )
    raise DataError(
        f"{table.name} has no column {name!r} (asked for as {role}). Its columns: {names}.{advice}"
    )


def _group(columns: Columns, kind: Kind, roles: dict[str, list[str]]) -> list[str]:
    """The column of groups by its name, last: in a poor table it may play another role."""
    if "group" in columns.asked or not columns.header:
        return columns.asked.get("group", [])
    used = {name for names in roles.values() for name in names}
    return [name for name in columns.find_named(kind.groups) if name not in used][:1]


@cache
def known_names() -> frozenset[str]:
    """Return all names of columns that some kind looks for."""
    kinds = map(kind_named, plugins.names("kind"))
    columns = (names for kind in kinds for names in (*kind.columns.values(), kind.groups))
    return frozenset(SPLIT).union(*columns)
