"""What the service is measured against: the least that could answer, and an empty endpoint."""

import os
from pathlib import Path

import bentoml
import lightgbm as lgb
import numpy as np
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serving.access import Access
from serving.guard import Guard
from serving.keys import KeyRing
from serving.rate import RateLimit

TREES = os.environ.get("BENCHMARK_TREES")


async def empty(_: Request) -> Response:
    return Response(b"{}", media_type="application/json")


async def contributions(request: Request) -> Response:
    """One observation in, the booster's own contributions out: no words, no interval, no checks."""
    (observation,) = (await request.json())["observations"]
    row = np.array([[_number(observation.get(name)) for name in names]])
    values = booster.predict(row, pred_contrib=True, num_threads=1)[0]
    return JSONResponse(dict(zip(names, values.tolist(), strict=False)))


def _number(value: object) -> float:
    return value if isinstance(value, float | int) else float("nan")


class Nothing(BaseModel):
    """An answer; a pydantic model, which BentoML writes quickest."""


if TREES:
    booster = lgb.Booster(model_file=TREES)
    names = booster.feature_name()

bare = Starlette(
    routes=[
        Route("/empty", empty, methods=["POST"]),
        Route("/contributions", contributions, methods=["POST"]),
    ]
)


@bentoml.service(
    workers=1,
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"excluded_urls": ".*"},
)
class Empty:
    """An endpoint of BentoML that does nothing, behind the same middleware as Tenure's."""

    @bentoml.api(route="/empty")
    async def empty(self) -> Nothing:
        return Nothing()


Empty.add_asgi_middleware(
    Guard, access=Access(KeyRing(Path("no-keys")), RateLimit(1), b"-"), sizes={}
)
