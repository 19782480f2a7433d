"""What goes wrong around the service and the command that writes scores: the real processes."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import pandas as pd
import pytest

from serving import files

pytestmark = pytest.mark.alone

CLIENTS = 50
GIGABYTE = 2**30


def connect(secured) -> socket.socket:
    host, port = secured.process.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def head(secured, *more: str) -> bytes:
    lines = [
        "POST /v1/score HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {secured.keys['score']}",
        "Content-Type: application/json",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def first_line(connection: socket.socket) -> str:
    return connection.recv(65536).partition(b"\r\n")[0].decode()


def silent(secured, connection) -> str:
    connection.sendall(head(secured, "Content-Length: 1000") + b'{"acc')
    return first_line(connection)


def dripping(secured, connection) -> str:
    connection.sendall(head(secured, "Transfer-Encoding: chunked"))
    try:
        for _ in range(14):
            connection.sendall(b"1\r\n \r\n")
            time.sleep(1.0)
    except OSError:
        pass
    return first_line(connection)


def leaving(secured, connection) -> str:
    connection.sendall(head(secured, "Content-Length: 1000") + b'{"acc')
    return ""


def babbling(secured, connection) -> str:
    connection.sendall(os.urandom(2000) + b"\r\n\r\n")
    return first_line(connection)


def no_json(secured, connection) -> str:
    connection.sendall(head(secured, "Content-Length: 4") + b"\xff{]\x00")
    return first_line(connection)


KINDS = {silent: "408", dripping: "408", leaving: "", babbling: "400", no_json: "400"}


def test_slow_and_broken_bodies_hold_nobody_up(secured):
    told: dict[int, tuple[str, str]] = {}

    def run(number: int) -> None:
        kind = list(KINDS)[number % len(KINDS)]
        with connect(secured) as connection:
            told[number] = (KINDS[kind], kind(secured, connection))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    slowest = 0.0
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        assert secured.process.get("/v1/accounts?limit=1").status_code == 200
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.2)
    assert len(told) == CLIENTS
    for wanted, said in told.values():
        assert wanted in said
    assert slowest < 5.0
    assert secured.process.get("/readyz").status_code == 200


def test_a_body_of_two_gigabytes_is_refused_unread(secured):
    with connect(secured) as connection:
        connection.sendall(head(secured, f"Content-Length: {2 * GIGABYTE}") + b" " * 1000)
        assert " 413 " in first_line(connection)


def test_a_body_without_an_end_is_cut_off(secured):
    megabyte = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    sent = 0
    with connect(secured) as connection:
        connection.sendall(head(secured, "Transfer-Encoding: chunked"))
        try:
            while sent < 2 * 1024:
                connection.sendall(megabyte)
                sent += 1
        except OSError:
            pass
    assert sent < 64


@pytest.fixture(scope="module")
def command(champion):
    """The command `tenure score`, in a process of its own."""

    def run(out, before: str = "", **more: object) -> subprocess.CompletedProcess[str]:
        arguments = ["score", str(champion.company), "--out", str(out)]
        arguments += ["--config", str(champion.config)]
        program = (
            f"import sys; sys.argv[1:] = {arguments!r}\n"
            f"from serving.cli import main\nimport os, signal, pathlib\n{before}\nmain()"
        )
        return subprocess.run(
            [sys.executable, "-c", program],
            env={
                **os.environ,
                "MLFLOW_TRACKING_URI": champion.store,
                "MLFLOW_REGISTRY_URI": champion.store,
            },
            capture_output=True,
            text=True,
            **more,
        )

    return run


@pytest.fixture
def old_table(tmp_path):
    out = tmp_path / "scores.parquet"
    pd.DataFrame({"account_id": ["old"]}).to_parquet(out)
    return out


def test_a_full_disk_leaves_the_old_table(command, old_table):
    before = old_table.read_bytes()

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))

    run = command(old_table, preexec_fn=small)
    assert run.returncode == 1
    assert "could not be written" in run.stderr
    assert "untouched" in run.stderr
    assert "Traceback" not in run.stderr
    assert old_table.read_bytes() == before
    assert [file.name for file in old_table.parent.iterdir()] == ["scores.parquet"]


def test_killed_before_the_last_step_the_old_table_is_whole(command, old_table):
    before = old_table.read_bytes()
    # all is written aside, and only the rename is missing
    deadly = "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
    run = command(old_table, deadly)
    assert run.returncode == -signal.SIGKILL
    assert old_table.read_bytes() == before
    (left,) = set(old_table.parent.iterdir()) - {old_table}
    assert left.name.endswith(".partial")


def test_what_the_killed_left_aside_is_gone_after_the_next(old_table):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, written = (
        old_table.with_name(f".{old_table.name}.{process}.partial")
        for process in (dead.pid, os.getppid())
    )
    for aside in (left, written):
        aside.write_bytes(b"PAR1")
    files.write_aside(old_table, lambda aside: aside.write_text("whole"))
    assert old_table.read_text() == "whole"
    assert {file.name for file in old_table.parent.iterdir()} == {old_table.name, written.name}
