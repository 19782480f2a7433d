"""The real service process, as `tenure serve` starts it."""

import os
import re
import time
from unittest.mock import patch

import httpx
import pytest

from serving import score
from serving.api import Account, Error, Scores
from serving.guard import SECURITY_HEADERS

pytestmark = pytest.mark.alone

PATIENCE_SECONDS = 400


@pytest.fixture(scope="module")
def without_champion(champion, scored):
    """Take the champion's alias away for a while, once all that needs it is made."""
    from mlflow import MlflowClient

    from training.tracking import store

    client = MlflowClient(champion.store, champion.store)
    client.delete_registered_model_alias(store.NAME, store.CHAMPION)
    yield lambda: client.set_registered_model_alias(
        store.NAME, store.CHAMPION, str(champion.version)
    )
    client.set_registered_model_alias(store.NAME, store.CHAMPION, str(champion.version))


@pytest.fixture(scope="module")
def service(champion, without_champion, start):
    with start(champion.company, champion.config, champion.store) as process:
        yield process


def fault(answer: httpx.Response) -> dict[str, object]:
    Error.model_validate_json(answer.content)
    return answer.json()["error"]


def test_without_a_champion_it_lives_and_says_what_to_do(service):
    service.wait_for("/healthz", 200)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "tenure train" not in service.get("/readyz").text:
        assert time.monotonic() < deadline, "".join(service.lines)
        time.sleep(0.3)
    for answer in (service.get("/readyz"), service.score(json={"account_ids": ["a"]})):
        assert answer.status_code == 503
        assert fault(answer)["code"] == "not_ready"
        assert "tenure promote" in fault(answer)["message"]
    assert service.get("/").status_code == 503
    assert service.get("/healthz").status_code == 200


@pytest.fixture(scope="module")
def ready(service, without_champion):
    """The same process, once a champion is promoted."""
    without_champion()
    service.wait_for("/readyz", 200)
    return service


def test_it_answers_with_rows_of_the_score_table(ready, scored):
    rows = score.records(scored[0])[:3]
    wanted = [rows[2]["account_id"], rows[0]["account_id"], rows[2]["account_id"]]
    answer = ready.score(json={"account_ids": wanted})
    assert answer.status_code == 200
    Scores.model_validate_json(answer.content)
    told = answer.json()["scores"]
    assert [{**row, "scored_at": None} for row in told] == [
        {**row, "scored_at": None} for row in (rows[2], rows[0])
    ]


def test_an_unknown_account_is_named(ready, scored):
    known = str(scored[0]["account_id"].iloc[0])
    answer = ready.score(json={"account_ids": [known, "nobody"]})
    assert answer.status_code == 404
    assert fault(answer)["code"] == "unknown_account"
    assert fault(answer)["details"] == {"unknown": ["nobody"]}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"account_ids": null}', "application/json", 400),
        (b'{"account_ids": ["a"]}', "text/plain", 415),
        (b"\x80\x04.", "application/vnd.bentoml+pickle", 415),
        (b"a" * 300_000, "application/json", 413),
    ],
)
def test_what_cannot_be_read_is_refused(ready, body, kind, status):
    answer = ready.score(content=body, headers={"content-type": kind})
    assert answer.status_code == status
    fault(answer)


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/score", 405), ("/v1/nothing", 404), ("/v1/accounts?sort=x", 400)]
)
def test_every_refusal_has_the_one_form(ready, path, status):
    answer = ready.get(path)
    assert answer.status_code == status
    fault(answer)


def test_the_list_of_accounts_is_whole(ready, scored):
    told = ready.get("/v1/accounts").json()["accounts"]
    assert [row["account_id"] for row in told] == scored[0]["account_id"].tolist()
    assert all(row.keys() == Account.model_fields.keys() for row in told)


@pytest.mark.parametrize("path", ["/", "/v1/model", "/openapi.json", "/static/tenure.css"])
def test_all_is_served_with_security_headers(ready, path):
    answer = ready.get(path)
    assert answer.status_code == 200
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


@pytest.mark.parametrize("path", ["/docs.json", "/static_content/index.css"])
def test_the_frameworks_own_pages_are_gone(ready, path):
    assert ready.get(path).status_code == 404


def test_refusals_leave_no_traceback_in_the_log(ready):
    ready.score(json={"account_ids": [1]})
    ready.score(json={"account_ids": ["nobody"]})
    assert not [line for line in ready.lines if "Traceback" in line]


def test_the_log_names_the_page(ready):
    deadline = time.monotonic() + 30
    while not any("The page:" in line for line in ready.lines):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert re.search(rf"The page: {ready.url}/", "".join(ready.lines))


def test_no_request_is_traced(tmp_path):
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    (tmp_path / "secret").write_bytes(b"-")
    # and what importing the service sets is gone again
    with patch.dict(os.environ, {"TENURE_RUN": str(tmp_path)}):
        from serving.service import Tenure

        app = Tenure.to_asgi()
    (tracing,) = [each for each in app.user_middleware if each.cls is OpenTelemetryMiddleware]
    assert tracing.kwargs["excluded_urls"].url_disabled("http://127.0.0.1/v1/score")
