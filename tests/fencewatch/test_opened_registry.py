"""What `run` and `serve` make of the configured site: the first start imports it, and no later one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from minimal_site import WHOLE, write_site
from replay.command_line import invoked
from site_operations import leave, person, put

from fencewatch.config import Settings
from fencewatch.opened_registry import fingerprint, first_documents, opened_site
from pipeline.errors import InputError, SiteError
from pipeline.host.clock import SimulatedClock
from pipeline.ingest import JournalWriter
from pipeline.ingest.errors import DeskSilent
from pipeline.ingest.running_site import RunningSite
from pipeline.log.journal import Journal
from pipeline.log.journal.frame import FRAME_BYTES, HEAD_BYTES
from pipeline.log.record import clock_mark, start_mark
from pipeline.sites.load import load_documents
from pipeline.sites.records import Site

NOW_MS = 1_752_451_200_000
STRICT = ("people.csv", "O1,general,,", "O1,strict,,")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "site").mkdir()
    (tmp_path / "data").mkdir()
    SimulatedClock.make(tmp_path / "data" / "clock", NOW_MS, 1e-6)
    return Settings(write_site(tmp_path / "site"), tmp_path / "data")


def begun(settings: Settings, stack: ExitStack) -> RunningSite:
    """The site as a start finds it."""
    return stack.enter_context(opened_site(settings, first_documents(settings)))


def classes(site: Site) -> list[str]:
    return [row.class_name for row in site.people if row.person_id == "P1"]


def test_the_first_start_imports_and_later_ones_go_by_the_registry(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    given = load_documents(settings.site)
    for _ in range(2):
        with ExitStack() as stack:
            running = begun(settings, stack)
            assert running.registry.documents == given
            assert running.registry.fingerprint == fingerprint(settings.site)
        assert capsys.readouterr().err == ""
    write_site(settings.site, STRICT)
    for _ in range(2):
        with ExitStack() as stack:
            assert classes(begun(settings, stack).site) == ["general"]
        lines = capsys.readouterr().err.splitlines()
        assert "differs from the registry, by which all goes on" in lines[0]
        assert lines[1] == "  people P1: class 'general' -> 'strict', from now on"
    assert invoked("site", "import", settings.site, "--data", settings.data).exit_code == 0
    with ExitStack() as stack:
        assert classes(begun(settings, stack).site) == ["general", "strict"]
    assert capsys.readouterr().err == ""


def test_many_differences_are_counted(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        begun(settings, stack)
    people = "".join(f"N{number},,O1,strict,,\n" for number in range(40))
    write_site(settings.site, ("people.csv", "P1,Person 1", f"{people}P1,Person 1"))
    with ExitStack() as stack:
        begun(settings, stack)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 12
    assert lines[-1] == "  … 40 in all"


def test_a_directory_that_broke_or_went_hinders_no_later_start(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        begun(settings, stack)
    write_site(settings.site, ("people.csv", "O1,general,,", "O9,vip,,"))
    with ExitStack() as stack:
        assert classes(begun(settings, stack).site) == ["general"]
    assert "it has 2 faults; `fencewatch site check` lists them" in capsys.readouterr().err
    settings.site.rename(settings.site.with_name("away"))
    with ExitStack() as stack:
        assert classes(begun(settings, stack).site) == ["general"]
    assert capsys.readouterr().err == ""


def test_a_broken_site_makes_nothing(settings: Settings) -> None:
    write_site(settings.site, ("people.csv", "O1,general,,", "O9,vip,,"))
    with pytest.raises(SiteError) as broken:
        first_documents(settings)
    assert len(broken.value.faults) == 2
    assert [path.name for path in settings.data.iterdir()] == ["clock"]


def test_a_state_of_before_there_were_registries_goes_on_with_its_site_alone(settings: Settings) -> None:
    settings.state.mkdir()
    (settings.state / "site-fingerprint").write_text(f"form {fingerprint(settings.site)}")
    assert first_documents(settings) == load_documents(settings.site)
    write_site(settings.site, ("holidays.toml", WHOLE, 'version = "v"\n[days_off]\n2090 = []\n'))
    assert first_documents(settings) is not None  # years were added while it ran
    write_site(settings.site, STRICT)
    with pytest.raises(InputError, match=r"kept for another site .* `fencewatch site import`"):
        first_documents(settings)


def test_what_is_changed_here_is_known_here_at_once(settings: Settings) -> None:
    told: list[int] = []
    with ExitStack() as stack:
        running = begun(settings, stack)
        running.follow(lambda site, number: told.append(number))
        with pytest.raises(DeskSilent):
            running.submit([put("leaves", **leave())], by="li", reason="why")
        journal = stack.enter_context(Journal(settings.journal))
        writer = JournalWriter(journal, lambda: NOW_MS, horizon_ms=lambda _: 0)
        writer.start()
        stack.callback(writer.stop)
        running.start(writer)
        stack.callback(running.stop)
        answer = running.submit([put("people", **person(**{"class": "strict"}))], by="li", reason="why")
        assert classes(running.site) == ["general", "strict"]
        assert (told, running.number) == ([answer.number], answer.number)


def test_where_the_log_cannot_be_read_no_change_is_taken_and_all_else_goes_on(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a change would be resolved with is not known before the log is repaired."""
    with ExitStack() as stack:
        begun(settings, stack)
        with Journal(settings.journal) as journal:
            journal.append([start_mark(NOW_MS)])
            journal.append([clock_mark(NOW_MS)])
    (segment,) = settings.journal.glob("*.journal")
    content = bytearray(segment.read_bytes())
    content[HEAD_BYTES + FRAME_BYTES + 1] ^= 1  # in the first record; the last would be a torn write
    segment.write_bytes(content)
    with ExitStack() as stack:
        running = begun(settings, stack)
        assert "changes of the site may be missing" in capsys.readouterr().err
        journal = stack.enter_context(Journal(settings.journal))
        assert journal.damage is not None
        writer = JournalWriter(journal, lambda: NOW_MS, horizon_ms=lambda _: 0)
        writer.start()
        stack.callback(writer.stop)
        running.start(writer)
        stack.callback(running.stop)
        with pytest.raises(DeskSilent, match="before the log is repaired") as silent:
            running.submit([put("leaves", **leave())], by="li", reason="why")
        assert not silent.value.may_be_taken
