"""Outcomes: whether the customer reaches what it bought the product for.

An objective stands as its status says from ``status_at`` on; before that it is open. What was
reached (``value``) is written over for as long as the objective is open, so it is used only once
the objective is decided. An account without objectives of a kind has none to reach: its metrics are
absent, not zero.
"""

import ibis
import ibis.expr.types as ir

from features.known import (
    age_days,
    counts_told,
    first_of,
    known_rows,
    with_all_columns,
    within,
)
from features.metric import Metric
from features.observations import Tables
from features.windows import KEYS, attach

DIMENSION = "outcomes"
_MOST_REACHED = 1.5


def quantities(tables: Tables, observations: ir.Table) -> ir.Table:
    """Objectives as they stood at each observation.

    Returns
    -------
    Table
        The observations with ``objectives_met``, ``objectives_judged`` (decided or overdue),
        ``objectives_overdue``, ``integrations`` (ever begun), ``integrations_abandoned_365d``,
        ``onboardings``, ``onboardings_met``, ``onboarding_days`` and ``value_reached``, as far as
        there are objectives.
    """
    if "objectives" not in tables:
        return observations
    objectives = with_all_columns(tables["objectives"], "objectives")
    objectives = objectives.mutate(begun_at=first_of(objectives, "created_at", "known_at"))
    t = attach(observations, _goals(objectives, observations))
    counts = {"integrations_abandoned_365d": 365}
    return counts_told(t, counts, objectives, "begun_at", observations)


def _goals(objectives: ir.Table, observations: ir.Table) -> ir.Table:
    t = known_rows(objectives, observations)
    t = t.mutate(begun_days=age_days(t, t.begun_at), stands_days=age_days(t, t.status_at))
    t = t.filter(t.begun_days > 0)
    decided = ((t.stands_days > 0) & (t.status != "open")).fill_null(False)
    overdue = ~decided & (age_days(t, t.due_at) > 0).fill_null(False)
    met = decided & (t.status == "met")
    onboarding, integration = t.kind == "onboarding", t.kind == "integration"
    abandoned = integration & (t.status == "abandoned") & within(t.stands_days, 365)
    reached = t.value / t.target.nullif(0)
    # least() would take a missing share for the cap
    capped = ibis.ifelse(reached > _MOST_REACHED, _MOST_REACHED, reached)
    begun_days = t.begun_days.max(where=onboarding)
    return t.group_by(*KEYS).agg(
        objectives_met=t.count(where=met),
        objectives_judged=t.count(where=decided | overdue),
        objectives_overdue=t.count(where=overdue),
        integrations=t.count(where=integration),
        integrations_abandoned_365d=t.count(where=abandoned),
        onboardings=t.count(where=onboarding),
        onboardings_met=t.count(where=onboarding & met),
        onboarding_days=begun_days - t.stands_days.min(where=onboarding & met),
        value_reached=capped.mean(where=(t.kind == "outcome") & decided),
    )


def _where(condition: ir.Value, value: ir.Value) -> ir.Value:
    return ibis.ifelse(condition, value, ibis.null(value.type()))


METRICS = (
    Metric(
        name="objectives_met_share",
        dimension=DIMENSION,
        label="Objectives met",
        unit="share",
        healthy="high",
        formula="objectives met / objectives met, missed, abandoned or overdue at as_of",
        sentence="{value} of the objectives that were due or decided have been met",
        needs=("objectives",),
        value=lambda t: t.objectives_met / t.objectives_judged.nullif(0),
    ),
    Metric(
        name="objectives_overdue",
        dimension=DIMENSION,
        label="Objectives overdue",
        unit="objectives",
        healthy="low",
        formula="open objectives whose due day has passed at as_of, where there are objectives",
        sentence="{value} objectives are overdue",
        needs=("objectives.due_at",),
        value=lambda t: t.objectives_overdue,
    ),
    Metric(
        name="integrations_abandoned_365d",
        dimension=DIMENSION,
        label="Integrations abandoned",
        unit="integrations",
        healthy="low",
        formula="integrations abandoned in the 365 days before as_of, where any was ever begun",
        sentence="{value} integrations were begun and abandoned in the last year",
        needs=("objectives",),
        value=lambda t: _where(t.integrations > 0, t.integrations_abandoned_365d),
    ),
    Metric(
        name="onboarding_done",
        dimension=DIMENSION,
        label="Onboarding done",
        unit="share",
        healthy="high",
        formula="onboarding objectives met / all onboarding objectives",
        sentence="{value} of the onboarding is done",
        needs=("objectives",),
        value=lambda t: t.onboardings_met / t.onboardings.nullif(0),
    ),
    Metric(
        name="onboarding_days",
        dimension=DIMENSION,
        label="Length of the onboarding",
        unit="days",
        healthy="low",
        formula="days from the first onboarding objective to the last one met, once all are met",
        sentence="The onboarding took {value} days",
        needs=("objectives.created_at",),
        value=lambda t: _where(t.onboardings_met == t.onboardings, t.onboarding_days),
    ),
    Metric(
        name="value_reached",
        dimension=DIMENSION,
        label="Value reached",
        unit="share",
        healthy="high",
        formula="mean of value / target (at most 1.5), of outcome objectives decided before as_of",
        sentence="{value} of the value aimed at was reached",
        needs=("objectives.value", "objectives.target"),
        value=lambda t: t.value_reached,
    ),
)
