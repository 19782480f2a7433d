import json
import time

import pytest
from starlette.datastructures import Headers

from serving import access as access_module
from serving import keys
from serving.access import Access, check_same_site
from serving.api import ApiError
from serving.audit import Audit
from serving.guard import Guard
from serving.keys import KeyRing
from serving.live import Live, Snapshot
from serving.rate import RateLimit
from serving.web import create_app


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "LOOK_SECONDS", 0.0)
    return tmp_path / "keys.json"


@pytest.fixture
def made(file):
    return {scope: keys.add(file, scope, scope) for scope in keys.SCOPES}


@pytest.fixture
def access(file):
    return Access(KeyRing(file), RateLimit(1000), b"secret")


@pytest.fixture
def ask(access, asking, tmp_path):
    live = Live(lambda: "1", lambda: Snapshot({"version": "1"}, ()))
    return asking(Guard(create_app(live, Audit(tmp_path / "audit"), access), access, {}))


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def code(answer) -> str:
    return answer.json()["error"]["code"]


@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/model", "/metrics", "/v1/nothing"])
def test_without_a_key_nothing_is_told(made, ask, path):
    answer = ask("GET", path)
    assert (answer.status_code, code(answer)) == (401, "no_key")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/login", "/static/tenure.css"])
def test_some_things_are_told_to_anybody(made, ask, path):
    assert ask("GET", path).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "bearer tenure_1_2", "tenure_1_2"],
)
def test_what_is_no_key_is_refused(made, ask, header):
    assert ask("GET", "/v1/model", headers={"Authorization": header}).status_code == 401


def test_two_keys_at_once_are_none(made, ask):
    twice = [("Authorization", f"Bearer {made['read']}")] * 2
    assert ask("GET", "/v1/model", headers=twice).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "least"),
    [("GET", "/v1/model", "read"), ("POST", "/v1/score", "score"), ("GET", "/metrics", "admin")],
)
def test_a_key_reaches_as_far_as_its_scope(made, ask, method, path, least):
    for scope in keys.SCOPES:
        answer = ask(method, path, headers=bearer(made[scope]))
        if keys.SCOPES.index(scope) < keys.SCOPES.index(least):
            assert (answer.status_code, code(answer)) == (403, "scope_too_small")
        else:
            assert answer.status_code in (200, 415, 503)


def test_unreadable_keys_let_nobody_in(made, ask, file):
    file.write_text("{")
    answer = ask("GET", "/v1/model", headers=bearer(made["admin"]))
    assert (answer.status_code, code(answer)) == (503, "keys_unreadable")


def test_who_asks_too_often_has_to_wait(made, access, ask):
    access.limit = RateLimit(3)
    answers = [ask("GET", "/v1/model", headers=bearer(made["read"])) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 503, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 21
    assert ask("GET", "/v1/model", headers=bearer(made["admin"])).status_code == 503


def test_without_keys_only_this_machine_is_answered(ask):
    assert ask("GET", "/healthz").status_code == 200
    answer = ask("GET", "/healthz", headers={"Host": "evil.example:3000"})
    assert (answer.status_code, code(answer)) == (403, "foreign_host")
    assert ask("GET", "/healthz", headers={"Host": "[::1"}).status_code == 403


@pytest.mark.parametrize(("host", "allowed"), [("10.0.0.7", False), ("127.0.0.1", True)])
def test_without_keys_no_other_address_answers(access, host, allowed):
    scope = {"method": "GET", "path": "/", "headers": [], "server": (host, 3000)}
    if allowed:
        assert access.admit(scope).name == ""
    else:
        with pytest.raises(ApiError, match="tenure keys add"):
            access.admit(scope)


def enter(ask, key: str, **more: object):
    return ask("POST", "/login", data={"key": key, "next": "/accounts/7?a=b"}, **more)


def test_a_person_comes_in_by_a_form_and_gets_where_they_wanted(made, ask):
    sent = ask("GET", "/accounts/7?a=b")
    assert (sent.status_code, sent.headers["location"]) == (
        303,
        "/login?next=%2Faccounts%2F7%3Fa%3Db",
    )
    assert 'value="/accounts/7?a=b"' in ask("GET", sent.headers["location"]).text
    answer = enter(ask, made["read"])
    assert (answer.status_code, answer.headers["location"]) == (303, "/accounts/7?a=b")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert made["read"] not in cookie
    assert ask("GET", "/", headers={"Cookie": cookie.partition(";")[0]}).status_code == 503


def test_a_wrong_key_is_said_on_the_page(made, ask):
    answer = enter(ask, "nonsense")
    assert answer.status_code == 401
    assert "unknown or was revoked" in answer.text
    assert "nonsense" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_form_leads_nowhere_else(made, ask, wanted):
    answer = ask("POST", "/login", data={"key": made["read"], "next": wanted})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}]
)
def test_another_sites_form_is_refused(made, ask, path, headers):
    answer = ask("POST", path, data={"key": made["read"]}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers", [{}, {"sec-fetch-site": "same-origin"}, {"origin": "http://a:3", "host": "a:3"}]
)
def test_our_own_form_is_taken(headers):
    check_same_site(Headers(headers))


def session(access, key: str) -> Headers:
    _, value = access.open_session(key)
    return Headers({"cookie": f"{access_module.COOKIE}={value}"})


def test_a_session_ends_with_its_key_and_with_time(made, access, file, monkeypatch):
    headers = session(access, made["read"])
    assert access.session(headers).name == "read"
    later = time.time() + access_module.SESSION_SECONDS + 1
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: later)
        assert access.session(headers) is None
    keys.revoke(file, "read")
    assert access.session(headers) is None


def test_a_session_cannot_be_made_up(made, access):
    number, ends, signature = session(access, made["read"])["cookie"].split("=")[1].split(".")
    other = made["admin"].split("_")[1]
    for forged in (
        f"{other}.{ends}.{signature}",
        f"{number}.{int(ends) + 1}.{signature}",
        f"{number}.{ends}.{'0' * 64}",
        f"{number}.{ends}.ü",
        f"{number}.{ends}",
        "",
        "a.b.c",
    ):
        headers = Headers(raw=[(b"cookie", f"{access_module.COOKIE}={forged}".encode())])
        assert access.session(headers) is None


def test_a_session_is_for_looking_only(made, ask):
    cookie = enter(ask, made["admin"]).headers["set-cookie"].partition(";")[0]
    assert ask("GET", "/v1/model", headers={"Cookie": cookie}).status_code == 503
    answer = ask("POST", "/v1/score", json={"account_ids": ["a"]}, headers={"Cookie": cookie})
    assert (answer.status_code, code(answer)) == (401, "no_key")


def test_nobodys_key_is_ever_logged(made, ask, caplog):
    caplog.set_level("INFO")
    for text in (made["read"], "tenure_1_guess"):
        ask("POST", "/v1/score", headers=bearer(text))
        enter(ask, text)
    assert caplog.records
    told = caplog.text + json.dumps([str(vars(record)) for record in caplog.records])
    assert made["read"] not in told
    assert "guess" not in told
