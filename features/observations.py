"""Who is observed when, and what came of it.

**An observation** is an account on a day, its ``as_of``, on which a prediction makes sense: by what
was known *before* that day, a contract of the account is in force (``start_date <= as_of <
end_date``, or no end yet), and what will come of it is open. It is not open once a decision to
leave is known (``decided_at <= as_of``). Where the next renewal is known to be settled, by its
outcome or by a contract that follows on, the account's *renewal date* is the next end that is not.

**The outcome window** is ``(as_of + lead, as_of + lead + horizon]``. The lead is the time a team
needs to act; an account that leaves within it was lost before the window opened, and is no
observation to learn from. An observation is *mature* once the window and the grace period after it
have been seen to their end: never before, for leavers and stayers alike, since a window half seen
shows its early leavers only.

**Churn**: an account churns on the day on which a contract of it ends that is neither renewed nor
replaced. It is renewed where its outcome says so (renewed, expanded, contracted). It is replaced
where another contract of the account is in force on some day within ``grace_days`` after that end:
a renewal signed a day late, another product started on the same day, a second contract that simply
runs on. Where contracts bear no outcome, this rule alone decides.

**Early termination**: the contract ends on the day on which it is terminated. A source tells so
without giving the future away by a second row for the same ``contract_id``, known from that day on
(``known_at``); the row known before has the end that was planned then.

**Due**: the renewal date lies inside the window, or the contract may end on any day. Whoever is not
due can hardly leave, so a model is judged among the due as well as among all.

**Two designs.** ``calendar`` takes every as_of of the grid. ``renewal`` looks at each renewal date
on the first day of the grid on which 180, 120, 90, 60 and 30 days remain (`RENEWAL_LOOKS`; a grid
of days hits them exactly); its window ends with that renewal, so that one renewal has one fate, and
its looks count as one renewal together (``weight``).

`features.fates` works out what came of the observations.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from features.errors import TenureError
from features.settings import Settings
from features.source import Source

Tables = Mapping[str, ir.Table]

RENEWED = ("renewed", "expanded", "contracted")
"""Outcomes by which the customer stays."""

RENEWAL_LOOKS = (180, 120, 90, 60, 30)
"""Days before a renewal date at which the design ``renewal`` looks at it."""

_NO_SIGNALS = ("accounts", "users", "contracts")
FOREVER = ibis.date("9999-12-31")
"""The end of a contract that has none."""


def epoch_day(moment: ir.Value) -> ir.Value:
    """Days since 1970-01-01 of a date or timestamp: the difference that all engines agree on."""
    return (moment.cast("timestamp").epoch_seconds() / 86400).floor().cast("int64")


def calendar(first: date, last: date, every: str, anchor: date | None = None) -> list[date]:
    """Days of the grid between two days, both included.

    Parameters
    ----------
    first, last : date
        Bounds.
    every : {"day", "week", "month"}
        Distance of two as_ofs.
    anchor : date, optional
        A day that lies on the grid; by default Mondays and the first of each month.

    Examples
    --------
    >>> calendar(date(2025, 1, 15), date(2025, 3, 20), "month")
    [datetime.date(2025, 2, 1), datetime.date(2025, 3, 1)]
    """
    if every == "month":
        day = anchor.day if anchor else 1
        starts = pd.date_range(first.replace(day=1), last, freq="MS")
        days = [(s + pd.Timedelta(days=min(day, s.days_in_month) - 1)).date() for s in starts]
    else:
        step = {"day": 1, "week": 7}[every]
        origin = anchor or date(1970, 1, 5)
        shift = (origin - first).days % step
        days = [first + timedelta(days=n) for n in range(shift, (last - first).days + 1, step)]
    return [d for d in days if first <= d <= last]


def grid(as_ofs: Sequence[date]) -> ir.Table:
    """Table of the as_ofs, one row each."""
    return ibis.memtable({"as_of": sorted(set(as_ofs))}, schema={"as_of": "date"})


def observe(tables: Tables, as_ofs: Sequence[date], grace_days: int) -> ir.Table:
    """Accounts in force at each as_of whose fate is open, with what their contracts said then.

    Parameters
    ----------
    tables : mapping of str to Table
        Conformed contract tables; ``contracts`` is needed.
    as_ofs : sequence of date
        The days on which we look.
    grace_days : int
        Days after an end within which another contract follows on.

    Returns
    -------
    Table
        account_id, as_of, arr (per year), seats (absent where no contract says), contracts (count
        in force), renewal_date (the next open end; empty while open-ended), term_days (of the
        contract with that end) and customer_since (first day of the first contract).
    """
    seen = contracts_as_known(tables["contracts"], grid(as_ofs))
    history = seen.group_by("account_id", "as_of").agg(customer_since=seen.start_date.min())
    staying = seen.filter(~_decided(seen, ("churned",)))
    force = standing(seen)
    known = force.group_by("account_id", "as_of").agg(
        arr=force.arr.sum(), seats=_sum_or_null(force, "seats"), contracts=force.count()
    )
    ends = _open_ends(staying, grace_days)
    return known.inner_join(ends, ["account_id", "as_of"]).inner_join(
        history, ["account_id", "as_of"]
    )


def last_day(source: Source, settings: Settings) -> date:
    """Last day whose contracts and signals have both been seen.

    Without ``[observations] observed_until`` it is the earlier of the last news of a contract and
    the last signal: usage that runs on for a month after the last contract was recorded tells
    nothing of whether those contracts were renewed.

    Raises
    ------
    TenureError
        Where contracts or signals have no row at all.
    """
    if settings.observations.observed_until:
        return settings.observations.observed_until
    return min(_last_contract_news(source), _signals(source)[1])


def scoring_day(source: Source, settings: Settings) -> date:
    """The day on which to score unless told otherwise: the first that the source tells nothing of.

    Raises
    ------
    TenureError
        Where no table of signals has a row.
    """
    seen_until = settings.observations.observed_until or _signals(source)[1]
    return seen_until + timedelta(days=1)


def day_before(as_of: date, every: str) -> date:
    """The as_of one step of the grid earlier, on which people looked before this one.

    Parameters
    ----------
    as_of : date
    every : {"day", "week", "month"}
        Distance of two as_ofs.

    Examples
    --------
    >>> day_before(date(2025, 3, 31), "month"), day_before(date(2025, 3, 1), "week")
    (datetime.date(2025, 2, 28), datetime.date(2025, 2, 22))
    """
    step = {"day": {"days": 1}, "week": {"weeks": 1}, "month": {"months": 1}}[every]
    return _date(pd.Timestamp(as_of) - pd.DateOffset(**step))


def mature_as_ofs(source: Source, settings: Settings) -> list[date]:
    """As_ofs of the grid whose outcome windows have been seen to their end.

    In the design ``renewal`` also later ones, to the day before the last renewal that can be seen.

    Raises
    ------
    TenureError
        Where the history is too short for a single one.
    """
    o = settings.observations
    ahead = 1 if o.design == "renewal" else o.lead_days + o.horizon_days
    wait = timedelta(days=ahead + o.grace_days)
    first, last = first_day(source), last_day(source, settings)
    days = calendar(first + timedelta(days=1), last - wait, o.every, o.first)
    if not days:
        raise TenureError(
            f"No outcome can be seen yet: contracts run from {first} to {last}, and an observation "
            f"needs {wait.days} days after it, the last {o.grace_days} for late renewals.",
            "Give a longer history, or a shorter [observations] horizon_days in tenure.toml.",
        )
    return days


def first_day(source: Source) -> date:
    """First day on which there are both contracts and signals: before, nothing can be learned.

    Raises
    ------
    TenureError
        Where contracts or signals have no row at all.
    """
    contracts = source.tables["contracts"]
    day = contracts.start_date.min().execute()
    if pd.isna(day):
        raise _no_contracts()
    return max(_date(day), _signals(source)[0])


def _signals(source: Source) -> tuple[date, date]:
    """First and last day on which any table of signals has a row."""
    spans = [
        t.aggregate(first=t.known_at.min(), last=t.known_at.max()).execute()
        for name, t in source.tables.items()
        if name not in _NO_SIGNALS
    ]
    days = [_date(day) for span in spans for day in span.iloc[0] if not pd.isna(day)]
    if not days:
        raise TenureError(
            "No table of signals (usage, surveys, tickets, ...) has a row.",
            "Add at least one beside accounts and contracts; `tenure check SOURCE` lists them.",
        )
    return min(days), max(days)


def _no_contracts() -> TenureError:
    return TenureError(
        "Table contracts has no row with a start_date.",
        "Every contract term is a row with start_date and end_date; see docs/data-contract.md.",
    )


def contracts_as_known(contracts: ir.Table, as_ofs: ir.Table) -> ir.Table:
    """For each as_of, the newest revision of each contract known before it."""
    known = contracts.known_at < as_ofs.as_of.cast("timestamp")
    seen = as_ofs.join(contracts, known).select("as_of", *contracts.columns)
    newest = ibis.row_number().over(
        group_by=["as_of", "contract_id"],
        order_by=[ibis.desc("known_at"), ibis.desc("start_date")],
    )
    return seen.mutate(revision=newest).filter(_.revision == 0).drop("revision")


def standing(seen: ir.Table) -> ir.Table:
    """Of contracts as known at as_of, those in force then that nobody has decided to leave."""
    return seen.filter(in_force(seen, seen.as_of), ~_decided(seen, ("churned",)))


def final(contracts: ir.Table) -> ir.Table:
    """The newest revision of each contract: what we know of it today."""
    newest = ibis.row_number().over(
        group_by="contract_id", order_by=[ibis.desc("known_at"), ibis.desc("start_date")]
    )
    return contracts.mutate(revision=newest).filter(_.revision == 0).drop("revision")


def in_force(contracts: ir.Table, day: ir.Value) -> ir.Value:
    """Whether a contract runs on a day: begun, and not at its end."""
    return (contracts.start_date <= day) & (contracts.end_date.fill_null(FOREVER) > day)


def _decided(seen: ir.Table, outcomes: Sequence[str]) -> ir.Value:
    """Whether one of these outcomes was known by as_of; without a day of decision, by the end."""
    if "outcome" not in seen.columns:
        return ibis.literal(False)
    decided = seen.end_date
    if "decided_at" in seen.columns:
        decided = seen.decided_at.date().fill_null(decided)
    return (seen.outcome.isin(outcomes) & (decided <= seen.as_of)).fill_null(False)


def _open_ends(staying: ir.Table, grace_days: int) -> ir.Table:
    """The next end of each account of which nobody knew at as_of what would come of it.

    An end is not open where the contract is renewed already, or another one known by then follows
    on or outlasts it.
    """
    ahead = staying.mutate(until=staying.end_date.fill_null(FOREVER)).filter(_.until > _.as_of)
    ends = ahead.filter(~_decided(ahead, RENEWED))
    ends = ends.select("account_id", "as_of", "contract_id", "start_date", "end_date", "until")
    other = ahead.select(
        "account_id",
        "as_of",
        other_id=ahead.contract_id,
        other_start=ahead.start_date,
        other_until=ahead.until,
    )
    followed = ends.inner_join(other, ["account_id", "as_of"]).filter(
        _.other_id != _.contract_id,
        _.other_until > _.until,
        epoch_day(_.other_start) <= epoch_day(_.until) + grace_days,
    )
    ends = ends.anti_join(followed, ["as_of", "contract_id"])
    first = ibis.row_number().over(
        group_by=["account_id", "as_of"], order_by=["until", "contract_id"]
    )
    ends = ends.mutate(first=first).filter(_.first == 0)
    return ends.select(
        "account_id",
        "as_of",
        renewal_date=_.end_date,
        term_days=epoch_day(_.end_date) - epoch_day(_.start_date),
    )


def _sum_or_null(table: ir.Table, column: str) -> ir.Value:
    return table[column].sum() if column in table.columns else ibis.null("float64")


def _last_contract_news(source: Source) -> date:
    c = source.tables["contracts"]
    news = [c.start_date.max(), c.known_at.date().max()]
    if "decided_at" in c.columns:
        news.append(c.decided_at.date().max())
    row = c.aggregate(**{f"n{i}": expr for i, expr in enumerate(news)}).execute().iloc[0]
    told = [_date(day) for day in row if not pd.isna(day)]
    if not told:
        raise _no_contracts()
    return max(told)


def _date(moment: object) -> date:
    day: date = pd.Timestamp(moment).date()
    return day
