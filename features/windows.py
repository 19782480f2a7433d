"""Trailing windows over events, at many as_ofs in one pass.

The calendar is cut at every as_of and at every bound of a window. Each piece, a *segment*, lies
either whole inside a window or whole outside, so a day needs only one integer to say where it
counts: its *mask*, with one bit for each (as_of, window). One pass over the events makes small
tables by account and mask; what happened in a window is then found by testing bits. No event is
joined with a window, and no distinct user is counted twice.

A row that entered the systems late (``known_at``) has a smaller mask: the bits of those as_ofs only
that came after it was known. The rest follows, exactly.

An integer holds 62 such bits, so as_ofs are worked off in blocks (`blocks`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
from ibis import _

from features.observations import epoch_day

KEYS = ("account_id", "as_of")


@dataclass(frozen=True)
class Window:
    """Days ``[as_of - back_days, as_of - until_days)``."""

    name: str
    back_days: int
    until_days: int = 0


WINDOWS = (
    Window("7d", 7),
    Window("28d", 28),
    Window("28d_before", 56, 28),
    Window("90d", 90),
    Window("180d", 180),
)
_BITS = 62
_MOST_DAYS_A_SEGMENT = 60
_BACK_DAYS = {w.name: w.back_days for w in WINDOWS}
_LONGEST = max(w.back_days for w in WINDOWS)


@dataclass(frozen=True)
class Pattern:
    """Something that occurred inside one window and not inside another."""

    name: str
    inside: str
    outside: str | None = None


def attach(observations: ir.Table, part: ir.Table) -> ir.Table:
    """The observations with a part's columns beside them; null where the part has no row."""
    return observations.left_join(part, list(KEYS)).drop("account_id_right", "as_of_right")


def blocks(as_ofs: Sequence[date]) -> list[list[date]]:
    """As_ofs in order, in groups whose windows fit one integer.

    Examples
    --------
    >>> [len(b) for b in blocks([date(2025, m, 1) for m in range(1, 13)] + [date(2026, 1, 1)])]
    [12, 1]
    """
    days = sorted(set(as_ofs))
    size = _BITS // len(WINDOWS)
    return [days[i : i + size] for i in range(0, len(days), size)]


