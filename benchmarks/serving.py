"""Requests per second of the service beside its peers: ratios in one run, on loopback.

    python benchmarks/serving.py [--leaves 31]           (Debian: apt-get install wrk)

Each server has one worker and is asked alone, over 16 connections; rounds go through all of them
in turn, and a figure is the median of its rounds, so that a busy machine hits all alike. With
--leaves the company's model gets 300 trees of that size, however little its data bear them: the
contributions of larger trees than Tenure's own cost LightGBM more.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

CONNECTIONS = 16
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One address that is asked."""

    name: str
    url: str
    bodies: list[dict[str, object]]


TRAIN = """
from training import churn_model, growing
growing.TREES = {{
    **growing.TREES, "num_leaves": {leaves}, "min_data_in_leaf": 5, "lambda_l2": 0.0,
    "learning_rate": 0.005, "min_sum_hessian_in_leaf": 1e-6,
}}
churn_model.FEWEST_TREES = growing.PATIENCE = {trees}
from serving.cli import main
main()
"""
"""Trains as large a model as is asked for, however little the company's data bear it."""

TREES = 300


def prepare(folder: Path, leaves: int | None) -> None:
    """Simulate a company and train on it; all in one folder, in processes of their own."""
    (folder / "tenure.toml").write_text(f"[training]\nfolds = 3\nbags = 20\ntrees = {TREES}\n")
    command = ["-m", "serving.cli"]
    train = command if leaves is None else ["-c", TRAIN.format(leaves=leaves, trees=TREES)]
    for words in (
        [*command, "simulate", "company", "--accounts", "1000", "--months", "30", "--seed", "1"],
        [*train, "train", "company"],
        [*command, "promote", "1"],
    ):
        subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=environment(folder),
            check=True,
            capture_output=True,
        )


def environment(folder: Path) -> dict[str, str]:
    store = f"sqlite:///{folder}/models/mlflow.db"
    return {
        **os.environ,
        "PYTHONPATH": f"{HERE.parent}:{HERE}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": store,
        "MLFLOW_REGISTRY_URI": store,
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "BENCHMARK_TREES": str(folder / "trees.txt"),
    }


