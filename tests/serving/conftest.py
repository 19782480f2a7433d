"""Clients that speak to an ASGI application without a server, and to the real service process."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import keys

PATIENCE_SECONDS = 400

Ask = Callable[..., httpx.Response]


@pytest.fixture
def asking() -> Callable[[Any], Ask]:
    """From an application to a function that sends it one request."""

    def to(app: Any) -> Ask:
        def ask(method: str, path: str, **more: Any) -> httpx.Response:
            return asyncio.run(_ask(app, method, path, **more))

        return ask

    return to


async def _ask(app: Any, method: str, path: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, path, **more)


@dataclass
class Process:
    """A running `tenure serve` and what it has said."""

    process: subprocess.Popen[str]
    url: str
    headers: dict[str, str]
    lines: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        return httpx.request(method, self.url + path, timeout=30, headers=headers, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def score(self, **more: Any) -> httpx.Response:
        return self.ask("POST", "/v1/score", **more)

    def wait_for(
        self, path: str, status: int, holds: Callable[[httpx.Response], bool] = lambda _: True
    ) -> httpx.Response:
        """Wait until many answers in a row, so those of every worker, are as wanted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        in_a_row = 0
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "".join(self.lines)
            fits = False
            with contextlib.suppress(httpx.TransportError):
                answer = self.get(path)
                fits = answer.status_code == status and holds(answer)
            in_a_row = in_a_row + 1 if fits else 0
            if in_a_row == 12:
                return answer
            time.sleep(0.02 if fits else 0.2)
        raise AssertionError(f"{path} was never answered {status}:\n{''.join(self.lines)}")


Start = Callable[..., AbstractContextManager[Process]]


@contextlib.contextmanager
def _start(
    source: Path, config: Path, store: str, *options: str, key: str = ""
) -> Iterator[Process]:
    serve = ["serving.cli", "serve", str(source), "--config", str(config), *options]
    environment = {
        "MLFLOW_TRACKING_URI": store,
        "MLFLOW_REGISTRY_URI": store,
        "TENURE_AUDIT_LOG": str(config.parent / "audit.jsonl"),
    }
    with _run(serve, environment, key) as process:
        yield process


@contextlib.contextmanager
def _run(module: list[str], environment: dict[str, str], key: str = "") -> Iterator[Process]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", *module, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    running = Process(process, f"http://127.0.0.1:{port}", headers)
    reader = threading.Thread(target=lambda: running.lines.extend(process.stdout), daemon=True)
    reader.start()
    try:
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        reader.join(timeout=10)
        process.stdout.close()
    assert code == 0, "".join(running.lines)


@pytest.fixture(scope="session")
def start() -> Start:
    """Start a service: start(source, config, store, *options, key="")."""
    return _start


@pytest.fixture(scope="session")
def run() -> Callable[..., AbstractContextManager[Process]]:
    """Run a module as a service: run(module and arguments, environment, key="")."""
    return _run


@dataclass(frozen=True)
class Secured:
    """A service with keys and two workers, on a company and a store of its own."""

    process: Process
    folder: Path
    keys: dict[str, str]

    @property
    def company(self) -> Path:
        return self.folder / "company"

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    @property
    def audit(self) -> Path:
        return self.folder / "audit.jsonl"


@pytest.fixture(scope="session")
def secured(champion, start, tmp_path_factory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    shutil.copytree(champion.company, folder / "company")
    shutil.copy(champion.store.removeprefix("sqlite:///"), folder / "mlflow.db")
    config = folder / "tenure.toml"
    config.write_text(
        champion.config.read_text()
        + '[serving]\nkeys = "keys.json"\naudit_log = "audit.jsonl"\nrequests_per_minute = 100000\n'
    )
    made = {scope: keys.add(folder / "keys.json", scope, scope) for scope in keys.SCOPES}
    store = f"sqlite:///{folder}/mlflow.db"
    with start(folder / "company", config, store, "--workers", "2", key=made["admin"]) as process:
        process.wait_for("/readyz", 200)
        yield Secured(process, folder, made)
