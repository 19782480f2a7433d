"""What the tables of the simulated company are made from, and what making rows has in common."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.simulate.accounts import (
    END,
    Accounts,
    Calendar,
    Floats,
    Ints,
    Terms,
    is_weekend,
    stream,
)
from features.simulate.life import NAMES, Life

DAY = 86_400
"""Seconds; moments are seconds since 1970, days are days since 1970."""

NOT_YET = int(np.iinfo(np.int64).min)
"""The moment of what has not happened; numpy reads it as NaT."""


@dataclass(frozen=True)
class World:
    """All that the tables are made from: who there is and how they fare."""

    accounts: Accounts
    terms: Terms
    seats: Ints
    calendar: Calendar
    life: Life
    seed: int
    actions_counted_twice_from: int = END


@dataclass(frozen=True)
class Months:
    """Every month in which an account could be there, one entry each, by account and month.

    ``first`` and ``days`` are the part of the month that lies in the account's life.
    """

    account: Ints
    month: Ints
    first: Ints
    days: Ints

    def __len__(self) -> int:
        return len(self.account)

    def level(self, life: Life, name: str) -> Floats:
        """Level of a planted metric in each of these months."""
        return np.asarray(life.levels[NAMES.index(name), self.account, self.month])

    def repeat(self, counts: Ints) -> Ints:
        """Entry numbers, each as often as `counts` says."""
        return np.repeat(np.arange(len(self)), counts)

    def moments(self, entry: Ints, rng: np.random.Generator) -> Ints:
        """A moment within each entry's days, in office hours of a working day if there is one."""
        day = self.first[entry] + (rng.random(len(entry)) * self.days[entry]).astype(np.int64)
        friday = day - ((day + 3) % 7 - 4)
        day = np.where(is_weekend(day) & (friday >= self.first[entry]), friday, day)
        return day * DAY + office_seconds(rng, len(entry))


def months_of(accounts: Accounts, calendar: Calendar) -> Months:
    """The account months with data."""
    last = calendar.first_day[2:] - 1
    there = accounts.start[:, None] <= last[None, :]
    account, month = np.nonzero(there)
    month = month + 1
    first = np.maximum(calendar.first_day[month], accounts.start[account])
    return Months(account, month, first, calendar.first_day[month + 1] - first)


def seats_of(accounts: Accounts, terms: Terms, life: Life, calendar: Calendar, seed: int) -> Ints:
    """Seats of each term: at a renewal, what the account has come to need."""
    rng = stream(seed, "seats")
    at = np.clip(calendar.month(terms.start), 0, calendar.months)
    state = life.states[[0, 3], terms.account[:, None], at[:, None]].mean(axis=1)
    wish = 0.03 + 0.09 * state + 0.08 * rng.standard_normal(len(state))
    wish = np.where((np.abs(wish) < 0.06) | (terms.number == 0), 0.0, wish)
    # Monthly contracts come up for renewal twelve times a year and seldom change.
    wish = np.where(accounts.term[terms.account] == 1, wish * (rng.random(len(wish)) < 0.1), wish)
    growth = pd.Series(wish.clip(-0.5, 0.6)).groupby(terms.account).cumsum().to_numpy()
    seats = (accounts.seats[terms.account] * np.exp(growth)).round()
    return np.asarray(np.maximum(seats, 3).astype(np.int64))


def arr_of(world: World) -> Floats:
    """Yearly revenue of each term: seats times a price per seat that follows its rises."""
    terms = world.terms
    rises = pd.Series(np.log1p(terms.price_change)).groupby(terms.account).cumsum().to_numpy()
    price = world.accounts.price[terms.account] * np.exp(rises)
    return np.asarray((price * world.seats).round(2))


def seats_by_month(world: World) -> Ints:
    """Seats under contract by the end of each month, shape (accounts, months + 1)."""
    seats = world.seats.astype(float)
    held = world.terms.over_months(seats, len(world.accounts), world.calendar)
    return held.astype(np.int64)


def office_seconds(rng: np.random.Generator, n: int) -> Ints:
    """Seconds from midnight to some moment between 7 and 18 o'clock, most of them about noon."""
    return np.asarray((3600 * (7 + 5.5 * (rng.random(n) + rng.random(n)))).astype(np.int64))


def wait(rng: np.random.Generator, n: int, days: float) -> Ints:
    """Seconds until something happens that takes so many days on average."""
    return np.asarray((rng.exponential(days * DAY, n) + 60).astype(np.int64))


def codes(prefix: str, width: int, number: Ints) -> pd.Series:
    """Names such as ``T0000042`` from numbers; none for negative ones."""
    highest = int(number.max(initial=0))
    names = [f"{prefix}{i:0{width}d}" for i in range(highest + 1)]
    return (
        pd.Series([*names, None], dtype="str").take(np.maximum(number, -1)).reset_index(drop=True)
    )


def arriving_late(
    table: pd.DataFrame, column: str, share: float, days: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Add ``known_at``: a share of the rows entered the systems days after they happened."""
    happened = table[column].to_numpy()
    late = (rng.random(len(table)) < share) & (happened != NOT_YET)
    entered = happened + wait(rng, len(table), days)
    return table.assign(known_at=np.where(late, entered, NOT_YET))
