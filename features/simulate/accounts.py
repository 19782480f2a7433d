"""Who the simulated customers are: accounts, the calendar they live by and the terms they sign.

Nothing here knows an outcome: terms follow upon each other as if everybody renewed.

Months are numbered from 0, the month before the data begin, to ``months``, the last one with data.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

END = int(np.datetime64("2026-07-01", "D").astype(np.int64))
"""First day after the data, in days since 1970; fixed, so that no run depends on today's date."""

SEGMENTS = ("small", "mid", "enterprise")
TOUCH_MODELS = ("scale", "mid", "high")


def stream(seed: int, name: str) -> np.random.Generator:
    """A source of random numbers of its own for each purpose, so that none disturbs another."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


@dataclass(frozen=True)
class Calendar:
    """The months of the simulation.

    ``first_day`` holds the first day of months 0 to ``months`` and then `END`, in days since 1970.
    """

    months: int
    first_day: Ints

    @classmethod
    def ending(cls, months: int) -> "Calendar":
        """The calendar whose last month is the one before `END`."""
        last = np.datetime64(END, "D").astype("datetime64[M]")
        first = last - np.arange(months + 1, -1, -1).astype("timedelta64[M]")
        return cls(months, first.astype("datetime64[D]").astype(np.int64))

    @property
    def start(self) -> int:
        """First day with data."""
        return int(self.first_day[1])

    def month(self, day: Ints) -> Ints:
        """Number of the month of a day; before the data -1 or 0, from `END` on ``months`` + 1."""
        return np.searchsorted(self.first_day, day, side="right") - 1


@dataclass(frozen=True)
class Accounts:
    """Lasting properties, one entry per account; days since 1970, terms in months."""

    segment: Ints
    touch: Ints
    industry: Ints
    region: Ints
    csm: Ints
    created: Ints
    start: Ints
    term: Ints
    seats: Ints
    admins: Ints
    price: Floats
    frailty: Floats

    def __len__(self) -> int:
        return len(self.segment)


INDUSTRIES = ("manufacturing", "retail", "finance", "health", "software", "logistics", "public")
REGIONS = ("north", "south", "east", "west")
_ACCOUNTS_PER_CSM = 30


def found(accounts: int, calendar: Calendar, terms: tuple[int, ...], seed: int) -> Accounts:
    """Draw the accounts: six in ten are there when the data begin, the others join later.

    Parameters
    ----------
    accounts : int
        How many.
    calendar : Calendar
    terms : tuple of int
        The lengths that contracts may have, in months.
    seed : int
    """
    rng = stream(seed, "accounts")
    n = accounts
    segment = rng.choice(3, n, p=(0.6, 0.3, 0.1))
    touch = np.clip(segment + (rng.random(n) < 0.12) - (rng.random(n) < 0.12), 0, 2)
    shares = np.array([(0.04, 0.90, 0.05, 0.01), (0.01, 0.85, 0.09, 0.05), (0, 0.75, 0.13, 0.12)])
    shares = shares * np.isin((1, 12, 24, 36), terms)
    shares = shares / shares.sum(axis=1, keepdims=True)
    kind = (rng.random(n)[:, None] > shares.cumsum(axis=1)[segment]).sum(axis=1).clip(0, 3)
    term = np.array((1, 12, 24, 36))[kind]
    old = rng.random(n) < 0.6
    begin = np.full(n, calendar.start)
    earliest = np.where(old, add_months(begin, -term) + 1, calendar.start)
    start = _signing_days(rng.random(n), earliest, np.where(old, calendar.start, END))
    # An account that is there already may have renewed before: only its present term is on record.
    before = np.where(old, rng.geometric(0.45, n) - 1, 0)
    created = add_months(start, -term * before) - rng.integers(0, 15, n)
    csm = np.where(touch > 0, rng.integers(0, max(1, n // _ACCOUNTS_PER_CSM), n), -1)
    seats = np.exp(np.log(np.array((7.0, 24.0, 90.0))[segment]) + 0.5 * rng.standard_normal(n))
    price = np.array((420.0, 560.0, 680.0))[segment] * np.exp(0.3 * rng.standard_normal(n))
    seats = np.maximum(seats.round(), 3).astype(np.int64)
    return Accounts(
        segment=segment,
        touch=touch,
        industry=rng.integers(0, len(INDUSTRIES), n),
        region=rng.integers(0, len(REGIONS), n),
        csm=csm,
        created=created,
        start=start,
        term=term,
        seats=seats,
        admins=np.minimum(np.array((2, 4, 8))[segment], seats - 1),
        price=price.round(2),
        frailty=0.5 * rng.standard_normal(n),
    )


def add_months(day: Ints, months: Ints) -> Ints:
    """The same day of another month, or that month's last day where it is shorter."""
    date = day.astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    day_of_month = date - month.astype("datetime64[D]")
    there = month + months.astype("timedelta64[M]")
    first = there.astype("datetime64[D]")
    length = (there + np.timedelta64(1, "M")).astype("datetime64[D]") - first
    day_there = first + np.minimum(day_of_month, length - np.timedelta64(1, "D"))
    return np.asarray(day_there.astype(np.int64))


