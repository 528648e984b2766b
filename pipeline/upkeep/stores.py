"""The stores of a data directory seen together: whose each is, how far it has come, and what does not fit.

Each may be sound in itself and still be the wrong one: taken away, put back from an earlier time, or of
another data directory. ``look`` only reads, also while the stores are in use; ``enter`` is for whoever starts
to work on them, ``adopt`` for when they are open.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError, PipelineError
from pipeline.log.journal.segment import foreign_segments, segment_firsts
from pipeline.upkeep.kinds import KIND_OF, seen_store, stamp
from pipeline.upkeep.store import (
    FOLLOWING,
    REPAIR,
    Finding,
    Seen,
    Store,
    consumed_of,
    inode_of,
    read_root,
    write_root,
)  # fmt: skip
from sinks.bearing import BEARING, WITNESSES, Bearing, witness_of
from sinks.errors import SinkFailed

#: Stores that can be made anew from the log, and nobody is judged wrongly for want of them.
_DERIVED = (Store.POSITIONS, Store.TRACKS)
#: A store that nothing else hangs on: where it is gone or older, that is said, and it goes on as it is.
_LOOSE = (Store.REJECTS,)
_WITNESSED = (Store.QUEUE, Store.TOKENS, Store.ACCESSES, Store.REJECTS)
_REBUILD = "`fencewatch data rebuild`"


class StoresDisagree(PipelineError):  # noqa: N818 - the name says what is the matter
    """Stores are missing, of another data directory or of another time: nothing may go on with them.

    The message has a line for each of the ``findings``.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = list(findings)


class StoresUnfit(StoresDisagree, InputError):  # noqa: N818 - likewise
    """The same, found before any work began: a command was given a directory that it cannot work on."""


