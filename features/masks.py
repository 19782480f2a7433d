"""The calendar as masks: where a day counts, as the bits of one integer.

The calendar is cut at every as_of and at every bound of a window. Each *segment* lies either whole
inside a window or whole outside, so a day needs only one integer to say where it counts: its
*mask*, in which each as_of has a *word* with one bit for each window. An integer holds 62 such
bits, so as_ofs are worked off in blocks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import ibis
import ibis.expr.types as ir


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
BACK_DAYS = {w.name: w.back_days for w in WINDOWS}
_LONGEST = max(w.back_days for w in WINDOWS)

WEEKS = 12
"""Weeks before as_of whose days of use are compared with each other."""

BIT = {w.name: 1 << i for i, w in enumerate(WINDOWS)}
"""Bit of each window in a word."""

WORD = (1 << len(WINDOWS)) - 1
"""All bits of a word."""

_BITS = 62
_MOST_DAYS_A_SEGMENT = 60

SHIFT = "int32"
"""By how much PostgreSQL and Spark shift integers."""

PIECES = 100
"""Pieces that a segment may have: the row's lateness in as_ofs, of which a block has fewer."""

DAY = {
    "window_day": "date",
    "day_mask": "int64",
    "segment": "int64",
    "day_bit": "int64",
    "looks_until": "int64",
}
PIECE = {"piece": "int64", "as_of": "date", "word": "int64"}
"""Columns of `days_of` and `pieces_of`."""


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


def shifts_of(as_ofs: Sequence[date]) -> dict[date, int]:
    """Where in a mask the windows of each as_of begin."""
    days = sorted(set(as_ofs))
    if len(days) > _BITS // len(WINDOWS):
        raise ValueError(f"{len(days)} as_ofs do not fit one block: see masks.blocks")
    return {day: i * len(WINDOWS) for i, day in enumerate(days)}


def days_of(as_ofs: Sequence[date]) -> list[tuple[date, int, int, int, int]]:
    """Each day of the block's windows, as `DAY` says.

    These are the mask of what was known in time, the segment, the day's place in it as a bit, and
    how many as_ofs have come by that day.
    """
    shifts = shifts_of(as_ofs)
    day, last = min(as_ofs) - timedelta(days=_LONGEST), max(as_ofs)
    rows, segment, started, before = [], 0, day, -1
    while day < last:
        mask = sum(
            BIT[w.name] << shift
            for as_of, shift in shifts.items()
            for w in WINDOWS
            if timedelta(days=w.until_days) < as_of - day <= timedelta(days=w.back_days)
        )
        if mask != before or (day - started).days >= _MOST_DAYS_A_SEGMENT:
            segment, started, before = segment + 1, day, mask
        if mask:
            looks_until = sum(as_of <= day for as_of in shifts)
            rows.append((day, mask, segment, 1 << (day - started).days, looks_until))
        day += timedelta(days=1)
    return rows


def pieces_of(as_ofs: Sequence[date], windows: Iterable[str]) -> list[tuple[int, date, int]]:
    """Each piece beside each as_of in whose windows it lies, as `PIECE` says.

    ``word`` has a bit for each of these windows.
    """
    asked = sum(BIT[window] for window in windows)
    segments = {segment: mask for _day, mask, segment, *_rest in days_of(as_ofs)}
    shifts = list(shifts_of(as_ofs).items())
    return [
        (segment * PIECES + unseen, as_of, word)
        for segment, mask in segments.items()
        for unseen in range(len(shifts))
        for as_of, shift in shifts[unseen:]
        if (word := mask >> shift & WORD & asked)
    ]


def weeks_of(as_ofs: Sequence[date]) -> list[tuple[int, date, int, int]]:
    """The days of each segment, as bits, that lie in each of the weeks before each as_of."""
    bits: dict[tuple[int, date, int], int] = {}
    for day, _mask, segment, day_bit, _looks in days_of(as_ofs):
        for as_of in as_ofs:
            week = ((as_of - day).days - 1) // 7
            if day < as_of and week < WEEKS:
                place = (segment * PIECES, as_of, week)
                bits[place] = bits.get(place, 0) | day_bit
    return [(*place, of_week) for place, of_week in bits.items()]


def bits_of(as_ofs: Sequence[date], windows: Iterable[str]) -> ir.Value:
    """These windows in the words of all as_ofs."""
    bits = sum(BIT[w] << shift for shift in shifts_of(as_ofs).values() for w in set(windows))
    return ibis.literal(bits, "int64")


def bounds_of(as_ofs: Sequence[date], windows: Iterable[str]) -> tuple[datetime, datetime]:
    """When the first day of these windows begins, and when the last one has ended.

    Examples
    --------
    >>> bounds_of([date(2025, 6, 1), date(2025, 7, 1)], ["28d"])
    (datetime.datetime(2025, 5, 4, 0, 0), datetime.datetime(2025, 7, 1, 0, 0))
    """
    asked = set(windows)
    back_days = max(w.back_days for w in WINDOWS if w.name in asked)
    until_days = min(w.until_days for w in WINDOWS if w.name in asked)
    midnight = time()
    first, end = min(as_ofs) - timedelta(days=back_days), max(as_ofs) - timedelta(days=until_days)
    return datetime.combine(first, midnight), datetime.combine(end, midnight)


def looks_until(day: ir.Value, as_ofs: Sequence[date]) -> ir.Value:
    """How many as_ofs have come by a day."""
    branches = [(day < ibis.date(as_of), i) for i, as_of in enumerate(shifts_of(as_ofs))]
    return ibis.cases(*branches, else_=len(branches))


def words_after(day: ir.Value, as_ofs: Sequence[date]) -> ir.Value:
    """A mask of all words that belong to the as_ofs after a day."""
    shifts = shifts_of(as_ofs).items()
    words = [
        (day < ibis.date(as_of), ibis.literal(-1 << shift, "int64")) for as_of, shift in shifts
    ]
    return ibis.cases(*words, else_=ibis.literal(0, "int64"))


def ones(bits: ir.Value) -> ir.Value:
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
