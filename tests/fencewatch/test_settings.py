"""The configuration file: what it may say, and that mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from fencewatch.config import Settings, read_settings
from pipeline.errors import InputError


def settings(directory: Path, *lines: str) -> Settings:
    path = directory / "fencewatch.toml"
    path.write_text("\n".join(lines))
    return read_settings(path)


def test_paths_are_from_where_the_file_lies(tmp_path: Path) -> None:
    found = settings(tmp_path, 'site = "site"', 'inbox = "in/box"')
    assert (found.site, found.inbox) == (tmp_path / "site", tmp_path / "in" / "box")
    assert settings(tmp_path, 'site = "site"', 'inbox = "/srv/inbox"').inbox == Path("/srv/inbox")


def test_without_an_inbox_there_is_none(tmp_path: Path) -> None:
    assert settings(tmp_path, 'site = "site"').inbox is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('inbox = ""', "inbox is empty; expected a directory"),
        ('inbox = "fencewatch-data"', "where the system keeps its files"),
        ('inbox = "site/../fencewatch-data/journal"', "where the system keeps its files"),
        ('inbox = "fencewatch-data/state/in"', "where the system keeps its files"),
        ("inbox = 3", "inbox is 3; expected text"),
        ('http.trusted_proxies = "::1"', "http.trusted_proxies is '::1'; expected a list"),
        ('http.trusted_proxies = ["proxy"]', "has 'proxy'; expected addresses"),
        ("http.connections = 0", "http.connections is 0; expected at least one"),
        ("retention.rejects_days = 0", "expected at least one day"),
        ('in_box = "x"', "in_box is unknown; expected one of site, data, inbox"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        settings(tmp_path, 'site = "site"', line)


def test_an_inbox_may_lie_beside_what_is_kept(tmp_path: Path) -> None:
    found = settings(tmp_path, 'site = "site"', 'inbox = "fencewatch-data/inbox"')
    assert found.inbox == tmp_path / "fencewatch-data" / "inbox"
