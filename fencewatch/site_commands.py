"""`fencewatch site import | diff | export | history`: the site of a running system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fencewatch import printing
from fencewatch.config import DEFAULT_DATA
from fencewatch.faults import ending_with_the_reader, exit_codes
from fencewatch.options import Data, Json
from fencewatch.terminal_text import aligned, moment, plain, zone_of
from geofences.instant import instant_ms
from pipeline.errors import InputError

if TYPE_CHECKING:  # what a command needs is imported when it is called
    from fencewatch.site_desk import Imported
    from pipeline.registry.history import HistoryEntry

Directory = Annotated[Path, typer.Argument(help="The site's directory.", show_default=False)]


def add_commands(site_app: typer.Typer) -> None:
    """The commands on a data directory's site, beside those on a directory of files."""
    add = site_app.command
    add("import", epilog="Example: fencewatch site import my-site --data fencewatch-data")(import_command)
    add("diff", epilog="Example: fencewatch site diff my-site --data fencewatch-data")(diff_command)
    add("export", epilog="Example: fencewatch site export copy --data fencewatch-data")(export_command)
    add("history", epilog="Example: fencewatch site history --data fencewatch-data")(history_command)


def import_command(
    directory: Directory,
    data: Data = DEFAULT_DATA,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "import",
    as_json: Json = False,
) -> None:
    """Make the site of a running system the one of these files, as one change, from now on."""
    from fencewatch.site_desk import import_site

    with exit_codes():
        with printing.steps_bar("importing") as advance:
            done = import_site(directory, data, reason, advance or (lambda *_: None))
        print(_as_json(done) if as_json else "\n".join(_imported(directory, done)))


def _imported(directory: Path, done: Imported) -> Sequence[str]:
    if done.is_first:
        return [f"{directory}: imported; everything begins with it"]
    lines = done.difference.lines()
    if done.answer is None or done.answer.number is None:
        return [*lines, f"{directory}: nothing to change"]
    return [*lines, f"taken as record {done.answer.number}: {len(done.answer.edits)} rows"]


def _as_json(done: Imported) -> str:
    answer = done.answer
    return json.dumps(
        {
            "first": done.is_first,
            "record": None if answer is None else answer.number,
            "rows": 0 if answer is None else len(answer.edits),
            "changes": done.difference.changes,
            "not_taken": done.difference.notes,
        },
        ensure_ascii=False,
    )


def diff_command(directory: Directory, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """What an import would change, and what it would leave as it is; nothing is changed."""
    from fencewatch.site_desk import compare_site

    with exit_codes():
        found = compare_site(directory, data)
        if as_json:
            said = {"operations": found.operations, "changes": found.changes, "not_taken": found.notes}
            print(json.dumps(said, ensure_ascii=False))
        else:
            print(*(found.lines() or ["nothing differs"]), sep="\n")


def export_command(
    directory: Annotated[
        Path,
        typer.Argument(help="Where to write it: an empty directory, or one to be made.", show_default=False),
    ],
    data: Data = DEFAULT_DATA,
    record: Annotated[
        int | None, typer.Option(min=0, help="As it was when this record of the log had been taken.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the site of a running system as files, with all its versions."""
    from fencewatch.site_desk import export_site
    from pipeline.sites.site_versions import KEPT_BY_ROW

    with exit_codes():
        documents = export_site(directory, data, record)
        counts = {table: len(documents.table(table)) for table in KEPT_BY_ROW}
        if as_json:
            print(json.dumps({"directory": str(directory), "rows": counts}))
        else:
            print(f"{directory}: " + ", ".join(f"{count:,} {table}" for table, count in counts.items()))


def history_command(
    id: Annotated[
        str | None, typer.Argument(help="Of what: a person, device, fence, leave or office.")
    ] = None,
    data: Data = DEFAULT_DATA,
    table: Annotated[
        str | None, typer.Option(help="people, devices, fences, leaves, offices, policies, holidays.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who made the change.")] = None,
    since: Annotated[str | None, typer.Option(help="From this time on (ISO 8601 with offset).")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Who changed what of the site, when and why, newest first."""
    from fencewatch.site_desk import site_history
    from pipeline.registry.history import HistoryFilter

    with exit_codes(), ending_with_the_reader():
        wanted = HistoryFilter(id, table, by, _time("--since", since), _time("--until", until))
        found = site_history(data, wanted, limit)
        if as_json:
            print(json.dumps({"items": [_entry(entry) for entry in found]}, ensure_ascii=False))
        else:
            print(*_lines(found, data), sep="\n")


def _time(option: str, text: str | None) -> int | None:
    try:
        return None if text is None else instant_ms(text)
    except ValueError:
        raise InputError(f"{option} {text!r}; expected a time such as 2025-07-14T08:00:00+08:00") from None


def _entry(entry: HistoryEntry) -> dict[str, Any]:
    from sinks.alert import instant_text

    return {
        "record": entry.number,
        "at": instant_text(entry.at_ms),
        "id": entry.id,
        "by": entry.by,
        "reason": entry.reason,
        "operations": entry.operations,
        "edits": entry.edits,
    }


def _lines(found: Sequence[HistoryEntry], data: Path) -> Sequence[str]:
    from pipeline.sites.edits import about

    if not found:
        return ["nothing was changed"]
    zone, rows = zone_of(data), []
    for entry in found:
        names = list(dict.fromkeys(" ".join(filter(None, about(edit))) for edit in entry.edits))
        said = ", ".join(names[:5]) + (f", … ({len(names)} in all)" if len(names) > 5 else "")
        rows.append(
            (moment(entry.at_ms, zone), str(entry.number), plain(entry.by), plain(said), plain(entry.reason))
        )
    return [*aligned(rows), "", f"newest first; times in {zone.key}"]
