"""What can be wrong with contracts over time, and with what happened outside them."""

from datetime import date

import ibis
import ibis.expr.types as ir

from features import observations
from features.check.probe import Probe, examples_of, one_row, run
from features.check.report import Fault, share
from features.settings import Settings
from features.source import Source

NO_END = date(9999, 12, 31)
"""Stands for the end of a contract that has none."""

WORTH_A_WORD = 0.01
"""Share of usage outside every contract that is taken for the ordinary untidiness of data."""


def check_contracts(
    source: Source, settings: Settings, fates: ir.Table, today: date
) -> list[Fault]:
    """Every fault that shows when an account's contracts are followed through time.

    Parameters
    ----------
    source : Source
        Its contracts have every required column.
    settings : Settings
    fates : Table
        Contract terms whose outcome has been seen; from `features.check.learnable.fates`.
    today : date
    """
    contracts = source.tables["contracts"]
    last = observations.final(contracts)
    faults = run("contracts", last, [_none_has_begun(last, today)])
    faults += run("contracts", *_overlaps(last))
    if {"outcome", "decided_at"} <= set(contracts.columns):
        faults += run("contracts", last, [_decided_early(last, settings)])
    faults += _overwritten_ends(contracts, fates)
    if source.has_required("usage"):
        faults += _usage_outside(source.tables["usage"], last)
    return faults


def _none_has_begun(last: ir.Table, today: date) -> Probe:
    return Probe(
        "start_date",
        last.start_date > ibis.date(today),
        f"start in the future, after {today}",
        "Planned renewals are welcome beside present ones; when most contracts lie ahead, "
        "look whether days and months are swapped.",
        last.start_date.cast("string"),
        severity="warning",
        error_above=0.5,
    )


def _overlaps(last: ir.Table) -> tuple[ir.Table, list[Probe]]:
    """Terms of one product that begin while an earlier one of the account still runs."""
    product = last["product"].fill_null("") if "product" in last.columns else ibis.literal("")
    terms = last.mutate(thing=product, until=last.end_date.fill_null(NO_END))
    before = terms.until.max().over(
        group_by=["account_id", "thing"],
        order_by=["start_date", "contract_id"],
        rows=(None, -1),
    )
    terms = terms.mutate(ran_until=before)
    same = "the same product" if "product" in last.columns else "the same account"
    probe = Probe(
        "start_date",
        terms.start_date < terms.ran_until,
        f"begin while an earlier contract for {same} still runs",
        "Give each product its name in the column product; tell an early end or an amendment as "
        "a new row of the same contract_id with a later known_at.",
        terms.contract_id,
        severity="warning",
    )
    return terms, [probe]


def _decided_early(last: ir.Table, settings: Settings) -> Probe:
    seen = settings.observations.lead_days + settings.observations.horizon_days
    days = observations.epoch_day(last.end_date) - observations.epoch_day(last.decided_at)
    return Probe(
        "decided_at",
        (last.outcome == "churned") & (days > seen),
        f"churned by a decision more than {seen} days (lead + horizon) before their end, so that "
        "they can never be learned from",
        "Raise [observations] horizon_days or lead_days in tenure.toml above that time.",
        last.contract_id,
        severity="warning",
    )


def _overwritten_ends(contracts: ir.Table, fates: ir.Table) -> list[Fault]:
    """Churned terms much shorter than others, with nothing that tells what was agreed before."""
    told_once = (
        contracts.group_by(once=contracts.contract_id)
        .agg(revisions=contracts.count())
        .filter(ibis._.revisions == 1)
    )
    terms = fates.semi_join(told_once, [("contract_id", "once")])
    days = observations.epoch_day(terms.end_date) - observations.epoch_day(terms.start_date)
    terms = terms.mutate(days=days)
    usual = one_row(terms.aggregate(days=terms.days.quantile(0.05, where=~terms.churned)))["days"]
    if usual is None:
        return []
    churned = terms.filter(terms.churned)
    short = Probe(
        "end_date",
        churned["days"] < usual,
        f"of those that churned ran shorter than nearly all others ({usual:.0f} days): end_date "
        "looks overwritten by the day of the termination, which gives the future away",
        "Keep the planned end_date; tell the termination as a second row of the same contract_id "
        "whose known_at is the day it was known.",
        churned.contract_id,
        severity="warning",
    )
    return [fault for fault in run("contracts", churned, [short]) if fault.count > fault.rows / 5]


def _usage_outside(usage: ir.Table, last: ir.Table) -> list[Fault]:
    """Usage on days on which the account has no contract; counted by account and day."""
    days = usage.group_by("account_id", day=usage.occurred_at.date()).agg(events=usage.count())
    spells = in_force(last).rename(holder="account_id")
    inside = days.semi_join(
        spells,
        [days.account_id == spells.holder, days.day >= spells.begins, days.day < spells.ends],
    )
    everything, covered = (
        one_row(each.aggregate(events=each.events.sum()))["events"] or 0 for each in (days, inside)
    )
    outside = int(everything - covered)
    if outside <= WORTH_A_WORD * everything:
        return []
    rest = days.anti_join(inside, ["account_id", "day"])
    return [
        Fault(
            severity="warning",
            table="usage",
            column="occurred_at",
            count=outside,
            rows=int(everything),
            examples=examples_of(rest, rest.account_id + " on " + rest.day.cast("string")),
            message=f"usage.occurred_at: {share(outside, int(everything))} lie outside every "
            "contract of the account.",
            fix="Trials and former customers explain some of it. Where it is much, contracts are "
            "missing, or account ids do not belong together.",
        )
    ]


def in_force(contracts: ir.Table) -> ir.Table:
    """Spells without a gap in which an account has a contract: account_id, begins, ends."""
    terms = contracts.select(
        "account_id",
        begins=contracts.start_date,
        ends=contracts.end_date.fill_null(NO_END),
    )
    before = terms["ends"].max().over(group_by="account_id", order_by="begins", rows=(None, -1))
    opens = before.isnull() | (terms.begins > before)
    # PostgreSQL casts no truth to a number
    terms = terms.mutate(opens=ibis.ifelse(opens, 1, 0))
    number = terms.opens.sum().over(group_by="account_id", order_by="begins", rows=(None, 0))
    terms = terms.mutate(spell=number)
    return terms.group_by("account_id", "spell").agg(
        begins=terms.begins.min(), ends=terms["ends"].max()
    )
