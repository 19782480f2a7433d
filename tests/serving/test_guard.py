import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from serving import guard
from serving.api import MOST_ACCOUNTS, MOST_BYTES, Error, ScoreRequest
from serving.guard import SECURITY_HEADERS, Guard


async def echo(request: Request) -> JSONResponse:
    return JSONResponse(await request.json())


async def page(_: Request) -> HTMLResponse:
    return HTMLResponse("<p>gone", status_code=410)


async def odd(_: Request) -> JSONResponse:
    return JSONResponse([{"error": "a list"}], status_code=400)


async def broken(_: Request) -> JSONResponse:
    raise HTTPException(500, "secret")


APP = Guard(
    Starlette(
        routes=[
            Route("/v1/score", echo, methods=["POST"]),
            Route("/page", page),
            Route("/odd", odd),
            Route("/broken", broken),
        ]
    ),
    forms={"/v1/score": ScoreRequest},
)
JSON = {"content-type": "application/json"}


@pytest.fixture
def ask(asking):
    return asking(APP)


def error(answer) -> dict[str, object]:
    Error.model_validate(answer.json())
    return answer.json()["error"]


def test_a_body_of_the_right_form_arrives(ask):
    assert ask("POST", "/v1/score", json={"account_ids": ["a"]}).json() == {"account_ids": ["a"]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "invalid_request"),
        (b"null", "invalid_request"),
        (b"{}", "invalid_request"),
        (b'{"account_ids": null}', "invalid_request"),
        (b'{"account_ids": []}', "invalid_request"),
        (b'{"account_ids": [1]}', "invalid_request"),
        (b'{"account_ids": [""]}', "invalid_request"),
        (b'{"account_ids": "a"}', "invalid_request"),
        (b'{"account_ids": ["a"], "more": 1}', "invalid_request"),
        (json.dumps({"account_ids": ["a"] * (MOST_ACCOUNTS + 1)}).encode(), "invalid_request"),
    ],
)
def test_any_other_body_is_answered_400(ask, body, code):
    answer = ask("POST", "/v1/score", content=body, headers=JSON)
    assert answer.status_code == 400
    assert error(answer)["code"] == code


@pytest.mark.parametrize("kind", ["text/plain", "application/vnd.bentoml+pickle", ""])
def test_only_json_is_read(ask, kind):
    answer = ask("POST", "/v1/score", content=b"{}", headers={"content-type": kind})
    assert answer.status_code == 400
    assert "application/json" in error(answer)["message"]


def test_a_body_that_says_it_is_too_long_is_not_read(ask):
    answer = ask("POST", "/v1/score", content=b"a" * (MOST_BYTES + 1), headers=JSON)
    assert answer.status_code == 413
    assert error(answer)["code"] == "body_too_large"


def test_a_body_that_does_not_say_its_length_is_cut_off(ask):
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"a" * 50_000

    assert ask("POST", "/v1/score", content=pieces(), headers=JSON).status_code == 413


def test_a_slow_body_is_given_up(monkeypatch):
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)
    sent = []

    async def receive() -> dict[str, object]:
        await asyncio.sleep(1)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/score", "headers": []}
    asyncio.run(APP(scope, receive, send))
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/v1/score", 405), ("/odd", 400), ("/broken", 500)]
)
def test_every_error_has_the_one_form(ask, path, status):
    answer = ask("GET", path)
    assert answer.status_code == status
    assert "secret" not in error(answer)["message"]


def test_a_page_says_its_error_itself(ask):
    assert ask("GET", "/page").text == "<p>gone"


@pytest.mark.parametrize("path", ["/page", "/nowhere", "/broken"])
def test_every_answer_bears_the_security_headers(ask, path):
    headers = ask("GET", path).headers
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
