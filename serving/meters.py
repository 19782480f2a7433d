"""What Prometheus is told. Every label has a bounded set of values, and none names anybody.

Workers write into files of one folder (prometheus-client's multi-process mode); whichever worker
is asked adds them up.
"""

import os
import time
from collections import Counter as Count
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette.responses import Response

from serving.live import Snapshot

REQUESTS = Counter(
    "tenure_requests", "Requests answered, by form of address.", ["method", "route", "status"]
)
SECONDS = Histogram(
    "tenure_request_seconds",
    "Time to answer.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
REFUSALS = Counter("tenure_refusals", "Requests refused, by the code of the error.", ["code"])
SCORES = Gauge("tenure_scores", "Accounts scored, by band.", ["band"], multiprocess_mode="livemax")
VERSION = Gauge(
    "tenure_model_version",
    "Version of the model that serves; of the worker that is furthest behind.",
    multiprocess_mode="livemin",
)
COMPUTED = Gauge(
    "tenure_scores_computed_timestamp_seconds",
    "When the scores were computed; of the worker that is furthest behind.",
    multiprocess_mode="livemin",
)
AGE = Gauge(
    "tenure_scores_age_seconds",
    "Age of the scores of the worker that is asked.",
    multiprocess_mode="mostrecent",
)
FAILING = Gauge(
    "tenure_scores_failing",
    "1 while a worker cannot renew its scores; /readyz says why.",
    multiprocess_mode="livemax",
)

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_BANDS = ("healthy", "watch", "at_risk", "unknown")


def answered(method: str, route: str, status: int, seconds: float, code: str | None) -> None:
    """Count an answer."""
    REQUESTS.labels(method if method in METHODS else "other", route, status).inc()
    SECONDS.labels(route).observe(seconds)
    if code:
        REFUSALS.labels(code).inc()


def scored(snapshot: Snapshot) -> None:
    """Tell of new scores."""
    counted = Count(_band(row.get("band")) for row in snapshot.rows)
    for band in _BANDS:
        SCORES.labels(band).set(counted[band])
    if snapshot.version.isdecimal():
        VERSION.set(int(snapshot.version))
    COMPUTED.set(snapshot.computed_at)


def exposed(snapshot: Snapshot | None) -> Response:
    """Answer Prometheus."""
    if snapshot:
        AGE.set(time.time() - snapshot.computed_at)
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
    _forget_dead(Path(folder))
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _band(band: object) -> str:
    known = str(band or "unknown").replace(" ", "_")
    return known if known in _BANDS else "unknown"


def _forget_dead(folder: Path) -> None:
    """Drop the gauges of workers that are gone; what they counted stays."""
    for file in folder.glob("gauge_live*_*.db"):
        number = file.stem.rpartition("_")[2]
        if number.isdecimal() and not Path(f"/proc/{number}").exists():
            multiprocess.mark_process_dead(int(number))  # type: ignore[no-untyped-call]
