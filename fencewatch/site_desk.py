"""The site of a data directory from the command line: imported, compared, written out, and its history."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fencewatch.config import DEFAULT_BELIEVE_DAYS, DEFAULT_HOLD_MINUTES
from fencewatch.entrance import entered
from fencewatch.given_site import GivenSite
from fencewatch.opened_registry import begin, directory_digest
from fencewatch.terminal_user import terminal_user
from pipeline.errors import InputError
from pipeline.host.clock import clock_of, steady_clock_of, system_now_ms
from pipeline.host.collection import nothing_collected
from pipeline.ingest.change_desk import Answer, ChangeDesk, SiteDesk
from pipeline.ingest.desk_mail import DeskClient
from pipeline.ingest.journal_writer import log_writer
from pipeline.log.journal import Journal
from pipeline.log.journal.embedded import embedded
from pipeline.log.journal.errors import JournalLockedError
from pipeline.registry.catching_up import catch_up
from pipeline.registry.change_requests import Mailbox
from pipeline.registry.history import HistoryEntry, HistoryFilter
from pipeline.registry.registry import REGISTRY, Registry
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.documents import SiteDocuments, write_documents
from pipeline.sites.site_difference import SiteDifference
from pipeline.sites.site_versions import VERSIONED
from pipeline.upkeep.store import Store
from pipeline.upkeep.stores import adopt

#: A change of many rows may take whoever writes the log some time.
_PATIENCE_S = 300.0
#: So often is a difference looked for anew because the clock went past an instant in it.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to: the beginning of everything, or the answer to a change (None: to none)."""

    is_first: bool
    answer: Answer | None
    difference: SiteDifference


def import_site(
    directory: Path, data: Path, reason: str, progress: Callable[[int, int], object] = lambda *_: None
) -> Imported:
    """Makes the site of a data directory the one of these files, as one change.

    Raises SiteError where the files are broken, ChangeRefused where the change is, DeskSilent where whoever
    writes the log does not answer.
    """
    with nothing_collected():  # rows of a whole site, which all stay until the end
        return _imported(directory, data, reason, progress)


def _imported(directory: Path, data: Path, reason: str, progress: Callable[[int, int], object]) -> Imported:
    by = _operator(data)
    given, seen = GivenSite(directory, data), directory_digest(directory)
    entered(data)
    with closing(Registry.open(data / REGISTRY)) as registry:
        if not registry.is_begun and _begun(registry, data, given, progress):
            return Imported(True, None, SiteDifference())
        found = _change(registry, data, given, by, reason)
        registry.see(seen)
        return found


def _begun(registry: Registry, data: Path, given: GivenSite, progress: Callable[[int, int], object]) -> bool:
    documents = given.documents
    total = sum(len(documents.table(table)) for table in VERSIONED)
    if not begin(registry, data, documents, given.directory, lambda rows: progress(rows, total)):
        return False
    adopt(data, [Store.REGISTRY])
    return True


def _operator(data: Path) -> str:
    """Who works here; a whole site is for the machine's operator alone. Raises InputError."""
    user = terminal_user(data)
    if user.identity is not None:
        raise InputError(
            f"{user.actor}: a token changes rows over HTTP, and no whole site; expected the operator of this "
            "machine (`fencewatch logout`)"
        )
    return user.actor


def _change(registry: Registry, data: Path, given: GivenSite, by: str, reason: str) -> Imported:
    change_id = secrets.token_hex(16)
    for tries_left in reversed(range(_TRIES)):
        difference = given.difference(registry)
        if not difference.operations:
            return Imported(False, None, difference)
        try:
            with _desk(registry, data) as desk:
                answer = desk.submit(
                    difference.operations, by=by, reason=reason, id=change_id, timeout_s=_PATIENCE_S
                )
            return Imported(False, answer, difference)
        except ChangeRefused as refused:
            if not tries_left or any(fault.code != "in_the_past" for fault in refused.faults):
                raise
    raise AssertionError("the last try returns or raises")


@contextmanager
def _desk(registry: Registry, data: Path) -> Iterator[SiteDesk]:
    """The desk of whoever writes the log; here, where nobody does."""
    try:
        journal = Journal(data / "journal")
    except JournalLockedError:
        yield DeskClient(Mailbox(registry.file), system_now_ms)
        return
    with journal:
        catch_up(registry, embedded(data / "journal"))
        clock = clock_of(data)
        steady = steady_clock_of(
            data, journal.clock_ms, DEFAULT_HOLD_MINUTES * 60_000, DEFAULT_BELIEVE_DAYS * 86_400_000
        )
        # No rows are taken here, so how late they may be is nobody's question.
        writer = log_writer(journal, clock.now_ms, steady, horizon_ms=lambda _: 0, speed=clock.speed)
        writer.start()
        try:
            yield ChangeDesk(writer, registry)
        finally:
            writer.stop()


def compare_site(directory: Path, data: Path) -> SiteDifference:
    """What an import of these files would do. Raises SiteError where they are broken."""
    given = GivenSite(directory, data)
    with opened_to_look(data) as registry:
        return given.difference(registry)


def export_site(directory: Path, data: Path, record: int | None) -> SiteDocuments:
    """Writes the site as it is now, or was at a record, into a directory that is not there yet or is empty.

    It is there whole or not at all. Raises InputError where something lies in the directory.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory}: is not empty; expected a directory to be made, or an empty one")
    with opened_to_look(data) as registry:
        documents = registry.documents if record is None else registry.documents_at(record)
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}")
    scratch.mkdir()
    try:
        write_documents(documents, scratch)
        if directory.exists():
            directory.rmdir()
        scratch.rename(directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return documents


def site_history(data: Path, wanted: HistoryFilter, limit: int) -> list[HistoryEntry]:
    """The changes of a site, newest first."""
    with opened_to_look(data) as registry:
        return registry.history(wanted, limit=limit)


@contextmanager
def opened_to_look(data: Path) -> Iterator[Registry]:
    """The registry of a data directory, for its operator. Raises InputError where there is none."""
    _operator(data)
    if not (data / REGISTRY).is_file():
        raise InputError(
            f"{data}: holds no site; expected a data directory of `run` or `serve`, or an import"
        )
    with closing(Registry.open(data / REGISTRY)) as registry:
        yield registry
