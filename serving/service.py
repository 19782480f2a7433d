"""The service: BentoML around the web application. Thin: what is asked here is answered elsewhere.

BentoML brings the processes, their sockets and the bento. Its own routes, metrics, tracing and
access log are left aside: they cost a third of a look-up's time (docs/benchmarks.md), and its
documents describe other errors than those that are given.

`tenure serve` sets the environment that is read here: ``TENURE_SOURCE`` (URL of the source; by
default the one tenure.toml names), ``TENURE_CONFIG`` (path of tenure.toml, optional),
``TENURE_AS_OF`` (a fixed day, optional), ``TENURE_WORKERS`` and ``MLFLOW_TRACKING_URI``.
"""

import os
from pathlib import Path

import bentoml
from starlette.types import ASGIApp, Receive, Scope, Send

from features import settings
from serving import logs, meters, shared
from serving.access import Access
from serving.api import MOST_PREDICT_BYTES
from serving.audit import Audit
from serving.current import Scoring, champion
from serving.guard import Guard
from serving.keys import KeyRing
from serving.live import Live, Snapshot
from serving.rate import RateLimit
from serving.web import create_app


def _changed(snapshot: Snapshot | None, problem: str | None) -> None:
    meters.FAILING.set(1 if problem else 0)
    if snapshot:
        meters.scored(snapshot)


os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
FROZEN = Path(__file__).parents[1] / "champion"
if FROZEN.is_dir():  # in a bento
    os.environ.setdefault("TENURE_FROZEN", str(FROZEN))
RUN = shared.folder()
_config = os.environ.get("TENURE_CONFIG")
_serving = settings.load(Path(_config) if _config else None).serving
access = Access(
    KeyRing(Path(os.environ.get("TENURE_KEYS", _serving.keys))),
    RateLimit(_serving.requests_per_minute, RUN / "rates"),
    (RUN / "secret").read_bytes(),
)
audit = Audit(Path(os.environ.get("TENURE_AUDIT_LOG", _serving.audit_log)))
live = Live(champion, Scoring(), _changed)
web = create_app(live, audit, access)


class Whole:
    """Answers everything by the web application; BentoML's own routes are not reached."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what is no request, such as the beginning and end of the process."""
        await (web if scope["type"] == "http" else self.app)(scope, receive, send)


@bentoml.service(
    name="tenure",
    workers=int(os.environ.get("TENURE_WORKERS", _serving.workers)),
    # Guard ends what takes too long, and sooner; BentoML's timer outlives every request by so much
    traffic={"timeout": 45},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"excluded_urls": ".*"},  # the service's own defaults win over BENTOML_CONFIG_OPTIONS
)
class Tenure:
    """Which customers are likely to leave, and what tells so."""

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def begin(self) -> None:
        """Load in the background: a missing champion is told by /readyz and crashes nothing."""
        logs.to_json_lines()
        live.start()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def end(self) -> None:
        """Stop looking for another champion."""
        live.stop()


Tenure.add_asgi_middleware(  # type: ignore[attr-defined]
    Guard, access=access, sizes={"/v1/predict": MOST_PREDICT_BYTES, "/login": 4096}
)
Tenure.add_asgi_middleware(Whole)  # type: ignore[attr-defined]
