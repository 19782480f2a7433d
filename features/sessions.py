"""Sessions: what one person does in one go.

A session begins with an event before which its user did nothing for 30 minutes, the rule of web
analytics (Google Analytics, Snowplow). An event lasts for its ``duration_s``, 12 hours at most:
what lasts longer was left open, not worked at. Where no duration is told, it lasts no time.

Whether an event begins a session, and how much time it adds to it, only depends on what its user
did before. So one pass over all events in order serves every as_of, unless a row was known late:
between its day and the day on which it was known, its user looked otherwise. Those few users are
counted once more at those as_ofs, with and without the rows that nobody knew, and the difference
corrects the sums. Both are sums of whole numbers, so nothing of the unknown rows remains.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
from ibis import _

from features import windows
from features.known import epoch_second
from features.observations import epoch_day, grid
from features.windows import KEYS

_PAUSE_S = 1800
_LONGEST_EVENT_S = 12 * 3600
_DAY_S = 86400
_WINDOW, _BACK_DAYS = "28d", 28
_RUN_IN_DAYS = 1
"""Days before the window from which events may reach into it: longer than one and a pause."""
_SUMS = ("sessions", "session_seconds", "timed")


def quantities(usage: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Sessions of each account before each as_of.

    Parameters
    ----------
    usage : Table
        account_id, user_id, occurred_at, known_at, duration_s (seconds, or null).
    as_ofs : sequence of date
        One block of as_ofs (see `features.masks.blocks`).

    Returns
    -------
    Table
        account_id, as_of, ``sessions_28d`` (begun in the 28 days before as_of) and
        ``session_seconds_28d`` (spent in sessions on those days). Both are null where no event has
        a time of day: from daily totals no session can be told.
    """
    events = _events(usage)
    person = ["account_id", "user_id"]
    whole = _told_apart(events.semi_join(_days_in_sight(as_ofs), "day"), person)
    # as if every row had been known in time: what was not is taken out again below
    marked = windows.mark(whole.mutate(known_at=_.occurred_at), as_ofs)
    sums = {name: (marked[name], (_WINDOW,)) for name in _SUMS}
    named = {name: f"{name}_{_WINDOW}" for name in _SUMS}
    counted = windows.totals(marked, as_ofs, sums).select(*KEYS, **named)

    seen = _seen_too_early(events, as_ofs)
    then = _told_apart(seen.filter(_.known_day < _.as_of), [*person, "as_of"])
    later = _told_apart(seen, [*person, "as_of"])
    later = later.mutate(**{name: -later[name] for name in _SUMS})
    corrections = [t.filter(_.age_days <= _BACK_DAYS).select(*KEYS, *_SUMS) for t in (then, later)]

    t = ibis.union(counted, *corrections).group_by(*KEYS).agg(**{n: _[n].sum() for n in _SUMS})
    timed = t.timed > 0
    return t.select(
        *KEYS,
        sessions_28d=ibis.ifelse(timed, t.sessions, ibis.null("float64")),
        session_seconds_28d=ibis.ifelse(timed, t.session_seconds, ibis.null("float64")),
    )


def _events(usage: ir.Table) -> ir.Table:
    """What people did, from which second to which, and when it was known."""
    lasts = usage.duration_s.fill_null(0.0).round().cast("int64")
    lasts = ibis.cases((lasts < 0, 0), (lasts > _LONGEST_EVENT_S, _LONGEST_EVENT_S), else_=lasts)
    began = epoch_second(usage.occurred_at)
    t = usage.filter(usage.user_id.notnull())
    return t.select(
        "account_id",
        "user_id",
        "occurred_at",
        day=_.occurred_at.date(),
        known_day=_.known_at.date(),
        began=began,
        ended=began + lasts,
        timed=ibis.ifelse(began % _DAY_S != 0, 1.0, 0.0),
    )


def _days_in_sight(as_ofs: Sequence[date]) -> ir.Table:
    back = range(1, _BACK_DAYS + _RUN_IN_DAYS + 1)
    days = sorted({as_of - timedelta(days=n) for as_of in as_ofs for n in back})
    return ibis.memtable({"day": days}, schema={"day": "date"})


def _told_apart(events: ir.Table, by: Sequence[str]) -> ir.Table:
    """Events with the sessions that they begin (0 or 1) and the seconds that they add to one."""
    before = ibis.window(group_by=list(by), order_by=events.began, preceding=(None, 1))
    t = events.mutate(busy_until=events.ended.max().over(before))
    begins = t.busy_until.isnull() | (t.began - t.busy_until >= _PAUSE_S)
    more = t.ended - t.busy_until
    adds = ibis.cases((begins, t.ended - t.began), (more > 0, more), else_=0)
    return t.mutate(
        sessions=ibis.ifelse(begins, 1.0, 0.0), session_seconds=adds.cast("float64")
    ).drop("busy_until")


def _seen_too_early(events: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Events in sight of an as_of, of users of whom some were not known by then."""
    late = events.filter(_.known_day > _.day).select("account_id", "user_id", "day", "known_day")
    looks = grid(as_ofs)
    unknown = late.cross_join(looks).filter(_.known_day >= _.as_of, _in_sight(_))
    unknown = unknown.select("account_id", "user_id", "as_of").distinct()
    t = events.inner_join(unknown, ["account_id", "user_id"]).filter(_in_sight(_))
    return t.mutate(age_days=epoch_day(t.as_of) - epoch_day(t.day))


def _in_sight(t: ir.Table) -> ir.Value:
    age_days = epoch_day(t.as_of) - epoch_day(t.day)
    return (age_days > 0) & (age_days <= _BACK_DAYS + _RUN_IN_DAYS)
