import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from serving import guard
from serving.access import Access
from serving.api import MOST_ACCOUNTS, MOST_BYTES, ApiError, Error, ScoreRequest, parse
from serving.guard import SECURITY_HEADERS, Guard
from serving.keys import KeyRing
from serving.logs import JsonLines
from serving.rate import RateLimit


async def page(_: Request) -> HTMLResponse:
    return HTMLResponse("<p>gone", status_code=410)


async def broken(scope, receive, send) -> None:
    raise KeyError("secret")


async def score(request: Request) -> JSONResponse:
    try:
        form = parse(ScoreRequest, request.headers.get("content-type", ""), await request.body())
    except ApiError as error:
        return error.response()
    return JSONResponse(form.model_dump())


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    access = Access(KeyRing(tmp_path_factory.mktemp("keys") / "none"), RateLimit(60), b"secret")
    routes = [
        Route("/v1/score", score, methods=["POST"]),
        Route("/page", page),
    ]
    return Guard(Starlette(routes=routes), access, sizes={"/large": 1_000_000})


JSON = {"content-type": "application/json"}


@pytest.fixture
def ask(app, asking):
    return asking(app)


def error(answer) -> dict[str, object]:
    Error.model_validate(answer.json())
    return answer.json()["error"]


def test_a_body_of_the_right_form_arrives(ask):
    assert ask("POST", "/v1/score", json={"account_ids": ["a"]}).json() == {"account_ids": ["a"]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_request"),
        (b"{", "invalid_request"),
        (b"\xff\xfe", "invalid_request"),
        (b"[" * 100_000, "invalid_request"),
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
    assert answer.status_code == 415
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


def test_a_slow_body_is_given_up(app, monkeypatch):
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)
    sent = []

    async def receive() -> dict[str, object]:
        await asyncio.sleep(1)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/score", "headers": []}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 408


def test_a_defect_tells_its_number_and_nothing_else(app, asking, caplog):
    answer = asking(Guard(broken, app.access, {}))("GET", "/page")
    assert answer.status_code == 500
    assert error(answer)["details"] == {"request_id": answer.headers["x-request-id"]}
    assert "secret" not in answer.text
    (record,) = [record for record in caplog.records if record.exc_info]
    line = JsonLines().format(record)
    assert "secret" not in line
    assert json.loads(line)["exception"] == "KeyError"
    assert json.loads(line)["passed"][-1].endswith("broken")


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_Z", True), ("a b", False), ("x" * 65, False)]
)
def test_a_request_keeps_a_harmless_number(ask, given, kept):
    told = ask("GET", "/page", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert (told == given) is kept
    assert 0 < len(told) <= 64


def test_an_answer_that_takes_too_long_is_given_up(app, asking, monkeypatch):
    async def forever(scope, receive, send) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(guard, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.0)
    answer = asking(Guard(forever, app.access, {}))("GET", "/page")
    assert answer.status_code == 504
    assert error(answer)["code"] == "too_slow_answer"


def test_a_page_says_its_error_itself(ask):
    assert ask("GET", "/page").text == "<p>gone"


@pytest.mark.parametrize("path", ["/page", "/nowhere"])
def test_every_answer_bears_the_security_headers(ask, path):
    headers = ask("GET", path).headers
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
