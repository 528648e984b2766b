"""deploy/nginx.conf in front of the console: TLS, events as they come, limits, and the real address."""

from __future__ import annotations

import datetime
import getpass
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from console_world import World, apply, console_world, ping, violation
from guarded_console import Guarded, guarded, until
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from pipeline.host.clock import system_now_ms

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"

pytestmark = pytest.mark.skipif(
    not (Path(NGINX).exists() and shutil.which("openssl")), reason="needs nginx and openssl of the system"
)


@dataclass(frozen=True, slots=True)
class Proxied:
    """The address of the proxy, and what its certificate is checked with."""

    url: str
    port: int
    trust: ssl.SSLContext
    console: Guarded

    def client(self, who: str) -> httpx2.Client:
        headers = self.console.world.bearer(who)
        return httpx2.Client(
            base_url=self.url, verify=self.trust, headers=headers, timeout=60, trust_env=False
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with console_world(tmp_path, now_ms=system_now_ms) as world:
        yield world


def certificate(directory: Path) -> tuple[Path, Path]:
    """One of our own making, for 127.0.0.1."""
    key, made = directory / "tls.key", directory / "tls.crt"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-keyout", str(key), "-out", str(made), "-days", "2", "-subj", "/CN=fencewatch"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return key, made


def configured(directory: Path, port: int, console: Guarded, key: Path, made: Path) -> Path:
    """The configuration that is shipped, with only the marked places changed."""
    text = CONFIGURATION.read_text("utf-8")
    for before, after in (
        ("/run/nginx.pid", f"{directory}/nginx.pid"),
        ("/var/log/nginx/error.log", f"{directory}/error.log"),
        ("/var/log/nginx/access.log", f"{directory}/access.log"),
        ("server 127.0.0.1:8700;", f"server 127.0.0.1:{console.port};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/fencewatch/tls.crt", str(made)),
        ("/etc/fencewatch/tls.key", str(key)),
        ("worker_processes auto;", "worker_processes 1;"),
    ):
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    folders = " ".join(
        f"{name}_temp_path {directory}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = text.replace("http {", f"http {{ {folders}", 1)
    if os.geteuid() == 0:  # whose workers would be somebody else, who may not write here
        text = f"user {getpass.getuser()};\n{text}"
    path = directory / "nginx.conf"
    path.write_text(text, "utf-8")
    return path


@contextmanager
def proxied(directory: Path, console: Guarded) -> Iterator[Proxied]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key, made = certificate(directory)
    path = configured(directory, port, console, key, made)
    words = [NGINX, "-c", str(path), "-p", str(directory), "-g", "daemon off;"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:

        def answers() -> bool:
            assert process.poll() is None, process.stderr and process.stderr.read()
            with socket.socket() as door:
                return door.connect_ex(("127.0.0.1", port)) == 0

        until(answers)
        trust = ssl.create_default_context(cafile=str(made))
        yield Proxied(f"https://127.0.0.1:{port}", port, trust, console)
    finally:
        process.terminate()
        process.wait(60)
        process.stderr.close()


def test_page_rows_and_steps_go_through(world: World, tmp_path: Path) -> None:
    (key,) = apply(world, violation(1))
    with (
        guarded(world, trusted=("127.0.0.1",)) as console,
        proxied(tmp_path, console) as proxy,
        proxy.client("officer") as client,
    ):
        page = client.get("/")
        assert (page.status_code, "Content-Security-Policy" in page.headers) == (200, True)
        assert page.headers["Strict-Transport-Security"]
        for path in re.findall(r'(?:src|href)="([\w.]+\.(?:js|css|svg))"', page.text):
            assert client.get(f"/{path}").status_code == 200
        assert client.post(f"/v1/alerts/{key}/claim").json()["state"] == "claimed"
        now = datetime.datetime.now(datetime.UTC).isoformat()
        many = [ping("D1", event_time=now, operator="x" * 100) for _ in range(5_000)]
        with proxy.client("operator") as operator:
            assert operator.post("/v1/pings", content=json.dumps(many)).json()["accepted"] == 5_000
            assert operator.post("/v1/pings", content=b" " * ((32 << 20) + 1)).status_code == 413
            assert operator.get("/osmand/?id=D1&lat=29&lon=106&timestamp=1").status_code == 200
        assert client.post("/?id=D1&lat=29&lon=106").status_code == 404
    assert "?" not in (tmp_path / "access.log").read_text(), "no token of an address is written down"


def test_events_come_at_once(world: World, tmp_path: Path) -> None:
    with (
        guarded(world, trusted=("127.0.0.1",)) as console,
        proxied(tmp_path, console) as proxy,
        proxy.client("officer") as client,
        client.stream("GET", "/v1/alerts/stream") as stream,
    ):
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: hello"
        for number in (1, 2):
            (key,) = apply(world, violation(number))
            # The stream is still open: what waits in a buffer would not come now.
            assert key in next(line for line in lines if line.startswith('data: {"') and key in line)


def test_the_address_is_the_senders_own(world: World, tmp_path: Path) -> None:
    """A client that claims another address is not believed; without trust the proxy is the client."""
    seen: list[tuple[str, str]] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["client"][0], scope["scheme"]))
        await PlainTextResponse("noted")(scope, receive, send)

    claimed = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "gopher"}
    for trusted in (("127.0.0.1",), ()):
        with (
            guarded(world, noting, trusted=trusted) as console,
            proxied(tmp_path, console) as proxy,
            proxy.client("officer") as client,
        ):
            assert client.get("/", headers=claimed).text == "noted"
    assert seen == [("127.0.0.1", "https"), ("127.0.0.1", "http")]


def test_two_lengths_reach_nobody(world: World, tmp_path: Path) -> None:
    with guarded(world) as console, proxied(tmp_path, console) as proxy:
        plain = socket.create_connection(("127.0.0.1", proxy.port), 60)
        with proxy.trust.wrap_socket(plain, server_hostname="127.0.0.1") as door:
            door.sendall(b"POST /v1/pings HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n")
            door.sendall(b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            assert door.recv(1000).split()[1] == b"400"
