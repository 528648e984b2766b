"""Whoever takes changes is killed in the midst of one: it is in force once or not at all."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import killed_desk
import pytest
from fork_server import INSTEAD
from forked import PIPE, ForkedCommand
from killed_desk import STAGES
from minimal_site import write_site
from replay.command_line import surroundings
from site_operations import person, put

from pipeline.host.clock import system_now_ms
from pipeline.ingest.change_desk import Answer
from pipeline.ingest.desk_mail import DeskClient
from pipeline.ingest.errors import DeskSilent
from pipeline.log.journal import JournalReader
from pipeline.log.journal.embedded import embedded
from pipeline.log.record import SITE
from pipeline.log.site_record import SiteRecord
from pipeline.registry.catching_up import catch_up
from pipeline.registry.change_requests import Mailbox
from pipeline.registry.registry import Registry
from pipeline.sites.edits import edited
from pipeline.sites.load import load_documents


class Owner:
    """The process that takes changes, begun anew as often as it is killed; each time at another stage."""

    def __init__(self, home: Path, stages: list[str], random: Random) -> None:
        self._home = home
        self._stages = stages
        self._random = random
        self._process: ForkedCommand | None = None
        self.kills = 0

    def keep(self) -> None:
        """Begins it where it does not run."""
        if self._process is not None and self._process.poll() is None:
            return
        self.kills += self._process is not None
        stage = self._stages.pop() if self._stages else "never"
        words = (self._home, stage, self._random.randint(1, 3))
        environment = {**surroundings(), INSTEAD: killed_desk.__name__}
        self._process = ForkedCommand(*words, environment=environment, stdout=PIPE)
        assert self._process.stdout is not None
        with self._process.stdout as said:
            assert said.readline() == "ready\n"

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_killed_anywhere_it_is_in_force_once_or_not_at_all(tmp_path: Path, kills: int) -> None:
    random = Random(kills)
    stages = [*STAGES, *random.choices(STAGES, k=kills - len(STAGES))]
    (tmp_path / "site").mkdir()
    documents = load_documents(write_site(tmp_path / "site"))
    with closing(Registry.open(tmp_path / "registry.sqlite")) as registry:
        registry.begin(documents, record=0, at_ms=0, source="site")
        owner = Owner(tmp_path, stages, random)
        client = DeskClient(Mailbox(registry.file), system_now_ms)
        answers: dict[str, Answer] = {}
        silent = 0
        try:
            while owner.kills < kills or len(answers) < kills:
                owner.keep()
                # Asked again, with the same id, until it is answered.
                change_id = f"c{len(answers)}"
                try:
                    answers[change_id] = _changed(client, change_id)
                except DeskSilent:
                    silent += 1
        finally:
            owner.end()
        assert silent >= kills
        catch_up(registry, embedded(tmp_path / "journal"))
        taken = _taken(tmp_path / "journal")
        # Of each id that was answered there is one record, and it is the one of the answer.
        assert [record.change.id for record in taken] == list(answers)
        assert [(record.number, record.at_ms) for record in taken] == [
            (answer.number, answer.at_ms) for answer in answers.values()
        ]
        for record in taken:
            documents = edited(documents, record.change.edits)
        assert registry.documents == documents


def _changed(client: DeskClient, change_id: str) -> Answer:
    operations: list[Any] = [put("people", **person(name=change_id))]
    return client.submit(operations, by="li", reason="why", id=change_id, timeout_s=1.0)


def _taken(journal: Path) -> list[SiteRecord]:
    with closing(JournalReader(journal)) as reader:
        records = []
        while more := reader.poll():
            records += more
    return [SiteRecord.of(record) for record in records if record.kind == SITE]
