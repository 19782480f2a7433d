"""A running service and its champions: two workers under load, on a store of their own."""

import http.client
import json
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.alone

WITHIN_SECONDS = 10.0


@dataclass
class Registry:
    """A copy of the champion's store, whose versions the test moves."""

    folder: Path
    company: Path
    config: Path

    @property
    def file(self) -> Path:
        return self.folder / "mlflow.db"

    @property
    def store(self) -> str:
        return f"sqlite:///{self.file}"

    @property
    def client(self):
        from mlflow import MlflowClient

        return MlflowClient(self.store, self.store)

    def add(self, broken: bool = False) -> str:
        """Register the champion's files once more, or files that are not there."""
        first = self.client.get_model_version("tenure", "1")
        source = f"{self.folder}/nowhere" if broken else first.source
        model_id = None if broken else first.model_id
        made = self.client.create_model_version(
            "tenure", source=source, run_id=first.run_id, model_id=model_id
        )
        return str(made.version)

    def crown(self, version: str) -> None:
        self.client.set_registered_model_alias("tenure", "champion", version)


@pytest.fixture(scope="module")
def registry(champion, tmp_path_factory):
    folder = tmp_path_factory.mktemp("swap")
    shutil.copy(champion.store.removeprefix("sqlite:///"), folder / "mlflow.db")
    shutil.copy(champion.config, folder / "tenure.toml")
    return Registry(folder, folder / "company", folder / "tenure.toml")


@pytest.fixture(scope="module")
def service(registry, start):
    with start(registry.company, registry.config, registry.store, "--workers", "2") as process:
        yield process


def ready(service) -> dict[str, object]:
    answer = service.get("/readyz")
    return answer.json() if answer.is_success else {}


def wait_until_all(service, holds, seconds: float) -> float:
    """Wait until many new connections in a row, so both workers, say what is wanted."""
    began = time.monotonic()
    in_a_row = 0
    while in_a_row < 12:
        assert time.monotonic() - began < seconds, (ready(service), "".join(service.lines))
        in_a_row = in_a_row + 1 if holds(ready(service)) else 0
        time.sleep(0.02 if in_a_row else 0.2)
    return time.monotonic() - began


@dataclass
class Load:
    """Asks for scores all the time, on a new connection each time."""

    url: str
    account_ids: list[str]

    def __post_init__(self) -> None:
        self.answers: list[tuple[int, frozenset[str]]] = []
        self.failures: list[str] = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(4)]

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                answer = httpx.post(
                    f"{self.url}/v1/score", json={"account_ids": self.account_ids}, timeout=20
                )
                rows = answer.json().get("scores", [])
                versions = frozenset(row["model_version"] for row in rows)
                self.answers.append((answer.status_code, versions))
            except Exception as error:
                self.failures.append(repr(error))
            time.sleep(0.02)

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture(scope="module")
def load(service, registry, champion) -> Iterator[Load]:
    """The service once it has a source to read."""
    shutil.copytree(champion.company, registry.company)
    service.wait_for("/readyz", 200)
    wait_until_all(service, lambda told: told.get("problem", "?") is None, 60)
    rows = service.get("/v1/accounts").json()["accounts"]
    return Load(service.url, [row["account_id"] for row in rows[:50]])


def test_without_a_source_it_lives_and_says_so(service, registry):
    answer = service.wait_for("/readyz", 503, lambda told: "being computed" not in told.text)
    message = answer.json()["error"]["message"]
    assert "company" in message
    assert "Traceback" not in "".join(service.lines)
    assert service.get("/healthz").is_success


def test_a_promoted_version_serves_soon_and_nobody_notices(service, registry, load, monkeypatch):
    from training import tracking

    second = registry.add()
    with load:
        time.sleep(1.0)
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            monkeypatch.setenv(name, registry.store)
        tracking.promote(second)
        promoted = time.monotonic()
        while ready(service).get("model_version") != second:
            assert time.monotonic() - promoted < WITHIN_SECONDS
            time.sleep(0.1)
        left = WITHIN_SECONDS - (time.monotonic() - promoted)
        wait_until_all(service, lambda told: told["model_version"] == second, left + 1)
        time.sleep(1.0)
    assert not load.failures
    assert {status for status, _ in load.answers} == {200}
    assert {versions for _, versions in load.answers} == {frozenset("1"), frozenset(second)}
    assert len(load.answers) > 50


@pytest.mark.parametrize("harm", ["broken", "missing", "locked"])
def test_the_old_one_serves_on_and_readyz_says_so(service, registry, load, harm):
    serving = str(ready(service)["model_version"])
    lock = sqlite3.connect(registry.file, isolation_level=None)
    try:
        if harm == "broken":
            registry.crown(registry.add(broken=True))
        elif harm == "missing":
            registry.client.delete_registered_model_alias("tenure", "champion")
        else:
            lock.execute("begin exclusive")
        wait_until_all(service, lambda told: bool(told.get("problem")), 60)
        told = ready(service)
        assert told["model_version"] == serving
        said = {
            "broken": "cannot be read",
            "missing": "No model serves",
            "locked": "cannot be asked",
        }
        assert said[harm] in str(told["problem"])
        answer = service.score(json={"account_ids": load.account_ids})
        assert {row["model_version"] for row in answer.json()["scores"]} == {serving}
        assert "could not be renewed" in service.get("/").text
    finally:
        if harm == "locked":
            lock.execute("rollback")
        lock.close()
        registry.crown(serving)
    wait_until_all(service, lambda told: told.get("problem", "?") is None, 30)
    assert "Traceback" not in "".join(service.lines)


def test_told_to_end_it_finishes_what_it_has_begun(service):
    observations = [{"active_days_28d": float(n % 28)} for n in range(1000)]
    body = json.dumps({"observations": observations}).encode()
    address = service.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(address, timeout=60)) as asking:
        asking.putrequest("POST", "/v1/predict")
        asking.putheader("Content-Type", "application/json")
        asking.putheader("Content-Length", str(len(body)))
        asking.endheaders(body[:1000])
        time.sleep(0.5)
        service.process.send_signal(signal.SIGTERM)
        # the rest is sent after the signal, so that the request is surely still running then
        time.sleep(0.5)
        asking.send(body[1000:])
        answer = asking.getresponse()
        assert answer.status == 200
        assert len(json.loads(answer.read())["predictions"]) == 1000
    assert service.process.wait(timeout=40) == 0
