"""Files that are not what their names say: recognised by their first bytes, before a row is made of them."""

from __future__ import annotations

import re

from pipeline.errors import InputError

#: How files of other forms begin.
_FORMS = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip, or a workbook",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PAR1": "Parquet",
    b"ARROW1": "Arrow",
    b"SQLite format 3\x00": "an SQLite database",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
#: Text of two bytes a letter has a zero in every other one.
LOOKED_AT, _ZEROS = 64, 4

_OBJECTS_BY_CR = re.compile(rb"\}[ \t]*\r\s*\{")


def found_form(head: bytes) -> str | None:
    """What a file is by its first bytes, where it cannot be UTF-8 text."""
    for sign, form in _FORMS.items():
        if head.startswith(sign):
            return form
    start = head[:LOOKED_AT]
    return "UTF-16 or binary data" if start.count(0) * _ZEROS > len(start) else None


def refuse_other_form(name: str, head: bytes) -> None:
    """Raises InputError where a file that should be text is something else."""
    form = found_form(head)
    if form is not None:
        raise InputError(f"{name}: is {form}; expected UTF-8 text, as its name says")


def ends_lines_by_cr(head: bytes, *, of_objects: bool) -> bool:
    """Whether lines end in CR alone, as some old programs write them.

    Between the members of a JSON object a CR is a blank like any other, so there it must stand between two.
    """
    if b"\n" in head or b"\r" not in head:
        return False
    return not of_objects or _OBJECTS_BY_CR.search(head) is not None
