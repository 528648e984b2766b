"""Changes of the site at the desk: one record each, in force by the log's clock, answered when durable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from minimal_site import write_site
from site_operations import NOW_MS, device, end, fence, person, put

from pipeline.host.clock import system_now_ms
from pipeline.ingest import JournalWriter, WriterStopped
from pipeline.ingest.change_desk import Answer, ChangeDesk
from pipeline.ingest.desk_mail import DeskClient, DeskMail
from pipeline.ingest.errors import DeskSilent
from pipeline.log.journal import Journal
from pipeline.log.journal.embedded import embedded
from pipeline.log.record import CLOCK, SITE, START, Record
from pipeline.log.site_record import SiteRecord
from pipeline.registry.catching_up import catch_up
from pipeline.registry.change_requests import Mailbox
from pipeline.registry.following import SiteFollower
from pipeline.registry.registry import Registry
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.findings import Findings
from pipeline.sites.load import load_documents, site_of
from sinks.errors import SinkFailed

STRICT = put("people", **person(**{"class": "strict"}))
HANDED_OVER = put("devices", **device(person_id="P2"))


class World:
    """A desk over a log and a registry in a directory; the clock stands until it is set."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clock_ms = NOW_MS
        self.registry = Registry.open(home / "registry.sqlite")
        if not self.registry.is_begun:
            (home / "site").mkdir()
            documents = load_documents(write_site(home / "site"))
            self.registry.begin(documents, record=0, at_ms=NOW_MS, source="site")
        self.journal = Journal(home / "journal")
        self.caught_up = catch_up(self.registry, embedded(home / "journal"))
        self.writer = JournalWriter(self.journal, lambda: self.clock_ms, horizon_ms=lambda _: 10**12)
        self.desk = ChangeDesk(self.writer, self.registry)

    def submit(self, *operations: Any, **asked: Any) -> Answer:
        """A change by somebody for some reason."""
        return self.desk.submit(operations, **({"by": "li", "reason": "why"} | asked))

    def records(self) -> list[Record]:
        """All that stands in the log."""
        with closing(self.journal.reader()) as reader:
            return reader.poll()

    def changes(self) -> list[SiteRecord]:
        """The changes that stand in the log."""
        return [SiteRecord.of(record) for record in self.records() if record.kind == SITE]


@contextmanager
def opened(home: Path) -> Iterator[World]:
    world = World(home)
    world.writer.start()
    try:
        yield world
    finally:
        world.writer.stop()
        world.journal.close()
        world.registry.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with opened(tmp_path) as world:
        yield world


def test_a_change_is_a_record_behind_a_mark_of_its_instant(world: World) -> None:
    world.clock_ms += 300  # less than a mark is due after
    answer = world.submit(STRICT, id="c1")
    assert [(record.kind, record.clock_ms) for record in world.records()[:3]] == [
        (START, NOW_MS), (CLOCK, NOW_MS + 300), (SITE, NOW_MS + 300),
    ]  # fmt: skip
    (found,) = world.changes()
    assert (answer.number, answer.at_ms, answer.id) == (found.number, NOW_MS + 300, "c1")
    assert (found.change.by, found.change.reason, found.change.operations) == ("li", "why", [STRICT])
    assert list(found.change.edits) == list(answer.edits)
    assert [row["valid_from"] for row in world.registry.versions(("people", "P1"))] == [
        "", "2025-07-14T00:00:00.300Z",
    ]  # fmt: skip
    assert world.registry.last_record == answer.number


def test_even_where_the_clock_stands_still_the_mark_is_there(world: World) -> None:
    world.submit(STRICT)
    world.submit(HANDED_OVER)
    assert [record.kind for record in world.records()] == [START, CLOCK, SITE, CLOCK, SITE]


def test_the_same_id_is_answered_as_it_was(world: World) -> None:
    first = world.submit(STRICT, id="c1")
    world.clock_ms += 60_000
    world.submit(put("people", **person(name="Later")))
    assert world.submit(STRICT, id="c1") == first
    assert len(world.changes()) == 2
    with pytest.raises(ChangeRefused, match="another change already"):
        world.submit(HANDED_OVER, id="c1")


