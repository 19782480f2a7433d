"""What stands around every request: who asks, its size and time, headers, counts, and the log."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import logs, meters
from serving.access import Access, for_people
from serving.api import MOST_BYTES, ApiError
from serving.login import way_in

BODY_SECONDS = 10.0
"""A body that takes longer is given up, so that slow senders hold nothing."""
ANSWER_SECONDS = 30.0
"""An answer that takes longer is given up, whether we are slow or the reader is."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]

log = logging.getLogger("tenure.serving")


class Guard:
    """ASGI middleware.

    Parameters
    ----------
    app : ASGI application
        Sees only requests that may be asked, with a body that has come whole. Finds who asks in
        ``scope["state"]["caller"]``; leaves a refusal's code in ``scope["state"]["code"]``.
    access : Access
    sizes : mapping of str to int
        Bytes that a body may have, by path; `MOST_BYTES` elsewhere.
    """

    def __init__(self, app: ASGIApp, access: Access, sizes: Mapping[str, int]) -> None:
        self.app = app
        self.access = access
        self.sizes = sizes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        number = logs.new_request_id(Headers(scope=scope))
        logs.request_id.set(number)
        state: dict[str, Any] = scope.setdefault("state", {})
        answer = _Answer(send, number)
        try:
            async with asyncio.timeout(ANSWER_SECONDS + BODY_SECONDS):
                await self._answer(scope, receive, answer)
        except TimeoutError:
            slow = ApiError(504, "too_slow_answer", "Answering took too long, so it was given up.")
            await _refuse(slow, scope, receive, answer)
        except Exception:
            log.exception("A request failed.")
            await _refuse(defect(), scope, receive, answer)
        finally:
            _tell(scope, answer.status, state.get("code"), time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            scope["state"]["caller"] = self.access.admit(scope)
            if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
                receive = await _read(scope, receive, self.sizes.get(scope["path"], MOST_BYTES))
        except ApiError as error:
            await _refuse(error, scope, receive, answer)
            return
        await self.app(scope, receive, answer)


class _Answer:
    """Sends an answer with the security headers and the request's id."""

    def __init__(self, send: Send, number: str) -> None:
        self.send = send
        self.number = number
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = [*_RAW_HEADERS, (b"x-request-id", self.number.encode())]
            message["headers"] = [*message.get("headers", ()), *own]
        await self.send(message)


async def _read(scope: Scope, receive: Receive, most: int) -> Receive:
    """Read the body whole, in time and within its size, and hand it on."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _body(Headers(scope=scope), receive, most)
    except TimeoutError:
        raise ApiError(
            408, "too_slow", f"The body did not arrive within {BODY_SECONDS:.0f} seconds."
        ) from None
    return _once(body, receive)


async def _body(headers: Headers, receive: Receive, most: int) -> bytes:
    too_large = ApiError(
        413, "body_too_large", f"The body is longer than {most:,} bytes; send less at a time."
    )
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        raise too_large
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "incomplete_body", "The connection closed inside the body.")
        body += message.get("body", b"")
        if len(body) > most:
            raise too_large
        if not message.get("more_body"):
            return bytes(body)


def _once(body: bytes, receive: Receive) -> Receive:
    """Hand a body on that has been read; then listen again, for the end of the connection."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay


async def _refuse(error: ApiError, scope: Scope, receive: Receive, answer: _Answer) -> None:
    """Answer an error, unless the answer has begun; then the connection is closed."""
    scope["state"]["code"] = error.code
    if answer.status:
        return
    response: Response = error.response()
    if error.status == 401 and scope["method"] == "GET" and for_people(scope["path"]):
        query = scope["query_string"].decode("latin-1")
        response = RedirectResponse(way_in(scope["path"], query), status_code=303)
    if error.status in (408, 413):
        # what is left of the body is not read, so the connection is of no more use
        MutableHeaders(raw=response.raw_headers)["connection"] = "close"
    await response(scope, receive, answer)


def defect() -> ApiError:
    """What is told of a failure that is ours."""
    return ApiError(
        500,
        "internal_error",
        "The service failed on this request. Its log says where, under the request's id.",
        {"request_id": logs.request_id.get()},
    )


def _tell(scope: Scope, status: int, code: str | None, seconds: float) -> None:
    """Count an answer, and log it if it is none that was hoped for."""
    route = getattr(scope.get("route"), "path", "other")
    meters.answered(scope["method"], route, status, seconds, code)
    # that there are no scores yet is told once, where they are made, and not at every probe
    if (status >= 400 or not status) and code != "not_ready":
        log.log(
            logging.ERROR if status in (0, 500, 504) else logging.INFO,
            "Refused.",
            extra={
                "method": scope["method"] if scope["method"] in meters.METHODS else "other",
                "route": route,
                "status": status,
                "code": code,
                "duration_ms": round(1000 * seconds, 1),
            },
        )
