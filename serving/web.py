"""Pages for people, and the API's GET endpoints: reading the current scores, nothing else."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from serving import explain
from serving.api import Account, ApiError, code_of, openapi
from serving.explain import Record
from serving.live import Live, NotReadyError

HERE = Path(__file__).parent
PAGE_ROWS = 50
API_ROWS = 1000

SORTS: Mapping[str, Callable[[Record], Any]] = {
    "risk": lambda row: -row["churn_probability"],
    "arr": lambda row: -(row["arr_at_risk"] or 0.0),
    "renewal": lambda row: row["renewal_date"] or "9999",
}
"""Orders that people may ask for; ties keep the riskiest first."""


@dataclass(frozen=True)
class Wish:
    """Which accounts are wanted, and in which order; empty means all."""

    q: str = ""
    segment: str = ""
    csm: str = ""
    sort: str = "risk"

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wish":
        """Read a query string.

        Raises
        ------
        ApiError
            Where the order is none of `SORTS`.
        """
        told = {name: query.get(name, "").strip() for name in ("q", "segment", "csm")}
        sort = query.get("sort") or "risk"
        if sort not in SORTS:
            raise ApiError(
                400, "invalid_request", f"sort must be one of {', '.join(SORTS)}, not {sort!r}."
            )
        return cls(**told, sort=sort)

    def choose(self, rows: Iterable[Record]) -> list[Record]:
        """Filter and sort rows that come with the riskiest first."""
        return sorted((row for row in rows if self._fits(row)), key=SORTS[self.sort])

    def query(self, **more: object) -> str:
        """Write the wish as a query string."""
        said = {name: value for name, value in vars(self).items() if value and value != "risk"}
        return urlencode({**said, **more})

    def _fits(self, row: Record) -> bool:
        text = f"{row['name'] or ''} {row['account_id']}".casefold()
        return (
            self.q.casefold() in text
            and self.segment in ("", row["segment"])
            and self.csm in ("", row["csm"])
        )


def create_app(live: Live) -> Starlette:
    """Make the web application around the current scores."""
    pages = _Pages(live)
    return Starlette(
        routes=[
            Route("/", pages.accounts, name="accounts"),
            Route("/accounts/{account_id:path}", pages.account, name="account"),
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
            Route("/openapi.json", lambda _: JSONResponse(openapi())),
            Route("/v1/accounts", pages.api_accounts),
            Route("/v1/model", pages.api_model),
            # the framework's own pages of these names would load scripts from elsewhere
            Route("/docs.json", _nothing),
            Route("/static_content/{path:path}", _nothing),
        ],
        exception_handlers={
            ApiError: pages.failed,
            NotReadyError: pages.not_ready,
            HTTPException: pages.refused,
        },
    )


class _Pages:
    """Endpoints; each reads the snapshot once, so that one answer never mixes two models."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.templates = _templates()

    def accounts(self, request: Request) -> Response:
        """Everybody, the riskiest first."""
        snapshot = self.live.snapshot
        wish = Wish.of(request.query_params)
        chosen = wish.choose(snapshot.rows)
        start = _offset(request.query_params.get("from", "0"))
        return self._page(
            "accounts.html",
            snapshot=snapshot,
            wish=wish,
            rows=chosen[start : start + PAGE_ROWS],
            start=start,
            totals=totals(chosen),
            segments=_values(snapshot.rows, "segment"),
            csms=_values(snapshot.rows, "csm"),
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
        dimensions = explain.by_dimension(row)
        return self._page(
            "account.html",
            snapshot=snapshot,
            row=row,
            dimensions=dimensions,
            steps=waterfall(row, dimensions),
        )

    def api_accounts(self, request: Request) -> Response:
        """Accounts without their reasons, a page at a time."""
        chosen = Wish.of(request.query_params).choose(self.live.snapshot.rows)
        start = _offset(request.query_params.get("cursor", "0"))
        end = start + API_ROWS
        rows = [{name: row[name] for name in Account.model_fields} for row in chosen[start:end]]
        return JSONResponse(
            {"accounts": rows, "next_cursor": str(end) if end < len(chosen) else None}
        )

    def api_model(self, _: Request) -> Response:
        """The model that serves."""
        return JSONResponse(dict(self.live.snapshot.model))

    def not_ready(self, request: Request, error: Exception) -> Response:
        """Answer while there are no scores."""
        return self.failed(request, ApiError(503, "not_ready", str(error)))

    def refused(self, request: Request, error: Exception) -> Response:
        """Answer what the router itself refuses."""
        assert isinstance(error, HTTPException)
        return self.failed(
            request,
            ApiError(error.status_code, code_of(error.status_code), f"{error.detail}."),
        )

    def failed(self, request: Request, error: Exception) -> Response:
        """Answer an error: a page for people, the API's form for programs."""
        assert isinstance(error, ApiError)
        if request.url.path.startswith("/v1/"):
            return error.response()
        return self._page("error.html", status=error.status, error=error)

    def _page(self, template: str, status: int = 200, **about: Any) -> Response:
        html = self.templates.get_template(template).render(
            problem=self.live.problem, **{"snapshot": None, **about}
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


def _templates() -> Environment:
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
        "day": _day,
        "url": lambda account_id: "/accounts/" + quote(account_id, safe=""),
    }
    environment.globals |= {
        "in_short": explain.in_short,
        "quantity": explain.quantity,
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
        raise ApiError(400, "invalid_request", "The cursor is none that was given out.")
    return int(text)


def _nothing(_: Request) -> Response:
    raise HTTPException(404, "Nothing is here")
