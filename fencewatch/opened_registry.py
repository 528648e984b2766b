"""The registry of a data directory as `run` and `serve` open it: filled at the first start, kept later."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from fencewatch.config import Settings
from fencewatch.given_site import GivenSite
from pipeline.errors import InputError, SiteError
from pipeline.host.clock import clock_of
from pipeline.host.collection import nothing_collected
from pipeline.ingest.running_site import RunningSite
from pipeline.log.errors import LogError
from pipeline.log.journal.embedded import embedded
from pipeline.log.protocol import Log
from pipeline.registry.catching_up import catch_up
from pipeline.registry.registry import REGISTRY, Registry
from pipeline.sites.documents import HOLIDAYS, SiteDocuments
from pipeline.sites.load import load_documents, site_files

#: So many lines of what differs are said at a start; `fencewatch site diff` says all.
_SAID_MOST = 10
#: So many bytes of a file are held at a time.
_PIECE = 1 << 20


def first_documents(settings: Settings) -> SiteDocuments | None:
    """The configured site, for a directory that has no registry yet; None where it has one.

    Raises SiteError for a broken site, and InputError where the state was kept for another one: before
    anything is made in the directory.
    """
    if (settings.data / REGISTRY).exists():
        return None
    recorded = settings.state / "site-fingerprint"
    if recorded.exists() and recorded.read_text("utf-8", "replace").partition(" ")[2] != fingerprint(
        settings.site
    ):
        raise InputError(
            f"{settings.state}: this state was kept for another site or an earlier version of it; expected "
            "the site it was begun with, since there is no registry yet, and then the changed one by "
            "`fencewatch site import`"
        )
    return load_documents(settings.site)


@contextmanager
def opened_site(settings: Settings, documents: SiteDocuments | None) -> Iterator[RunningSite]:
    """The site that the registry holds, with all that the log says of it.

    A registry that holds nothing gets the ``documents``, or else the configured site. A configured site that
    is another by now is told of on standard error, and nothing else comes of it.
    """
    with closing(Registry.open(settings.data / REGISTRY)) as registry:
        if not registry.is_begun:
            begin(registry, settings.data, documents or load_documents(settings.site), settings.site)
        log = embedded(settings.journal)
        _catch_up(registry, log)
        number = registry.last_record
        with ThreadPoolExecutor(
            1, "digest"
        ) as beside:  # which waits for the disk and holds up no other thread
            seen = beside.submit(directory_digest, settings.site) if settings.site.is_dir() else None
            with nothing_collected():
                # Sound when it was taken, but another version of the program may check otherwise.
                site = registry.site_at(number)
            if seen is not None:
                _say_difference(settings, registry, seen.result())
        yield RunningSite(registry, site, number, log)


def begin(
    registry: Registry,
    data: Path,
    documents: SiteDocuments,
    source: Path,
    progress: Callable[[int], object] = lambda _: None,
) -> bool:
    """Fills a registry, as of the end of the log; False where somebody else did meanwhile."""
    record = embedded(data / "journal").end_offset
    seen = directory_digest(source)
    return registry.begin(
        documents,
        record=record,
        at_ms=clock_of(data).now_ms(),
        source=str(source),
        fingerprint=fingerprint(source),
        seen=seen,
        progress=progress,
    )


def fingerprint(site: Path) -> str:
    """What the files of a site hold, as one name; its holidays count as if there were none."""
    # A new year's days off are published, and added, while a system runs. They say only what is yet to
    # come: of a year that the table lacks nothing has been judged.
    return _digest(site, without=HOLIDAYS)


def directory_digest(site: Path) -> str:
    """The same, holidays included."""
    return _digest(site, without=None)


def _digest(site: Path, without: str | None) -> str:
    digest = hashlib.sha256()
    for path in site_files(site):
        name = path.relative_to(site).as_posix()
        counts = name != without and path.exists()
        digest.update(f"{name} {path.stat().st_size if counts else -1}\n".encode())
        if counts:
            with path.open("rb") as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
    return digest.hexdigest()


def _catch_up(registry: Registry, log: Log) -> None:
    if not log.is_there:
        return
    try:
        catch_up(registry, log)
    except LogError as damage:
        print(f"warning: changes of the site may be missing: {damage}", file=sys.stderr, flush=True)


def _say_difference(settings: Settings, registry: Registry, seen: str) -> None:
    """What an import of the configured directory would do, where it is not what was imported last.

    ``seen`` is what its files hold by now.
    """
    site = settings.site
    if seen == registry.seen:
        return
    try:
        lines = GivenSite(site, settings.data).difference(registry).lines()
    except SiteError as broken:
        lines = [f"it has {len(broken.faults)} faults; `fencewatch site check` lists them"]
    if not lines:
        registry.see(seen)
        return
    said = [*lines[:_SAID_MOST], *([f"… {len(lines)} in all"] if len(lines) > _SAID_MOST else [])]
    head = f"warning: {site} differs from the registry, by which all goes on; `fencewatch site import` takes:"
    print(head, *(f"  {line}" for line in said), sep="\n", file=sys.stderr, flush=True)
