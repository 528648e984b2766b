"""Sends rows to a gateway as an agency's server would: again and again until they are known to be durable."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Literal

import httpx2
import polars as pl

from simulators.errors import SendError

Stream = Literal["pings", "confirmations"]

#: Real seconds until an answer is given up, and between two tries.
_ANSWER_S, _AGAIN_S = 10.0, 0.2
_NDJSON = "application/x-ndjson"


class Sender:
    """Rows over HTTP in their order, one request at a time.

    ``between`` is called before each further try; what it raises ends the sending.
    """

    def __init__(self, url: str, token: str, between: Callable[[], None]) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx2.Client(base_url=url, headers=headers, timeout=_ANSWER_S)
        self._between = between
        self.sent: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()

    def send(self, stream: Stream, rows: pl.DataFrame) -> None:
        """Returns when the gateway has them on disk. Raises SendError where it will never take them."""
        if not len(rows):
            return
        answer = self._taken(f"/v1/{stream}", ndjson(rows))
        self.sent[stream] += len(rows)
        self.rejected.update(refusal["reason"] for refusal in answer.json()["rejected"])

    def set_time(self) -> None:
        """Returns when the gateway has its clock on disk as it is now; no row is sent."""
        self._taken("/v1/pings", b"")

    def change(self, body: bytes, name: str) -> bool:
        """Whether a change of the site was taken; sent again under its ``name`` it is taken once."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": name}
        return self._answer("/v1/site/changes", body, headers).is_success

    def close(self) -> None:
        """Hangs up."""
        self._client.close()

    def _taken(self, path: str, body: bytes) -> httpx2.Response:
        answer = self._answer(path, body, {"Content-Type": _NDJSON})
        if answer.status_code != httpx2.codes.ACCEPTED:
            raise SendError(f"{path}: {answer.status_code} {answer.text}")
        return answer

    def _answer(self, path: str, body: bytes, headers: dict[str, str]) -> httpx2.Response:
        """The first answer that is none for want of something on the other side."""
        while True:
            try:
                answer = self._client.post(path, content=body, headers=headers)
            except httpx2.TransportError:  # perhaps it is there, perhaps not: both are recognised
                pass
            else:
                if not answer.is_server_error:
                    return answer
            time.sleep(_AGAIN_S)
            self._between()


def ndjson(rows: pl.DataFrame) -> bytes:
    """Rows as lines of the contract; the arrival is the gateway's to say."""
    told = pl.col("event_time").dt.to_string("%Y-%m-%dT%H:%M:%S%.3fZ")
    return rows.drop("arrival_time").with_columns(told).write_ndjson().encode()
