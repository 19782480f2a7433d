"""What came of observations and of contracts; `features.observations` tells the rules in prose."""

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
from ibis import _

from features.observations import (
    FOREVER,
    RENEWAL_LOOKS,
    RENEWED,
    Tables,
    epoch_day,
    final,
    in_force,
)
from features.settings import ObservationSettings


def outcomes(
    tables: Tables,
    observations: ir.Table,
    settings: ObservationSettings,
    as_ofs: Sequence[date],
    seen_until: date,
) -> ir.Table:
    """What came of each observation, for those that can be learned from.

    Parameters
    ----------
    tables : mapping of str to Table
        Conformed contract tables.
    observations : Table
        As `features.observations.observe` gives them, at mature as_ofs.
    settings : ObservationSettings
        Design, horizon, lead and grace, in days.
    as_ofs : sequence of date
        The grid that the observations lie on.
    seen_until : date
        The last day of which everything is known (`features.observations.last_day`).

    Returns
    -------
    Table
        account_id, as_of, due, churned; ``churn_date``, the day on which the account left next
        (empty where it has not been seen to); ``followed_days``, how many days after as_of its
        fate is known; ``outcome`` and ``arr_after``, see `_kept`. Accounts that were lost before
        the window opened are left out, and in the design ``renewal`` every look but those at a
        renewal in the window that has been seen.
    """
    last = final(tables["contracts"])
    opens = epoch_day(observations.as_of) + settings.lead_days
    looked = observations.mutate(opens=opens, closes=opens + settings.horizon_days)
    if settings.design == "renewal":
        looked = _before_renewals(looked, settings, as_ofs, seen_until)

    truly = looked.select("account_id", "as_of").inner_join(last, "account_id")
    alive = truly.filter(in_force(_, _.as_of)).select("account_id", "as_of").distinct()
    looked = looked.semi_join(alive, ["account_id", "as_of"])

    ends = _lost(last, settings.grace_days).select("account_id", "end_date")
    ends = looked.select("account_id", "as_of").inner_join(ends, "account_id")
    known_until = epoch_day(ibis.date(seen_until)) - settings.grace_days
    next_loss = (
        ends.filter(_.end_date > _.as_of, epoch_day(_.end_date) <= known_until)
        .group_by("account_id", "as_of")
        .agg(churn_date=_.end_date.min())
    )

    lost_on, renews_on = epoch_day(_.churn_date), epoch_day(_.renewal_date)
    t = looked.left_join(next_loss, ["account_id", "as_of"]).mutate(
        due=_.renewal_date.isnull() | ((renews_on > _.opens) & (renews_on <= _.closes)),
        churned=((lost_on > _.opens) & (lost_on <= _.closes)).fill_null(False),
        too_late=(lost_on <= _.opens).fill_null(False),
        followed_days=-epoch_day(_.as_of) + known_until,
    )
    t = t.filter(~_.too_late).drop("account_id_right", "as_of_right")
    return _kept(t, last, settings.grace_days).select(
        "account_id",
        "as_of",
        "due",
        "churned",
        "churn_date",
        "followed_days",
        "outcome",
        "arr_after",
    )


def contract_fates(tables: Tables, grace_days: int) -> ir.Table:
    """Every contract that has an end, and whether the account was lost by it.

    Parameters
    ----------
    tables : mapping of str to Table
        Conformed contract tables.
    grace_days : int
        Days after an end within which a replacement counts.

    Returns
    -------
    Table
        account_id, contract_id, start_date, end_date, churned. Ends that lie in the future, or less
        than `grace_days` back, are for the caller to leave out.
    """
    last = final(tables["contracts"])
    lost = _lost(last, grace_days).select("contract_id").mutate(churned=True)
    t = last.filter(last.end_date.notnull()).left_join(lost, "contract_id")
    return t.select(
        "account_id", "contract_id", "start_date", "end_date", churned=_.churned.fill_null(False)
    )


def _before_renewals(
    looked: ir.Table, settings: ObservationSettings, as_ofs: Sequence[date], seen_until: date
) -> ir.Table:
    """The looks of the design ``renewal``; their window closes with the renewal looked at."""
    days = sorted(set(as_ofs))
    # how much earlier one could have looked than on the first day nobody knows
    earlier = [day - timedelta(days=1) for day in days[:1]] + days[:-1]
    grid = ibis.memtable(
        {"grid_day": days, "day_before": earlier},
        schema={"grid_day": "date", "day_before": "date"},
    )
    t = looked.inner_join(grid, looked.as_of == grid.grid_day)
    day, before, renews = epoch_day(t.as_of), epoch_day(t.day_before), epoch_day(t.renewal_date)
    # the first day of the grid on which so many days remain
    meant = ibis.or_(
        *((day >= renews - ahead) & (before < renews - ahead) for ahead in RENEWAL_LOOKS)
    )
    inside = (renews > t.opens) & (renews <= t.closes)
    seen = renews + settings.grace_days <= epoch_day(ibis.date(seen_until))
    return t.filter(meant, inside, seen).mutate(closes=renews).drop("grid_day", "day_before")


def _kept(looked: ir.Table, last: ir.Table, grace_days: int) -> ir.Table:
    """What those who stayed kept: ``arr_after``, per year, in force when the window closes.

    Where a gap within the grace period lies there, it is what is in force after it. ``outcome`` is
    what the contract that ended on the renewal date bears, empty where none does.
    """
    keys = ["account_id", "as_of"]
    terms = looked.select(*keys, "closes").inner_join(
        last.select("account_id", "start_date", "end_date", "arr"), "account_id"
    )
    starts, ends = epoch_day(terms.start_date), epoch_day(terms.end_date.fill_null(FOREVER))
    late = terms.closes + grace_days
    at_close = (starts <= terms.closes) & (ends > terms.closes)
    after_grace = (starts <= late) & (ends > late)
    terms = terms.mutate(
        then=ibis.ifelse(at_close, terms.arr, None), later=ibis.ifelse(after_grace, terms.arr, None)
    )
    after = terms.group_by(*keys).agg(arr_after=ibis.coalesce(terms.then.sum(), terms.later.sum()))
    t = looked.left_join(after, keys).drop("account_id_right", "as_of_right")
    if "outcome" not in last.columns:
        return t.mutate(outcome=ibis.null("string"))
    told = last.group_by("account_id", "end_date").agg(outcome=_.outcome.max())
    told = told.rename(renewal_date="end_date")
    return t.left_join(told, ["account_id", "renewal_date"])


def _lost(last: ir.Table, grace_days: int) -> ir.Table:
    """Contracts by whose end the account left: neither renewed nor replaced (see the module)."""
    ended = last.filter(last.end_date.notnull())
    if "outcome" in last.columns:
        ended = ended.filter(~ended.outcome.isin(RENEWED).fill_null(False))
    ended = ended.select("account_id", "contract_id", "end_date")
    other = last.select(
        "account_id",
        other_id=last.contract_id,
        other_start=last.start_date,
        other_end=last.end_date.fill_null(FOREVER),
    )
    replaced = ended.inner_join(other, "account_id").filter(
        _.other_id != _.contract_id,
        _.other_end > _.end_date,
        epoch_day(_.other_start) <= epoch_day(_.end_date) + grace_days,
    )
    return ended.anti_join(replaced, "contract_id")
