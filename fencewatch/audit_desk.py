"""Somebody who looks at the evidence chain of a data directory: what the `audit` commands do."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from console.masking import NameMask
from console.rights import Right
from fencewatch.config import ACCESSES, QUEUE, read_settings
from fencewatch.faults import ending_with_the_reader, exit_codes
from fencewatch.kept_site import kept_names, kept_registry
from fencewatch.terminal_masking import WITHHELD
from fencewatch.terminal_text import aligned, moment, plain, zone_of
from fencewatch.terminal_user import TerminalUser, terminal_user
from pipeline.errors import InputError
from pipeline.host.clock import clock_of
from sinks.access import Role
from sinks.access_log import Access, AccessLog, Look
from sinks.alert import instant_text
from sinks.disposal import DisposalQueue, offices_from
from sinks.hash_chain import Break, Head, Linked

_HEAD = re.compile(r"(accesses|timeline):(\d{1,18}):([0-9a-f]{64})")
_COLUMNS = ("number", "time", "who", "role", "office", "look", "person", "purpose", "answer")


@dataclass(frozen=True, slots=True)
class _Kept:
    """One chain: how far it reaches, its records, and the first that is not as it was written."""

    head: Callable[[], Head]
    records: Callable[[], Iterator[Linked]]
    first_break: Callable[[Iterable[Head]], Break | None]


@dataclass(frozen=True, slots=True)
class AuditDesk:
    """Both chains of a data directory, open, and who is at the terminal."""

    data: Path
    accesses: AccessLog
    queue: DisposalQueue
    user: TerminalUser

    def verify(self, kept: Sequence[str], *, as_json: bool) -> bool:
        """Whether both chains are as they were written, by themselves and by heads that were kept."""
        known = [_known(text) for text in kept]
        report = []
        for name, chain in self._chains().items():
            head = chain.head()
            broken = chain.first_break([at for of, at in known if of == name])
            report.append(
                {"chain": name, "records": head.number, "head": f"{name}:{head}", **_broken(broken)}
            )
        if as_json:
            print(json.dumps({"chains": report}))
        else:
            print(*(_words(one) for one in report), sep="\n")
        return all(one["broken_at"] is None for one in report)

    def list_looks(
        self, person: str | None, *, after: int, limit: int, config: Path | None, as_json: bool
    ) -> None:
        """Looks by people of the offices that the user may inspect."""
        self.user.require(Right.INSPECT)
        self._record(person)
        found = self.accesses.entries(person_id=person, after=after, limit=limit, offices=self._offices())
        if not self.user.may(Right.NAME):
            names = _names(self.data, config)
            mask = None if names is None else NameMask(names)
            found = [replace(look, purpose=_masked(look.purpose, mask)) for look in found]
        if as_json:
            print(json.dumps({"items": [_json(look) for look in found]}, ensure_ascii=False))
            return
        zone = zone_of(self.data)
        rows = [_row(look, moment(look.at_ms, zone)) for look in found]
        print(
            *(aligned([_COLUMNS, *rows]) if rows else ["nobody looked"]), "", f"times in {zone.key}", sep="\n"
        )

    def export(self, out: Path, *, as_json: bool) -> None:
        """A line for each record, and one with the head behind each chain. Raises InputError."""
        if self.user.identity is not None:
            raise InputError(
                f"{self.user.actor}: only the operator of the machine exports everything; `logout`"
            )
        self._record(None)
        try:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise InputError(f"--out {out}: is there already; expected a new file") from None
        count = 0
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            for name, chain in self._chains().items():
                for record in chain.records():
                    file.write(_line(name, record))
                    count += 1
                file.write(json.dumps({"chain": name, "head": str(chain.head())}) + "\n")
        print(json.dumps({"records": count, "file": str(out)}) if as_json else f"{count:,} records in {out}")

    def _chains(self) -> dict[str, _Kept]:
        accesses, queue = self.accesses, self.queue
        return {
            "accesses": _Kept(accesses.head, accesses.linked, accesses.first_break),
            "timeline": _Kept(queue.timeline_head, queue.linked_entries, queue.timeline_break),
        }

    def _offices(self) -> list[str] | None:
        own = self.user.office
        if own is None:
            return None
        parents = self.queue.offices()
        return [office for office in parents if own in offices_from(office, parents)]

    def _record(self, person: str | None) -> None:
        identity = self.user.identity
        self.accesses.record(
            Access(
                at_ms=clock_of(self.data).now_ms(),
                actor=self.user.actor,
                role=(Role.OPERATOR if identity is None else identity.role).value,
                office_id=self.user.office,
                person_id=person,
                from_ms=None,
                to_ms=None,
                purpose=None,
                kind=Look.AUDIT,
            )
        )


@contextmanager
def opened_audit(data: Path) -> Iterator[AuditDesk]:
    """The chains of a data directory; what cannot be done ends the program with a line and an exit code."""
    with exit_codes(), ending_with_the_reader(), ExitStack() as stack:
        for name in (ACCESSES, QUEUE):
            if not (data / name).exists():
                raise InputError(
                    f"{data / name}: is not there; expected the data directory of a system that ran"
                )
        accesses = AccessLog.open(data / ACCESSES)
        stack.callback(accesses.close)
        queue = stack.enter_context(DisposalQueue.open(data / QUEUE))
        yield AuditDesk(data, accesses, queue, terminal_user(data))


def _known(text: str) -> tuple[str, Head]:
    found = _HEAD.fullmatch(text)
    if found is None:
        raise InputError(f"--head {text!r}; expected one as `audit verify` prints it: CHAIN:NUMBER:LINK")
    return found[1], Head(int(found[2]), bytes.fromhex(found[3]))


def _broken(broken: Break | None) -> dict[str, Any]:
    return (
        {"broken_at": None, "why": None}
        if broken is None
        else {"broken_at": broken.number, "why": broken.why}
    )


def _words(report: dict[str, Any]) -> str:
    if report["broken_at"] is not None:
        return f"{report['chain']}: record {report['broken_at']:,} {report['why']}"
    whole = f"{report['chain']}: {report['records']:,} records, all as they were written"
    return f"{whole}\n  keep: {report['head']}"


def _names(data: Path, config: Path | None) -> set[str] | None:
    """What people are called by the running site, else the configured one; None where neither is known."""
    with kept_registry(data) as registry:
        if registry is not None:
            return kept_names(registry)
    if config is None:
        return None
    from pipeline.sites.load import load_site

    return {person.name for person in load_site(read_settings(config).site).people}


def _masked(purpose: str | None, mask: NameMask | None) -> str | None:
    if purpose is None:
        return None
    return WITHHELD if mask is None else mask.text(purpose)


def _json(look: Access) -> dict[str, Any]:
    return {
        "access_id": look.access_id,
        "at": instant_text(look.at_ms),
        "actor": look.actor,
        "role": look.role,
        "office_id": look.office_id,
        "kind": look.kind.value,
        "person_id": look.person_id,
        "from": None if look.from_ms is None else instant_text(look.from_ms),
        "to": None if look.to_ms is None else instant_text(look.to_ms),
        "purpose": look.purpose,
        "route": look.route,
        "answer": look.answer,
    }


def _row(look: Access, at: str) -> list[str]:
    who = (look.actor, look.role, look.office_id or "-", look.kind.value, look.person_id or "-")
    purpose = look.purpose or look.route or "not given"
    return [str(look.access_id), at, *(plain(part) for part in (*who, purpose)), str(look.answer)]


def _line(chain: str, record: Linked) -> str:
    """Whatever somebody has put into a record, it is written."""
    salt, link = (part.hex() if isinstance(part, bytes) else part for part in (record.salt, record.link))
    report = {"chain": chain, "fields": list(record.fields), "salt": salt, "link": link}
    return json.dumps(report, ensure_ascii=False, default=repr) + "\n"
