import json
import os
import stat
from multiprocessing import get_context

import pytest
from starlette.requests import Request
from starlette.routing import Route

from serving.access import Caller
from serving.api import ApiError
from serving.audit import Audit


def request(name: str = "crm") -> Request:
    route = Route("/v1/score", lambda _: None)
    return Request(
        {"type": "http", "method": "POST", "route": route, "state": {"caller": Caller(name)}}
    )


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_who_asked_for_which_accounts(tmp_path):
    audit = Audit(tmp_path / "new" / "audit.jsonl")
    audit.note(request(), ["a", "ü"], "3")
    (line,) = lines(audit.path)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "request_id": "",
        "key": "crm",
        "asked": "POST /v1/score",
        "model_version": "3",
        "accounts": ["a", "ü"],
    }
    assert stat.S_IMODE(audit.path.stat().st_mode) == 0o600


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path):
    audit = Audit(tmp_path / "audit.jsonl")
    audit.note(request(), ["a"], "1")
    audit.path.rename(tmp_path / "old")
    audit.note(request(), ["b"], "1")
    assert [line["accounts"] for line in lines(tmp_path / "old") + lines(audit.path)] == [
        ["a"],
        ["b"],
    ]


def write_many(path, name):
    audit = Audit(path)
    for _ in range(200):
        audit.note(request(name), [name * 50] * 20, "1")


def test_lines_of_several_workers_stay_whole(tmp_path):
    path = tmp_path / "audit.jsonl"
    workers = [get_context("fork").Process(target=write_many, args=(path, name)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(line["key"] for line in lines(path)) == ["a"] * 200 + ["b"] * 200


def test_a_full_disk_refuses_and_tears_no_later_line(tmp_path, monkeypatch):
    audit = Audit(tmp_path / "audit.jsonl")
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: real(file, data[:10]))
        with pytest.raises(ApiError, match="No space left") as refused:
            audit.note(request(), ["a"], "1")
    assert refused.value.status == 503
    audit.note(request(), ["b"], "1")
    assert json.loads(audit.path.read_text().splitlines()[-1])["accounts"] == ["b"]