@contextlib.contextmanager
def running(folder: Path, url: str, *command: str) -> Iterator[None]:
    """Run a server until the block ends, which begins when it answers."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=environment(folder),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(url).status_code < 500:
                    break
            if process.poll() is not None:
                raise SystemExit((folder / "server.log").read_text()[-3000:])
            time.sleep(0.2)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def wrk(folder: Path, case: Case, seconds: int) -> tuple[float, float, float]:
    """Requests per second, p50 and p99 in ms; refuses to count refusals."""
    script = folder / "ask.lua"
    texts = ",".join(f"[==[{json.dumps(body)}]==]" for body in case.bodies)
    script.write_text(
        f"bodies = {{{texts}}}\nn = 0\nwrk.method = 'POST'\n"
        "wrk.headers['Content-Type'] = 'application/json'\n"
        "request = function() n = n % #bodies + 1; "
        "return wrk.format(nil, nil, nil, bodies[n]) end\n"
    )
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script)]
    told = subprocess.run([*command, case.url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told:
        raise SystemExit(f"{case.name}: {told}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told).group(1))
    return rate, *(_ms(re.search(rf"{p}%\s+([\d.]+)(us|ms|s)", told)) for p in (50, 99))


def _ms(found: re.Match[str]) -> float:
    return float(found.group(1)) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found.group(2)]


def thousand(case: Case, observations: list[dict[str, object]], trees: Path) -> dict[str, float]:
    """Seconds for 1,000 accounts in one request, and for their raw contributions; medians."""
    import lightgbm as lgb

    booster = lgb.Booster(model_file=trees)
    names = booster.feature_name()
    X = np.array([[_number(each.get(name)) for name in names] for each in observations])
    body = json.dumps({"observations": observations}).encode()
    told: dict[str, list[float]] = {"raw contributions": [], "/v1/predict of 1,000": []}
    with httpx.Client(headers={"Content-Type": "application/json"}, timeout=60) as client:
        for _ in range(7):
            began = time.perf_counter()
            booster.predict(X, pred_contrib=True, num_threads=1)
            told["raw contributions"].append(time.perf_counter() - began)
            began = time.perf_counter()
            client.post(case.url, content=body).raise_for_status()
            told["/v1/predict of 1,000"].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in told.items()}


def _number(value: object) -> float:
    return float(value) if isinstance(value, float | int) else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4, help="per case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--leaves", type=int, help="of 300 trees; else Tenure's own")
    parser.add_argument("--folder", type=Path, help="kept, with the trained model")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed: apt-get install wrk")
    with tempfile.TemporaryDirectory() as made:
        folder = (options.folder or Path(made)).resolve()
        if not (folder / "models").exists():
            folder.mkdir(exist_ok=True)
            prepare(folder, options.leaves)
        measure(folder, options.seconds, options.rounds)


def measure(folder: Path, seconds: int, rounds: int) -> None:
    trees = next(folder.glob("models/artifacts/**/churn_model/trees.txt"))
    shutil.copy(trees, folder / "trees.txt")
    peers, bento, ours, mlflow = (f"http://127.0.0.1:{port}" for port in range(8410, 8414))
    with contextlib.ExitStack() as stack:
        for url, command in (
            (f"{peers}/empty", ["uvicorn", "serving_peers:bare", "--no-access-log", *port(peers)]),
            (f"{bento}/healthz", ["bentoml", "serve", "serving_peers:Empty", *port(bento)]),
            (f"{ours}/readyz", ["serving.cli", "serve", "company", *port(ours)]),
            (
                f"{mlflow}/ping",
                [
                    *("mlflow", "models", "serve", "-m", "models:/tenure/1", *port(mlflow)),
                    *("--env-manager", "local", "--workers", "1"),
                ],
            ),
        ):
            stack.enter_context(running(folder, url, *command))
        accounts = httpx.get(f"{ours}/v1/accounts").json()["accounts"]
        account_ids = [row["account_id"] for row in accounts]
        asked = {"account_ids": account_ids}
        rows = httpx.post(f"{ours}/v1/score", json=asked).json()["scores"]
        observations = [{d["metric"]: d["value"] for d in row["drivers"]} for row in rows]
        one = [{"observations": [each]} for each in observations]
        cases = [
            Case("bare Starlette, empty", f"{peers}/empty", [{}]),
            Case("BentoML, empty, same middleware", f"{bento}/empty", [{}]),
            Case(
                "Tenure /v1/score", f"{ours}/v1/score", [{"account_ids": [a]} for a in account_ids]
            ),
            Case("mlflow models serve", f"{mlflow}/invocations", frames(ours, observations)),
            Case("bare Starlette, contributions", f"{peers}/contributions", one),
            Case("Tenure /v1/predict", f"{ours}/v1/predict", one),
        ]
        told: dict[str, list[tuple[float, float, float]]] = {case.name: [] for case in cases}
        for _ in range(rounds + 1):
            for case in cases:
                told[case.name].append(wrk(folder, case, seconds))
        repeated = (observations * (1000 // len(observations) + 1))[:1000]
        times = thousand(cases[-1], repeated, folder / "trees.txt")
    report(trees, observations, {name: figures[1:] for name, figures in told.items()}, times)


def port(url: str) -> list[str]:
    return ["--port", url.rpartition(":")[2]]


def frames(ours: str, observations: list[dict[str, object]]) -> list[dict[str, object]]:
    """The same observations as mlflow's server takes them."""
    names = [each["metric"] for each in httpx.get(f"{ours}/v1/model").json()["inputs"]]
    return [
        {"dataframe_split": {"columns": names, "data": [[each.get(name) for name in names]]}}
        for each in observations
    ]


def report(
    trees: Path,
    observations: list[dict[str, object]],
    told: dict[str, list[tuple[float, float, float]]],
    times: dict[str, float],
) -> None:
    count = trees.read_text().count("\nTree=")
    print(f"{len(observations[0])} metrics, {count} trees, {CONNECTIONS} connections, medians\n")
    median = {
        name: [statistics.median(column) for column in zip(*figures, strict=True)]
        for name, figures in told.items()
    }
    for name, (rate, p50, p99) in median.items():
        print(f"{name:34} {rate:8.0f} requests/s   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms")
    for name, took in times.items():
        print(f"{name:34} {1000 * took:8.1f} ms")

    def ratio(one: str, other: str) -> float:
        return median[one][0] / median[other][0]

    score = "Tenure /v1/score"
    one = ratio("Tenure /v1/predict", "bare Starlette, contributions")
    whole = times["/v1/predict of 1,000"] / times["raw contributions"]
    tail = median[score][2] / median[score][1]
    print(
        f"""
/v1/score to an empty BentoML endpoint   {ratio(score, "BentoML, empty, same middleware"):5.2f}
/v1/score to mlflow models serve         {ratio(score, "mlflow models serve"):5.2f}
/v1/score, p99 to p50                    {tail:5.2f}
/v1/predict to bare contributions        {one:5.2f}
1,000 in one request, to contributions   {whole:5.2f}"""
    )


if __name__ == "__main__":
    main()
