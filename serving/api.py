"""The API's forms: what goes in, what comes out, how it fails; and its OpenAPI document."""

from collections.abc import Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.responses import JSONResponse

MOST_ACCOUNTS = 1000
"""Accounts in one request."""
MOST_BYTES = 256 * 1024
"""Length of a request's body; 1,000 long ids stay far below it."""

Probability = Annotated[float, Field(ge=0, le=1)]
AccountId = Annotated[str, Field(min_length=1, max_length=200)]


class ApiError(Exception):
    """A request that cannot be answered, and what the caller may do about it."""

    def __init__(self, status: int, code: str, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details

    def response(self) -> JSONResponse:
        """Give the answer in the one form that all errors have."""
        body = {"code": self.code, "message": str(self), "details": self.details}
        return JSONResponse({"error": body}, status_code=self.status)


def code_of(status: int) -> str:
    """Name an HTTP status the way errors are named here.

    Examples
    --------
    >>> code_of(404), code_of(503)
    ('not_found', 'not_ready')
    """
    return (
        "not_ready" if status == HTTPStatus.SERVICE_UNAVAILABLE else HTTPStatus(status).name.lower()
    )


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ScoreRequest(_Form):
    """Accounts whose current scores are wanted."""

    account_ids: Annotated[list[AccountId], Field(min_length=1, max_length=MOST_ACCOUNTS)]


class Driver(_Form):
    """A metric's share in one account's risk."""

    metric: str
    dimension: str
    label: str
    value: float | str | None = Field(description="In the metric's unit; null where unknown")
    unit: str
    healthy: Literal["high", "low"] | None = Field(description="Which way is better; null: neither")
    goal: float | None = Field(description="Healthy from here on; null while none is learned")
    was: float | None = Field(description="The value at the previous as_of; null where unknown")
    points: float = Field(description="Signed share of probability; 0.01 is one percentage point")
    sentence: str


class Account(_Form):
    """One row of the score table without its reasons."""

    account_id: str
    as_of: date = Field(strict=False)
    name: str | None
    segment: str | None
    csm: str | None
    churn_probability: Probability
    probability_low: Probability | None
    probability_high: Probability | None
    arr: float | None
    renewal_date: date | None = Field(strict=False, description="null while the contract is open")
    days_to_renewal: int | None
    arr_at_risk: float | None = Field(description="arr times churn_probability")
    coverage: Probability = Field(
        description="Share of the model's weight whose inputs are present"
    )
    model_version: str
    scored_at: datetime = Field(strict=False)


class Score(Account):
    """One row of the score table: base_probability and all points sum to churn_probability."""

    drivers: list[Driver] = Field(description="By absolute points")
    dimension_points: dict[str, float] = Field(description="Sums of the drivers' points")
    base_probability: Probability


class Scores(_Form):
    """Scores in the order asked for, each account once."""

    scores: list[Score]


class Accounts(_Form):
    """One page of accounts; next_cursor leads to the next and is null on the last."""

    accounts: list[Account]
    next_cursor: str | None


class Model(_Form):
    """The model that serves."""

    version: str
    as_of: date = Field(strict=False)
    accounts: int
    lead_days: int
    horizon_days: int
    evaluation: dict[str, Any] = Field(description="How it did out of time; see tenure evaluate")


class ErrorBody(_Form):
    """What went wrong."""

    code: str
    message: str
    details: Any


class Error(_Form):
    """The one form of all errors."""

    error: ErrorBody


def parse(form: type[BaseModel], body: Any) -> BaseModel:
    """Read a request's body, or say everything that is wrong with it."""
    try:
        return form.model_validate(body)
    except ValidationError as error:
        faults = [
            {"field": ".".join(map(str, fault["loc"])), "problem": fault["msg"]}
            for fault in error.errors(include_url=False, include_context=False)[:10]
        ]
        first = faults[0]
        raise ApiError(
            400, "invalid_request", f"{first['field']}: {first['problem']}.", faults
        ) from None


def openapi() -> dict[str, Any]:
    """Describe the API as OpenAPI 3.1."""
    forms = (ScoreRequest, Scores, Accounts, Model, Error)
    _, definitions = models_json_schema(
        [(form, "validation") for form in forms], ref_template="#/components/schemas/{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tenure",
            "version": "1",
            "description": "Which customers are likely to leave, and what tells so.",
        },
        "paths": {
            "/v1/score": {"post": _SCORE},
            "/v1/accounts": {"get": _ACCOUNTS},
            "/v1/model": {"get": _operation("model", "The model that serves", "Model", 503)},
            "/healthz": {"get": _probe("healthz", "The process runs")},
            "/readyz": {"get": _probe("readyz", "Scores are there", 503)},
        },
        "components": {"schemas": definitions["$defs"]},
    }


_FAILURES = {
    400: "The request is malformed",
    404: "An account is unknown",
    408: "The body came too slowly",
    413: "The body is too large",
    503: "No scores are there yet, or no model is",
}


def _operation(name: str, summary: str, answer: str, *failures: int) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": "Done", "content": _json(answer)},
            **_failures(*failures),
        },
    }


def _probe(name: str, summary: str, *failures: int) -> dict[str, Any]:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": "Yes", "content": text}, **_failures(*failures)},
    }


def _failures(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {"description": _FAILURES[status], "content": _json("Error")}
        for status in statuses
    }


def _json(form: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{form}"}}}


def _query(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


_SCORE = {
    **_operation("score", "Current scores with their drivers", "Scores", 400, 404, 408, 413, 503),
    "requestBody": {"required": True, "content": _json("ScoreRequest")},
}
_ACCOUNTS = {
    **_operation("accounts", "Accounts, the riskiest first", "Accounts", 400, 503),
    "parameters": [
        _query("q", "Part of a name or id", {"type": "string"}),
        _query("segment", "Only this segment", {"type": "string"}),
        _query("csm", "Only this CSM's accounts", {"type": "string"}),
        _query(
            "sort",
            "Order",
            {"type": "string", "enum": ["risk", "arr", "renewal"], "default": "risk"},
        ),
        _query("cursor", "next_cursor of the page before", {"type": "string"}),
    ],
}
