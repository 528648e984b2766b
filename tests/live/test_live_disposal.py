"""A kill between what the engine cleared and what an officer then did about it."""

from __future__ import annotations

import time
from pathlib import Path

from live.eventful_hours import PLACES, START_MS, write_eventful_site
from live_system import RUN, SERVE, LiveSystem, Row, until

from pipeline.log.protocol import BYTES_MOST
from sinks.alert import instant_text
from sinks.disposal import QueueItem, State

MINUTE_MS = 60_000
SPEED = 60.0
#: A request so large that a reader of the log stops behind it. It comes between raising and clearing: so an
#: engine that judges an outing again has told the raised alert before it knows of the clearing.
LETTERS, LARGE_ROWS = 800_000, 11
assert LETTERS * LARGE_ROWS > BYTES_MOST

#: Who dies when the alert has cleared, and what the officer did before and does after that. An engine comes
#: back only then.
CASES = [
    # What was acknowledged is durable, and the verdict is the one the disposal must fit.
    ((SERVE,), ("claim", "verify"), ("dispose",)),
    # Its log is judged again from the checkpoint before the outing: it raises and clears what is disposed of.
    ((RUN,), (), ("claim", "verify", "dispose")),
    # Neither needs the other to come back.
    ((RUN, SERVE), ("claim",), ("verify", "dispose")),
]
LIFE = ["raised", "cleared", "claimed", "verified", "disposed"]


class Outings:
    """One device that goes away and comes back, again and again, and an officer who looks into it."""

    def __init__(self, system: LiveSystem) -> None:
        self._system = system
        self._officer = system.token("--role", "officer", "--office", "O1", "--name", "li")
        self._at_ms = START_MS

    def one(self) -> str:
        """The key of the alert of an outing that is over: it was raised, then cleared itself."""
        self._stay("away", 3)
        (key,) = until(lambda: self._keys(State.OPEN), "the alert")
        self._system.send(self._at_ms, self._large())
        self._stay("home", 3)
        until(lambda: key in self._keys(State.SELF_CLEARED), "its clearing")
        return key

    def until_a_checkpoint(self) -> None:
        """Until the engine has just kept its state; the next time is an epoch away."""
        before = self._system.checkpoints()

        def is_kept() -> bool:
            self._stay("home", 1)  # an engine that reads nothing keeps nothing
            return self._system.checkpoints() != before

        until(is_kept, "a checkpoint", every_s=0.1)
        while (seen := self._system.checkpoints()) != before:  # its files come one after another
            before = seen
            time.sleep(0.2)

    def work(self, key: str, *steps: str) -> None:
        """The officer takes steps, each answered."""
        bodies = {
            "verify": {"verdict": "true"},
            "dispose": {"outcome": "admonition", "note": "was at his mother's"},
        }
        for step in steps:
            self._system.ask(f"/v1/alerts/{key}/{step}", self._officer, bodies.get(step), is_step=True)

    def _stay(self, where: str, minutes: int) -> None:
        lon, lat = PLACES[where]
        for _ in range(minutes):
            self._at_ms += MINUTE_MS
            row = {"device_id": "D0", "event_time": instant_text(self._at_ms), "lon": lon, "lat": lat}
            self._system.send(self._at_ms, [row])

    def _large(self) -> list[Row]:
        times = [instant_text(self._at_ms - number) for number in range(LARGE_ROWS)]
        return [{"device_id": "D2", "event_time": time, "fingerprint": "x" * LETTERS} for time in times]

    def _keys(self, state: State) -> set[str]:
        query = f"/v1/alerts?state={state}&kind=boundary_violation"
        return {item["alert_key"] for item in self._system.ask(query, self._officer)["items"]}


def test_a_disposal_outlives_what_is_judged_again(tmp_path: Path) -> None:
    site = write_eventful_site(tmp_path / "site")
    with LiveSystem(tmp_path / "live", site, START_MS, SPEED) as system:
        outings, keys = Outings(system), []
        system.start(SERVE, RUN)
        for dying, before, after in CASES:
            if RUN in dying:
                outings.until_a_checkpoint()
            kept = system.checkpoints()
            keys.append(outings.one())
            outings.work(keys[-1], *before)
            system.kill(*dying)
            assert RUN not in dying or system.checkpoints() == kept, "nothing of the outing was kept"
            if SERVE in dying:
                system.start(SERVE)
                until(lambda: system.is_at_work(SERVE), "the server")
            outings.work(keys[-1], *after)
            if RUN in dying:
                system.start(RUN)
        outings.one()  # of the same device: all of its log before has been judged again
        system.stop(SERVE, RUN)
        items = {item.alert.alert_key: item for item in system.items()}
    for key in keys:
        check_disposed(items[key])


def check_disposed(item: QueueItem) -> None:
    """It stands as the officer left it, and each thing was told once."""
    assert [entry.kind for entry in item.timeline] == LIFE
    assert (item.state, item.verdict, item.outcome) == (State.DISPOSED, "true", "admonition")
    assert (item.note, item.disposed_by, item.news) == ("was at his mother's", "li", False)
    assert item.alert.cleared_ms is not None
