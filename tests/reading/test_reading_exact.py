"""The compiled ways and the exact way read the same out of whatever stands in a file."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from stream_rows import DEVICES, opened, tuples_of, written

from geofences.instant import instant_ms
from pipeline.columns import columns_of
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading import Challenges, text_stream
from pipeline.reading.digits import scan_instant, scan_number
from pipeline.reading.exact import ExactRow, cells_of_record, json_object, row_of_cells, row_of_object
from pipeline.reading.fields import BROKEN, FIELDS, checked_rows

T = "2025-07-14T02:00:00.000Z"
TIMES = [
    T,
    "2025-07-14T10:00:00+08:00",
    "2025-07-14T02:00:00",
    "1999-12-31T23:59:59Z",
    "20250714T02Z",
    "x",
    "",
]
NUMBERS = ["1", "106.5", "-0", "0.0", "1e2", "181", "91", "1e400", "01", "1.", ".5", "+1", "-", "NaN", "nan"]
NUMBERS += [
    "Infinity",
    "inf",
    "106.63696168732118",
    "29.999999999999999999999",
    "123456789012345678901",
    "1_0",
]
NAMES = [*columns_of(PING), "face_ok", "challenge_id", "height", "海拔", '\\"', "\\u006con"]
TOKENS = [
    f'"{text}"' for text in [*TIMES, "D1", "D9", "张三-3", "gnss", "sonar", "gcj02", "\\u0044\\u0031", "\\q"]
]
TOKENS += [
    *NUMBERS,
    "true",
    "false",
    "null",
    "tru",
    "{}",
    "[]",
    '{"lon": 1}',
    "[1, [2]]",
    '"\\ud800"',
    '"',
    "{",
]
NOISE = [
    b"",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\n\n",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b",",
    b'"',
    b"{",
    b"}",
    b"\\",
]


def _json_line(pairs: list[tuple[str, str]]) -> bytes:
    return ("{" + ", ".join(f'"{name}": {token}' for name, token in pairs) + "}").encode()


good_pairs = st.fixed_dictionaries(
    {"device_id": st.sampled_from(['"D1"', '"D2"', '"张三-3"']), "event_time": st.just(f'"{T}"')},
    optional={name: st.sampled_from(TOKENS) for name in NAMES if name not in ("device_id", "event_time")},
)
any_pairs = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(TOKENS)), max_size=8)
json_lines = st.one_of(
    good_pairs.map(lambda pairs: _json_line(list(pairs.items()))), any_pairs.map(_json_line)
)


@st.composite
def dirty(draw: st.DrawFn, lines: st.SearchStrategy[bytes]) -> bytes:
    """Lines with something put in or cut out here and there."""
    text = b""
    for line in draw(st.lists(lines, min_size=1, max_size=12)):
        if draw(st.integers(0, 2)) == 0:
            place = draw(st.integers(0, len(line)))
            line = line[:place] + draw(st.sampled_from(NOISE)) + line[place + draw(st.integers(0, 3)) :]
        text += line + draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\n \t\n"]))
    return text[: len(text) - draw(st.integers(0, 3))]


def _rows_by(rows: list[ExactRow]) -> list[tuple[object, ...]]:
    fields, challenges = np.zeros(len(rows), FIELDS), Challenges()
    for number, row in enumerate(rows):
        row.store(fields[number])
    codes = [-1 if row.challenge is None else challenges.code(row.challenge) for row in rows]
    return tuples_of(checked_rows(fields, np.array(codes, np.int32)), challenges)


def _read(
    path: Path, kind: int, block_bytes: int, chunk_rows: int
) -> tuple[list[tuple[object, ...]], list[str], list[str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_stream, "BLOCK_BYTES", block_bytes)
        challenges, rows, raws = Challenges(), [], []
        numbers: list[int] = []
        file = opened(path, kind, challenges=challenges, chunk_rows=chunk_rows)
        for chunk in file:
            assert 0 < len(chunk) <= chunk_rows
            rows += tuples_of(chunk.rows, challenges)
            raws += [chunk.raw(position) for position in range(len(chunk))]
            numbers += range(chunk.first_row, chunk.first_row + len(chunk))
    assert numbers == list(range(1, len(rows) + 1))
    return rows, raws, file.warnings()


@settings(max_examples=50, deadline=None, derandomize=True)
@given(text=dirty(json_lines), kind=st.sampled_from([PING, CONFIRMATION]))
def test_json_lines_are_read_as_the_exact_way_reads_them(
    text: bytes, kind: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("json") / "p.ndjson", text)
    lines = [line.removesuffix(b"\r") for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    lines = [line for line in lines if line.strip(b" \t\r")]
    expected = _rows_by(
        [row_of_object(json_object(line), columns_of(kind), DEVICES.numbers) for line in lines]
    )

    rows, raws, warnings = _read(path, kind, 1 << 22, 1000)

    assert rows == expected
    assert raws == [line.decode(errors="replace") for line in lines]
    assert (rows, raws, warnings) == _read(path, kind, 61, 3)


CELLS = [
    *TIMES,
    *NUMBERS,
    "D1",
    "D9",
    "张三-3",
    "gnss",
    "sonar",
    "bd09",
    "true",
    "FALSE",
    "1",
    " 0 ",
    "yes",
    " ",
    "",
]
csv_cells = st.sampled_from(CELLS).flatmap(
    lambda cell: st.sampled_from(
        [cell, cell, cell, f'"{cell}"', f'"{cell}""', f'"{cell}\n{cell}"', f'{cell}"']
    )
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data(), kind=st.sampled_from([PING, CONFIRMATION]))
def test_csv_records_are_read_as_the_exact_way_reads_them(
    data: st.DataObject, kind: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    more = data.draw(st.lists(st.sampled_from([*columns_of(kind), "height"]), max_size=4, unique=True))
    names = list(dict.fromkeys(["device_id", "event_time", "lon", "lat", *more]))
    good = st.tuples(st.just("D1"), st.just(T), *(csv_cells for _ in names[2:]))
    records = st.one_of(good, st.lists(csv_cells, min_size=len(names), max_size=len(names)))
    text = data.draw(dirty(records.map(lambda cells: ",".join(cells).encode())))
    path = written(tmp_path_factory.mktemp("csv") / "p.csv", ",".join(names).encode() + b"\r\n" + text)
    contents = [columns_of(kind).get(name, -1) for name in names]
    found = _records(text)

    rows, raws, warnings = _read(path, kind, 1 << 22, 1000)

    assert rows == _rows_by([_exact_record(record, contents) for record in found])
    assert raws == [record.decode(errors="replace") for record in found]
    assert (rows, raws, warnings) == _read(path, kind, 61, 3)


def _records(text: bytes) -> list[bytes]:
    """Records letter by letter: a quote opens at the start of a cell, and only if it closes at all."""
    found, place = [], 0
    while place < len(text):
        end = text.find(b"\n", place) % (len(text) + 1)
        if text[place:end].strip(b" \t\r"):
            whole = _end_of_record(text, place)
            end = end if whole is None else whole
            found.append(text[place:end].removesuffix(b"\r"))
        place = end + 1
    return found


def _end_of_record(text: bytes, place: int) -> int | None:
    starts, quoted = True, False
    while place < len(text):
        sign = text[place : place + 1]
        if quoted and sign == b'"' and text[place + 1 : place + 2] == b'"':
            place += 1
        elif sign == b'"' and (quoted or starts):
            quoted = not quoted
        elif sign == b"\n" and not quoted:
            return place
        starts = not quoted and sign == b","
        place += 1
    return None if quoted else place


def _exact_record(record: bytes, contents: list[int]) -> ExactRow:
    try:
        return row_of_cells(cells_of_record(record.decode()), contents, DEVICES.numbers)
    except UnicodeDecodeError:
        return ExactRow(flags=BROKEN)


@pytest.mark.parametrize("extra", [-1, 0, 1, 100_000, 5_000_000])
@pytest.mark.parametrize("suffix", ["ndjson", "csv"])
def test_a_line_without_end_is_one_broken_row(suffix: str, extra: int, tmp_path: Path) -> None:
    good = b'{"device_id": "D1", "event_time": "%s"}\n' % T.encode()
    long = b'{"device_id": "D1", "event_time": "%s", "x": "%s"}\n' % (
        T.encode(),
        b"x" * (text_stream.LINE_MOST + extra),
    )
    if suffix == "csv":
        good = b"D1,%s,,,\n" % T.encode()
        long = b'D1,%s,,,"%s"\n' % (T.encode(), b"x" * (text_stream.LINE_MOST + extra))
    path = written(
        tmp_path / f"p.{suffix}",
        (b"device_id,event_time,lon,lat,x\n" if suffix == "csv" else b"") + good + long + good,
    )

    expected = [0, 1, 0]
    for block_bytes in (1 << 22, 100_003):
        rows, raws, _ = _read(path, PING, block_bytes, 10)
        assert [row[0] for row in rows] == expected
        assert raws[1] == long[: text_stream.LINE_MOST].decode()


def test_a_quote_that_never_closes_costs_one_line(tmp_path: Path) -> None:
    lines = [f'D1,{T},1,2,"open', *[f"D1,{T},1,2,x"] * 5000]
    path = written(tmp_path / "p.csv", "device_id,event_time,lon,lat,operator\n" + "\n".join(lines))

    for block_bytes in (1 << 22, 1000):
        rows, raws, _ = _read(path, PING, block_bytes, 1000)
        assert [row[0] for row in rows] == [1] + [0] * 5000
        assert raws[0] == lines[0]


# The building blocks.

plain_times = st.builds(
    "{:04d}-{:02d}-{:02d}{}{:02d}:{:02d}{}{}".format,
    st.sampled_from([1, 4, 1900, 1901, 1969, 1970, 1999, 2000, 2024, 2025, 2100, 9999]),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from("T T t_"),
    st.integers(0, 24),
    st.integers(0, 60),
    st.one_of(
        st.just(""),
        st.builds(":{:02d}".format, st.integers(0, 60)),
        st.builds(":{:02d}.{}".format, st.integers(0, 59), st.integers(0, 10**12)),
    ),
    st.sampled_from(
        ["Z", "+08:00", "-0530", "+08", "", "z", "+24:00", "+08:60", "-00:00", "+8", "+08:00:30", "Z "]
    ),
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.one_of(plain_times, st.text("0123456789-:.TZ+ ", max_size=30)), min_size=40, max_size=40))
def test_plain_times_are_what_the_exact_way_says(texts: list[str]) -> None:
    for text in texts:
        at_ms, plain = scan_instant(_bytes(text), 0, len(text.encode()))
        if plain:
            assert at_ms == instant_ms(text), text


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.9999Z", -1),  # cut towards the past
        ("1969-12-31T23:59:59.9990Z", -1),
        ("1969-12-31T23:59:59.9989Z", -2),
        ("1970-01-01T07:59:59.000000000001+08:00", -1000),
        ("2024-02-29T12:00+00", 1709208000000),
    ],
)
def test_times_that_must_be_plain(text: str, at_ms: int) -> None:
    assert scan_instant(_bytes(text), 0, len(text)) == (at_ms, True)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False).map(repr),
            st.decimals(-400, 400, places=17).map(str),
            st.integers(0, 2**64).map(str),
            st.from_regex(r"-?\d{1,19}\.?\d{0,3}(e-?\d{1,2})?", fullmatch=True),
        ),
        min_size=40,
        max_size=40,
    )
)
def test_plain_numbers_are_the_nearest_floats(texts: list[str]) -> None:
    for text in texts:
        if text.isascii():
            value, end = scan_number(_bytes(text), 0, len(text), False)
            if end == len(text):
                assert struct.pack("d", value) == struct.pack("d", float(text)), text


@pytest.mark.parametrize(
    "text", ["106.63696168732118", "-0.0", "0", "1e22", "9999999999999999999", "4.35", "179.99999999999997"]
)
def test_numbers_that_must_be_plain(text: str) -> None:
    assert scan_number(_bytes(text), 0, len(text), True) == (float(text), len(text))


def test_numbers_halfway_between_two_floats_are_not_guessed() -> None:
    rng = np.random.default_rng(1)
    for odd in (rng.integers(2**52, 2**53, 500) * 2 + 1).tolist():
        for text in (str(odd), str(odd * 64), f"{odd * 5}e-1", f"{odd * 125}e-3"):
            value, end = scan_number(_bytes(text), 0, len(text), True)
            assert end < 0 or value == float(text)


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode() + b"\n", np.uint8)
