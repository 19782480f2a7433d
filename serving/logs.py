"""Structured logs: one JSON document a line, with the request's id and nobody's data.

An exception is told by its kind and the places it passed. Its message may quote a value, and is
left out.
"""

import json
import logging
import re
import secrets
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers

log = logging.getLogger("tenure.serving")

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered."""

_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class JsonLines(logging.Formatter):
    """Formats a record; what is given as `extra` becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if number := request_id.get():
            told["request_id"] = number
        told |= {name: value for name, value in vars(record).items() if name in _EXTRA}
        if record.exc_info and record.exc_info[1]:
            told["exception"] = type(record.exc_info[1]).__name__
            told["passed"] = places(record.exc_info[1])
        return json.dumps(told, ensure_ascii=False, default=str)


_EXTRA = ("method", "route", "status", "code", "duration_ms", "model_version", "accounts")


def places(error: BaseException) -> list[str]:
    """Tell where an exception passed, the innermost last.

    Examples
    --------
    >>> try:
    ...     {}["ACME Ltd"]
    ... except KeyError as error:
    ...     "ACME" in str(places(error))
    False
    """
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]


def to_json_lines() -> None:
    """Let everything that this process logs come out as JSON lines on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.getLogger().handlers = [handler]
    for name in ("bentoml", "uvicorn.error", "circus", "tenure"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger("tenure").setLevel(logging.INFO)
    logging.getLogger("bentoml").setLevel(logging.WARNING)


def new_request_id(headers: Headers) -> str:
    """Take the caller's X-Request-ID if it is harmless, or make one."""
    given = headers.get("x-request-id", "")
    return given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