def test_a_broken_change_answers_all_faults_and_takes_nothing(world: World) -> None:
    before = world.registry.documents
    with pytest.raises(ChangeRefused) as refused:
        world.submit(STRICT, put("devices", **device(person_id="P8")), end("leaves", leave_id="L8"))
    assert [fault.operation for fault in refused.value.faults] == [1, 2]
    assert world.registry.documents == before
    assert world.changes() == []


def test_nothing_to_do_needs_no_record(world: World) -> None:
    assert world.submit(put("people", **person())).number is None
    assert world.changes() == []


def test_the_second_of_two_editors_is_told_what_stands(world: World) -> None:
    seen = {("people", "P1"): world.registry.made_by(("people", "P1")), ("fences", "F9"): None}
    first = world.submit(STRICT, put("fences", **fence()), expected=seen)
    with pytest.raises(ChangeRefused) as stale:
        world.submit(put("people", **person(name="Mine")), expected=seen)
    told = [(fault.table, fault.id, fault.code, fault.wrong) for fault in stale.value.faults]
    says = f"record {first.number} made it what it is"
    assert told == [("people", "P1", "changed_meanwhile", says), ("fences", "F9", "changed_meanwhile", says)]
    assert len(world.changes()) == 1
    world.submit(put("people", **person(name="Mine")), expected={("people", "P1"): first.number})
    assert len(world.changes()) == 2


def test_a_listener_is_told_and_its_faults_are_its_own(world: World) -> None:
    told: list[int] = []

    def failing(record: SiteRecord) -> None:
        told.append(record.number)
        raise RuntimeError("a bug of whoever listens")

    world.desk.on_taken(failing)
    answers = [world.submit(STRICT), world.submit(HANDED_OVER)]
    assert told == [answer.number for answer in answers]


