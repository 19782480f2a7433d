"""The API's forms: what goes in, what comes out, and how it fails."""

from collections.abc import Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse

MOST_ACCOUNTS = 1000
"""Accounts in one request."""
MOST_BYTES = 256 * 1024
"""Length of a request's body; 1,000 long ids stay far below it."""
MOST_PREDICT_BYTES = 8 * 1024 * 1024
"""Length of a body that brings observations; 1,000 of 100 metrics stay below it."""

Probability = Annotated[float, Field(ge=0, le=1)]
AccountId = Annotated[str, Field(min_length=1, max_length=200)]


class ApiError(Exception):
    """A request that cannot be answered, and what the caller may do about it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details
        self.headers = headers

    def response(self) -> JSONResponse:
        """Give the answer in the one form that all errors have."""
        body = {"code": self.code, "message": str(self), "details": self.details}
        return JSONResponse({"error": body}, self.status, self.headers)


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


Value = Annotated[float, Field(allow_inf_nan=False)] | str | None
"""Of a metric: a number, a category's name, or null where it is not known."""


class PredictRequest(_Form):
    """Accounts as a tool sees them itself: values of the model's metrics."""

    observations: Annotated[
        list[dict[str, Value]], Field(min_length=1, max_length=MOST_ACCOUNTS)
    ] = Field(description="Metric to value; a metric left out or null is not known")
    outlook: bool = Field(
        default=False,
        description="Whether churn_30d to churn_365d and expected_retained_arr are told as well; "
        "they take some 20 ms a request, however many observations it has",
    )


Status = Literal["known", "zero", "stale", "absent", "not_applicable"]


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
    status: Status = Field(
        description="What is known of the value: zero is a known 0, stale an old value, absent one "
        "that was not recorded, not_applicable one that this account cannot have"
    )


class CoverageByStatus(_Form):
    """What is known of what the model goes by, as shares of its weight; they sum to 1."""

    known: Probability
    zero: Probability = Field(description="Known to be 0")
    stale: Probability = Field(description="There, but too old to be counted as covered")
    absent: Probability = Field(description="Not recorded")
    not_applicable: Probability = Field(description="Left out of coverage")


class ChangeDriver(_Form):
    """A part of the change since the previous as_of."""

    cause: Literal["behaviour", "model", "settings"]
    metric: str | None = Field(description="null where the cause is no metric's")
    dimension: str | None
    label: str
    value: float | str | None
    was: float | None
    points: float = Field(description="Signed share of probability")
    health_points: float | None = Field(description="Signed points of health")
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
    probability_change: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        description="Since the previous as_of; null for accounts that were not scored then"
    )
    churn_30d: Probability | None = Field(
        description="Probability of leaving within 30 days of as_of. The four lie on one curve "
        "through churn_probability: a longer horizon never has the smaller one, and without a lead "
        "the one of the model's own horizon is churn_probability. null where the model's other "
        "horizons are not told; evaluation.time_to_churn of /v1/model says why"
    )
    churn_90d: Probability | None = Field(description="Within 90 days")
    churn_180d: Probability | None = Field(description="Within 180 days")
    churn_365d: Probability | None = Field(description="Within 365 days")
    health: Annotated[float, Field(ge=0, le=100)] | None
    band: Literal["healthy", "watch", "at risk"] | None
    health_change: float | None = Field(description="Since the previous as_of; null where unknown")
    arr: float | None
    renewal_date: date | None = Field(strict=False, description="null while the contract is open")
    days_to_renewal: int | None
    arr_at_risk: float | None = Field(description="arr times churn_probability")
    expected_retained_arr: float | None = Field(
        description="ARR to be expected at the end of the outcome window, per year like arr, by "
        "the odds of leaving, contracting, renewing and expanding; null where arr is unknown"
    )
    coverage: Probability = Field(
        description="Share of the model's weight that applies whose inputs are known and fresh"
    )
    model_version: str
    scored_at: datetime = Field(strict=False)


class Score(Account):
    """One row of the score table: base_probability and all points sum to churn_probability."""

    coverage_by_status: CoverageByStatus
    coverage_sentence: str
    drivers: list[Driver] = Field(description="By absolute points")
    dimension_points: dict[str, float] = Field(description="Sums of the drivers' points")
    change_drivers: list[ChangeDriver] = Field(
        description="What probability_change is made of, by absolute points; sums to it"
    )
    base_probability: Probability


class Scores(_Form):
    """Scores in the order asked for, each account once."""

    scores: list[Score]


class Accounts(_Form):
    """One page of accounts; next_cursor leads to the next and is null on the last."""

    accounts: list[Account]
    next_cursor: str | None


