"""Trailing windows over events, at many as_ofs in one pass.

Where an event counts is a mask of its day (`masks`). One pass over the events sums them by account
and segment of the calendar, another gathers the mask of each user or feature (`bit_or`). What
happened in a window is then found by testing an as_of's word in the mask. No event is joined with a
window, and no distinct user is counted twice.

A row that entered the systems late (``known_at``) has a smaller mask: the words of those as_ofs
only that came after it was known. The rest follows, exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis import _

from features import masks
from features.observations import epoch_day

KEYS = ("account_id", "as_of")


@dataclass(frozen=True)
class Pattern:
    """Something that occurred inside one window and not inside another.

    Where `among` is not empty, only these values of the (first) key count.
    """

    name: str
    inside: str
    outside: str | None = None
    among: tuple[str, ...] = ()


def attach(observations: ir.Table, *parts: ir.Table) -> ir.Table:
    """The observations with the parts' columns beside them; null where a part has no row.

    Parts given together are one join, which is translated faster than joins within joins.
    """
    t = observations
    for number, part in enumerate(parts):
        t = t.left_join(part, list(KEYS), rname=f"{{name}}_{number}_")
    return t.drop(*(f"{key}_{number}_" for number in range(len(parts)) for key in KEYS))


def mark(events: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Events with the windows in which they count.

    Parameters
    ----------
    events : Table
        account_id, occurred_at, known_at and more.
    as_ofs : sequence of date
        One block (see `features.masks.blocks`).

    Returns
    -------
    Table
        The events on the windows' days, with ``day``, ``day_bit`` (the day's place in its segment,
        as a bit), ``day_mask`` (where what was known in time counts), ``mask`` (where the event
        does; 0 where it was known too late) and ``piece``: all that lies in a segment and was known
        to the same as_ofs, and so has the same mask.
    """
    days = ibis.memtable(masks.days_of(as_ofs), schema=masks.DAY)
    t = events.mutate(day=_.occurred_at.date(), known_day=_.known_at.date())
    t = t.inner_join(days, t.day == days.window_day)
    # engines work out a branch only for the rows that take it, and late rows are few
    late = t.known_day > t.day
    unseen = ibis.ifelse(late, masks.looks_until(t.known_day, as_ofs), 0)
    unseen = ibis.ifelse(unseen > t.looks_until, unseen, 0)
    told = ibis.ifelse(late, masks.words_after(t.known_day, as_ofs), ibis.literal(-1, "int64"))
    t = t.mutate(piece=t.segment * masks.PIECES + unseen, mask=t.day_mask & told)
    return t.drop("window_day", "known_day", "segment", "looks_until")


def totals(
    marked: ir.Table,
    as_ofs: Sequence[date],
    sums: Mapping[str, tuple[ir.Value, Sequence[str]]],
    active_days: Sequence[str] = (),
) -> ir.Table:
    """Sums of events, and distinct days with one, per window.

    Parameters
    ----------
    marked : Table
        From `mark`.
    as_ofs : sequence of date
        The same block.
    sums : mapping of str to (Value, sequence of str)
        What to add up, and over which windows, by the name that it gets.
    active_days : sequence of str
        Windows whose days with an event are counted.

    Returns
    -------
    Table
        account_id, as_of, ``{name}_{window}`` for each sum and window, ``active_days_{window}``
        (null where nothing happened), and ``last_used``, the last day with an event in any window.
    """
    asked = {window for _value, wanted in sums.values() for window in wanted} | set(active_days)
    marked = marked.mutate(**{f"of_{name}": value for name, (value, _wanted) in sums.items()})
    parts = _asked(marked, as_ofs, asked).group_by("account_id", "piece")
    parts = parts.agg(
        **{f"of_{name}": _[f"of_{name}"].sum() for name in sums},
        days=_.day_bit.bit_or(),
        last_used=_.day.max(),
    )
    pieces = ibis.memtable(masks.pieces_of(as_ofs, asked), schema=masks.PIECE)
    # by a factor: inside of a branch DuckDB would work out repeated terms again each time
    in_time = parts.mutate(
        days_in_time=masks.ones(parts.days) * ibis.ifelse(_told_in_time(parts), 1, 0)
    )
    t = in_time.inner_join(pieces, "piece")
    t = t.group_by(*KEYS).agg(
        **{
            f"{name}_{window}": t[f"of_{name}"].sum(where=_inside(t, window))
            for name, (_value, wanted) in sums.items()
            for window in wanted
        },
        **{f"active_days_{w}": t.days_in_time.sum(where=_inside(t, w)) for w in active_days},
        last_used=t.last_used.max(),
    )
    return _with_late_days(t, parts, pieces, active_days) if active_days else t


