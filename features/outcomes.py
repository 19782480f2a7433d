"""Outcomes: whether the customer reaches what it bought the product for.

An objective stands as its status says from ``status_at`` on; before that it is open. What was
reached (``value``) is written over for as long as the objective is open, so it is used only once
the objective is decided. An account without objectives of a kind has none to reach: its metrics are
not zero, they do not apply.
"""

import ibis
import ibis.expr.types as ir

from features.known import (
    age_days,
    counts_told,
    first_of,
    known_rows,
    summable,
    with_all_columns,
    within,
)
from features.metric import Below, Metric
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
        ``objectives_overdue``, ``integrations`` and ``onboardings`` (ever begun; 0 where objectives
        are told, and none of the kind of this account), ``integrations_met``,
        ``integrations_abandoned_365d``, ``onboardings_met``, ``onboarding_days``,
        ``first_value_days`` and ``value_reached``, as far as there are objectives.
    """
    if "objectives" not in tables:
        return observations
    objectives = with_all_columns(tables["objectives"], "objectives")
    objectives = objectives.mutate(begun_at=first_of(objectives, "created_at", "known_at"))
    t = attach(observations, _goals(objectives, observations))
    t = t.mutate(first_value_days=age_days(t, t.customer_since) - t.first_value_days)
    # what was ever begun is told from the day after anything was
    counts = {"integrations_abandoned_365d": 365, "integrations": 1, "onboardings": 1}
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
        integrations_met=t.count(where=integration & met),
        integrations_abandoned_365d=t.count(where=abandoned),
        onboardings=t.count(where=onboarding),
        onboardings_met=t.count(where=onboarding & met),
        onboarding_days=begun_days - t.stands_days.min(where=onboarding & met),
        first_value_days=t.stands_days.max(where=(t.kind == "outcome") & met),
        value_reached=summable(capped).mean(where=(t.kind == "outcome") & decided),
    )


def _where(condition: ir.Value, value: ir.Value) -> ir.Value:
    return ibis.ifelse(condition, value, ibis.null(value.type()))


METRICS = (
    Metric(
        name="objectives_met_share",
        dimension=DIMENSION,
        label="Objectives met",
        label_de="Erreichte Ziele",
        unit="share",
        healthy="high",
        actionable=True,
        formula="objectives met / objectives met, missed, abandoned or overdue at as_of",
        sentence="{value} of the objectives that were due or decided have been met",
        sentence_de="{value} der fälligen oder entschiedenen Ziele {wurde|wurden} erreicht",
        needs=("objectives",),
        value=lambda t: t.objectives_met / t.objectives_judged.nullif(0),
    ),
    Metric(
        name="objectives_overdue",
        dimension=DIMENSION,
        label="Objectives overdue",
        label_de="Überfällige Ziele",
        unit="objectives",
        healthy="low",
        actionable=True,
        formula="open objectives whose due day has passed at as_of, where there are objectives",
        sentence="{value} {objective is|objectives are} overdue",
        sentence_de="{value} {Ziel ist|Ziele sind} überfällig",
        needs=("objectives.due_at",),
        value=lambda t: t.objectives_overdue,
    ),
    Metric(
        name="integrations_begun",
        dimension=DIMENSION,
        label="Integrations begun",
        label_de="Begonnene Integrationen",
        unit="integrations",
        healthy=None,
        actionable=False,
        formula="integration objectives ever begun before as_of",
        sentence="{value} {integration was|integrations were} ever begun",
        sentence_de="{value} {Integration wurde|Integrationen wurden} je begonnen",
        needs=("objectives",),
        value=lambda t: t.integrations,
    ),
    Metric(
        name="integrations_done",
        dimension=DIMENSION,
        label="Integrations in place",
        label_de="Fertige Integrationen",
        unit="integrations",
        healthy="high",
        actionable=True,
        formula="integration objectives met before as_of, where any was ever begun",
        sentence="{value} {integration is|integrations are} in place",
        sentence_de="{value} {Integration steht|Integrationen stehen}",
        needs=("objectives",),
        not_for=(("integrations_begun", 0),),
        value=lambda t: _where(t.integrations > 0, t.integrations_met),
    ),
    Metric(
        name="integrations_abandoned_365d",
        dimension=DIMENSION,
        label="Integrations abandoned",
        label_de="Abgebrochene Integrationen",
        unit="integrations",
        healthy="low",
        actionable=False,
        formula="integrations abandoned in the 365 days before as_of, where any was ever begun",
        sentence="{value} {integration was|integrations were} begun and abandoned in the last year",
        sentence_de=(
            "{value} begonnene {Integration wurde|Integrationen wurden} im letzten Jahr abgebrochen"
        ),
        needs=("objectives",),
        not_for=(("integrations_begun", 0),),
        value=lambda t: _where(t.integrations > 0, t.integrations_abandoned_365d),
    ),
    Metric(
        name="onboardings_begun",
        dimension=DIMENSION,
        label="Onboarding objectives",
        label_de="Onboarding-Ziele",
        unit="objectives",
        healthy=None,
        actionable=False,
        formula="onboarding objectives ever begun before as_of",
        sentence="{value} onboarding {objective was|objectives were} ever begun",
        sentence_de="{value} {Onboarding-Ziel wurde|Onboarding-Ziele wurden} je begonnen",
        needs=("objectives",),
        value=lambda t: t.onboardings,
    ),
    Metric(
        name="onboarding_done",
        dimension=DIMENSION,
        label="Onboarding done",
        label_de="Fortschritt des Onboardings",
        unit="share",
        healthy="high",
        actionable=True,
        formula="onboarding objectives met / all onboarding objectives",
        sentence="{value} of the onboarding is done",
        sentence_de="Das Onboarding ist zu {value} abgeschlossen",
        needs=("objectives",),
        not_for=(("onboardings_begun", 0),),
        value=lambda t: t.onboardings_met / t.onboardings.nullif(0),
    ),
    Metric(
        name="onboarding_days",
        dimension=DIMENSION,
        label="Length of the onboarding",
        label_de="Dauer des Onboardings",
        unit="days",
        healthy="low",
        actionable=False,
        formula="days from the first onboarding objective to the last one met, once all are met",
        sentence="The onboarding took {value} {day|days}",
        sentence_de="Das Onboarding dauerte {value} {Tag|Tage}",
        needs=("objectives.created_at",),
        not_for=(("onboarding_done", Below(1)), ("onboardings_begun", 0)),
        value=lambda t: _where(t.onboardings_met == t.onboardings, t.onboarding_days),
    ),
    Metric(
        name="days_to_first_value",
        dimension=DIMENSION,
        label="Time to first value",
        label_de="Zeit bis zum ersten Nutzen",
        unit="days",
        healthy="low",
        actionable=False,
        formula="days from the first contract's start to the first outcome objective met",
        sentence="The first outcome was reached {value} {day|days} into the contract",
        sentence_de="Das erste Ergebnis war {value} {Tag|Tage} nach Vertragsbeginn erreicht",
        needs=("objectives",),
        not_for=(("objectives_met_share", 0),),
        value=lambda t: t.first_value_days,
    ),
    Metric(
        name="value_reached",
        dimension=DIMENSION,
        label="Value reached",
        label_de="Erreichter Nutzen",
        unit="share",
        healthy="high",
        actionable=False,
        formula="mean of value / target (at most 1.5), of outcome objectives decided before as_of",
        sentence="{value} of the value aimed at was reached",
        sentence_de="{value} des angestrebten Nutzens {wurde|wurden} erreicht",
        needs=("objectives.value", "objectives.target"),
        value=lambda t: t.value_reached,
    ),
)
