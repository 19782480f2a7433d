"""What a service with keys tells, and to whom: the real process, two workers."""

import json
import re
import subprocess
import sys
import time

import httpx
import pytest

from serving import keys

pytestmark = pytest.mark.alone


def samples(text: str, name: str) -> dict[str, float]:
    found = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, flags=re.MULTILINE)
    return {labels: float(value) for labels, value in found}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Bearer", 401),
        ("Bearer tenure_00000000_nonsense", 401),
        ("Basic YWRtaW46YWRtaW4=", 401),
        ("Bearer " + "x" * 5000, 401),
        ("Bearer \xff\xfe", 401),
    ],
)
def test_keys_of_every_wrong_kind(secured, header, status):
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    answer = httpx.get(f"{secured.process.url}/v1/model", headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] in ("no_key", "unknown_key")


def test_a_revoked_key_ends_within_seconds_in_every_worker(secured):
    file = secured.folder / "keys.json"
    text = keys.add(file, "leaver", "read")
    headers = {"Authorization": f"Bearer {text}"}
    time.sleep(1.2)
    assert secured.process.get("/v1/model", headers=headers).status_code == 200
    keys.revoke(file, "leaver")
    time.sleep(1.2)
    told = {secured.process.get("/v1/model", headers=headers).status_code for _ in range(20)}
    assert told == {401}


def test_the_audit_log_says_who_asked_for_whom(secured):
    account = secured.process.get("/v1/accounts?limit=1").json()["accounts"][0]["account_id"]
    headers = {"Authorization": f"Bearer {secured.keys['score']}", "X-Request-ID": "audit-me"}
    assert secured.process.score(json={"account_ids": [account]}, headers=headers).is_success
    lines = [json.loads(line) for line in secured.audit.read_text().splitlines()]
    (line,) = [line for line in lines if line["request_id"] == "audit-me"]
    assert (line["key"], line["asked"], line["accounts"], line["model_version"]) == (
        "score",
        "POST /v1/score",
        [account],
        "1",
    )


def test_metrics_add_up_over_workers_and_name_nobody(secured):
    rows = secured.process.get("/v1/accounts").json()["accounts"]
    before = samples(secured.process.get("/metrics").text, "tenure_requests_total")
    label = '{method="GET",route="/v1/accounts/{account_id:path}",status="200"}'
    for row in rows[:40]:
        with httpx.Client(headers=secured.process.headers) as one_connection:
            one_connection.get(f"{secured.process.url}/v1/accounts/{row['account_id']}")
    secured.process.get("/v1/nothing/at/all")
    text = secured.process.get("/metrics").text
    counted = samples(text, "tenure_requests_total")
    assert counted[label] - before.get(label, 0) == 40
    assert '{method="GET",route="other",status="404"}' in counted
    assert sum(samples(text, "tenure_scores").values()) == len(rows)
    assert samples(text, "tenure_model_version") == {"": 1.0}
    assert 0 <= samples(text, "tenure_scores_age_seconds")[""] < 3600
    assert samples(text, "tenure_scores_failing") == {"": 0.0}
    assert sum(samples(text, "tenure_refusals_total").values()) > 0
    for row in rows:
        assert row["account_id"] not in text
        assert row["name"] is None or row["name"] not in text


def test_logs_are_json_lines_with_a_number_and_name_nobody(secured):
    row = secured.process.get("/v1/accounts?limit=1").json()["accounts"][0]
    secured.process.get(f"/v1/accounts/{row['account_id']}-gone", headers={"X-Request-ID": "seek"})
    deadline = time.monotonic() + 10
    while not (found := [line for line in secured.process.lines if '"seek"' in line]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    told = json.loads(found[0])
    assert (told["status"], told["code"]) == (404, "unknown_account")
    assert told["route"] == "/v1/accounts/{account_id:path}"
    said = "".join(secured.process.lines)
    assert row["account_id"] not in said
    assert not any(text in said for text in secured.keys.values())


def test_the_command_refuses_another_address_without_keys(champion):
    run = subprocess.run(
        [
            *(sys.executable, "-m", "serving.cli", "serve", str(champion.company)),
            *("--config", str(champion.config), "--host", "0.0.0.0"),
        ],
        capture_output=True,
        text=True,
        cwd=champion.config.parent,
    )
    assert run.returncode == 1
    assert "tenure keys add" in run.stderr
    assert "Traceback" not in run.stderr
