"""The API's endpoints: reading the current scores, and asking the model that made them."""

import base64
import json
from collections.abc import Mapping, Sequence

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from features.errors import TenureError, did_you_mean
from features.metric import Language
from serving import language, meters, openapi
from serving.access import Access
from serving.api import (
    MOST_ACCOUNTS,
    Account,
    ApiError,
    PredictRequest,
    ScoreRequest,
    WhatIfRequest,
    parse,
)
from serving.audit import Audit
from serving.live import Live, NotReadyError, Snapshot
from serving.what_if import observed
from serving.wish import Wish

FEW = 8
"""Observations that are scored at once; more go to a thread, so that others need not wait."""

_JSON = "application/json"
_QUERY = ("q", "segment", "csm", "band", "sort", "limit", "cursor")


class Api:
    """Endpoints; each reads the snapshot once, so that one answer never mixes two models.

    Parameters
    ----------
    live : Live
    audit : Audit
    access : Access, optional
        Tells the OpenAPI document whether keys are needed.
    """

    def __init__(self, live: Live, audit: Audit, access: Access | None = None) -> None:
        self.live = live
        self.audit = audit
        self.access = access

    @property
    def routes(self) -> list[Route]:
        """All addresses of the API."""
        return [
            Route("/v1/score", self.score, methods=["POST"]),
            Route("/v1/predict", self.predict, methods=["POST"]),
            Route("/v1/what-if", self.what_if, methods=["POST"]),
            Route("/v1/accounts", self.accounts),
            Route("/v1/accounts/{account_id:path}", self.account),
            Route("/v1/model", self.model),
            Route("/v1/health-score", self.health_score),
            Route("/healthz", self.healthz),
            Route("/livez", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
        ]

    async def score(self, request: Request) -> Response:
        """Give the current scores of some accounts, with their drivers."""
        kind = request.headers.get("content-type", "")
        wanted = parse(ScoreRequest, kind, await request.body()).account_ids
        snapshot = self.live.snapshot
        account_ids = list(dict.fromkeys(wanted))
        rows = encoded(snapshot, account_ids, language.of(request))
        self.audit.note(request, account_ids, snapshot.version)
        body = b'{"scores":[' + b",".join(rows) + b"]}"
        return Response(body, media_type=_JSON)

    async def predict(self, request: Request) -> Response:
        """Score observations that the caller brings."""
        kind = request.headers.get("content-type", "")
        form = parse(PredictRequest, kind, await request.body())
        asked, outlook = form.observations, form.outlook
        snapshot = self.live.snapshot
        if snapshot.predictor is None:
            raise NotReadyError("No model is loaded.")
        if len(asked) <= FEW:
            rows = snapshot.predictor.predict(asked, language.of(request), outlook)
        else:
            predict = snapshot.predictor.predict
            rows = await to_thread.run_sync(predict, asked, language.of(request), outlook)
        self.audit.note(request, [], snapshot.version)
        body = (
            f'{{"model_version":{json.dumps(snapshot.version)},"predictions":[{",".join(rows)}]}}'
        )
        return Response(body, media_type=_JSON)

    async def what_if(self, request: Request) -> Response:
        """Tell what the model expects of an account with other values."""
        kind = request.headers.get("content-type", "")
        asked = parse(WhatIfRequest, kind, await request.body())
        snapshot = self.live.snapshot
        encoded(snapshot, [asked.account_id])
        if snapshot.predictor is None:
            raise NotReadyError("No model is loaded.")
        wanted = language.of(request)
        record = snapshot.by_id[asked.account_id]
        row = observed(record)
        what_if = snapshot.predictor.what_if
        try:
            told = await to_thread.run_sync(what_if.ask, row, asked.changes, wanted)
        except TenureError as error:
            raise ApiError(400, "invalid_request", str(error)) from None
        well = record["band"] == "healthy"
        told["ways"] = [] if well else await to_thread.run_sync(what_if.ways, row, wanted)
        self.audit.note(request, [asked.account_id], snapshot.version)
        which = {"account_id": asked.account_id, "model_version": snapshot.version}
        return JSONResponse({**which, **told})

    async def accounts(self, request: Request) -> Response:
        """Accounts without their reasons, a page at a time."""
        _check_query(request.query_params)
        snapshot = self.live.snapshot
        wish = Wish.of(request.query_params)
        limit = _limit(request.query_params.get("limit"))
        start = _start(request.query_params.get("cursor"), wish, snapshot)
        if same := _unchanged(request, snapshot):
            return same
        chosen = wish.choose(snapshot.rows)
        end = start + limit
        rows = [{name: row[name] for name in Account.model_fields} for row in chosen[start:end]]
        self.audit.note(request, [row["account_id"] for row in rows], snapshot.version)
        following = _cursor(end, wish, snapshot) if end < len(chosen) else None
        return JSONResponse({"accounts": rows, "next_cursor": following}, headers=_tagged(snapshot))

    async def account(self, request: Request) -> Response:
        """Give the current score of one account, with its drivers."""
        snapshot = self.live.snapshot
        account_id = request.path_params["account_id"]
        wanted = language.of(request)
        (row,) = encoded(snapshot, [account_id], wanted)
        if same := _unchanged(request, snapshot, wanted):
            return same
        self.audit.note(request, [account_id], snapshot.version)
        return Response(row, media_type=_JSON, headers=_tagged(snapshot, wanted))

    async def model(self, request: Request) -> Response:
        """Tell of the model that serves."""
        snapshot = self.live.snapshot
        if same := _unchanged(request, snapshot):
            return same
        return JSONResponse(dict(snapshot.model), headers=_tagged(snapshot))

    async def health_score(self, request: Request) -> Response:
        """Weights and goals with their evidence."""
        snapshot = self.live.snapshot
        if same := _unchanged(request, snapshot):
            return same
        return JSONResponse(dict(snapshot.health_document), headers=_tagged(snapshot))

    async def healthz(self, _: Request) -> Response:
        """Say that the process runs."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        """Say which scores are served, and what hinders newer ones."""
        snapshot = self.live.snapshot
        return JSONResponse(
            {
                "ready": True,
                "model_version": snapshot.version,
                "as_of": snapshot.model["as_of"],
                "scored_at": snapshot.scored_at,
                "problem": self.live.problem,
            }
        )

    async def metrics(self, _: Request) -> Response:
        """Answer Prometheus."""
        return meters.exposed(self.live.current)

    async def openapi(self, _: Request) -> Response:
        """Describe the API, as it is with the model that serves."""
        secured = self.access is not None and self.access.ring.required
        current = self.live.current
        inputs = current.model["inputs"] if current else []
        return JSONResponse(openapi.document(secured, inputs))


def encoded(snapshot: Snapshot, account_ids: Sequence[str], wanted: Language = "en") -> list[bytes]:
    """Look up the rows of accounts, as JSON.

    Raises
    ------
    ApiError
        404 naming every account that is not scored.
    """
    unknown = [each for each in account_ids if each not in snapshot.encoded]
    if unknown:
        raise ApiError(
            404,
            "unknown_account",
            f"{len(unknown):,} of the {len(account_ids):,} account_ids belong to none of the "
            f"{len(snapshot.rows):,} accounts scored as of {snapshot.model['as_of']}. "
            "Accounts are scored while a contract is in force.",
            {"unknown": unknown},
        )
    return [snapshot.told(each, wanted) for each in account_ids]


def _tagged(snapshot: Snapshot, told_in: Language | None = None) -> dict[str, str]:
    # weak: the moment of scoring may differ between workers while everything else is the same
    headers = {"ETag": f'W/"{_tag(snapshot, told_in)}"', "Cache-Control": "private, no-cache"}
    return headers | {"Vary": "Accept-Language"} if told_in else headers


def _tag(snapshot: Snapshot, told_in: Language | None) -> str:
    return f"{snapshot.tag}-{told_in}" if told_in else snapshot.tag


def _unchanged(
    request: Request, snapshot: Snapshot, told_in: Language | None = None
) -> Response | None:
    """Answer 304 to a caller who has what the scores say."""
    told = request.headers.get("if-none-match", "")
    known = {each.strip().removeprefix("W/") for each in told.split(",")}
    if f'"{_tag(snapshot, told_in)}"' in known or told.strip() == "*":
        return Response(status_code=304, headers=_tagged(snapshot, told_in))
    return None


def _check_query(query: Mapping[str, str]) -> None:
    for name in query:
        if name not in _QUERY:
            raise ApiError(
                400,
                "invalid_request",
                f"There is no parameter {name[:50]!r}.{did_you_mean(name, _QUERY)}",
            )


def _limit(text: str | None) -> int:
    if text is None:
        return MOST_ACCOUNTS
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_ACCOUNTS:
        return int(text)
    raise ApiError(400, "invalid_request", f"limit must be from 1 to {MOST_ACCOUNTS:,}.")


def _cursor(start: int, wish: Wish, snapshot: Snapshot) -> str:
    """Name a place in the list that a wish gives with these scores."""
    text = json.dumps([snapshot.tag, wish.query(), start])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _start(cursor: str | None, wish: Wish, snapshot: Snapshot) -> int:
    if cursor is None:
        return 0
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        tag, query, start = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, TypeError):
        tag = query = start = None
    if not isinstance(start, int) or not 0 < start < len(snapshot.rows) or query != wish.query():
        raise ApiError(
            404, "unknown_cursor", "The cursor was not given out for this list. Begin without one."
        )
    if tag != snapshot.tag:
        raise ApiError(
            409,
            "scores_changed",
            "The scores were renewed since the page before. Begin again without a cursor.",
        )
    return start
