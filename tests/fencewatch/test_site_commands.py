"""`fencewatch site import | diff | export | history` on a data directory, whoever writes its log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from minimal_site import FILES, write_site
from replay.command_line import invoked

from pipeline.host.clock import SimulatedClock, system_now_ms
from pipeline.ingest import JournalWriter
from pipeline.ingest.change_desk import ChangeDesk
from pipeline.ingest.desk_mail import DeskMail
from pipeline.log.journal import Journal, JournalReader
from pipeline.log.record import SITE
from pipeline.registry.change_requests import Mailbox
from pipeline.registry.registry import REGISTRY, Registry
from pipeline.sites.load import load_documents
from sinks.alert import instant_text

NOW_MS = 1_752_451_200_000
NOW = instant_text(NOW_MS)
#: A change stands behind all that arrived in the millisecond in which the log was opened.
CHANGED = instant_text(NOW_MS + 1)
STRICT = ("people.csv", "O1,general,,", "O1,strict,,")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    return write_site(tmp_path / "site")


@pytest.fixture
def data(tmp_path: Path, site: Path) -> Path:
    """A data directory on a simulated clock that stands, with the site imported."""
    data = tmp_path / "data"
    data.mkdir()
    SimulatedClock.make(data / "clock", NOW_MS, 1e-6)
    assert done("import", site, data=data) == f"{site}: imported; everything begins with it\n"
    return data


def done(*words: str | Path, data: Path, code: int = 0) -> str:
    """Standard output of a command that ends with a code, or standard error where that is not 0."""
    result = invoked("site", *words, "--data", data)
    assert result.exit_code == code, result.output
    return result.stderr if code else result.stdout


def edited(site: Path, *edits: tuple[str, str, str]) -> Path:
    write_site(site, *edits)
    return site


def changes(data: Path) -> int:
    """Records of changes in the log."""
    if not (data / "journal").exists():
        return 0
    with closing(JournalReader(data / "journal")) as reader:
        return sum(record.kind == SITE for record in reader.poll())


def test_a_changed_site_is_imported_by_difference(data: Path, site: Path) -> None:
    edited(site, STRICT, ("devices.csv", "D2,P2,wristband,,\n", ""))
    said = [
        "people P1: class 'general' -> 'strict', from now on",
        "devices D2: ends now",
        f"not taken: people P1: what the files say of the time before {NOW}",
        f"not taken: devices D2: what the files say of the time before {NOW}",
    ]
    assert done("diff", site, data=data).splitlines() == said
    assert changes(data) == 0
    imported = done("import", site, "--reason", "moved", data=data).splitlines()
    assert imported[:4] == said
    assert imported[4].startswith("taken as record ")
    assert imported[4].endswith(": 3 rows")
    assert changes(data) == 1
    assert done("import", site, data=data).splitlines() == [
        *(line.replace(NOW, CHANGED) for line in said[2:]),
        f"{site}: nothing to change",
    ]
    assert changes(data) == 1


def test_what_is_exported_is_the_site_in_all_its_versions(data: Path, site: Path, tmp_path: Path) -> None:
    first = load_documents(site)
    edited(site, STRICT)
    record = json.loads(done("import", site, "--json", data=data))["record"]
    out = done("export", tmp_path / "now", data=data)
    assert out == f"{tmp_path / 'now'}: 2 offices, 3 people, 2 devices, 1 leaves, 2 fences, 0 policies\n"
    people = (tmp_path / "now" / "people.csv").read_text("utf-8").splitlines()
    assert people[1:] == [
        f"P1,Person 1,O1,general,,{CHANGED}",
        "P2,Person 2,O1,strict,2025-01-01T00:00:00+08:00,2026-01-01T00:00:00+08:00",
        f"P1,Person 1,O1,strict,{CHANGED},",
    ]
    assert done("diff", tmp_path / "now", data=data) == "nothing differs\n"
    done("export", tmp_path / "then", "--record", str(record - 1), data=data)
    assert load_documents(tmp_path / "then") == first
    assert "is not empty" in done("export", tmp_path / "now", data=data, code=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "now", "site", "then"]


def test_history_tells_people_and_machines(data: Path, site: Path) -> None:
    assert done("history", data=data) == "nothing was changed\n"
    edited(site, STRICT)
    done("import", site, "--reason", "breach of rules", data=data)
    lines = done("history", "P1", data=data).splitlines()
    assert "people P1" in lines[0]
    assert lines[0].endswith("breach of rules")
    (entry,) = json.loads(done("history", "--json", data=data))["items"]
    assert (entry["reason"], entry["at"]) == ("breach of rules", CHANGED)
    assert [operation["op"] for operation in entry["operations"]] == ["put"]
    assert json.loads(done("history", "P2", "--json", data=data))["items"] == []
    assert json.loads(done("history", "--by", "nobody", "--json", data=data))["items"] == []
    assert "--since 'soon'; expected a time" in done("history", "--since", "soon", data=data, code=2)


#: (why, edits, what each line of standard error holds): nothing of it is taken
REFUSED: list[tuple[str, list[tuple[str, str, str]], list[str]]] = [
    ("broken files", [("people.csv", "O1,general,,", "O9,vip,,")],
     ["people.csv: row 1, office_id: unknown office 'O9'", "people.csv: row 1, class: unknown class 'vip'"]),
    ("what is not possible yet",
     [("policy.toml", "[boundary]", "[boundary]\nallowed_lateness_s = 600"), STRICT],
     ["policies test, boundary.allowed_lateness_s: 600 s are longer than fixes are open for now"]),
    ("a rule that an id never had", [("fences.geojson", '"keep_out"', '"keep_in"')],
     ["fences zone, rule: keep_in, where its version from", ]),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "told"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_broken_import_tells_all_and_takes_nothing(
    data: Path, site: Path, tmp_path: Path, edits: list[tuple[str, str, str]], told: list[str]
) -> None:
    edited(site, *edits)
    lines = done("import", site, data=data, code=2).splitlines()
    assert len(lines) == len(told)
    assert all(part in line for part, line in zip(told, lines, strict=True)), lines
    assert json.loads(done("history", "--json", data=data))["items"] == []


def test_where_a_process_writes_the_log_it_is_asked(data: Path, site: Path) -> None:
    edited(site, STRICT)
    with owner(data) as registry:
        told = json.loads(done("import", site, "--json", data=data))
        assert told["record"] == registry.last_record
        assert told["rows"] == 2
    assert changes(data) == 1


@contextmanager
def owner(data: Path) -> Iterator[Registry]:
    """Another who writes the log of the directory, as `serve` does."""
    registry = Registry.open(data / REGISTRY)
    with Journal(data / "journal") as journal:
        writer = JournalWriter(journal, lambda: NOW_MS, horizon_ms=lambda _: 0)
        writer.start()
        mail = DeskMail(Mailbox(registry.file), ChangeDesk(writer, registry), system_now_ms)
        mail.start()
        try:
            yield registry
        finally:
            mail.stop()
            writer.stop()
            registry.close()


def test_a_directory_without_a_site_is_told(tmp_path: Path, site: Path) -> None:
    for words in (("diff", site), ("export", tmp_path / "out"), ("history",)):
        assert "holds no site; expected a data directory" in done(*words, data=tmp_path, code=2)
    assert not (tmp_path / REGISTRY).exists()
    assert set(FILES) == {path.name for path in site.iterdir()}


def test_a_whole_site_is_for_the_operator_of_the_machine(
    data: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = invoked("token", "create", "--role", "county", "--office", "C1", "--name", "li", "--data", data)
    monkeypatch.setenv("FENCEWATCH_TOKEN", made.stdout.strip())
    for words in (("import", site), ("diff", site), ("export", tmp_path / "out"), ("history",)):
        assert "li: a token changes rows over HTTP, and no whole site" in done(*words, data=data, code=2)
