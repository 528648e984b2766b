"""Who was to report by now: a table of devices, each by its own rhythm and the thresholds of silence."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from console_world import DEVICES, NOW_MS, OFFICES, PEOPLE
from minimal_site import WHOLE, write_site

from console.rhythms import Reports, Rhythms
from pipeline.sites.load import load_site
from pipeline.sites.records import Binding, Person, Site
from pipeline.sites.rows import as_rows

MINUTE_MS = 60_000
HERE, ELSEWHERE = ["O1"], ["O2"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """D1 is the phone of P1 (O1), D2 the wristband of P2 (O2); P3's supervision is over."""
    edits = (("offices.csv", WHOLE, OFFICES), ("people.csv", WHOLE, PEOPLE), ("devices.csv", WHOLE, DEVICES))
    return load_site(write_site(tmp_path_factory.mktemp("site"), *edits))


def heard(site: Site, device: str, *minutes: float) -> Rhythms:
    """A log that began at noon, with reports of a device so many minutes after it."""
    rhythms = Rhythms(site)
    rhythms.passed(NOW_MS)
    number = rhythms.numbers[device]
    for minute in minutes:
        rhythms.hear(np.array([number]), np.array([at(minute)]))
    return rhythms


def at(minute: float) -> int:
    return NOW_MS + round(minute * MINUTE_MS)


EVERY_10 = [10.0 * n for n in range(8)]  # the last at 70
EVERY_1 = [1.0 * n for n in range(20)]  # the last at 19
#: A rest of 25 minutes among reports of each minute.
RESTED = [*EVERY_1, *(44.0 + n for n in range(20))]  # the last at 63

# The device's reports, when we look, and whether it is overdue then. Phones are silent from 60 minutes on,
# wristbands from 10.
TABLE: list[tuple[str, str, list[float], float, int]] = [
    ("a phone that reports every ten minutes, in time", "D1", EVERY_10, 79, 0),
    ("the next one is late, but phones rest", "D1", EVERY_10, 99, 0),
    ("four of its pauses, and more than half of the threshold", "D1", EVERY_10, 111, 1),
    ("a phone of each minute rests for half an hour", "D1", EVERY_1, 48, 0),
    ("and for longer", "D1", EVERY_1, 50, 1),
    ("a rest that it has had before is none", "D1", RESTED, 63 + 40, 0),
    ("but no rest is longer than the threshold", "D1", RESTED, 63 + 61, 1),
    ("its rhythm is not known yet: the threshold alone counts", "D1", [0, 1, 2], 61, 0),
    ("the same after it", "D1", [0, 1, 2], 63, 1),
    ("never heard of, within the threshold", "D1", [], 60, 0),
    ("never heard of, after it", "D1", [], 61, 1),
    ("a wristband has shorter thresholds", "D2", [0.0], 9, 0),
    ("and is overdue sooner", "D2", [0.0], 11, 1),
]


@pytest.mark.parametrize(
    ("device", "minutes", "now", "overdue"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_table(site: Site, device: str, minutes: list[float], now: float, overdue: int) -> None:
    rhythms = heard(site, device, *minutes)
    rhythms.passed(at(now))
    found = rhythms.reports(HERE if device == "D1" else ELSEWHERE)
    assert found == Reports(1, overdue, at(minutes[-1]) if minutes else None)


def test_reports_that_come_at_once_are_one(site: Site) -> None:
    """What a phone has gathered without a network is no rhythm of a fix a second."""
    rhythms = Rhythms(site)
    rhythms.passed(NOW_MS)
    for minute in (0, 20, 40, 60, 80, 100):
        rhythms.hear(np.zeros(50, np.int64), np.full(50, at(minute)))
    rhythms.passed(at(155))
    assert rhythms.reports(HERE).overdue == 0


def test_a_time_in_which_nobody_listened_is_nobodys_silence(site: Site) -> None:
    rhythms = heard(site, "D1", *EVERY_10)
    rhythms.skip_gap(180 * MINUTE_MS)
    rhythms.passed(at(70 + 180 + 20))
    assert rhythms.reports(HERE) == Reports(1, 0, at(70)), "and the newest is as old as it is"
    rhythms.passed(at(70 + 180 + 41))
    assert rhythms.reports(HERE).overdue == 1


def test_only_supervised_people_of_the_offices_asked_for_count(site: Site) -> None:
    rhythms = heard(site, "D1", 0)
    assert [rhythms.reports(offices).devices for offices in (HERE, ELSEWHERE, ["O1", "O2"], [])] == [
        1,
        1,
        2,
        0,
    ]


def test_another_site_forgets_no_reports(site: Site) -> None:
    """D1 keeps its rhythm beside a device that is put in; that one has the threshold alone."""
    rhythms = heard(site, "D1", *EVERY_10)
    rhythms.follow(replace(site, bindings=(Binding("D0", "P1", "phone"), *site.bindings)))
    rhythms.passed(at(111))
    assert rhythms.reports(HERE) == Reports(2, 2, at(70)), "D1 by its rhythm, D0 after an hour of silence"
    rhythms = heard(site, "D1", *EVERY_10)
    rhythms.follow(site)
    rhythms.passed(at(99))
    assert rhythms.reports(HERE) == Reports(1, 0, at(70))
    rhythms.follow(replace(site, bindings=()))
    assert rhythms.reports(HERE) == Reports(0, 0, None)


@pytest.mark.parametrize("seed", range(10))
def test_after_any_changes_it_counts_as_one_that_began_with_the_last_site(site: Site, seed: int) -> None:
    """Devices handed over, ended and put in, people moved between offices: who is to report is the same."""
    chance = random.Random(seed)
    rhythms = Rhythms(site)
    rhythms.passed(at(0))
    for step in range(20):
        name, person = f"D{chance.randrange(6)}", f"P{chance.randrange(1, 4)}"
        begin_ms = at(chance.randrange(0, 100, 20))
        bound = [Binding(name, person, chance.choice(["phone", "wristband"]), begin_ms, begin_ms + 9_000_000)]
        if chance.random() < 0.5:
            site = replace(site, bindings=as_rows(site.bindings, "device_id").changed([name], bound))
        else:
            row = Person(person, "N", chance.choice(["O1", "O2"]), "general", begin_ms)
            site = replace(site, people=as_rows(site.people, "person_id").changed([person], [row]))
        rhythms.follow(site)
        fresh = Rhythms(site)
        fresh.passed(at(0))
        for now in (rhythms, fresh):
            now.passed(at(5 * step))
        for offices in (HERE, ELSEWHERE, ["O1", "O2"]):
            assert rhythms.reports(offices) == fresh.reports(offices)
