"""What an import of files would do, told by a look at their lines: always what the long way tells."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from changing_sites import START_MS, World, begun
from seeds import seeds

from pipeline.errors import SiteError
from pipeline.log.site_record import SiteChange, SiteRecord
from pipeline.registry.file_difference import differing_rows
from pipeline.registry.registry import Registry
from pipeline.sites.change_faults import ChangeRefused
from pipeline.sites.changes import resolved
from pipeline.sites.documents import FENCES, SiteDocuments, write_documents
from pipeline.sites.edits import edited
from pipeline.sites.fences import PROPERTIES
from pipeline.sites.line_difference import difference_of_lines
from pipeline.sites.load import load_documents
from pipeline.sites.plain_files import _Properties, plain_files
from pipeline.sites.site_difference import SiteDifference
from pipeline.sites.site_versions import IndexedSite

HOUR_MS = 3_600_000


def long_way(registry: Registry, directory: Path, clock_ms: int) -> SiteDifference | list[str]:
    """The difference, or what is wrong with the files."""
    try:
        given = load_documents(directory)
    except SiteError as broken:
        return list(map(str, broken.faults))
    return difference_of_lines(registry.lines_at(registry.last_record), given, clock_ms)


def short_way(registry: Registry, directory: Path, clock_ms: int) -> SiteDifference | None:
    """The difference, or None where the long way has to be gone."""
    files = plain_files(directory)
    found = None if files is None else differing_rows(registry, files)
    return None if found is None else found.at(clock_ms)


def registry_of(path: Path, documents: SiteDocuments) -> Registry:
    registry = Registry.open(path)
    assert registry.begin(documents, record=1, at_ms=START_MS, source="site")
    return registry


def test_properties_stand_in_the_order_in_which_they_are_written() -> None:
    assert _Properties.__struct_fields__ == PROPERTIES


@pytest.mark.parametrize("seed", seeds(300, 60))
def test_the_short_way_tells_what_the_long_one_does(tmp_path: Path, seed: int) -> None:
    """Random sites against files of them that were changed, spoilt, and written otherwise anywhere."""
    world, dice = World(seed), Random(seed)
    documents, clock_ms = begun(World(7)), START_MS
    given = tmp_path / "given"
    given.mkdir()
    with closing(registry_of(tmp_path / "registry.sqlite", documents)) as registry:
        for number in range(dice.randint(0, 12)):
            clock_ms += HOUR_MS
            documents = _changed(registry, documents, world, number, clock_ms)
        if dice.random() < 0.5:
            documents = _altered(documents, world, dice, clock_ms)
        write_documents(documents, given)
        spoilt = dice.randint(0, 2)
        for _ in range(spoilt):
            _spoil(given, dice)
        long, short = (way(registry, given, clock_ms) for way in (long_way, short_way))
        assert short is None or short == long
        assert short is not None or spoilt, "what the registry itself writes is plain"


def _changed(
    registry: Registry, documents: SiteDocuments, world: World, number: int, clock_ms: int
) -> SiteDocuments:
    """The registry takes a change, where it is sound."""
    operations = [world.operation(clock_ms)]
    try:
        edits = resolved(IndexedSite(documents), operations, clock_ms).edits
    except ChangeRefused:
        return documents
    change = SiteChange(f"c{number}", "li", "why", operations, edits)
    registry.take(SiteRecord(number + 1, clock_ms, change))
    return edited(documents, edits)


def _altered(documents: SiteDocuments, world: World, dice: Random, clock_ms: int) -> SiteDocuments:
    """A few changes that the registry does not know."""
    for _ in range(dice.randint(1, 4)):
        try:
            edits = resolved(IndexedSite(documents), [world.operation(clock_ms)], clock_ms).edits
        except ChangeRefused:
            continue
        documents = edited(documents, edits)
    return documents


def _line_twice(text: str, dice: Random) -> str:
    lines = text.splitlines(keepends=True)
    at = dice.randrange(len(lines))
    return "".join([*lines[:at], lines[at], *lines[at:]])


def _line_gone(text: str, dice: Random) -> str:
    lines = text.splitlines(keepends=True)
    del lines[dice.randrange(len(lines))]
    return "".join(lines)


def _lines_moved(text: str, dice: Random) -> str:
    head, *lines = text.splitlines(keepends=True)
    dice.shuffle(lines)
    return head + "".join(lines)


def _piece_put(text: str, dice: Random) -> str:
    pieces = (
        '"',
        ",",
        "\\",
        "\n",
        "\r",
        "\r\n",
        " ",
        "\x00",
        "\x7f",
        "é",
        "\u2028",
        "nobody",
        '":',
        '" :',
        "\\u0022",
        "{}",
        "[1]",
        "NaN",
        "1e400",
        "-0",
        "10000000000000000000000",
        "null,",
        '"crs":"gcj02",',
        '"name":"a",',
        '"properties":{},',
        '"id":7,',
        '"colour":"red",',
        '"fence_id":"F1",',
        "true",
        "\ufeff",
        "P1",
        "2025-01-01",
    )
    at = dice.randint(0, len(text))
    return text[:at] + dice.choice(pieces) + text[at:]


def _member_put(text: str, dice: Random) -> str:
    members = (
        '"id": 7, ',
        '"colour": "red", ',
        '"name": null, ',
        '"name": "a\\"b", ',
        '"name": "Stra\\u00dfe", ',
        '"crs": "gcj02", ',
        '"crs": null, ',
        '"fence_id": "F1", ',
        '"fence_id" : "F1", ',
        '"radius_m": 1e2, ',
        '"severity": 2.0, ',
        '"severity": true, ',
        '"name": "x\\u0022: y", ',
        '"geometry": null, ',
        '"Crs": "x", ',
    )
    places = [found.end() for found in re.finditer(r"\{", text)]
    at = dice.choice(places)
    return text[:at] + dice.choice(members) + text[at:]


def _number_other(text: str, dice: Random) -> str:
    places = list(re.finditer(r"\d+(\.\d+)?", text))
    found = dice.choice(places)
    other = dice.choice((f"{found[0]}.0", f"{found[0]}e0", "0", "-1", "181", f"{found[0]}0", found[0]))
    return text[: found.start()] + other + text[found.end() :]


def _written_apart(text: str, dice: Random) -> str:
    return text.replace('": ', dice.choice(('":', '" : ', '":\n\t')))


def _with_carriage_returns(text: str, dice: Random) -> str:
    return text.replace("\n", "\r\n")


def _quoted(text: str, dice: Random) -> str:
    head, *lines = text.split("\n")
    return "\n".join(
        [head, *(",".join(f'"{cell}"' for cell in line.split(",")) if line else line for line in lines)]
    )


def _columns_moved(text: str, dice: Random) -> str:
    rows = [line.split(",") for line in text.splitlines()]
    order = dice.sample(range(len(rows[0])), len(rows[0]))
    return "".join(",".join(row[at] for at in order if at < len(row)) + "\n" for row in rows)


def _piece_gone(text: str, dice: Random) -> str:
    at = dice.randint(0, len(text))
    return text[:at] + text[at + dice.randint(1, 3) :]


def _properties_moved(text: str, dice: Random) -> str:
    try:
        collection = json.loads(text)
        for feature in collection["features"]:
            feature["properties"] = _shuffled(feature["properties"], dice)
        collection["features"] = [_shuffled(feature, dice) for feature in collection["features"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return text
    ways: tuple[dict[str, Any], ...] = ({}, {"indent": 1}, {"separators": (",", ":")})
    return json.dumps(_shuffled(collection, dice), **dice.choice(ways))


def _shuffled(members: dict[str, Any], dice: Random) -> dict[str, Any]:
    held = list(members.items())
    return dict(dice.sample(held, len(held)))


_ANY: tuple[Callable[[str, Random], str], ...] = (
    _line_twice, _line_gone, _lines_moved, _piece_put, _piece_put, _piece_gone, _with_carriage_returns,
    _number_other,
)  # fmt: skip
_OF_TABLES = (_quoted, _columns_moved)
_OF_FENCES = (_member_put, _member_put, _written_apart, _properties_moved)


def _spoil(directory: Path, dice: Random) -> None:
    path = dice.choice([path for path in sorted(directory.iterdir()) if path.is_file()])
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    of_file = _OF_FENCES if path.name == FENCES else _OF_TABLES if path.suffix == ".csv" else ()
    way = dice.choice([*_ANY, *of_file])
    try:
        text = way(text, dice)
    except (IndexError, ValueError):  # nothing of the kind stands there
        return
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
