"""The form in which `GET /v1/health-score` tells weights, goals and their evidence."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class HealthGoal(_Form):
    """From where on a metric is healthy, and what came of accounts on each side."""

    segment: str = Field(description="all: every account")
    goal: float
    learned_goal: float = Field(description="Before people decided")
    red: float
    green: float
    low: float | None = Field(description="90 % interval of the goal; null where not learned")
    high: float | None
    accounts_below: int
    churned_below: int
    accounts_above: int
    churned_above: int
    lead_days: float | None
    enough: bool


class HealthDimension(_Form):
    """What a dimension counts for, of 100."""

    weight: float
    low: float | None
    high: float | None


class HealthMetric(HealthDimension):
    """What a metric counts for, and its goals."""

    dimension: str
    label: str
    unit: str
    healthy: Literal["high", "low"] | None
    learned_weight: float
    present_weight: float | None
    change: dict[str, Any] | None = Field(description="Whom today's weight and goal would flag")
    goals: list[HealthGoal]


class HealthGrouping(_Form):
    """What goals of its own for each group gained on later renewals, over the same for all."""

    column: str
    groups: int
    renewals: float
    churned: int = Field(description="Accounts that left among those judged")
    gain: float = Field(description="In log-loss per renewal")
    low: float = Field(description="Interval for all groupings tested together")
    high: float
    pays: bool


class HealthScore(_Form):
    """Weights and goals as they are served, with what stands behind them."""

    version: int
    settings_version: int = Field(description="How many decisions of people stand in it")
    learned: Literal["nothing", "dimensions", "metrics"]
    accounts: int
    churned: int
    dimensions: dict[str, HealthDimension]
    metrics: dict[str, HealthMetric]
    scorecard: dict[str, float] | None
    trees: dict[str, float] | None
    auc_lost: float | None
    auc_lost_low: float | None
    auc_lost_high: float | None
    interactions: list[dict[str, Any]] = Field(description="Told where auc_lost exceeds .01")
    segments: list[str] = Field(description="Groups with goals of their own")
    grouped_by: str = Field(description="Column of the groups; empty: the same goals for all")
    groupings: list[HealthGrouping] = Field(description="Tested ones; empty where none could be")
    present_weights: dict[str, float] = Field(description="In use today, by metric, out of 100")
    present_goals: dict[str, float | dict[str, float]] = Field(description="In use today")
    bands: dict[str, Any]
    audit: list[dict[str, Any]]
    changes: dict[str, Any]
    left_out: dict[str, str]
    decisions: list[dict[str, Any]]
