"""The service: BentoML around the current scores. Thin: what is asked here is answered elsewhere.

`tenure serve` sets the environment it reads: ``TENURE_SOURCE`` (URL of the source; by default the
one tenure.toml names), ``TENURE_CONFIG`` (path of tenure.toml, optional), ``TENURE_AS_OF`` (a fixed
day, optional) and ``MLFLOW_TRACKING_URI``.
"""

import os
from datetime import date
from pathlib import Path

import bentoml
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from serving.api import ApiError, ScoreRequest, Scores
from serving.guard import Guard
from serving.live import Live, NotReadyError, Snapshot
from serving.web import create_app


def champion() -> str:
    """Version of the model that should serve now."""
    from training import tracking

    return str(tracking.version())


def compute() -> Snapshot:
    """Score the source's accounts by the champion."""
    from serving import score
    from serving.workflow import Workplace, model_facts

    config, day = os.environ.get("TENURE_CONFIG"), os.environ.get("TENURE_AS_OF")
    place = Workplace.open_sound(os.environ.get("TENURE_SOURCE"), Path(config) if config else None)
    table, info = place.score(date.fromisoformat(day) if day else None)
    return Snapshot(model_facts(info, table), tuple(score.records(table)))


live = Live(champion, compute)


@bentoml.service(name="tenure", workers=1, logging={"access": {"enabled": False}})
@bentoml.asgi_app(create_app(live), path="/")
class Tenure:
    """Which customers are likely to leave, and what tells so."""

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def begin(self) -> None:
        """Load in the background: a missing champion is told by /readyz and crashes nothing."""
        live.start()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def end(self) -> None:
        """Stop looking for another champion."""
        live.stop()

    async def __is_ready__(self) -> bool:
        try:
            return bool(live.snapshot)
        except NotReadyError as error:
            raise HTTPException(503, str(error)) from None

    @bentoml.api(route="/v1/score", output_spec=Scores)  # type: ignore[untyped-decorator]
    async def score(self, request: ScoreRequest, /) -> JSONResponse:
        """Give the current scores of some accounts, with their drivers."""
        try:
            return JSONResponse({"scores": scores(live, request.account_ids)})
        except ApiError as error:
            return error.response()


def scores(live: Live, account_ids: list[str]) -> list[dict[str, object]]:
    """Look up the current rows of accounts, each once, in the order asked for.

    Raises
    ------
    ApiError
        503 while there are no scores, 404 naming every account that is not scored.
    """
    try:
        snapshot = live.snapshot
    except NotReadyError as error:
        raise ApiError(503, "not_ready", str(error)) from None
    unknown = [each for each in account_ids if each not in snapshot.by_id]
    if unknown:
        raise ApiError(
            404,
            "unknown_account",
            f"{len(unknown):,} of the {len(account_ids):,} account_ids belong to none of the "
            f"{len(snapshot.rows):,} accounts scored as of {snapshot.model['as_of']}. "
            "Accounts are scored while a contract is in force.",
            {"unknown": unknown},
        )
    return [dict(snapshot.by_id[each]) for each in dict.fromkeys(account_ids)]


Tenure.add_asgi_middleware(Guard, forms={"/v1/score": ScoreRequest})  # type: ignore[attr-defined]
