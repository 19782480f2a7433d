"""Context: what a model may know of an account that is no matter of its health.

Who the customer is, how large, for how long, and when the contract comes up. None of it is good or
bad in itself, and no team can change it by Friday; a model that did not know it would blame usage
for what is merely small or due.
"""

import ibis.expr.types as ir

from features.metric import CONTEXT, AtLeast, Metric
from features.observations import Tables, epoch_day

_TRAITS = ("segment", "industry", "region", "touch_model")


def quantities(tables: Tables, observations: ir.Table) -> ir.Table:
    """Contract quantities and the account's traits, one row per observation."""
    accounts = tables["accounts"]
    traits = [c for c in _TRAITS if c in accounts.columns]
    return observations.left_join(accounts.select("account_id", *traits), "account_id").drop(
        "account_id_right"
    )


def _trait(name: str, label: str, label_de: str) -> Metric:
    return Metric(
        name=name,
        dimension=CONTEXT,
        label=label,
        label_de=label_de,
        unit="",
        healthy=None,
        actionable=False,
        formula=f"accounts.{name}",
        sentence=f"{label}: {{value}}",
        sentence_de=f"{label_de}: {{value}}",
        needs=(f"accounts.{name}",),
        value=lambda t: t[name],
        kind="category",
    )


METRICS = (
    _trait("segment", "Segment", "Segment"),
    _trait("industry", "Industry", "Branche"),
    _trait("region", "Region", "Region"),
    _trait("touch_model", "Touch model", "Betreuungsmodell"),
    Metric(
        name="tenure_days",
        dimension=CONTEXT,
        label="Age as a customer",
        label_de="Dauer der Kundenbeziehung",
        unit="days",
        healthy=None,
        actionable=False,
        formula="days from the first contract's start to as_of",
        sentence="A customer for {value} {day|days}",
        sentence_de="Kunde seit {value} {Tag|Tagen}",
        needs=("contracts",),
        value=lambda t: epoch_day(t.as_of) - epoch_day(t.customer_since),
    ),
    Metric(
        name="days_to_renewal",
        dimension=CONTEXT,
        label="Days to renewal",
        label_de="Tage bis zur Verlängerung",
        unit="days",
        healthy=None,
        actionable=False,
        formula="days from as_of to the next end of a contract in force",
        sentence="The next renewal is {value} {day|days} away",
        sentence_de="Bis zur nächsten Verlängerung {ist|sind} es {value} {Tag|Tage}",
        needs=("contracts",),
        not_for=(("contracts", AtLeast(1)),),
        value=lambda t: epoch_day(t.renewal_date) - epoch_day(t.as_of),
    ),
    Metric(
        name="term_days",
        dimension=CONTEXT,
        label="Contract term",
        label_de="Vertragslaufzeit",
        unit="days",
        healthy=None,
        actionable=False,
        formula="length of the contract that ends next",
        sentence="The contract runs for {value} {day|days}",
        sentence_de="Der Vertrag läuft über {value} {Tag|Tage}",
        needs=("contracts",),
        not_for=(("contracts", AtLeast(1)),),
        value=lambda t: t.term_days,
    ),
    Metric(
        name="arr",
        dimension=CONTEXT,
        label="ARR",
        label_de="ARR",
        unit="currency",
        healthy=None,
        actionable=False,
        formula="sum of the yearly value of the contracts in force",
        sentence="ARR is {value}",
        sentence_de="Der ARR beträgt {value}",
        needs=("contracts",),
        value=lambda t: t.arr,
    ),
    Metric(
        name="seats",
        dimension=CONTEXT,
        label="Seats",
        label_de="Lizenzen",
        unit="seats",
        healthy=None,
        actionable=False,
        formula="sum of the seats of the contracts in force",
        sentence="{value} {seat is|seats are} under contract",
        sentence_de="{value} {Lizenz ist|Lizenzen sind} unter Vertrag",
        needs=("contracts.seats",),
        value=lambda t: t.seats,
    ),
    Metric(
        name="contracts",
        dimension=CONTEXT,
        label="Contracts in force",
        label_de="Laufende Verträge",
        unit="contracts",
        healthy=None,
        actionable=False,
        formula="number of contracts in force",
        sentence="{value} {contract is|contracts are} in force",
        sentence_de="{value} {Vertrag läuft|Verträge laufen} derzeit",
        needs=("contracts",),
        value=lambda t: t.contracts,
    ),
)