def mark(events: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Events with the windows in which they count.

    Parameters
    ----------
    events : Table
        account_id, occurred_at, known_at and more.
    as_ofs : sequence of date
        One block (see `blocks`).

    Returns
    -------
    Table
        The events that count in any window, with ``day``, ``segment``, ``day_bit`` (the day's
        place in its segment, as a bit) and ``mask``.
    """
    days = _days(as_ofs)
    known = _visible(as_ofs)
    t = events.mutate(day=_.occurred_at.date(), known_day=_.known_at.date())
    t = t.inner_join(days, t.day == days.window_day)
    t = t.left_join(known, _.known_day == known.entered)
    late = _.known_day > _.day
    seen_by = ibis.ifelse(late, _.visible.fill_null(0), ibis.literal(_ALL, "int64"))
    t = t.mutate(mask=_.day_mask & seen_by).filter(_["mask"] != 0)
    return t.drop("window_day", "day_mask", "known_day", "entered", "visible")


def totals(
    marked: ir.Table, as_ofs: Sequence[date], sums: Mapping[str, tuple[ir.Value, Sequence[str]]]
) -> ir.Table:
    """Sums of events per window.

    Parameters
    ----------
    marked : Table
        From `mark`.
    as_ofs : sequence of date
        The same block.
    sums : mapping of str to (Value, sequence of str)
        What to add up, and over which windows, by the name that it gets.

    Returns
    -------
    Table
        account_id, as_of, ``{name}_{window}`` for each sum and window (null where nothing
        happened), and ``last_used``, the last day with an event in any of these windows.
    """
    parts = marked.group_by("account_id", "mask").agg(
        **{name: value.sum() for name, (value, _wanted) in sums.items()},
        last_used=marked.day.max(),
    )
    used = {window for _value, wanted in sums.values() for window in wanted}
    t = _expand(parts, as_ofs, _windows(sorted(used)))
    return t.group_by(*KEYS).agg(
        **{
            f"{name}_{window}": t[name].sum(where=t.pattern == window)
            for name, (_value, wanted) in sums.items()
            for window in wanted
        },
        last_used=t.last_used.max(),
    )


def active_days(marked: ir.Table, as_ofs: Sequence[date], wanted: Sequence[str]) -> ir.Table:
    """Distinct days with an event: account_id, as_of, ``active_days_{window}``."""
    parts = marked.group_by("account_id", "segment", "mask").agg(days=marked.day_bit.bit_or())
    t = _expand(parts, as_ofs, _windows(wanted))
    t = t.group_by(*KEYS, "segment", "pattern").agg(days=t.days.bit_or())
    t = t.mutate(days=_ones(t.days))
    return t.group_by(*KEYS).agg(
        **{f"active_days_{window}": t.days.sum(where=t.pattern == window) for window in wanted}
    )


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
    known = marked.filter(*(marked[column].notnull() for column in key))
    masks = known.group_by("account_id", *key).agg(mask=known["mask"].bit_or())
    counts = masks.group_by("account_id", "mask").agg(n=masks.count())
    t = _expand(counts, as_ofs, patterns)
    return t.group_by(*KEYS).agg(
        **{f"{name}_{p.name}": t.n.sum(where=t.pattern == p.name) for p in patterns}
    )


def largest(
    marked: ir.Table, as_ofs: Sequence[date], value: ir.Value, name: str, wanted: Sequence[str]
) -> ir.Table:
    """Largest single value per window: account_id, as_of, ``{name}_{window}``."""
    parts = marked.group_by("account_id", "mask").agg(most=value.max())
    t = _expand(parts, as_ofs, _windows(wanted))
    return t.group_by(*KEYS).agg(
        **{f"{name}_{window}": t.most.max(where=t.pattern == window) for window in wanted}
    )


def largest_of(
    marked: ir.Table, as_ofs: Sequence[date], by: str, value: ir.Value, name: str, window: str
) -> ir.Table:
    """Largest sum of one owner (a user, say): account_id, as_of, ``{name}_{window}``."""
    owned = marked.filter(marked[by].notnull()).group_by("account_id", by, "mask")
    t = _expand(owned.agg(amount=value.sum()), as_ofs, _windows([window]))
    t = t.group_by(*KEYS, by).agg(amount=t.amount.sum())
    return t.group_by(*KEYS).agg(**{f"{name}_{window}": t.amount.max()})


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
    back_days = _BACK_DAYS[window] if isinstance(window, str) else window
    reaches = since <= epoch_day(t.as_of) - back_days
    return ibis.ifelse(reaches, t[column].fill_null(0), ibis.null(t[column].type()))


_ALL = (1 << _BITS) - 1


def _bits(as_ofs: Sequence[date]) -> list[tuple[date, Window, int]]:
    """Every (as_of, window) of a block with its bit."""
    pairs = [(a, w) for a in sorted(set(as_ofs)) for w in WINDOWS]
    if len(pairs) > _BITS:
        raise ValueError(f"{len(as_ofs)} as_ofs do not fit one block: see windows.blocks")
    return [(a, w, 1 << i) for i, (a, w) in enumerate(pairs)]


def _days(as_ofs: Sequence[date]) -> ir.Table:
    """Each day of the block's windows: its mask, segment, and place in the segment."""
    bits = _bits(as_ofs)
    day, last = min(as_ofs) - timedelta(days=_LONGEST), max(as_ofs)
    rows, segment, started, before = [], 0, day, -1
    while day < last:
        mask = sum(
            bit
            for as_of, w, bit in bits
            if timedelta(days=w.until_days) < as_of - day <= timedelta(days=w.back_days)
        )
        if mask != before or (day - started).days >= _MOST_DAYS_A_SEGMENT:
            segment, started, before = segment + 1, day, mask
        if mask:
            rows.append((day, mask, segment, 1 << (day - started).days))
        day += timedelta(days=1)
    schema = {"window_day": "date", "day_mask": "int64", "segment": "int64", "day_bit": "int64"}
    return ibis.memtable(rows, schema=schema)


def _visible(as_ofs: Sequence[date]) -> ir.Table:
    """Each day on which a row may enter late: the bits of the as_ofs after it."""
    bits = _bits(as_ofs)
    day, rows = min(as_ofs) - timedelta(days=_LONGEST), []
    while day < max(as_ofs):
        rows.append((day, sum(bit for as_of, window, bit in bits if as_of > day)))
        day += timedelta(days=1)
    return ibis.memtable(rows, schema={"entered": "date", "visible": "int64"})


def _windows(names: Iterable[str]) -> list[Pattern]:
    return [Pattern(name, inside=name) for name in names]


def _expand(parts: ir.Table, as_ofs: Sequence[date], patterns: Sequence[Pattern]) -> ir.Table:
    """One row for each part and each (as_of, pattern) that its mask shows."""
    bit = {(a, w.name): b for a, w, b in _bits(as_ofs)}
    rows = [
        (a, p.name, bit[a, p.inside], bit[a, p.outside] if p.outside else 0)
        for a in sorted(set(as_ofs))
        for p in patterns
    ]
    schema = {"as_of": "date", "pattern": "string", "inside": "int64", "outside": "int64"}
    asked = ibis.memtable(rows, schema=schema)
    shows = ((_["mask"] & _.inside) != 0) & ((_["mask"] & _.outside) == 0)
    return parts.cross_join(asked).filter(shows)


def _ones(bits: ir.Value) -> ir.Value:
    """How many bits are set, by adding neighbours in ever wider fields, on any engine."""
    count = bits
    for shift, field in (
        (1, 0x5555555555555555),
        (2, 0x3333333333333333),
        (4, 0x0F0F0F0F0F0F0F0F),
        (8, 0x00FF00FF00FF00FF),
        (16, 0x0000FFFF0000FFFF),
        (32, 0x00000000FFFFFFFF),
    ):
        field_bits = ibis.literal(field, "int64")
        count = (count & field_bits) + ((count >> shift) & field_bits)
    return count