def _with_late_days(
    t: ir.Table, parts: ir.Table, pieces: ir.Table, wanted: Sequence[str]
) -> ir.Table:
    """Add the days of which only late rows tell, as of when those were known."""
    place = ["account_id", "segment"]
    parts = parts.mutate(segment=(parts.piece - parts.piece % masks.PIECES))
    late = parts.filter(~_told_in_time(parts))
    # late rows are few: only beside them is it worth looking what was told in time
    in_time = parts.filter(_told_in_time(parts)).semi_join(late, place)
    late = late.left_join(in_time.select(*place, told=_.days), place)
    late = late.mutate(days=_.days & ~_.told.fill_null(0)).select(*place, "piece", "days")
    late = late.inner_join(pieces, "piece")
    late = late.group_by(*KEYS, "segment").agg(
        **{w: late.days.bit_or(where=_inside(late, w)) for w in wanted}
    )
    late = late.group_by(*KEYS).agg(**{f"late_{w}": masks.ones(late[w]).sum() for w in wanted})
    both = attach(t, late)
    days = {f"active_days_{w}": both[f"late_{w}"].fill_null(0) for w in wanted}
    both = both.mutate(**{name: both[name] + more for name, more in days.items()})
    return both.drop(*(f"late_{w}" for w in wanted))


def distinct(
    marked: ir.Table,
    as_ofs: Sequence[date],
    key: Sequence[str],
    name: str,
    wanted: Sequence[str | Pattern],
) -> ir.Table:
    """Distinct values of one or more columns: account_id, as_of, ``{name}_{window or pattern}``.

    Parameters
    ----------
    marked : Table
        From `mark`.
    as_ofs : sequence of date
        The same block.
    key : sequence of str
        Columns whose combinations are counted (a null is no value).
    name : str
        What they are ("users").
    wanted : sequence of str or Pattern
        Windows in which each must have occurred, or where it must have and where not.
    """
    patterns = [p if isinstance(p, Pattern) else Pattern(p, inside=p) for p in wanted]
    windows = {w for p in patterns for w in (p.inside, p.outside) if w}
    t = _looks(_masks(marked, as_ofs, key, windows), as_ofs)
    counted = {p.name: _shown(t, p) for p in patterns}
    counted |= {p.name: counted[p.name] & t[key[0]].isin(p.among) for p in patterns if p.among}
    return t.group_by(*KEYS).agg(**{f"{name}_{p}": shown.sum() for p, shown in counted.items()})


def seen(marked: ir.Table, as_ofs: Sequence[date], key: str, window: str) -> ir.Table:
    """What occurred in a window, each value of a column once: account_id, as_of, and the column."""
    return _looks(_masks(marked, as_ofs, [key], {window}), as_ofs).drop("word")


def largest(
    marked: ir.Table, as_ofs: Sequence[date], value: ir.Value, name: str, wanted: Sequence[str]
) -> ir.Table:
    """Largest single value per window: account_id, as_of, ``{name}_{window}``."""
    asked = _asked(marked.mutate(most=value), as_ofs, wanted)
    parts = asked.group_by("account_id", "mask").agg(most=asked.most.max())
    t = _looks(parts, as_ofs)
    return t.group_by(*KEYS).agg(
        **{f"{name}_{window}": t.most.max(where=_inside(t, window)) for window in wanted}
    )


def largest_of(
    marked: ir.Table, as_ofs: Sequence[date], by: str, value: ir.Value, name: str, window: str
) -> ir.Table:
    """Largest sum of one owner (a user, say): account_id, as_of, ``{name}_{window}``."""
    owned = _asked(marked.mutate(amount=value), as_ofs, {window}).filter(_[by].notnull())
    owned = owned.group_by("account_id", by, "mask").agg(amount=_.amount.sum())
    t = _looks(owned, as_ofs)
    t = t.group_by(*KEYS, by).agg(amount=t.amount.sum())
    return t.group_by(*KEYS).agg(**{f"{name}_{window}": t.amount.max()})


def champions(marked: ir.Table, as_ofs: Sequence[date], value: ir.Value) -> ir.Table:
    """When the user who did most in half a year was last seen: account_id, as_of, champion_seen."""
    t = _asked(marked.mutate(amount=value), as_ofs, {"180d"}).filter(_.user_id.notnull())
    t = t.group_by("account_id", "user_id", "mask").agg(amount=_.amount.sum(), seen=_.day.max())
    t = _looks(t, as_ofs).group_by(*KEYS, "user_id").agg(amount=_.amount.sum(), seen=_.seen.max())
    t = t.mutate(most=t.amount.max().over(group_by=list(KEYS))).filter(_.amount == _.most)
    return t.group_by(*KEYS).agg(champion_seen=t.seen.max())


def user_days(marked: ir.Table, as_ofs: Sequence[date], window: str) -> ir.Table:
    """Distinct pairs of a user and a day with use: account_id, as_of, ``user_days_{window}``."""
    parts = _asked(marked, as_ofs, {window}).filter(_.user_id.notnull())
    parts = parts.group_by("account_id", "user_id", "piece").agg(days=_.day_bit.bit_or())
    t = _by_segment(parts, as_ofs, {window}, "user_id")
    return t.group_by(*KEYS).agg(**{f"user_days_{window}": masks.ones(t.days).sum()})


