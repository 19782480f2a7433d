"""What was known at an observation: the rows of a small table beside it, and how old they were.

A row counts at as_of if it was known before that midnight (``known_rows``). What became of it later
(an answer, a solution, a payment) has a time of its own, and counts if that lies before as_of too:
its age (`age_days`) is then 1 or more. A change that is still to come has an age of 0 or less, or
none, and the row stands as it stood before the change.
"""

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir
from ibis import _

from features.contract import ENGINE_TYPES, TABLES
from features.observations import epoch_day
from features.windows import KEYS, covered, zero_where_covered


def known_rows(table: ir.Table, observations: ir.Table) -> ir.Table:
    """The table's rows beside each observation that could know of them."""
    t = observations.select(*KEYS).inner_join(table, "account_id")
    return t.filter(_.known_at < _.as_of.cast("timestamp"))


def with_all_columns(table: ir.Table, name: str) -> ir.Table:
    """The contract table with every column it may have; those that the source lacks are null."""
    lacking = [c for c in TABLES[name].columns if c.name not in table.columns]
    return table.mutate(**{c.name: ibis.null(ENGINE_TYPES[c.type]) for c in lacking})


def first_of(table: ir.Table, *columns: str) -> ir.Value:
    """The first of these columns that is there and filled."""
    return ibis.coalesce(*(table[c] for c in columns if c in table.columns))


def age_days(t: ir.Table, moment: ir.Value) -> ir.Value:
    """Whole days from a moment to as_of: 1 is the day before, 0 and less is not yet."""
    return epoch_day(t.as_of) - epoch_day(moment)


def within(age: ir.Value, days: int) -> ir.Value:
    """Whether it happened in the last so many days before as_of; false where it never did."""
    return ((age > 0) & (age <= days)).fill_null(False)


def seconds_between(earlier: ir.Value, later: ir.Value) -> ir.Value:
    """Whole seconds from one moment to another."""
    return epoch_second(later) - epoch_second(earlier)


_GRID = 2.0**30


def summable(numbers: ir.Value) -> ir.Value:
    """Numbers on a grid of 2^-30, so that their sum is the same in whatever order an engine adds.

    A sum of rounded decimals depends on it in its last digits, and with them every score made of
    it: an engine that works in parallel would tell the same account differently from run to run.
    """
    return (numbers.cast("float64") * _GRID).round() / _GRID


def hours(seconds: ir.Value) -> ir.Value:
    """Seconds as hours; by a whole number of them some engines divide in rounded decimals."""
    return seconds.cast("float64") / 3600.0


def epoch_second(moment: ir.Value) -> ir.Value:
    """Whole seconds since 1970: of the rest, some engines keep a part and some do not."""
    return moment.cast("timestamp").truncate("s").epoch_seconds().cast("int64")


def counts_told(
    t: ir.Table, counts: Mapping[str, int], events: ir.Table, time: str, observations: ir.Table
) -> ir.Table:
    """Set counts to 0 where nothing happened, and to null where nothing could be known of it.

    Parameters
    ----------
    t : Table
        The observations with the counts, null where no row was found.
    counts : mapping of str to int
        Columns of `t`, each with the days that it looks back.
    events : Table
        Where the counts come from; it must reach back over those days by as_of.
    time : str
        Its column that says when things happened.
    observations : Table
        The observations alone.
    """
    since = covered(events.select("known_at", occurred_at=events[time]), observations)
    t = t.left_join(since, "as_of").drop("as_of_right")
    told = {c: zero_where_covered(t, c, days, t.first_day) for c, days in counts.items()}
    return t.mutate(**told).drop("first_day")
