"""Pages for people: reading the current scores, nothing else."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from serving import coverage, explain, language, weights
from serving.access import Access, Caller, for_people
from serving.api import ApiError, code_of
from serving.audit import Audit
from serving.endpoints import Api
from serving.explain import Record
from serving.guard import defect
from serving.live import Live, NotReadyError
from serving.login import Login
from serving.wish import BANDS, Wish

HERE = Path(__file__).parent
PAGE_ROWS = 50


def create_app(live: Live, audit: Audit, access: Access | None = None) -> Starlette:
    """Make the web application around the current scores: pages, and the API.

    Parameters
    ----------
    live : Live
    audit : Audit
        Where answers about accounts are written down.
    access : Access, optional
        Who may ask, for the form by which people give their key.
    """
    pages = _Pages(live, audit)
    api = Api(live, audit, access)
    app = Starlette(
        routes=[
            Route("/", pages.accounts, name="accounts"),
            Route("/accounts/{account_id:path}", pages.account, name="account"),
            Route("/health-score", pages.health_score, name="health_score"),
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
            *(Login(access, pages.page).routes if access else ()),
            *api.routes,
        ],
        exception_handlers={
            ApiError: pages.failed,
            NotReadyError: pages.not_ready,
            HTTPException: pages.refused,
            Exception: pages.broken,
        },
    )
    app.router.redirect_slashes = False
    return app


class _Pages:
    """Endpoints; each reads the snapshot once, so that one answer never mixes two models."""

    def __init__(self, live: Live, audit: Audit) -> None:
        self.live = live
        self.audit = audit
        self.templates = templates()

    def accounts(self, request: Request) -> Response:
        """Everybody, the riskiest first."""
        snapshot = self.live.snapshot
        wish = Wish.of(request.query_params)
        chosen = wish.choose(snapshot.rows)
        start = _offset(request.query_params.get("from", "0"))
        rows = chosen[start : start + PAGE_ROWS]
        self.audit.note(request, [row["account_id"] for row in rows], snapshot.version)
        return self.page(
            request,
            "accounts.html",
            snapshot=snapshot,
            wish=wish,
            rows=rows,
            start=start,
            totals=totals(chosen),
            segments=_values(snapshot.rows, "segment"),
            csms=_values(snapshot.rows, "csm"),
            bands=[band for band in BANDS if any(row["band"] == band for row in snapshot.rows)],
            earlier=wish.query(**{"from": max(start - PAGE_ROWS, 0)}) if start else None,
            later=wish.query(**{"from": start + PAGE_ROWS})
            if start + PAGE_ROWS < len(chosen)
            else None,
        )

    def account(self, request: Request) -> Response:
        """One account, with everything that makes up its risk."""
        snapshot = self.live.snapshot
        row = snapshot.by_id.get(request.path_params["account_id"])
        if row is None:
            raise ApiError(
                404,
                "unknown_account",
                f"No account {request.path_params['account_id']!r} is scored as of "
                f"{snapshot.model['as_of']}. Accounts are scored while a contract is in force.",
            )
        row = language.retell(row, language.of(request))
        dimensions = explain.by_dimension(row)
        self.audit.note(request, [row["account_id"]], snapshot.version)
        return self.page(
            request,
            "account.html",
            snapshot=snapshot,
            row=row,
            dimensions=dimensions,
            steps=waterfall(row, dimensions),
            ahead=explain.ahead(row),
            why_none=(snapshot.model["evaluation"].get("time_to_churn") or {}).get("verdict"),
        )

    def health_score(self, request: Request) -> Response:
        """Weights, goals and their evidence, for leaders."""
        snapshot = self.live.snapshot
        document = snapshot.health_document
        return self.page(request, "health_score.html", snapshot=snapshot, document=document)

    def not_ready(self, request: Request, error: Exception) -> Response:
        """Answer while there are no scores."""
        return self.failed(request, ApiError(503, "not_ready", str(error)))

    def refused(self, request: Request, error: Exception) -> Response:
        """Answer what the router itself refuses."""
        assert isinstance(error, HTTPException)
        code = code_of(error.status_code)
        told = ApiError(error.status_code, code, f"{error.detail}.", headers=error.headers)
        return self.failed(request, told)

    def broken(self, request: Request, _: Exception) -> Response:
        """Answer where we failed; the log is written by whoever sees the exception."""
        return self.failed(request, defect())

    def failed(self, request: Request, error: Exception) -> Response:
        """Answer an error: a page for people, the API's form for programs."""
        assert isinstance(error, ApiError)
        request.state.code = error.code
        if not for_people(request.url.path):
            return error.response()
        return self.page(request, "error.html", status=error.status, error=error)

    def page(self, request: Request, template: str, status: int = 200, **about: Any) -> Response:
        """Render a template."""
        html = self.templates.get_template(template).render(
            problem=self.live.problem,
            caller=Caller.of(request.scope).name,
            **{"snapshot": None, **about},
        )
        return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


