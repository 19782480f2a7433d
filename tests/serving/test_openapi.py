"""The document against the running service, by a fuzzer that knows only the document."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone


@pytest.mark.slow
def test_the_document_is_true(secured, tmp_path):
    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("run", f"{secured.process.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {secured.keys['admin']}"),
            *("--checks", "all", "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", "15", "--seed", "1", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    document = secured.process.get("/openapi.json").json()
    # the document itself is left out by the fuzzer, which reads it to begin with
    described = len(document["paths"]) - 1
    assert re.search(rf"Tested: {described}\b", run.stdout), run.stdout


def test_every_address_answers_as_described(secured):
    document = secured.process.get("/openapi.json").json()
    account = secured.process.get("/v1/accounts?limit=1").json()["accounts"][0]["account_id"]
    bodies = {
        "/v1/what-if": {"account_id": account, "changes": {}},
        "/v1/score": {"account_ids": [account]},
        "/v1/predict": {"observations": [{"active_days_28d": 3}]},
    }
    for path, methods in document["paths"].items():
        for method in methods:
            answer = secured.process.ask(
                method.upper(), path.format(account_id=account), json=bodies.get(path)
            )
            assert answer.status_code == 200, (path, answer.text)


def test_it_says_that_keys_are_needed(secured):
    document = secured.process.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert document["security"] == [{"key": []}]