class Ahead(_Form):
    """Other horizons, and what is kept, as the score table tells them of an account."""

    churn_30d: Probability | None = Field(
        description="Within 30 days: the four lie on one curve through churn_probability. null "
        "where the score table tells none either"
    )
    churn_90d: Probability | None = Field(description="Within 90 days")
    churn_180d: Probability | None = Field(description="Within 180 days")
    churn_365d: Probability | None = Field(description="Within 365 days")
    expected_retained_arr: float | None = Field(
        description="ARR to be expected at the end of the outcome window, per year; null where arr "
        "is unknown"
    )


class Prediction(Ahead):
    """What the model says of one observation: base_probability and all points sum to it.

    The other horizons and what is kept are null unless `outlook` is asked for.
    """

    churn_probability: Probability
    probability_low: Probability | None
    probability_high: Probability | None
    health: Annotated[float, Field(ge=0, le=100)] | None
    band: Literal["healthy", "watch", "at risk"] | None = Field(
        description="As at a first look: no earlier band holds an account back"
    )
    coverage: Probability = Field(
        description="Share of the model's weight that applies whose inputs are given and fresh"
    )
    coverage_by_status: CoverageByStatus
    coverage_sentence: str
    drivers: list[Driver] = Field(description="By absolute points")
    dimension_points: dict[str, float] = Field(description="Sums of the drivers' points")
    base_probability: Probability


class Predictions(_Form):
    """Predictions in the order of the observations."""

    model_version: str
    predictions: list[Prediction]


class WhatIfRequest(_Form):
    """An account, and other values of metrics that a team can act on."""

    account_id: AccountId
    changes: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(max_length=200)


class Judged(Ahead):
    """What the model expects."""

    churn_probability: Probability
    health: float | None = Field(description="0-100; null without a health score")


class Change(_Form):
    """One metric with another value."""

    metric: str
    label: str
    unit: str
    value: float | None = Field(description="As it is now")
    to: float
    better: bool | None = Field(description="Whether this is the healthy direction")
    sentence: str


class Way(Change, Judged):
    """A single change that brings the account into the healthy band, and what it then is."""


class WhatIfAnswer(_Form):
    """What the model expects of an account with other values: no promise of an effect."""

    account_id: str
    model_version: str
    before: Judged
    after: Judged
    changes: list[Change]
    unchanged: list[str] = Field(description="Related metrics that stay as they are")
    note: str
    ways: list[Way] = Field(description="Smallest single changes to the healthy band")


class Input(_Form):
    """A metric that the model reads."""

    metric: str
    dimension: str
    label: str
    unit: str
    kind: Literal["number", "category"]
    levels: list[str] = Field(description="A category's names; empty for numbers")
    actionable: bool = Field(description="Whether /v1/what-if may change it")


class Model(_Form):
    """The model that serves."""

    version: str
    as_of: date = Field(strict=False)
    accounts: int
    lead_days: int
    horizon_days: int
    inputs: list[Input] = Field(description="What /v1/predict takes")
    evaluation: dict[str, Any] = Field(description="How it did out of time; see tenure evaluate")


class Ready(_Form):
    """Which scores are served; with a problem, they are older than they should be."""

    ready: Literal[True]
    model_version: str
    as_of: date = Field(strict=False)
    scored_at: datetime = Field(strict=False)
    problem: str | None


class ErrorBody(_Form):
    """What went wrong."""

    code: str
    message: str
    details: Any


class Error(_Form):
    """The one form of all errors."""

    error: ErrorBody


F = TypeVar("F", bound=BaseModel)


def parse(form: type[F], kind: str, body: bytes) -> F:
    """Read a request's body, or say everything that is wrong with it.

    Parameters
    ----------
    form : type of pydantic model
    kind : str
        The Content-Type header.
    body : bytes

    Raises
    ------
    ApiError
        415 if it is not sent as JSON, 400 if it is none or has another form.
    """
    named = kind.partition(";")[0].strip().lower()
    if named != "application/json":
        raise ApiError(
            415,
            "not_json",
            f"The body must be JSON, sent with Content-Type: application/json (not {named!r}).",
        )
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        faults = [
            {"field": ".".join(map(str, fault["loc"])), "problem": fault["msg"]}
            for fault in error.errors(include_url=False, include_context=False)[:10]
        ]
    first = faults[0]
    if not first["field"]:
        raise ApiError(400, "invalid_request", f"The body: {first['problem']}.", faults)
    raise ApiError(400, "invalid_request", f"{first['field']}: {first['problem']}.", faults)