@dataclass(frozen=True, slots=True)
class Look:
    """All stores at one moment; ``root`` is what the directory says of itself, ``born`` what it ever had."""

    data: Path
    root: str | None
    born: frozenset[Store]
    stores: Mapping[Store, Seen]
    consumed: int = 0
    log_first: int = 0
    damage: str | None = None
    foreign: tuple[Path, ...] = ()

    def findings(self) -> list[Finding]:
        """Everything that does not fit, gravest first."""
        return sorted(self._findings(), key=lambda finding: not finding.ends)

    def _findings(self) -> Iterator[Finding]:
        if self.damage is not None:
            yield Finding(Store.LOG, self.data / BEARING, self.damage, f"{REPAIR} writes it anew")
        for path in self.foreign:
            todo = f"put the right one back, or {REPAIR} sets it aside and goes on behind it"
            yield Finding(Store.LOG, path, "the segment is of another data directory", todo)
        log = self.stores[Store.LOG]
        for seen in self.stores.values():
            if (found := self._own(seen)) is not None:
                yield found
            elif seen.exists and seen.store is not Store.LOG:
                yield from self._beside(seen, log)
        if log.exists and log.position < log.witnessed:
            yield Finding(
                Store.LOG,
                log.path,
                f"the log ends at record {log.position}, and had reached {log.witnessed}: "
                f"{log.witnessed - log.position} acknowledged records are missing",
                f"put the right log back, or give them up with {REPAIR}",
            )

    def _own(self, seen: Seen) -> Finding | None:
        """What is wrong with a store by itself; of one that another program holds on to nothing is known."""
        if seen.is_busy:
            return None
        if seen.damage is not None:
            return Finding(seen.store, seen.path, seen.damage, f"{REPAIR} sets it aside")
        if not seen.exists:
            return self._gone(seen, "it was there and is gone")
        if seen.bearing is None:
            return self._gone(seen, "it was begun anew: what it had is gone")
        if seen.bearing.identity != self.root:
            other = f"it is of another data directory ({seen.bearing.identity[:8]}, not {str(self.root)[:8]})"
            return Finding(seen.store, seen.path, other, f"put the right one back, or {REPAIR} sets it aside")
        return None

    def _older(self, seen: Seen) -> tuple[str, bool]:
        """What to do where a store is of an earlier time, and whether nobody may go on before."""
        if seen.store in _DERIVED:
            return f"{_REBUILD} fills it", False
        if seen.store is Store.REGISTRY and seen.position >= self.log_first:
            return "what it lacks is taken from the log", False
        if seen.store is Store.REGISTRY:
            return f"the log has let go of what it lacks: put the right one back, or {REPAIR}", True
        return f"put the right one back, or {_REBUILD} tells its alerts again", True

    def _gone(self, seen: Seen, wrong: str) -> Finding | None:
        if seen.store not in self.born:  # it is yet to be made
            return None
        if seen.store in _DERIVED:
            return Finding(seen.store, seen.path, wrong, f"{_REBUILD} fills it", ends=False)
        if seen.store in _LOOSE:
            return Finding(seen.store, seen.path, wrong, "a new one is begun", ends=False)
        if seen.store is Store.STATE and self.log_first == 0:
            return Finding(
                seen.store, seen.path, wrong, "the log is judged again from its beginning", ends=False
            )
        todo = {
            Store.REGISTRY: f"put it back, or begin anew from the configured site by {REPAIR}",
            Store.STATE: f"put it back, or judge anew what the log still has by {_REBUILD}",
            Store.QUEUE: f"put it back, or have its alerts told again by {_REBUILD}",
        }.get(seen.store, f"put it back, or begin a new one by {REPAIR}")
        return Finding(seen.store, seen.path, wrong, todo)

    def _beside(self, seen: Seen, log: Seen) -> Iterator[Finding]:
        """What is wrong with a store that is sound in itself, beside the others."""
        if log.exists and seen.position > max(log.position, log.witnessed):
            yield Finding(
                Store.LOG,
                log.path,
                f"the log ends at record {log.position}, and {seen.path.name} has come to {seen.position}: "
                "it is of an earlier time",
                f"put the right log back, or give the rest up with {REPAIR}",
            )
        follows = seen.store in FOLLOWING and seen.store is not Store.STATE and seen.bearing is not None
        if follows and seen.position < self.consumed:
            todo, ends = self._older(seen)
            wrong = (
                f"it has come to record {seen.position} and the engine to {self.consumed}: it is an older one"
            )
            yield Finding(seen.store, seen.path, wrong, todo, ends=ends)
        if seen.store in _WITNESSED and seen.writes < seen.witnessed:
            loose = seen.store in _LOOSE
            yield Finding(
                seen.store,
                seen.path,
                f"the last {seen.witnessed - seen.writes} things that were written to it are missing: "
                "it is of an earlier time",
                "all goes on without them"
                if loose
                else f"put the right one back, or go on without them by {REPAIR}",
                ends=not loose,
            )
        if not seen.is_checked:
            yield Finding(
                seen.store,
                seen.path,
                "it was made before databases had checksums: a changed bit of a value would not be noticed",
                f"stop `serve` and `run`, and {REPAIR} writes it anew with them",
                ends=False,
            )
        for first, end in [] if seen.bearing is None else seen.bearing.gaps:
            yield Finding(
                seen.store,
                seen.path,
                f"what records {first} to {end - 1} of the log say is missing",
                f"{_REBUILD} fills it",
                ends=False,
            )


def look(data: Path, *, is_quick: bool = False) -> Look:
    """All stores as they stand, nothing changed; what is wrong with them is found, not raised.

    A quick look takes the log's word for where it ends instead of reading its last segment.
    """
    # All goes on meanwhile: what must not be ahead is read first, what must not be behind last. So nothing
    # that is written or made while this looks lets another store seem older than it is, or gone.
    root, born, damage = None, frozenset[Store](), None
    try:
        root, born = read_root(data)
    except SinkFailed as error:
        damage = str(error).partition(": ")[2]
    consumed = consumed_of(data / Store.LOG)
    last_log = sorted(Store, key=lambda store: store is Store.LOG)
    stores = {store: seen_store(data, store, is_quick) for store in last_log}
    borne = {seen.bearing.identity for seen in stores.values() if seen.bearing is not None}
    if root is None and len(borne) == 1:  # the directory's own note is gone; what all of them say stands
        root = next(iter(borne))
    journal = data / Store.LOG
    first = min(segment_firsts(journal), default=0) if stores[Store.LOG].exists else 0
    foreign = foreign_segments(journal) if stores[Store.LOG].exists and not is_quick else ()
    return Look(data, root, born, stores, consumed, first, damage, tuple(foreign))


