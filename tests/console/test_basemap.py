"""The ground of the map, from an archive on disk to pixels in the browser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from console_world import console_world
from page_console import page_console
from page_visit import CHROMIUM, Visit, chromium, visit
from pmtiles_file import tile_at, vector_tile, write_pmtiles
from starlette.testclient import TestClient

from console.app import create_app
from console.parts import WEB
from console.tile_archive import TileArchive, WrongArchive, tile_id
from fencewatch.config import read_settings

ZOOM = 10
HERE = tile_at(106.5, 29.5, ZOOM)
#: How many pixels of a picture have the colour of water.
_WATER = """async picture => {
  const bytes = Uint8Array.from(atob(picture), one => one.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
  canvas.drawImage(bitmap, 0, 0);
  const { data } = canvas.getImageData(0, 0, bitmap.width, bitmap.height);
  let found = 0;
  for (let k = 0; k < data.length; k += 4) {
    if (data[k + 2] - data[k] > 35 && data[k + 2] > 200 && data[k + 1] > 180) found += 1;
  }
  return found;
}"""


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[TileArchive]:
    path = tmp_path / "county.pmtiles"
    around = [(HERE[0] + dx, HERE[1] + dy) for dx in range(-1, 2) for dy in range(-1, 2)]
    write_pmtiles(path, {tile_id(ZOOM, *at): vector_tile() for at in around}, ZOOM, leaf=True)
    opened = TileArchive.open(path)
    yield opened
    opened.close()


def test_the_number_of_a_tile() -> None:
    """As the format's own examples have it, and each number of a zoom once."""
    assert [tile_id(1, *at) for at in ((0, 0), (0, 1), (1, 1), (1, 0))] == [1, 2, 3, 4]
    assert tile_id(0, 0, 0) == 0
    assert tile_id(12, 3423, 1763) == 19078479
    numbers = {tile_id(4, x, y) for x in range(16) for y in range(16)}
    assert numbers == set(range(85, 85 + 256))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("leaf", [True, False])
def test_a_tile_is_found_again(tmp_path: Path, packed: bool, leaf: bool) -> None:
    tiles = {tile_id(ZOOM, HERE[0] + k, HERE[1]): f"tile {k}".encode() for k in (0, 1, 5)}
    write_pmtiles(tmp_path / "a", tiles, ZOOM, packed=packed, leaf=leaf)
    archive = TileArchive.open(tmp_path / "a")
    found = [archive.tile(ZOOM, HERE[0] + k, HERE[1]) for k in (0, 1, 2, 5)]
    assert found == [b"tile 0", b"tile 1", None, b"tile 5"]
    assert archive.tile(ZOOM + 1, 0, 0) is archive.tile(ZOOM, 1 << ZOOM, 0) is None
    assert archive.attribution == "© OpenStreetMap contributors"
    archive.close()


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    """Missing, empty, something else, cut anywhere within head and directories: one line, no traceback."""
    whole = tmp_path / "whole"
    write_pmtiles(whole, {tile_id(ZOOM, *HERE): b"tile"}, ZOOM)
    content = whole.read_bytes()
    path = tmp_path / "broken"
    with pytest.raises(WrongArchive, match="cannot be read"):
        TileArchive.open(path)
    pictures = content[:99] + b"\x02" + content[100:]
    for broken in (b"", b"x" * 200, pictures, *(content[:size] for size in range(0, 200, 7))):
        path.write_bytes(broken)
        with pytest.raises(WrongArchive):
            TileArchive.open(path).tile(ZOOM, *HERE)


def test_tiles_are_for_those_with_a_token(tmp_path: Path, archive: TileArchive) -> None:
    where = f"/v1/basemap/{ZOOM}/{HERE[0]}/{HERE[1]}"
    with console_world(tmp_path, basemap=archive) as world, TestClient(create_app(world.parts)) as client:
        assert client.get(where).status_code == 401
        assert client.get(where, headers=world.bearer("operator")).status_code == 403
        officer = world.bearer("officer")
        assert client.get(where, headers=officer).content == vector_tile()
        assert client.get(f"/v1/basemap/{ZOOM}/0/0", headers=officer).content == b""
        told = client.get("/v1/basemap", headers=officer).json()
        assert (told["layers"], told["maxzoom"]) == (["places", "roads", "water"], ZOOM)
    with console_world(tmp_path) as world, TestClient(create_app(world.parts)) as client:
        officer = world.bearer("officer")
        assert client.get("/v1/basemap", headers=officer).json() is None
        assert client.get(where, headers=officer).content == b""


def test_the_configuration_names_it(tmp_path: Path) -> None:
    config = tmp_path / "fencewatch.toml"
    config.write_text('site = "site"\n[page]\nbasemap = "county.pmtiles"\n')
    assert read_settings(config).basemap == tmp_path / "county.pmtiles"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.skipif(not (WEB / "node_modules").is_dir(), reason="`npm ci` has not run in console/web")
def test_the_page_draws_it(tmp_path: Path, archive: TileArchive) -> None:
    """Water becomes blue pixels below the fences; the source is named, a scale shown, nobody complains."""
    with (
        page_console(tmp_path, is_moving=False, basemap=archive) as console,
        chromium() as browser,
        visit(browser) as visitor,
    ):
        visitor.page.goto(f"{console.url}/#token={console.token}")
        visitor.sees("© OpenStreetMap contributors")
        visitor.page.locator(".maplibregl-ctrl-scale").wait_for()
        visitor.click_first_alert()  # there the map is as near as the archive begins
        assert draws_water(visitor)
        assert visitor.complaints == []
        assert visitor.requests_elsewhere == []


def draws_water(visitor: Visit) -> bool:
    """Whether the map is blue somewhere, soon."""
    for _ in range(20):
        picture = base64.b64encode(visitor.page.locator("#map").screenshot()).decode()
        if visitor.page.evaluate(_WATER, picture) > 1_000:
            return True
        visitor.page.wait_for_timeout(1_000)
    return False