def test_a_registry_that_cannot_be_written_owes_the_change(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The log has it, so it is taken and answered; nothing more is decided until the registry knows it."""

    def full(*_: object) -> bool:
        raise SinkFailed("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "take", full)
        answer = world.submit(STRICT, id="c1")
        assert answer.number is not None
        with pytest.raises(SinkFailed):
            world.submit(HANDED_OVER)
    assert world.registry.answered("c1") is None
    world.submit(HANDED_OVER)
    assert [found.number for found in world.changes()] == [answer.number, world.registry.last_record]
    assert world.registry.answered("c1") is not None


def test_what_the_registry_lacks_is_taken_from_the_log_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as world, monkeypatch.context() as patch:
        patch.setattr(Registry, "take", lambda *_: False)
        answer = world.submit(STRICT, id="c1")
    with opened(tmp_path) as world:
        assert world.caught_up == 1
        assert world.submit(STRICT, id="c1") == answer
        assert [found.number for found in world.changes()] == [answer.number]
    with opened(tmp_path) as world:
        assert world.caught_up == 0


def test_a_log_that_is_closed_takes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as world:
        pass
    with pytest.raises(WriterStopped):
        world.submit(STRICT)


def test_a_follower_has_the_site_as_it_is_now(world: World) -> None:
    def whole() -> list[object]:
        site = site_of(world.registry.documents, Findings())
        assert site is not None
        return [site.people, site.bindings, site.leaves, [fence.fence_id for fence in site.fences]]

    site = site_of(world.registry.documents, Findings())
    assert site is not None
    follower = SiteFollower(world.registry, site, world.registry.last_record)
    assert not follower.poll()
    for operations in ([STRICT, HANDED_OVER], [put("fences", **fence())], [end("fences", fence_id="F9")]):
        world.clock_ms += 60_000
        answer = world.submit(*operations)
        assert follower.poll()
        assert follower.record == answer.number
        now = follower.site
        assert [now.people, now.bindings, now.leaves, [one.fence_id for one in now.fences]] == whole()
    assert not follower.poll()


def test_a_change_is_asked_for_from_another_process(world: World) -> None:
    mailbox = Mailbox(world.registry.file)
    mail = DeskMail(mailbox, world.desk, system_now_ms)
    client = DeskClient(mailbox, system_now_ms)
    mail.start()
    try:
        answer = client.submit([STRICT], by="li", reason="why", id="c1")
        assert world.registry.answered("c1") is not None
        assert client.submit([STRICT], by="li", reason="why", id="c1") == answer
        with pytest.raises(ChangeRefused) as refused:
            client.submit([end("leaves", leave_id="L8")], by="li", reason="why")
        assert [fault.code for fault in refused.value.faults] == ["not_in_force"]
        with pytest.raises(ChangeRefused) as stale:
            client.submit([HANDED_OVER], by="li", reason="why", expected={("people", "P1"): 0})
        assert [fault.code for fault in stale.value.faults] == ["changed_meanwhile"]
    finally:
        mail.stop()
    asked = "SELECT count(*) FROM request"
    assert world.registry.file.reading().execute(asked).fetchone()[0] == 0


def test_where_nobody_takes_changes_nothing_is_taken_later(world: World) -> None:
    mailbox = Mailbox(world.registry.file)
    with pytest.raises(DeskSilent) as silent:
        DeskClient(mailbox, system_now_ms).submit([STRICT], by="li", reason="why", id="c1", timeout_s=0.2)
    assert not silent.value.may_be_taken
    mail = DeskMail(mailbox, world.desk, system_now_ms)
    mail.start()
    DeskClient(mailbox, system_now_ms).submit([HANDED_OVER], by="li", reason="why")
    mail.stop()
    assert world.registry.answered("c1") is None


def test_who_left_in_the_midst_is_told_that_it_may_be_taken(world: World) -> None:
    """Whoever takes changes has begun on it, and does not come to an end."""
    mailbox = Mailbox(world.registry.file)
    taken_up = _in_thread(lambda: _wait_for(lambda: mailbox.begun(system_now_ms())))
    with pytest.raises(DeskSilent) as silent:
        DeskClient(mailbox, system_now_ms).submit([STRICT], by="li", reason="why", id="c1", timeout_s=2.0)
    taken_up.join()
    assert silent.value.may_be_taken
    assert "asking again with the id c1" in str(silent.value)


@pytest.mark.parametrize("was_taken", [False, True], ids=["before its record", "behind its record"])
def test_who_takes_over_answers_what_a_killed_process_had_begun_on(world: World, was_taken: bool) -> None:
    """Killed between taking a request up and answering it: whoever asked need not wait out their patience."""
    mailbox = Mailbox(world.registry.file)
    answers: list[Answer] = []
    client = DeskClient(mailbox, system_now_ms)
    asking = _in_thread(lambda: answers.append(client.submit([STRICT], by="li", reason="why", id="c1")))
    _wait_for(lambda: mailbox.begun(system_now_ms()))
    before = world.submit(STRICT, id="c1") if was_taken else None
    mail = DeskMail(mailbox, world.desk, system_now_ms)
    mail.start()
    asking.join()
    mail.stop()
    assert [change.change.id for change in world.changes()] == ["c1"], "in force once"
    assert answers[0].number == world.changes()[0].number
    assert before is None or answers == [before]


def test_what_nobody_waits_for_any_longer_is_not_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked was killed; their request lies there past its time."""
    mailbox = Mailbox(world.registry.file)
    late = DeskClient(mailbox, lambda: system_now_ms() - 3_600_000)
    monkeypatch.setattr(Mailbox, "withdraw", lambda *_: True)
    with pytest.raises(DeskSilent):
        late.submit([STRICT], by="li", reason="why", timeout_s=0.1)
    assert mailbox.begun(system_now_ms()) is None


def _in_thread(work: Callable[[], object]) -> Thread:
    thread = Thread(target=work)
    thread.start()
    return thread


def _wait_for(look: Callable[[], object]) -> None:
    while look() is None:
        pass
