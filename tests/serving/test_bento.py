"""A bento, built and started: it needs the source, and nothing of what it was made from."""

import os
import shutil

import pytest

from features.errors import TenureError
from serving import bento, keys

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(
        shutil.which("uv", path=bento._path()) is None,
        reason="bentoml build needs uv; ./run puts it into .uv",
    ),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("bentoml")


@pytest.fixture(scope="module")
def tag(champion, scored, home):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            patch.setenv(name, champion.store)
        patch.setenv("BENTOML_HOME", str(home))
        return bento.build("champion", champion.config)


@pytest.mark.slow
def test_a_bento_serves_the_version_frozen_in_it(champion, scored, home, tag, run):
    key = keys.add(home / "keys.json", "crm", "score")
    environment = {
        "BENTOML_HOME": str(home),
        "TENURE_SOURCE": str(champion.company),
        "TENURE_KEYS": str(home / "keys.json"),
        "TENURE_AUDIT_LOG": str(home / "audit.jsonl"),
        "MLFLOW_TRACKING_URI": "sqlite:////nowhere/at/all.db",
        "PYTHONPATH": os.devnull,
    }
    serve = ["bentoml", "serve", tag, "--host", "127.0.0.1"]
    with run(serve, environment, key) as process:
        process.wait_for("/readyz", 200)
        table = scored[0]
        wanted = table["account_id"].iloc[:3].tolist()
        rows = process.score(json={"account_ids": wanted}).json()["scores"]
        assert [row["churn_probability"] for row in rows] == pytest.approx(
            table["churn_probability"].iloc[:3].tolist(), abs=1e-12
        )
        assert process.get("/v1/model").json()["version"] == str(champion.version)
        assert process.get("/v1/model", headers={"Authorization": ""}).status_code == 401


def test_a_version_that_is_not_there_is_not_frozen(champion, use_store, monkeypatch):
    use_store(monkeypatch, champion.store)
    with pytest.raises(TenureError, match="has no version 99"):
        bento.build("99", champion.config)