def enter(data: Path) -> list[Finding]:
    """Whether these stores may be worked on; what is wrong and hinders nobody.

    A directory that has no identity yet, because it is new or from before there were any, gets one. Raises
    StoresUnfit, which has a line for each thing that must be put right first.
    """
    data.mkdir(parents=True, exist_ok=True)
    with _locked(data):
        seen = look(data)
        found = seen.findings()
        if ends := [finding for finding in found if finding.ends]:
            raise StoresUnfit(ends)
        if seen.root is None and not any(part.exists for part in seen.stores.values()):
            # Before there is a log, so that its very first segment bears a mark of it.
            identity = secrets.token_hex(16)
            write_root(data, identity, ())
            (data / Store.LOG).mkdir(mode=0o700, exist_ok=True)
            stamp(data, Store.LOG, Bearing(identity))
    return found


def adopt(data: Path, stores: Iterable[Store]) -> str:
    """Stores that are open now bear the directory's identity from here on; returns it.

    One that nothing hangs on does so also where it was begun anew, or goes on from an earlier time. One that
    another program is only just making is left to whoever has made it.
    """
    with _locked(data):
        seen = look(data)
        identity = seen.root or secrets.token_hex(16)
        (data / WITNESSES).mkdir(mode=0o700, exist_ok=True)
        born, bearing = set(seen.born), {store for store in Store if seen.stores[store].bearing is not None}
        for store in Store:
            part = seen.stores[store]
            if store in _LOOSE and part.exists and part.writes < part.witnessed:
                witness_of(part.path).record(part.writes)
            is_new = part.exists and store not in bearing and (store not in born or store in _LOOSE)
            if is_new and KIND_OF[store].is_made(data / store):
                stamp(data, store, Bearing(identity, seen.consumed if store in FOLLOWING else 0))
                bearing.add(store)
                born.add(store)
        born |= bearing.intersection(stores)
        if seen.root != identity or seen.born != born or not (data / BEARING).exists():
            write_root(data, identity, born)
    return identity


def give_up(data: Path, store: Store, identity: str, upto: int) -> None:
    """A store goes on without what it lacks up to a record; it bears the gap until it is filled."""
    bearing = look(data, is_quick=True).stores[store].bearing or Bearing(identity)
    stamp(data, store, bearing.lacking(upto))


class Standing:
    """The stores that a process has open, as they were then: whether anybody took or replaced one since."""

    def __init__(self, data: Path) -> None:
        # The number of a directory that is gone would be given to another; of a file that is open it is not.
        # A path alone is held: closing a database's file would let go of SQLite's locks on it.
        if sys.platform == "linux":
            self._held = [os.open(data / store, os.O_PATH) for store in Store if (data / store).exists()]
        self._inodes = {store: inode for store in Store if (inode := inode_of(data / store))}
        self._data = data

    def findings(self) -> list[Finding]:
        """What was taken away or replaced while it was in use; it is not what is worked on."""
        found = []
        for store, inode in self._inodes.items():
            now = inode_of(self._data / store)
            if now != inode:
                wrong = (
                    "it was replaced while it was in use" if now else "it was taken away while it was in use"
                )
                todo = "stop `serve` and `run`, put the right one back and start them again"
                found.append(Finding(store, self._data / store, wrong, todo))
        return found


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """One process at a time draws an identity, or compares."""
    handle = os.open(data / "identity.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
