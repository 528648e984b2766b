"""The configuration file of `run` and `serve`."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from console.places import PER_TOKEN_MOST
from pipeline.errors import InputError

DEFAULT_DATA = Path("fencewatch-data")
#: The disposal queue within a data directory.
QUEUE = "queue.sqlite"
TOKENS, ACCESSES = "tokens.sqlite", "accesses.sqlite"
#: The rows that were refused, within a data directory.
REJECTS = "rejects.sqlite"
#: What the engine tells of itself, within a data directory.
FIGURES = "run-metrics.json"
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8700
DEFAULT_LOG_DAYS, DEFAULT_TRACKS_DAYS, DEFAULT_REJECTS_DAYS = 30, 180, 30
#: What was taken from the inbox stands in the log by then, which is kept as long.
DEFAULT_INBOX_DAYS = 30
#: A jump of the machine's clock is believed when it lasts so long, and is no larger.
DEFAULT_HOLD_MINUTES, DEFAULT_BELIEVE_DAYS = 10, 7

_EXPECTED: dict[str, dict[str, type]] = {
    "": {"site": str, "data": str, "inbox": str},
    "http": {
        "host": str,
        "port": int,
        "trusted_proxies": list,
        "connections": int,
        "streams_per_token": int,
    },
    "retention": {"log_days": int, "tracks_days": int, "rejects_days": int, "inbox_days": int},
    "clock": {"hold_minutes": int, "believe_days": int},
    "page": {"basemap": str},
}


_WANTED = {str: "text", int: "a number", list: "a list"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a system runs on; relative paths are from the file that names them.

    With ``inbox``, a directory for files of rows, it is `run` that writes the log; without, it is `serve`.
    What the log, the tracks and the refused rows hold is removed after so many days. What an address of
    ``trusted_proxies`` says of where a request came from is believed. ``connections`` is how many there may
    be (None: as many as this machine lets us). A jump of the machine's clock is believed after
    ``hold_minutes``, if it is no larger than ``believe_days``. ``basemap`` is a PMTiles archive for the map.
    """

    site: Path
    data: Path = DEFAULT_DATA
    inbox: Path | None = None
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    log_days: int = DEFAULT_LOG_DAYS
    tracks_days: int = DEFAULT_TRACKS_DAYS
    rejects_days: int = DEFAULT_REJECTS_DAYS
    inbox_days: int = DEFAULT_INBOX_DAYS
    trusted_proxies: tuple[str, ...] = ()
    connections: int | None = None
    streams_per_token: int = PER_TOKEN_MOST
    hold_minutes: int = DEFAULT_HOLD_MINUTES
    believe_days: int = DEFAULT_BELIEVE_DAYS
    basemap: Path | None = None

    @property
    def log_kept_ms(self) -> int:
        """How long the log is kept."""
        return self.log_days * 86_400_000

    @property
    def journal(self) -> Path:
        """The log."""
        return self.data / "journal"

    @property
    def queue(self) -> Path:
        """The disposal queue's database."""
        return self.data / QUEUE

    @property
    def positions(self) -> Path:
        """The latest positions' database."""
        return self.data / "positions.sqlite"

    @property
    def tracks(self) -> Path:
        """The track archive."""
        return self.data / "tracks"

    @property
    def rejects(self) -> Path:
        """The refused rows' database."""
        return self.data / REJECTS

    @property
    def state(self) -> Path:
        """The engine's state."""
        return self.data / "state"


def read_settings(path: Path) -> Settings:
    """The settings of a TOML file. Raises InputError naming file, key and what was expected."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no TOML: {error}") from None
    _check(path, content)
    if "site" not in content:
        raise InputError(f"{path}: site is missing; expected the directory of a site")
    http, kept, home = content.get("http", {}), content.get("retention", {}), path.parent
    clock = content.get("clock", {})
    settings = Settings(
        site=home / content["site"],
        data=home / content.get("data", DEFAULT_DATA),
        inbox=home / content["inbox"] if "inbox" in content else None,
        host=http.get("host", DEFAULT_HOST),
        port=http.get("port", DEFAULT_PORT),
        log_days=kept.get("log_days", DEFAULT_LOG_DAYS),
        tracks_days=kept.get("tracks_days", DEFAULT_TRACKS_DAYS),
        rejects_days=kept.get("rejects_days", DEFAULT_REJECTS_DAYS),
        inbox_days=kept.get("inbox_days", DEFAULT_INBOX_DAYS),
        trusted_proxies=_addresses(path, http.get("trusted_proxies", [])),
        connections=http.get("connections"),
        streams_per_token=http.get("streams_per_token", PER_TOKEN_MOST),
        hold_minutes=clock.get("hold_minutes", DEFAULT_HOLD_MINUTES),
        believe_days=clock.get("believe_days", DEFAULT_BELIEVE_DAYS),
        basemap=home / content["page"]["basemap"] if "basemap" in content.get("page", {}) else None,
    )
    _check_inbox(path, content.get("inbox"), settings)
    return settings


def _check_inbox(path: Path, given: str | None, settings: Settings) -> None:
    """What is put into the inbox is moved about there, so it must not lie among what the system keeps."""
    if settings.inbox is None:
        return
    if not given:
        raise InputError(f"{path}: inbox is empty; expected a directory for files of rows, or no inbox")
    inbox, data = _real(settings.inbox), _real(settings.data)
    kept = [_real(place) for place in (settings.journal, settings.state, settings.tracks)]
    if inbox == data or any(inbox.is_relative_to(place) for place in kept):
        raise InputError(
            f"{path}: inbox is {given!r}, where the system keeps its files; expected another directory"
        )


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # unlike Path.resolve it takes a link to itself


def _check(path: Path, content: dict[str, Any]) -> None:
    sections = {name: value for name, value in content.items() if isinstance(value, dict)}
    for name in sections.keys() - _EXPECTED.keys():
        raise InputError(f"{path}: [{name}] is unknown; expected one of {', '.join(filter(None, _EXPECTED))}")
    _check_keys(path, "", {name: value for name, value in content.items() if name not in sections})
    for name, section in sections.items():
        _check_keys(path, name, section)


def _check_keys(path: Path, section: str, values: dict[str, Any]) -> None:
    expected = _EXPECTED[section]
    for name, value in values.items():
        key = f"{section}.{name}" if section else name
        if name not in expected:
            raise InputError(f"{path}: {key} is unknown; expected one of {', '.join(expected)}")
        if isinstance(value, bool) or not isinstance(value, expected[name]):
            wanted = _WANTED[expected[name]]
            raise InputError(f"{path}: {key} is {value!r}; expected {wanted}")
        if section == "retention" and isinstance(value, int) and value < 1:
            raise InputError(f"{path}: {key} is {value}; expected at least one day")
        if section == "clock" and isinstance(value, int) and value < 0:
            raise InputError(f"{path}: {key} is {value}; expected no negative number")
        if name in ("connections", "streams_per_token") and isinstance(value, int) and value < 1:
            raise InputError(f"{path}: {key} is {value}; expected at least one")


def _addresses(path: Path, given: list[Any]) -> tuple[str, ...]:
    for address in given:
        try:
            ip_address(address if isinstance(address, str) else "")
        except ValueError:
            raise InputError(
                f"{path}: http.trusted_proxies has {address!r}; expected addresses such as 127.0.0.1"
            ) from None
    return tuple(given)
