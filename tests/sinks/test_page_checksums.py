"""Databases with a checksum on every page: made, copied and written anew so that each sum holds."""

from __future__ import annotations

import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sinks.errors import SinkFailed
from sinks.page_checksums import add_checksums, copy_checked, has_checksums, make_checked
from sinks.sqlite import sqlite3
from sinks.sqlite_file import SqliteFile

SCHEMA = "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, said TEXT)"
#: More than SQLite keeps in memory, so that it writes pages before it is done.
ROWS = [(n, f"{n:04d}" * 500) for n in range(2_000)]


def filled(path: Path) -> SqliteFile:
    file = SqliteFile(path, SCHEMA)
    with file.writing() as connection:
        connection.executemany("INSERT INTO t VALUES (?, ?)", ROWS)
    return file


def former(path: Path) -> None:
    """A file as versions before this one made it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.executescript(SCHEMA)
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ROWS)
        connection.execute("COMMIT")


def rows(path: Path) -> tuple[bool, list[tuple[int, str]]]:
    """Whether it has checksums, and what stands in it; each page was held against its sum."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return has_checksums(connection), connection.execute("SELECT n, said FROM t ORDER BY n").fetchall()


def test_a_changed_bit_of_a_value_is_not_read(tmp_path: Path) -> None:
    """The bit that tells why there are checksums: SQLite's own checks find nothing wrong with it."""
    filled(tmp_path / "f.sqlite").close()
    content = (tmp_path / "f.sqlite").read_bytes()
    place = content.index(b"12341234")
    (tmp_path / "f.sqlite").write_bytes(content[:place] + b"1235" + content[place + 4 :])
    with closing(SqliteFile(tmp_path / "f.sqlite", SCHEMA)) as file:
        read = file.reading()
        assert len(read.execute("SELECT said FROM t WHERE n = 1").fetchall()) == 1, "other pages are read"
        with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
            read.execute("SELECT said FROM t WHERE n = 1234").fetchall()


@pytest.mark.parametrize("bit", range(8))
def test_a_header_that_says_there_are_none_is_not_believed(tmp_path: Path, bit: int) -> None:
    """Byte 20 of the header alone turns the checksums on."""
    filled(tmp_path / "f.sqlite").close()
    content = bytearray((tmp_path / "f.sqlite").read_bytes())
    content[20] ^= 1 << bit
    (tmp_path / "f.sqlite").write_bytes(content)
    with pytest.raises(SinkFailed, match=r"f\.sqlite: "):
        SqliteFile(tmp_path / "f.sqlite", SCHEMA)


def test_what_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    filled(tmp_path / "deep" / "f.sqlite").close()
    assert stat.S_IMODE((tmp_path / "deep" / "f.sqlite").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["f.sqlite"]
    assert rows(tmp_path / "deep" / "f.sqlite") == (True, ROWS)


def test_many_make_the_same_file_at_once(tmp_path: Path) -> None:
    """Each finds the one that the first has made, and nobody's rows are lost."""
    start, made = threading.Barrier(8), list[SqliteFile]()

    def make(number: int) -> None:
        start.wait()
        file = SqliteFile(tmp_path / "f.sqlite", SCHEMA)
        made.append(file)
        with file.writing() as connection:
            connection.execute("INSERT INTO t VALUES (?, 'x')", (number,))

    works = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for work in works:
        work.start()
    for work in works:
        work.join()
    for file in made:
        file.close()
    assert rows(tmp_path / "f.sqlite") == (True, [(number, "x") for number in range(8)])


def test_a_new_file_is_opened_while_another_program_reads_it(tmp_path: Path) -> None:
    """Nobody must have it alone: two programs that begin together would be in each other's way."""
    make_checked(tmp_path / "f.sqlite")
    with closing(sqlite3.connect(tmp_path / "f.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM sqlite_master").fetchall()
        SqliteFile(tmp_path / "f.sqlite", SCHEMA).close()


def test_what_a_file_that_is_gone_left_beside_is_no_part_of_the_new_one(tmp_path: Path) -> None:
    file = filled(tmp_path / "f.sqlite")
    left = (tmp_path / "f.sqlite-wal").read_bytes()
    file.close()
    (tmp_path / "f.sqlite").unlink()
    (tmp_path / "f.sqlite-wal").write_bytes(left)
    SqliteFile(tmp_path / "f.sqlite", SCHEMA).close()
    assert rows(tmp_path / "f.sqlite") == (True, [])


def test_a_copy_of_a_file_in_use(tmp_path: Path) -> None:
    with closing(filled(tmp_path / "f.sqlite")) as file:
        copy_checked(tmp_path / "f.sqlite", tmp_path / "copy.sqlite")
        with file.writing() as connection:
            connection.execute("DELETE FROM t")
    assert rows(tmp_path / "copy.sqlite") == (True, ROWS)
    with pytest.raises(SinkFailed, match=r"copy\.sqlite: exists"):
        copy_checked(tmp_path / "f.sqlite", tmp_path / "copy.sqlite")


def test_a_copy_of_a_damaged_file_is_none(tmp_path: Path) -> None:
    filled(tmp_path / "f.sqlite").close()
    content = (tmp_path / "f.sqlite").read_bytes()
    (tmp_path / "f.sqlite").write_bytes(content.replace(b"12341234", b"12341235", 1))
    with pytest.raises(SinkFailed, match="its checksum does not hold"):
        copy_checked(tmp_path / "f.sqlite", tmp_path / "copy.sqlite")
    assert not (tmp_path / "copy.sqlite").exists()


def test_a_file_from_before_is_used_as_it_is_and_written_anew_with_checksums(tmp_path: Path) -> None:
    former(tmp_path / "f.sqlite")
    with closing(SqliteFile(tmp_path / "f.sqlite", SCHEMA)), pytest.raises(SinkFailed, match="locked"):
        add_checksums(tmp_path / "f.sqlite")
    assert rows(tmp_path / "f.sqlite") == (False, ROWS)
    copy_checked(tmp_path / "f.sqlite", tmp_path / "copy.sqlite")
    assert rows(tmp_path / "copy.sqlite") == (False, ROWS)
    add_checksums(tmp_path / "f.sqlite")
    assert rows(tmp_path / "f.sqlite") == (True, ROWS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.sqlite", "f.sqlite"]
