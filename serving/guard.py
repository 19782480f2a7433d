"""What stands before every request: size, form, headers, and one form for every error."""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api import MOST_BYTES, ApiError, code_of, parse

BODY_SECONDS = 10.0
"""A body that takes longer is given up, so that slow senders hold nothing."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """ASGI middleware.

    Parameters
    ----------
    app : ASGI application
        Sees only bodies that are JSON, small enough and of the path's form.
    forms : mapping of str to pydantic model
        Form of the body by path; a POST to another path is not looked into.
    """

    def __init__(self, app: ASGIApp, forms: Mapping[str, type[BaseModel]]) -> None:
        self.app = app
        self.forms = forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            receive = await self._checked(scope, receive)
        except ApiError as error:
            await error.response()(scope, receive, answer)
            return
        await self.app(scope, receive, answer)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        """Read the body whole, check it, and hand it on."""
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return receive
        headers = Headers(scope=scope)
        body = await _in_time(headers, receive)
        if form := self.forms.get(scope["path"]):
            parse(form, _json(headers, body))
        return _once(body, receive)


class _Answer:
    """Sends an answer with the security headers, errors in their one form.

    An HTML answer is a page that says its error itself.
    """

    def __init__(self, send: Send) -> None:
        self.send = send
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers.update(SECURITY_HEADERS)
            if message["status"] >= 400 and "html" not in headers.get("content-type", ""):
                self.start = message
                return
        elif self.start is not None and message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if message.get("more_body"):
                return
            await self._send_error(self.start)
            return
        await self.send(message)

    async def _send_error(self, start: Message) -> None:
        body = json.dumps(_in_form(start["status"], self.body)).encode()
        headers = MutableHeaders(raw=start["headers"])
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        await self.send(start)
        await self.send({"type": "http.response.body", "body": body})


async def _in_time(headers: Headers, receive: Receive) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _body(headers, receive)
    except TimeoutError:
        raise ApiError(
            408, "too_slow", f"The body did not arrive within {BODY_SECONDS:.0f} seconds."
        ) from None


async def _body(headers: Headers, receive: Receive) -> bytes:
    too_large = ApiError(
        413, "body_too_large", f"The body is longer than {MOST_BYTES:,} bytes; send less at a time."
    )
    if int(headers.get("content-length", 0)) > MOST_BYTES:
        raise too_large
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "incomplete_body", "The connection closed inside the body.")
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BYTES:
            raise too_large
        if not message.get("more_body"):
            return body


def _json(headers: Headers, body: bytes) -> Any:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(
            400,
            "not_json",
            f"The body must be JSON, sent with Content-Type: application/json (not {kind!r}).",
        )
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "not_json", f"The body is no valid JSON: {error}.") from None


def _once(body: bytes, receive: Receive) -> Receive:
    """Hand a body on that has been read; then listen again, for the end of the connection."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay


def _in_form(status: int, body: bytes) -> dict[str, Any]:
    """Bring an error of whatever origin into the one form."""
    text = body.decode("utf-8", "replace").strip()
    try:
        said = json.loads(text)
    except ValueError:
        said = text
    if isinstance(said, dict) and isinstance(said.get("error"), dict):
        return said
    message = said if isinstance(said, str) and said else f"{HTTPStatus(status).phrase}."
    if status >= 500 and status != HTTPStatus.SERVICE_UNAVAILABLE:
        message = "The service failed on this request; its log says how."
    return {"error": {"code": code_of(status), "message": message, "details": None}}