def weeks(marked: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """How days of use spread over the twelve weeks of seven days before as_of.

    Returns
    -------
    Table
        account_id, as_of, ``active_weeks`` (with any use), ``week_days`` and ``week_squares``: the
        sum of the days of use in each week, and of their squares.
    """
    parts = _asked(marked, as_ofs, {"90d"}).group_by("account_id", "piece")
    t = _by_segment(parts.agg(days=_.day_bit.bit_or()), as_ofs, {"90d"})
    schema = {"segment": "int64", "as_of": "date", "week": "int64", "of_week": "int64"}
    calendar = ibis.memtable(masks.weeks_of(as_ofs), schema=schema)
    t = t.inner_join(calendar, ["segment", "as_of"])
    t = t.group_by(*KEYS, "week").agg(days=masks.ones(t.days & t.of_week).sum().cast("int64"))
    return t.group_by(*KEYS).agg(
        active_weeks=t.count(where=t.days > 0),
        week_days=t.days.sum(),
        week_squares=(t.days * t.days).sum(),
    )


def covered(events: ir.Table, observations: ir.Table) -> ir.Table:
    """For each as_of, the first day of which the table tells anything by then.

    A window that reaches further back than the table does holds no zeros, only ignorance.

    Returns
    -------
    Table
        as_of, ``first_day`` (days since 1970-01-01).
    """
    by_day = events.group_by(known_day=events.known_at.date()).agg(
        first_day=epoch_day(events.occurred_at.min())
    )
    as_ofs = observations.select("as_of").distinct()
    seen = as_ofs.join(by_day, by_day.known_day < as_ofs.as_of)
    return seen.group_by("as_of").agg(first_day=_.first_day.min())


def zero_where_covered(t: ir.Table, column: str, window: str | int, since: ir.Value) -> ir.Value:
    """The count, 0 where nothing happened, null where the table does not reach back so far.

    ``window`` is the name of a window, or the days that it goes back; ``since`` is the first day
    that the table tells of (see `covered`).
    """
    back_days = masks.BACK_DAYS[window] if isinstance(window, str) else window
    reaches = since <= epoch_day(t.as_of) - back_days
    return ibis.ifelse(reaches, t[column].fill_null(0), ibis.null(t[column].type()))


def _by_segment(
    parts: ir.Table, as_ofs: Sequence[date], asked: Iterable[str], *by: str
) -> ir.Table:
    """Days known at each as_of, late ones or not, by segment: the same day only once."""
    pieces = ibis.memtable(masks.pieces_of(as_ofs, asked), schema=masks.PIECE)
    t = parts.inner_join(pieces, "piece").mutate(segment=_.piece - _.piece % masks.PIECES)
    return t.group_by(*KEYS, *by, "segment").agg(days=_.days.bit_or())


def _told_in_time(parts: ir.Table) -> ir.BooleanValue:
    return parts.piece % masks.PIECES == 0


def _asked(marked: ir.Table, as_ofs: Sequence[date], windows: Iterable[str]) -> ir.Table:
    """The events of these windows; where they differ in other windows only, they do not differ."""
    bits = masks.bits_of(as_ofs, windows)
    return _on_days(marked, as_ofs, windows).mutate(mask=_["mask"] & bits)


def _masks(
    marked: ir.Table, as_ofs: Sequence[date], key: Sequence[str], windows: Iterable[str]
) -> ir.Table:
    """Where each value of some columns occurred within these windows."""
    bits = masks.bits_of(as_ofs, windows)
    known = _on_days(marked, as_ofs, windows).filter(*(_[column].notnull() for column in key))
    found = known.group_by("account_id", *key).agg(mask=known["mask"].bit_or())
    return found.mutate(mask=_["mask"] & bits)


def _on_days(marked: ir.Table, as_ofs: Sequence[date], windows: Iterable[str]) -> ir.Table:
    """Events on days of these windows; the few that were known too late fall out afterwards."""
    bits, (first, end) = masks.bits_of(as_ofs, windows), masks.bounds_of(as_ofs, windows)
    # the mask alone would do; bounds of the time itself spare engines reading what lies outside
    in_bounds = (_.occurred_at >= ibis.timestamp(first)) & (_.occurred_at < ibis.timestamp(end))
    return marked.filter(in_bounds, _.day_mask & bits != 0)


def _looks(parts: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Each part beside each as_of that it counts for; ``word`` is the part of its mask for that."""
    rows = list(masks.shifts_of(as_ofs).items())
    looks = ibis.memtable(rows, schema={"as_of": "date", "shift": masks.SHIFT})
    t = parts.cross_join(looks).mutate(word=(_["mask"] >> _["shift"]) & masks.WORD)
    return t.filter(_.word != 0).drop("mask", "shift")


def _inside(t: ir.Table, window: str) -> ir.BooleanValue:
    return (t.word & masks.BIT[window]) != 0


def _shown(t: ir.Table, pattern: Pattern) -> ir.BooleanValue:
    outside = masks.BIT[pattern.outside] if pattern.outside else 0
    return (t.word & (masks.BIT[pattern.inside] | outside)) == masks.BIT[pattern.inside]
