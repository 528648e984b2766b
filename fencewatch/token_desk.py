"""Somebody who looks after a data directory's tokens: what the `token` commands do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fencewatch.config import DEFAULT_DATA, QUEUE, Settings, read_settings
from fencewatch.kept_site import kept_policy, kept_registry
from fencewatch.opened_tokens import opened_tokens
from fencewatch.terminal_text import aligned, moment, plain, zone_of
from geofences.instant import instant_ms
from pipeline.errors import InputError
from pipeline.host.clock import system_now_ms
from pipeline.registry.registry import Registry
from pipeline.sites.records import Site
from pipeline.sites.row_columns import cells_of
from sinks.access import TokenRow, TokenStore, WrongToken
from sinks.alert import instant_text
from sinks.disposal import DisposalQueue

_SPAN = re.compile(r"(\d+)([dhm])")
_SPAN_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000}
#: The longest life of a token that anybody can have meant.
_LONGEST_MS = 100 * 366 * 86_400_000
_EXPIRES = "a span such as 90d, 12h or 30m, a day such as 2027-06-30, or a time with offset"
_COLUMNS = ("name", "role", "for", "state", "expires", "created")
#: How many names are worth telling somebody who mistyped one.
_NAMED_MOST = 10


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """Open tokens; ``is_device`` says whether the site has a device, ``devices`` names some of them.

    Both are None where nothing says what the site is, and ``offices`` where nothing says which there are.
    """

    tokens: TokenStore
    devices: frozenset[str] | None
    is_device: Callable[[str], bool] | None
    offices: frozenset[str] | None
    zone: ZoneInfo

    def check(self, office: str | None, device: str | None) -> list[str]:
        """Raises InputError for an office or a device that is not there; what could not be checked."""
        unchecked = []
        if office is not None:
            if self.offices is None:
                unchecked.append(f"--office {office!r} could not be checked: give --config")
            else:
                _require("--office", office, self.offices)
        if device is not None:
            if self.is_device is None:
                unchecked.append(f"--device {device!r} could not be checked: give --config")
            elif not self.is_device(device):
                _require("--device", device, self.devices or ())
        return unchecked

    def expiry_ms(self, text: str) -> int:
        """When a token ends: so long after now, at the end of a day, or at an instant."""
        now_ms = system_now_ms()
        span = _SPAN.fullmatch(text)
        try:
            if span is not None:
                at_ms = now_ms + int(span[1]) * _SPAN_MS[span[2]]
            elif re.fullmatch(r"\d{4}-\d\d-\d\d", text):
                after = date.fromisoformat(text) + timedelta(days=1)
                at_ms = round(datetime.combine(after, time(), self.zone).timestamp() * 1000)
            else:
                at_ms = instant_ms(text)
        except (ValueError, OverflowError):
            raise InputError(f"--expires {text!r}; expected {_EXPIRES}") from None
        if not now_ms < at_ms <= now_ms + _LONGEST_MS:
            raise InputError(f"--expires {text!r}; expected a time to come, within a hundred years")
        return at_ms

    def create(self, role: str, **given: Any) -> str:
        """The text of a new token. Raises InputError."""
        try:
            return self.tokens.create(role, now_ms=system_now_ms(), **given)
        except WrongToken as error:
            raise InputError(str(error)) from None

    def revoke(self, name: str) -> None:
        """Raises InputError where no token of the name counts."""
        now_ms = system_now_ms()
        if not self.tokens.revoke(name, now_ms=now_ms):
            known = [row.identity.name for row in self.tokens.rows(now_ms=now_ms) if row.state != "revoked"]
            raise InputError(f"{name!r}: no token of that name counts; expected {_some(known) or 'no name'}")

    def listed(self) -> list[dict[str, Any]]:
        """Every token, for machines."""
        return [_row(row) for row in self.tokens.rows(now_ms=system_now_ms())]

    def table(self, listed: Sequence[dict[str, Any]]) -> Sequence[str]:
        """The same for people."""
        if not listed:
            return ["no tokens"]
        cells = [
            tuple(plain(str(cell)) for cell in (
                row["name"], row["role"], row["office"] or row["device"] or "-", row["state"],
                self._moment(row["expires_at"]), self._moment(row["created_at"]),
            ))
            for row in listed
        ]  # fmt: skip
        return [*aligned([_COLUMNS, *cells]), "", f"times in {self.zone.key}"]

    def _moment(self, text: str | None) -> str:
        if text is None:
            return "never"
        return moment(instant_ms(text), self.zone)


@contextmanager
def opened_token_desk(data: Path | None, config: Path | None) -> Iterator[TokenDesk]:
    """The tokens of the data directory that an option or the configuration names.

    Offices and devices are those of the running site, else of the configured one. Raises InputError where the
    two name different directories, SiteError for a broken site.
    """
    settings = None if config is None else read_settings(config)
    place = data or (DEFAULT_DATA if settings is None else settings.data)
    if settings is not None and place.resolve() != settings.data.resolve():
        raise InputError(f"--data {data}: {config} names {settings.data}; expected one of the two")
    with kept_registry(place) as registry:
        site = None if settings is None or registry is not None else _configured(settings)
        with opened_tokens(place) as tokens:
            if registry is not None:
                yield _of_registry(tokens, registry)
            elif site is not None:
                yield _of_site(tokens, site)
            else:
                yield TokenDesk(tokens, None, None, _told_offices(place), zone_of(place))


def _configured(settings: Settings) -> Site:
    from pipeline.sites.load import load_site

    return load_site(settings.site)


def _of_registry(tokens: TokenStore, registry: Registry) -> TokenDesk:
    offices = frozenset(row["office_id"] for row in registry.offices())
    zone = ZoneInfo(kept_policy(registry).timezone)
    return TokenDesk(tokens, None, lambda name: bool(registry.versions(("devices", name))), offices, zone)


def _of_site(tokens: TokenStore, site: Site) -> TokenDesk:
    devices = frozenset(cells_of(site.bindings, "device_id"))
    offices = frozenset(office.office_id for office in site.offices)
    return TokenDesk(tokens, devices, devices.__contains__, offices, ZoneInfo(site.policy.timezone))


def _told_offices(data: Path) -> frozenset[str] | None:
    """As a running system told its queue; None where none did."""
    if not (data / QUEUE).exists():
        return None
    with DisposalQueue.open(data / QUEUE) as queue:
        return frozenset(queue.offices()) or None


def _require(option: str, given: str, known: Iterable[str]) -> None:
    names = sorted(set(known))
    if given not in names:
        expected = f"one of {_some(names)}" if names else "one that the site has"
        raise InputError(f"{option} {given!r} is unknown; expected {expected}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED_MOST]) + (", …" if len(names) > _NAMED_MOST else "")


def _row(row: TokenRow) -> dict[str, Any]:
    identity = row.identity
    return {
        "name": identity.name,
        "role": identity.role.value,
        "office": identity.office_id,
        "device": identity.device_id,
        "state": row.state,
        "created_at": instant_text(row.created_ms),
        "expires_at": None if row.expires_ms is None else instant_text(row.expires_ms),
        "revoked_at": None if row.revoked_ms is None else instant_text(row.revoked_ms),
    }
