"""The first row waits for no compiler: all kernels of the gateway are compiled before it says "serving"."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from console_world import console_world, ping
from numba.core.dispatcher import Dispatcher
from starlette.testclient import TestClient

from console.app import create_app
from pipeline.ingest.warming import compile_kernels
from pipeline.reading import DeviceIds


def compiled() -> dict[str, int]:
    """How many forms of each kernel are compiled, by its name."""
    return {
        f"{module.__name__}.{name}": len(kernel.signatures)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith(("pipeline.", "geofences."))
        for name, kernel in vars(module).items()
        if isinstance(kernel, Dispatcher)
    }


def test_no_message_compiles_anything_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_kernels(DeviceIds([]))
    with console_world(tmp_path) as world, TestClient(create_app(world.parts)) as client:
        client.headers.update(world.bearer("operator"))
        client.get("/readyz")
        before = compiled()
        monkeypatch.setattr("pipeline.ingest.bodies.ROWS_MOST", 3)
        deep = json.dumps(ping())[:-1] + f', "x": {"[" * 600}{"]" * 600}}}'
        for path in ("/v1/pings", "/v1/confirmations"):
            for body in (
                json.dumps([ping(), ping("D2")]),
                json.dumps([ping()] * 4),
                json.dumps([ping()], indent=2),
                f"[{deep}]",
                deep,
                json.dumps(ping(source="wifi", challenge_id="中", app_version="é", accuracy_m=1e400)),
                "nonsense",
                "[nonsense",
            ):
                assert client.post(path, content=body).status_code in (202, 400, 413)
        client.get("/osmand?id=D1&lat=1&lon=2&timestamp=1752465540")
        client.post("/owntracks", json={"_type": "location", "tid": "D1", "tst": 1, "lat": 1, "lon": 2})
        assert compiled() == before
    assert sum(before.values()) > 5
