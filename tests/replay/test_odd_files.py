"""Files that nothing comes of: what can be read for certain is read, all else is told with an example."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from minimal_site import write_site
from replay.command_line import invoked

from geofences.instant import instant_ms
from sinks.alert import instant_text

T0 = instant_ms("2025-07-14T02:00:00Z")
HEADER = "device_id,event_time,lon,lat"
Make = Callable[[Path], object]


def at(number: int) -> str:
    return instant_text(T0 + number * 60_000)


def record(number: int, device: str = "D1") -> str:
    return f"{device},{at(number)},106.5,29.5"


def line(number: int, **other: Any) -> str:
    return json.dumps({"device_id": "D1", "event_time": at(number), "lon": 106.5, "lat": 29.5, **other})


CSV = [HEADER, *(record(number) for number in range(3))]
NDJSON = [line(number) for number in range(3)]


def content(content: str | bytes) -> Make:
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda path: path.write_bytes(raw)


def parquet(**columns: Any) -> Make:
    sound = {"device_id": ["D1"] * 3, "event_time": [at(n) for n in range(3)], "lon": [106.5] * 3,
             "lat": [29.5] * 3}  # fmt: skip
    return lambda path: pq.write_table(pa.table({**sound, **columns}), path)


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    write_site(tmp_path / "site")


def replayed(*words: str) -> tuple[int, dict[str, Any], list[str]]:
    """The exit code, the summary (empty where there is none) and the lines on standard error."""
    done = invoked("replay", "--site", "site", *words, "--alerts", "a", "--rejects", "r", "--json")
    return done.exit_code, json.loads(done.stdout or "{}"), done.stderr.splitlines()


#: (why, name, content): three rows, all of them good.
READ: list[tuple[str, str, Make]] = [
    ("CSV by LF", "p.csv", content("\n".join(CSV))),
    ("CSV by CRLF", "p.csv", content("\r\n".join(CSV) + "\r\n")),
    ("CSV by CR", "p.csv", content("\r".join(CSV))),
    ("CSV by CR, with an end", "p.csv", content("\r".join(CSV) + "\r")),
    ("CSV by CR, with blank lines", "p.csv", content("\r\r" + "\r\r".join(CSV) + "\r \r")),
    ("CSV by CR under a byte order mark", "p.csv", content("\ufeff" + "\r".join(CSV))),
    ("CSV under a byte order mark", "p.csv", content("\ufeff" + "\n".join(CSV))),
    ("NDJSON by CR", "p.ndjson", content("\r".join(NDJSON))),
    ("NDJSON by CR, with an end", "p.ndjson", content("\r".join(NDJSON) + "\r")),
    ("NDJSON by CRLF", "p.ndjson", content("\r\n".join(NDJSON))),
    ("NDJSON with CR inside an object", "p.ndjson", content("\n".join(NDJSON).replace(", ", ",\r"))),
]


@pytest.mark.parametrize(("name", "make"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_what_can_be_read_for_certain_is_read(name: str, make: Make) -> None:
    make(Path(name))
    code, summary, said = replayed("--pings", name)
    assert (code, said) == (0, [])
    assert (summary["rows"], summary["accepted"]) == (3, 3)
    assert (summary["start"], summary["until"]) == (at(0), at(2))


def test_one_object_with_cr_for_blanks_is_one_row() -> None:
    Path("p.ndjson").write_text(line(0).replace(", ", ",\r") + "\r")
    assert replayed("--pings", "p.ndjson")[1]["accepted"] == 1


def test_a_large_file_by_cr_is_read_to_its_end() -> None:
    """Over several blocks, and with a line that is too long in the middle."""
    rows = [record(number % 10_000) for number in range(120_000)]
    rows[60_000] = "x" * ((1 << 20) + 10)
    Path("p.csv").write_text("\r".join([HEADER, *rows]))
    code, summary, _ = replayed("--pings", "p.csv")
    assert (code, summary["rows"], summary["rejected"]["malformed"]) == (0, 120_000, 1)


#: (why, name, content, what the one line must hold)
REFUSED: list[tuple[str, str, Make, list[str]]] = [
    ("an empty CSV", "p.csv", content(""), ["p.csv: empty; expected a header line"]),
    ("by semicolons", "p.csv", content("\n".join(CSV).replace(",", ";")),
     ["no column device_id in the header 'device_id;event_time;lon;lat'", "by commas and not by ';'"]),
    ("by tabs", "p.csv", content("\n".join(CSV).replace(",", "\t")), ["by commas and not by '\\t'"]),
    ("no header", "p.csv", content("\n".join(CSV[1:])), ["no column device_id in the header 'D1,2025-07-14"]),
    ("only unknown columns", "p.csv", content("id,when,x,y\n1,2,3,4\n"), ["in the header 'id,when,x,y'"]),
    ("other letters", "p.csv", content("Device_ID,event_time,lon,lat\n"),
     ["no column device_id", "Device_ID"]),
    ("CSV of UTF-16", "p.csv", content("\n".join(CSV).encode("utf-16")),
     ["p.csv: is UTF-16; expected UTF-8"]),
    ("UTF-16 without a mark", "p.csv", content("\n".join(CSV).encode("utf-16-le")), ["is UTF-16 or binary"]),
    ("NDJSON of UTF-16", "p.ndjson", content("\n".join(NDJSON).encode("utf-16")), ["p.ndjson: is UTF-16"]),
    ("packed CSV", "p.csv", content(gzip.compress("\n".join(CSV).encode())),
     ["p.csv: is gzip; expected UTF-8"]),
    ("packed NDJSON", "p.ndjson", content(gzip.compress("\n".join(NDJSON).encode())), ["is gzip"]),
    ("a workbook", "p.csv", content(b"PK\x03\x04 and so on"), ["is zip, or a workbook"]),
    ("Parquet by another name", "p.csv", parquet(), ["p.csv: is Parquet; expected UTF-8 text"]),
    ("packed Parquet", "p.parquet", content(gzip.compress(b"PAR1")), ["as Parquet", "(it is gzip)"]),
    ("a name with two ends", "p.csv.gz", content(b""), ["p.csv.gz: unknown kind of file; expected a name"]),
    ("Parquet of other columns", "p.parquet", lambda path: pl.DataFrame({"id": [1]}).write_parquet(path),
     ["p.parquet: no column device_id"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "make", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_cannot_be_read_says_what_was_found(name: str, make: Make, said: list[str]) -> None:
    make(Path(name))
    code, _, lines = replayed("--pings", name)
    assert (code, len(lines)) == (2, 1)
    assert all(words in lines[0] for words in said), lines[0]
    assert not Path("a").exists()


def all_rows(**other: Any) -> Make:
    return content("\n".join(line(number, **other) for number in range(3)))


#: (why, name, content, words of its warnings in order): rows are read, and nothing comes of them.
NOTHING: list[tuple[str, str, Make, list[list[str]]]] = [
    ("an empty NDJSON", "p.ndjson", content(""), [["p.ndjson: no rows"]]),
    ("a header alone", "p.csv", content(HEADER), [["p.csv: no rows"]]),
    ("a header alone, by CR", "p.csv", content(f"{HEADER}\r"), [["p.csv: no rows"]]),
    ("an empty Parquet", "p.parquet", parquet(**dict.fromkeys(HEADER.split(","), pa.array([], pa.string()))),
     [["lon has string"], ["lat has string"], ["p.parquet: no rows"]]),
    ("integer ids", "p.ndjson", all_rows(device_id=865512345678901),
     [["nothing of it is used: 3 of 3 rows are malformed, such as row 1", "865512345678901",
       "device_id as text"]]),
    ("integer ids in Parquet", "p.parquet", parquet(device_id=[865512345678901] * 3),
     [["column device_id has int64; expected text"], ["3 of 3 rows are malformed", "865512345678901"]]),
    ("text in lon", "p.ndjson", all_rows(lon="106.5"),
     [["3 of 3 rows are malformed", '"106.5"', "as numbers"]]),
    ("text in lon of Parquet", "p.parquet", parquet(lon=["106.5"] * 3),
     [["column lon has string; expected numbers"], ["3 of 3 rows are malformed", '"106.5"']]),
    ("words in lon of CSV", "p.csv", content("\n".join(CSV).replace("106.5", "east")),
     [["3 of 3 rows are bad_coordinates, such as row 1: D1,2025-07-14T02:00:00.000Z,east"]]),
    ("decimal commas", "p.csv", content("\n".join(CSV).replace("106.5", "106,5")),
     [["3 of 3 rows are malformed"]]),
    ("an unknown device", "p.csv", content("\n".join(CSV).replace("D1", "d1")),
     [["3 of 3 rows are unknown_device, such as row 1: d1,2025", "expected ids of devices.csv"]]),
    ("times without offset", "p.csv", content("\n".join(CSV).replace("Z", "")),
     [["3 of 3 rows are bad_time, such as row 1", "with an offset such as"]]),
    ("times without zone", "p.parquet", parquet(event_time=pa.array([T0] * 3, pa.timestamp("ms"))),
     [["column event_time has timestamp[ms]; expected times with a zone, or text"],
      ["3 of 3 rows are bad_time"]]),
    ("times as numbers", "p.ndjson", all_rows(event_time=T0), [["3 of 3 rows are bad_time", str(T0)]]),
    ("lat before lon", "p.ndjson", all_rows(lon=29.5, lat=106.5), [["3 of 3 rows are bad_coordinates"]]),
    ("an unknown source", "p.ndjson", all_rows(source="GPS"), [["3 of 3 rows are bad_value", '"GPS"']]),
    ("an array", "p.ndjson", content(f"[{','.join(NDJSON)}]"),
     [["1 of 1 rows are malformed", "such as row 1: [{"]]),
    ("CSV by another name", "p.ndjson", content("\n".join(CSV)), [["4 of 4 rows are malformed", HEADER]]),
    ("a week too old", "p.csv", content(f"{HEADER},arrival_time\n{record(0)},{at(20_000)}\n"),
     [["1 of 1 rows are too_late"]]),
    ("only unknown names", "p.ndjson", content('{"id": 1}\n{"id": 2}\n'),
     [["unknown column 'id' in 2 rows"], ["2 of 2 rows are malformed", '{"id": 1}']]),
    ("two reasons", "p.ndjson", content(f"{line(0, device_id='D9')}\n[]\n{line(1, device_id='D9')}"),
     [["2 of 3 rows are unknown_device, such as row 1"], ["1 of 3 rows are malformed, such as row 2: []"]]),
    ("positions by other names", "p.ndjson",
     content("\n".join(NDJSON).replace('"lon"', '"lng"').replace('"lat"', '"ltd"')),
     [["unknown column 'lng' in 3 rows"], ["unknown column 'ltd'"],
      ["none of its 3 rows has a position, so all of them are heartbeats; expected lon and lat"]]),
    ("positions left empty", "p.csv", content(f"{HEADER}\nD1,{at(0)},,\n"),
     [["none of its 1 rows has a position"]]),
    ("a long row", "p.ndjson", content("x" * 5_000), [["1 of 1 rows are malformed", "xxx…; expected"]]),
    ("letters that drive a terminal", "p.ndjson", content("\x1b[31m\x07"), [["\\x1b[31m\\x07"]]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "make", "said"), [row[1:] for row in NOTHING], ids=[row[0] for row in NOTHING]
)
def test_what_nothing_comes_of_is_told(name: str, make: Make, said: list[list[str]]) -> None:
    make(Path(name))
    code, summary, lines = replayed("--pings", name)
    assert code == 0
    assert len(lines) == len(said), lines
    for found, words in zip(lines, said, strict=True):
        assert found.startswith(f"warning: {name}: ")
        assert all(word in found for word in words), found
    assert summary["warnings"] == [found.removeprefix("warning: ") for found in lines]
    assert summary["rows"] == summary["accepted"] + sum(summary["rejected"].values())


def test_confirmations_without_a_face_serve_nothing() -> None:
    Path("p.csv").write_text("\n".join(CSV))
    Path("c.csv").write_text("\n".join(CSV))
    _, _, lines = replayed("--pings", "p.csv", "--confirmations", "c.csv")
    assert lines == ["warning: c.csv: none of its 3 confirmations has face_ok true, so none of them serves a "
                     "window; expected face_ok"]  # fmt: skip


def test_each_file_is_told_of_by_itself() -> None:
    """The second file says the same as the first, and the third is sound."""
    for name, rows in (("one.csv", CSV), ("two.csv", CSV), ("three.csv", [HEADER, record(9)])):
        Path(name).write_text("\n".join(rows))
    code, summary, lines = replayed("--pings", "one.csv", "two.csv", "three.csv")
    assert (code, summary["accepted"]) == (0, 4)
    assert [found.partition(": nothing of it is used: 3 of 3 rows are duplicate")[0] for found in lines] == [
        "warning: two.csv"
    ]
