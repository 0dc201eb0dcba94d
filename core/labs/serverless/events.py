"""Requests and replies in the formats of Lambda.

Three shapes come in: API Gateway proxy events of REST APIs (format 1.0), of HTTP APIs (format 2.0), and the plain JSON
of Step Functions or of a direct call. The first two are answered with a proxy response, the third with plain JSON.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.labs.serverless.requests import BadRequest, read_object

Shape = Literal["rest", "http", "plain"]


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        shape: How it came in.
        method: HTTP method; POST for plain calls.
        path: HTTP path; empty for plain calls.
        raw: Body as it came: text of a proxy event, the event itself for a plain call.
        encoded: Whether ``raw`` is base64.
    """

    shape: Shape
    method: str
    path: str
    raw: object
    encoded: bool = False

    @classmethod
    def of(cls, event: object) -> Call:
        """Tells the three shapes apart."""
        if not isinstance(event, Mapping) or "requestContext" not in event:
            return cls("plain", "POST", "", event)
        encoded = bool(event.get("isBase64Encoded"))
        http = event["requestContext"].get("http")
        if event.get("version") == "2.0" and isinstance(http, Mapping):
            return cls("http", str(http.get("method")), str(event.get("rawPath", "")), event.get("body"), encoded)
        return cls("rest", str(event.get("httpMethod")), str(event.get("path", "")), event.get("body"), encoded)

    @property
    def is_http(self) -> bool:
        """Whether an HTTP status is wanted in return."""
        return self.shape != "plain"

    def body(self) -> Mapping[str, Any]:
        """The JSON object that was sent.

        Raises:
            BadRequest: The event carries no JSON object.
        """
        if not self.is_http:
            if not isinstance(self.raw, Mapping):
                raise BadRequest("The input is no JSON object.", 'Send an object such as {"question": "..."}.')
            return self.raw
        if self.method != "POST":
            raise BadRequest(f"The method is {self.method}.", "Send a POST.")
        if not isinstance(self.raw, str) or not self.raw:
            raise BadRequest("The body is empty.", 'Send an object such as {"question": "..."}.')
        if not self.encoded:
            return read_object(self.raw)
        try:
            return read_object(base64.b64decode(self.raw, validate=True))
        except binascii.Error as error:
            raise BadRequest("The body is marked as base64 and is none.", "Encode UTF-8 text.") from error


def proxy_response(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """A reply in the form that both kinds of API Gateway take."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"},
        "body": json.dumps(body, ensure_ascii=False),
        "isBase64Encoded": False,
    }


def http_event(path: str, body: bytes | str, request_id: str = "", method: str = "POST") -> dict[str, Any]:
    """An event of an HTTP API (format 2.0), as the local cloud sends it; bytes that are no text go as base64."""
    try:
        text, encoded = body.decode() if isinstance(body, bytes) else body, False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True  # type: ignore[arg-type]
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": request_id,
            "routeKey": f"{method} {path}",
            "stage": "$default",
        },
        "body": text,
        "isBase64Encoded": encoded,
    }