def totals(rows: Sequence[Record]) -> dict[str, float]:
    """Sum up accounts: their number, ARR, ARR at risk, and the leavers to expect."""
    return {
        "accounts": len(rows),
        "leavers": sum(row["churn_probability"] for row in rows),
        "arr": sum(row["arr"] or 0.0 for row in rows),
        "arr_at_risk": sum(row["arr_at_risk"] or 0.0 for row in rows),
    }


def curve(ahead: Sequence[Mapping[str, Any]]) -> str:
    """Draw the risk over the days ahead: points of an SVG line, 100 wide and 40 high.

    The height is that of the largest risk, or 10 % where it is smaller.

    Examples
    --------
    >>> curve([{"days": 90, "risk": 0.1}, {"days": 180, "risk": 0.2}])
    '0.0,40.0 50.0,20.0 100.0,0.0'
    """
    last, top = ahead[-1]["days"], max(ahead[-1]["risk"], 0.1)
    told = [(0, 0.0), *((each["days"], each["risk"]) for each in ahead)]
    return " ".join(f"{100 * days / last:.1f},{40 - 40 * risk / top:.1f}" for days, risk in told)


def waterfall(row: Record, dimensions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lay out the way from the base probability to this account's, for drawing.

    Returns
    -------
    list of dict
        The base, each dimension, and the account: ``dimension`` (empty at both ends), ``points``,
        and the bar's ``left`` and ``width`` in percent of the drawing's width.
    """
    ends = [0.0, row["base_probability"]]
    for entry in dimensions:
        ends.append(ends[-1] + entry["points"])
    names = ["", *(entry["dimension"] for entry in dimensions), ""]
    bars = [*itertools.pairwise(ends), (ends[-1], 0.0)]
    # the way may pass below 0: points are exact, single steps need be no probabilities
    low = min(ends)
    full = 1.05 * (max(ends) - low)
    return [
        {
            "dimension": name,
            "points": after - before,
            "left": 100 * (min(before, after) - low) / full,
            "width": 100 * abs(after - before) / full,
        }
        for name, (before, after) in zip(names, bars, strict=True)
    ]


def templates() -> Environment:
    """Templates with the words that they use."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": explain.percent,
        "points": explain.signed_points,
        "direction": explain.direction,
        "money": explain.money,
        "dimension": explain.dimension_label,
        "moved": explain.health_moved,
        "status": coverage.word,
        "day": _day,
        "url": lambda account_id: "/accounts/" + quote(account_id, safe=""),
    }
    environment.globals |= {
        "in_short": explain.in_short,
        "curve": curve,
        "quantity": explain.quantity,
        "stands_well": explain.stands_well,
        **{name: getattr(weights, name) for name in weights.WORDS},
    }
    return environment


def _day(iso: str | None) -> str:
    """Write a day so that nobody takes the month for the day."""
    if iso is None:
        return "open-ended"
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%b %Y}"


def _values(rows: Iterable[Record], name: str) -> list[str]:
    return sorted({row[name] for row in rows if row[name]})


def _offset(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ApiError(400, "invalid_request", "There is no such page.")
    return int(text)
