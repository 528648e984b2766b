"""A CSV file of a site as rows of exactly the columns it must have."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.sites.findings import Findings, Place, listed
from pipeline.sites.misplaced_crs import fault_table_crs


@dataclass(frozen=True, slots=True)
class Table:
    """The sound rows of one file, by columns.

    ``numbers`` are those of the rows, counted from 1; ``columns`` the cells of the columns asked for, then of
    the optional ones, empty where the file has none; ``ids`` are
    the first cells of all rows, the unsound ones too: others may name them without a second fault
    (None where the file broke off, and there may be more, or where nothing names them).
    """

    file: str
    numbers: Sequence[int]
    columns: tuple[Sequence[str], ...]
    ids: frozenset[str] | None

    @property
    def rows(self) -> Iterator[tuple[str, ...]]:
        """The cells of each row."""
        return zip(*self.columns, strict=True)

    def places(self, findings: Findings) -> Iterator[tuple[int, tuple[str, ...], Place]]:
        """Every row with its number and the place that its faults are to name."""
        for row, cells in zip(self.numbers, self.rows, strict=True):
            yield row, cells, Place(findings, self.file, f"row {row}")

    def at(self, numbers: Iterable[int], findings: Findings) -> Iterator[tuple[int, tuple[str, ...], Place]]:
        """The same of some rows, by their places among the sound ones."""
        for place in numbers:
            row = self.numbers[place]
            yield (
                place,
                tuple(cells[place] for cells in self.columns),
                Place(findings, self.file, f"row {row}"),
            )


def parse_table(
    name: str, text: str, columns: tuple[str, ...], findings: Findings, *, optional: tuple[str, ...] = ()
) -> Table | None:
    """The rows in the text of a file of this name, or None where it is no table with these columns."""
    file = Place(findings, name, "file")
    # strict: an unclosed quote would otherwise swallow the rest of the file.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines, broken = _lines(reader, file)
    if not lines:
        if not broken:
            file.fault("", "is empty", f"a header {','.join(columns)}")
        return None
    header = lines.pop(0)
    if not _sound_header(header, columns, file):
        return None
    if "lon" in columns:
        fault_table_crs(header, lines, file)
    first = header.index(columns[0])
    ids = frozenset(cells[first] for cells in lines if len(cells) > first)
    numbers = _sound_rows(lines, len(header), Place(findings, name, ""))
    lines = lines if len(numbers) == len(lines) else [lines[row - 1] for row in numbers]
    _warn_of_extra(header, (*columns, *optional), len(lines), name, findings)
    return Table(name, numbers, _columns(lines, header, (*columns, *optional)), None if broken else ids)


def read_text(path: Path, file: Place) -> str | None:
    """The file's text, without a byte order mark, or None with a fault."""
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        file.fault("", "is missing", f"a file {path.name} in the site's directory")
    except OSError as error:
        file.fault("", f"cannot be read ({error.strerror})", "a readable file")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        file.fault("", f"line {line} is not UTF-8 (byte {error.start})", "UTF-8 text")
    return None


def _lines(reader: Iterator[list[str]], file: Place) -> tuple[list[list[str]], bool]:
    """Lines as cells, blank ones left out, up to where the quoting breaks, and whether it does."""
    lines: list[list[str]] = []
    try:
        lines.extend(cells for cells in reader if cells)
    except csv.Error as error:
        file.fault("", f"broken CSV after {len(lines)} lines ({error})", "CSV with paired quotes")
        return lines, True
    return lines, False


def _sound_header(header: list[str], columns: tuple[str, ...], file: Place) -> bool:
    counts = Counter(header)
    missing = [name for name in columns if name not in counts]
    twice = [name for name in columns if counts[name] > 1]
    for name in missing:
        file.fault("header", f"column {name} is missing", f"the columns {','.join(columns)}")
    for name in twice:
        file.fault("header", f"column {name} is given {counts[name]} times", "each column once")
    return not missing and not twice


def _sound_rows(lines: list[list[str]], width: int, place: Place) -> Sequence[int]:
    """The numbers of the rows that are as wide as the header."""
    if all(len(cells) == width for cells in lines):
        return range(1, len(lines) + 1)
    sound = []
    for row, cells in enumerate(lines, 1):
        if len(cells) == width:
            sound.append(row)
        else:
            place.fault(f"row {row}", f"has {len(cells)} fields", f"{width} as in the header")
    return sound


def _columns(lines: list[list[str]], header: list[str], names: Sequence[str]) -> tuple[Sequence[str], ...]:
    empty = [""] * len(lines)
    places = [header.index(name) if name in header else None for name in names]
    return tuple(empty if at is None else [cells[at] for cells in lines] for at in places)


def _warn_of_extra(
    header: list[str], columns: tuple[str, ...], rows: int, name: str, findings: Findings
) -> None:
    extra = Counter({column: rows for column in header if column not in columns})
    findings.warn_unknown(name, "row", extra, f"the columns {listed(columns)}")
