"""The live engine: the log through the dataflow, its state kept so that a restart goes on."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event

from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from pipeline.checkpoint import Stored
from pipeline.errors import InputError, PipelineError
from pipeline.host.collection import seldom_collected
from pipeline.host.disk import LockedError, acquire_lock
from pipeline.log.decoded import DecodedLog
from pipeline.log.protocol import Log
from pipeline.log.rows import RowDecoder
from pipeline.reading import Challenges, DeviceIds
from pipeline.runtime.agreement import Agreement
from pipeline.runtime.checkpoints import CheckpointStore
from pipeline.runtime.dataflow import Parts, build
from pipeline.runtime.halt import Halt
from pipeline.runtime.site_history import SiteHistory
from pipeline.runtime.sources import LiveLog
from pipeline.sites.policies import Policies
from pipeline.stream.division import SHARDS
from pipeline.stream.intake import Intake, Reject
from pipeline.stream.items import Accepted, AlertUpdate
from sinks.bearing import SealedFile
from sinks.durable import put_file

#: How often state is kept; a restart reads what the log got since.
EPOCH = timedelta(seconds=5)
#: The form that state is kept in; what another version wrote in another is not read.
_FORM = "3"
#: Forms of earlier versions, which are read as well; from then on they could not read it any more.
_FORMS_BEFORE = ("2",)
#: The file in a state's directory that says from which record of the log on a state made anew begins.
BEGIN = "begin.json"
#: What the engine is called among those who read the log.
READER = "engine"


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """What to run on, and where results go: durable when ``write_alerts`` and ``flush_rows`` return.

    ``sites`` has the site at every place of the log. ``fingerprint`` names the first of them: kept state is
    of no use to a site that did not come of it. ``reached`` gets the record of the log up to which
    everything is durable, before the log may drop it; ``rewound`` is called
    where the engine goes on from a record before the one that had been reached.
    """

    sites: SiteHistory
    policies: Policies
    fingerprint: str
    log: Log
    state: Path
    write_alerts: Callable[[list[AlertUpdate]], None]
    write_rows: Callable[[list[Accepted]], None]
    flush_rows: Callable[[], None]
    write_rejects: Callable[[list[Reject]], None]
    reached: Callable[[int], None] = lambda _: None
    rewound: Callable[[int, int], None] = lambda *_: None
    epoch: timedelta = EPOCH


class LiveEngine:
    """A run of the live engine in this process; ``stop`` lets it drain and end."""

    def __init__(self, request: LiveRequest, stop: Event) -> None:
        """Raises StateLockedError where another engine runs on it, InputError where it is another site's."""
        self._request = request
        self._lock = _locked(request.state)
        self._stop = stop
        self._challenges = Challenges()
        self._recovery = _prepared(request.state, request.fingerprint)
        self.intake = Intake(request.policies, self._challenges, devices=request.sites.devices)
        self.log: DecodedLog | None = None
        self._resumed = 0
        self._store = CheckpointStore(request.state / "checkpoints")
        # While the site is compiled: what the intake knows is the largest part of the state.
        self._store.read_ahead("intake", self.intake.expect)
        self._store.read_in_turn(["intake", *(f"shard-{number}" for number in range(SHARDS))])

    def run(self) -> None:
        """Judge what the log has and gets, until it is to stop."""
        request, halt, agreement = self._request, Halt(commits=True), Agreement()
        store = self._store
        store.write_behind()
        parts = Parts(
            source=LiveLog(self._open_log, halt, self._stop, self._done_with, agreement, store),
            make_intake=self._make_intake,
            router=request.sites.router,
            make_shard=request.sites.make_shard,
            sites=request.sites,
            write_alerts=request.write_alerts,
            write_rejects=request.write_rejects,
            write_rows=request.write_rows,
            flush_rows=request.flush_rows,
            store=store,
            halt=halt,
            agreement=agreement,
        )
        recovery = RecoveryConfig(str(self._recovery))
        try:
            with _state_faults(request.state), self._loading(), seldom_collected():
                run_main(build(parts), epoch_interval=request.epoch, recovery_config=recovery)
        finally:
            store.catch_up()  # nothing is written any more once another engine goes on
            halt.reraise()  # in place of whatever the runtime makes of it

    @contextmanager
    def _loading(self) -> Iterator[None]:
        """Before anything was read of the log, whatever goes wrong is the kept state that cannot be read."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit, PipelineError, OSError):
            raise
        except BaseException as error:  # a panic of the runtime is no Exception
            if self.log is not None and self.log.offset != self._resumed:
                raise
            said = str(error).partition("\n")[0]
            recovery = self._recovery
            raise StateUnusable(
                f"{recovery}: cannot be used: {said}; `fencewatch data repair` sets it aside"
            ) from None

    def close(self) -> None:
        """Let another engine go on."""
        os.close(self._lock)

    def _make_intake(self, state: Stored | None) -> Intake:
        self._request.sites.begin(self._begin() if state is None else state.place)
        if state is not None:
            self.intake.restore(state)
        return self.intake

    def _done_with(self, offset: int) -> None:
        if offset:
            self._request.reached(offset)
            self._request.log.consumers.put(READER, offset)

    def _begin(self) -> int:
        """Where a state begins that was never kept: where the log began when it was made anew, else at 0."""
        recorded = SealedFile(self._request.state / BEGIN).read()
        return 0 if recorded is None else int(recorded["record"])

    def _open_log(self, offset: int) -> DecodedLog:
        offset = offset or self._begin()
        compiled = self._request.sites.begin(offset)
        division = compiled.division
        decoder = RowDecoder(DeviceIds(division.device_ids, division.device_number), self._challenges)
        self._resumed = offset
        consumers = self._request.log.consumers
        if (consumed := consumers.of(READER)) > offset:
            consumers.put(READER, offset)  # the log keeps what is wanted again
            self._request.rewound(offset, consumed)
        self.log = DecodedLog(self._request.log.reader(offset), decoder)
        return self.log


class StateLockedError(PipelineError):
    """Another engine runs on the same state."""


class StateUnusable(PipelineError):  # noqa: N818 - the name says what is the matter
    """The disk does not take, or give, what the runtime keeps."""


@contextmanager
def _state_faults(state: Path) -> Iterator[None]:
    """The runtime panics where its own database fails; what it says of that is all there is."""
    try:
        yield
    except BaseException as error:  # a panic need not be an Exception
        found = re.search(r'SqliteFailure\(.*Some\("(.+?)"\)', str(error))
        if found is None:
            raise
        raise StateUnusable(f"{state / 'recovery'}: cannot be used: {found[1]}") from None


def _locked(state: Path) -> int:
    """Two engines would take each other's checkpoints away."""
    state.mkdir(parents=True, exist_ok=True)
    try:
        return acquire_lock(state / "lock")
    except LockedError as error:
        raise StateLockedError(f"{state}: process {error.holder} runs an engine on it already") from None


def _prepared(state: Path, fingerprint: str) -> Path:
    """The runtime's recovery directory, made at the first start for this site and no other."""
    recovery, recorded = state / "recovery", state / "site-fingerprint"
    if not recovery.exists():
        scratch = state / "recovery.new"
        shutil.rmtree(scratch, ignore_errors=True)  # of a start that was killed; the runtime wants it empty
        scratch.mkdir()
        with _state_faults(state):
            init_db_dir(scratch, 1)
        recorded.write_text(f"{_FORM} {fingerprint}")
        scratch.rename(recovery)
    form, _, site = recorded.read_text("utf-8", "replace").partition(" ")
    if form in _FORMS_BEFORE and site == fingerprint:
        put_file(recorded, f"{_FORM} {site}".encode())
        form = _FORM
    if form != _FORM:
        raise StateUnusable(
            f"{state}: this state was kept in another form, by another version of the program; "
            "move the directory away, and the log is judged again as far as it reaches back"
        )
    if site != fingerprint:
        raise InputError(
            f"{state}: this state was kept for another site or an earlier version of it; expected the site "
            "it was begun with, or a new data directory"
        )
    return recovery
