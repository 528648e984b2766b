"""The ingest routes in OpenAPI: they are plain routes, which the framework does not describe by itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from pipeline.columns import (
    ACCURACY,
    ARRIVAL_TIME,
    CONFIRMATION_TABLE,
    EVENT_TIME,
    FACE,
    LAT,
    LON,
    NUMBER,
    PING_TABLE,
    TRUTH,
    Column,
)
from pipeline.ingest.protocols import PROTOCOLS
from pipeline.ingest.protocols.protocol import Protocol
from pipeline.ping import CONFIRMATION, PING
from pipeline.reading.rows import REASONS

_NUMBERS = (LON, LAT, ACCURACY, NUMBER)
_ANSWER = {
    "type": "object",
    "required": ["accepted", "rejected"],
    "properties": {
        "accepted": {"type": "integer", "description": "rows that are durable"},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "reason"],
                "properties": {
                    "index": {"type": "integer", "description": "place among the rows sent, from 0"},
                    "reason": {"type": "string", "enum": list(REASONS[1:])},
                },
            },
        },
    },
}
#: Why a request was refused: a sentence, or what is wrong with each part of it; more where a route says so.
_REFUSAL = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {"anyOf": [{"type": "string"}, {"type": "array"}]}},
}
_ANYWHERE = {
    "400": "no request that can be read",
    "503": "a store cannot be used, or there is no room for more; `Retry-After` says when to ask again",
}
_WITH_A_KEY = {
    "401": "no token that counts",
    "403": "the role may not",
    "404": "nothing of that name within the office",
    "413": "the body is larger than the route takes",
    "415": "the body is packed or of another type",
    "422": "a part of the request is not as described",
    "429": "too many at once, or too many wrong ones before; `Retry-After` says when to ask again",
}
#: What a body is that does not begin as an array does, whatever its type is said to be.
_LINES = {"description": "Rows, one a line, as in NDJSON; a line that is no object is a `malformed` row."}
#: What phones send as JSON is described by those who make the apps.
_MESSAGE = {"type": "object", "description": "the message as the app sends it"}
_DEVICE_SECURITY: list[dict[str, list[str]]] = [{"HTTPBearer": []}, {"DeviceBasic": []}, {"DeviceQuery": []}]


def describe(app: FastAPI) -> None:
    """Adds the ingest routes to what the application says of itself."""
    own = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = own()
            schema["paths"] = {**_ingest_paths(), **schema["paths"]}
            _put_refusals(schema["paths"])
            _put_plain_parameters(schema["paths"])
            schema.setdefault("components", {}).setdefault("securitySchemes", {}).update(
                DeviceBasic={
                    "type": "http",
                    "scheme": "basic",
                    "description": "any name, the token as password",
                },
                DeviceQuery={"type": "apiKey", "in": "query", "name": "token"},
            )
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _put_refusals(paths: dict[str, Any]) -> None:
    """What any operation may answer besides what it says of itself."""
    for path, operations in paths.items():
        for operation in operations.values():
            said = operation["responses"]
            for status, text in _ANYWHERE.items():
                said.setdefault(status, {"description": text})
            if path.startswith("/v1/") or path == "/metrics":
                for status, text in _WITH_A_KEY.items():
                    said.setdefault(status, {"description": text})
            for status, response in said.items():
                if status >= "400" and path != "/readyz":
                    response["content"] = {"application/json": {"schema": _REFUSAL}}


def _put_plain_parameters(paths: dict[str, Any]) -> None:
    """A parameter that is left out is not null: nothing of a request's head can be."""
    for operations in paths.values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                schema = parameter["schema"]
                given = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
                if len(given) == 1:
                    parameter["schema"] = given[0] | {n: v for n, v in schema.items() if n != "anyOf"}


def _ingest_paths() -> dict[str, Any]:
    return {
        "/v1/pings": {"post": _rows("Send pings", PING)},
        "/v1/confirmations": {"post": _rows("Send confirmations", CONFIRMATION)},
        **{f"/{protocol.name}": _protocol(protocol) for protocol in PROTOCOLS},
    }


def _protocol(protocol: Protocol) -> dict[str, Any]:
    """The operations of a protocol of devices, by method."""
    said = _phone(protocol.summary, _ANSWER if protocol.hears else {"type": "array", "maxItems": 0})
    sent: dict[str, Any] = {"application/json": _MESSAGE}
    if protocol.parameters:
        said["parameters"] = [
            {
                "in": "query",
                "name": name,
                "required": False,
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in protocol.parameters.items()
        ]
        properties = {name: {"description": text} for name, text in protocol.parameters.items()}
        sent["application/x-www-form-urlencoded"] = {"type": "object", "properties": properties}
    operations = {method.lower(): dict(said) for method in protocol.methods}
    if "post" in operations:
        operations["post"]["requestBody"] = _optional(sent)
    if len(operations) > 1:
        for method, operation in operations.items():
            operation["operationId"] = f"{protocol.name}_{method}"
    return operations


def _optional(content: dict[str, Any]) -> dict[str, Any]:
    """A body that may be left out, by its types."""
    return {"required": False, "content": {name: {"schema": schema} for name, schema in content.items()}}


def _rows(summary: str, kind: int) -> dict[str, Any]:
    cells = {column.name: _cell(column) for column in (PING_TABLE if kind == PING else CONFIRMATION_TABLE)}
    # Whatever else stands in the place of a row is refused as a row, and the body is not.
    row = {"anyOf": [{"type": "object", "properties": cells}, {}]}
    return {
        "tags": ["ingest"],
        "summary": summary,
        "description": "The answer comes when the accepted rows are on disk. `arrival_time` is ours: "
        "one that is sent must be readable and is replaced.",
        "security": [{"HTTPBearer": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [{"type": "array", "items": row}, _LINES]}},
                "application/x-ndjson": {"schema": {"type": "string", "description": "one object a line"}},
            },
        },
        "responses": {"202": _said("accepted and durable, or rejected", _ANSWER), **_FAILURES},
    }


def _phone(summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    responses = {"200": _said("taken", schema), **_FAILURES}
    return {"tags": ["ingest"], "summary": summary, "security": _DEVICE_SECURITY, "responses": responses}


def _cell(column: Column) -> dict[str, Any]:
    said = {"description": column.meaning}
    if column.holds in _NUMBERS:
        return {"type": ["number", "null"], **said}
    if column.holds in (TRUTH, FACE):
        return {"type": ["boolean", "null"], **said}
    if column.holds in (EVENT_TIME, ARRIVAL_TIME):
        return {"type": ["string", "null"], "format": "date-time", **said}
    return {"type": ["string", "null"], **said}


def _said(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


_FAILURES = {
    "400": {"description": "the body cannot be read as rows"},
    "401": {"description": "no token that counts"},
    "403": {"description": "the role may not send, or a device sends for another"},
    "409": {"description": "rows come as files by the inbox of `fencewatch run`, and are not taken here"},
    "413": {"description": "too many bytes or rows at once"},
    "503": {"description": "nothing can be made durable at the moment; send again"},
}