def _signing_days(u: Floats, earliest: Ints, before: Ints) -> Ints:
    """Days on which contracts begin: on weekdays, and most at the end of quarters and years."""
    first = int(earliest.min())
    date = np.arange(first, END).astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    number = month.astype(np.int64) % 12 + 1
    to_end = ((month + np.timedelta64(1, "M")).astype("datetime64[D]") - date).astype(np.int64)
    weight = np.where(is_weekend(np.arange(first, END)), 0.15, 1.0)
    weight *= np.where((to_end <= 4) & (number % 3 == 0), np.where(number == 12, 7.0, 4.0), 1.0)
    weight *= np.where(date == month.astype("datetime64[D]"), 2.5, 1.0)
    total = np.concatenate(([0.0], weight.cumsum()))
    low, high = total[earliest - first], total[before - first]
    found = np.searchsorted(total, low + u * (high - low), side="right") - 1
    return np.asarray(np.clip(first + found, earliest, before - 1))


def is_weekend(day: Ints) -> Bools:
    """Whether a day since 1970 is a Saturday or a Sunday; 1970-01-01 was a Thursday."""
    return np.asarray((day + 3) % 7 >= 5)


@dataclass(frozen=True)
class Terms:
    """Contract terms that follow upon each other as if nobody ever left; one entry per term.

    ``month`` is the month with the last day in force, ``months`` + 1 if the term outlives the data.
    ``price_change`` is what a seat costs more than in the term before, as a fraction.
    """

    account: Ints
    number: Ints
    start: Ints
    end: Ints
    month: Ints
    price_change: Floats

    def over_months(self, values: Floats, accounts: int, calendar: Calendar) -> Floats:
        """Value of the latest term begun by the end of each month, shape (accounts, months + 1)."""
        table = np.full((accounts, calendar.months + 1), np.nan)
        first = np.clip(calendar.month(self.start), 0, None)
        table[self.account, first] = values
        for t in range(1, table.shape[1]):
            table[:, t] = np.where(np.isnan(table[:, t]), table[:, t - 1], table[:, t])
        earliest = values[self.number == 0]
        return np.where(np.isnan(table), earliest[:, None], table)


def sign(accounts: Accounts, calendar: Calendar, seed: int) -> Terms:
    """The terms of each account to the end of the data, renewed again and again."""
    longest = int((END - accounts.start.min()) // 28) + 1
    owner, number = [], []
    for k in range(longest):
        begun = np.flatnonzero(add_months(accounts.start, accounts.term * k) < END)
        owner.append(begun)
        number.append(np.full(len(begun), k))
        if not len(begun):
            break
    account, nth = np.concatenate(owner), np.concatenate(number)
    order = np.lexsort((nth, account))
    account, nth = account[order], nth[order]
    start = add_months(accounts.start[account], accounts.term[account] * nth)
    end = add_months(accounts.start[account], accounts.term[account] * (nth + 1))
    rng = stream(seed, "prices")
    steep = rng.random(len(account)) < 0.15
    change = np.where(
        steep, rng.uniform(0.08, 0.2, len(account)), rng.normal(0.02, 0.02, len(account))
    )
    change = change.clip(0, None).round(3) * (nth > 0) * (accounts.term[account] > 1)
    # A term that ends on the first of a month was in force until the last of the month before.
    month = np.where(end < END, calendar.month(end - 1), calendar.months + 1)
    return Terms(account, nth, start, end, month, change)
