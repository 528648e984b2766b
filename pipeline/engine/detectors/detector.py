"""What a shard asks of a rule without places, and what it gives it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.engine.current_subjects import CurrentSubjects
from pipeline.engine.policy_table import PolicyTable
from pipeline.engine.renumbering import Renumbering
from pipeline.engine.state_code import Form
from pipeline.engine.subject_table import SubjectTable
from pipeline.ping import PingBatch
from pipeline.rules.rule import Rule

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Finding:
    """An incident as it is now, by the numbers of a shard: what an alert without a place is written from.

    ``device`` is None where the rule is about a person; ``cleared_ms`` while it goes on.
    """

    rule: Rule
    person: int
    device: int | None
    onset_ms: int
    raised_ms: int
    cleared_ms: int | None = None
    level: int = 1


class ShardRows:
    """Accepted rows in merged order, and whose they are, which is worked out once for all who ask.

    Numbers have shape (n,) and are -1 where there is none.
    """

    def __init__(self, batch: PingBatch, subjects: SubjectTable, current: CurrentSubjects) -> None:
        self.batch = batch
        self._subjects = subjects
        self._whose = current.whose(batch.device, batch.event_ms, batch.arrival_ms)

    @property
    def binding(self) -> Ints:
        """The binding that held when a row was made."""
        return self._whose.binding

    @cached_property
    def person(self) -> Ints:
        """Whose device it was when a row was made."""
        person = np.full(len(self.batch), -1)
        bound = np.flatnonzero(self.binding >= 0)
        person[bound] = self._subjects.binding_person[self.binding[bound]]
        return person

    @property
    def person_row(self) -> Ints:
        """The row of people.csv that held when a row was made; -1 where nobody was supervised."""
        return self._whose.row

    @property
    def episode(self) -> Ints:
        """The stretch, of a binding while supervised, in which a row arrived."""
        return self._whose.episode

    @property
    def device_kind(self) -> NDArray[np.int8]:
        """What kind of device it was then, for rows with an episode."""
        return self._whose.kind


class Kept(Protocol):
    """Something whose state is that of the attributes it names."""

    @property
    def KEPT(self) -> tuple[str, ...]: ...  # noqa: N802 - a constant of its classes


class Detector(ABC):
    """One rule for the people of one shard. The same rows and clock give the same findings however cut."""

    #: What it is called in a checkpoint; never changed with the code.
    NAME: ClassVar[str]
    #: Its own classes that may stand in its state.
    FORMS: ClassVar[tuple[Form, ...]] = ()

    @abstractmethod
    def __init__(self, table: PolicyTable, subjects: SubjectTable) -> None: ...

    @property
    @abstractmethod
    def state(self) -> Kept:
        """What remembers anything."""

    @abstractmethod
    def start(self, start_ms: int) -> None:
        """Begin the clock, once: the rule owes nothing of what came before."""

    @abstractmethod
    def ingest(self, rows: ShardRows) -> Sequence[Finding]:
        """Rows, none arriving before the clock: what they begin, change or end."""

    @abstractmethod
    def advance(self, past_ms: int) -> Sequence[Finding]:
        """The log is read past all instants before this one: what their deadlines begin, change or end."""

    def skip_gap(self, from_ms: int, to_ms: int) -> None:  # noqa: B027 - most rules need not know
        """Nothing could be received between two instants; all deadlines before have taken effect."""

    @abstractmethod
    def move(self, numbers: Renumbering, past_ms: int) -> None:
        """Take over state by the numbers of another site; all deadlines before ``past_ms`` took effect."""
