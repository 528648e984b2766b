"""Which name is said of a place: the operator's before a package's, and none from too far away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from console_world import apply, console_world, violation
from starlette.testclient import TestClient

from console.app import create_app
from console.gazetteer import ATTRIBUTION, Gazetteer, packaged_places
from pipeline.errors import SiteError
from pipeline.sites.named_places import NamedPlace, load_places

OWN = [NamedPlace("桥头", 106.5, 29.6), NamedPlace("渡口", 106.5, 29.5)]
KNOWN = [NamedPlace("香龙镇", 106.51, 29.5, "Xianglong"), NamedPlace("极远", 100.0, 29.5, "Far")]

TABLE = [
    # lon, lat, own, known, what is said
    (106.5, 29.51, OWN, (), ("渡口", None, 1112)),  # the nearest of two
    (106.51, 29.5, OWN, KNOWN, ("渡口", None, 968)),  # the operator's, though another is right here
    (106.51, 29.5, (), KNOWN, ("香龙镇", "Xianglong", 0)),
    (106.5, 29.9, OWN, KNOWN, None),  # 33 km from anything
    (-179.99, 0.0, [NamedPlace("对岸", 179.99, 0.0)], (), ("对岸", None, 2224)),  # over ±180
    (None, None, OWN, KNOWN, None),  # a silent device has no place
    (106.5, 29.5, (), (), None),
]


@pytest.mark.parametrize(("lon", "lat", "own", "known", "said"), TABLE)
def test_the_nearest_name(
    lon: float | None,
    lat: float | None,
    own: list[NamedPlace],
    known: list[NamedPlace],
    said: tuple[str, str | None, int] | None,
) -> None:
    found = Gazetteer(own, known).near(lon, lat)
    assert (None if found is None else tuple(found.values())) == said


def test_an_alert_says_what_it_is_near(tmp_path: Path) -> None:
    with console_world(tmp_path, gazetteer=Gazetteer(OWN, KNOWN)) as world:
        (key,) = apply(world, violation(1))
        with TestClient(create_app(world.parts), headers=world.bearer("officer")) as client:
            assert client.get(f"/v1/alerts/{key}").json()["near"]["name"] == "渡口"
            assert client.get("/v1/site").json()["places_attribution"] == ATTRIBUTION


def test_names_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from its data file, cut to the bounds; the Chinese name with its rank where there is one."""
    data = tmp_path / "names_package" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise AssertionError('nothing of it is imported')")
    city = {"name": "Xianglong", "longitude": 106.6, "latitude": 30.1, "countrycode": "CN", "population": 1}
    cities = {
        "1": city | {"alternatenames": ["", "Xianglong Zhen", "香龙", "香龙镇"]},
        "2": city | {"name": "Beside", "alternatenames": ["旁边"]},
        "3": city | {"name": "Latin", "alternatenames": []},
        "4": city | {"longitude": 12.0, "alternatenames": []},
    }
    (data / "cities500.json").write_text(json.dumps(cities), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = packaged_places((106.0, 30.0, 107.0, 31.0), "names_package")
    assert [(place.name, place.name_en) for place in found] == [
        ("香龙镇", "Xianglong"),
        ("旁边", "Beside"),
        ("Latin", "Latin"),
    ]
    assert packaged_places((106.0, 30.0, 107.0, 31.0), "no_such_package") == []


def test_the_faults_of_places_csv(tmp_path: Path) -> None:
    """Each with row and field, and what was expected."""
    (tmp_path / "places.csv").write_text("name,lon,lat\n桥头,106.5,29.6\n,200,x\n", "utf-8")
    with pytest.raises(SiteError) as caught:
        load_places(tmp_path)
    assert [(fault.file, fault.where) for fault in caught.value.faults] == [
        ("places.csv", "row 2, name"),
        ("places.csv", "row 2, lon"),
        ("places.csv", "row 2, lat"),
    ]
    (tmp_path / "places.csv").write_text("name,lon,lat\n桥头,106.5,29.6\n", "utf-8")
    assert load_places(tmp_path) == [NamedPlace("桥头", 106.5, 29.6)]
    (tmp_path / "places.csv").unlink()
    assert load_places(tmp_path) == []
