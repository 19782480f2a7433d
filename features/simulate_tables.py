"""The visible half of the simulated company: tables as noisy emissions of the present state.

Every function here writes one table as if nobody ever left, from the levels of the month in which a
row happens; `cut` then ends each account on its day. So no row can know of an outcome, and the same
company with other luck shows the same rows up to the day on which an account leaves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.simulate_life import (
    END,
    NAMES,
    SHOCKS,
    TOUCH_MODELS,
    Accounts,
    Calendar,
    Floats,
    Ints,
    Life,
    Terms,
    add_months,
    is_weekend,
    stream,
)

FEATURES = (
    "dashboard", "report", "export", "search", "alert", "import", "api", "integration", "workflow",
    "template", "comment", "share", "filter", "schedule", "forecast", "approval", "audit", "archive",
    "settings",
)  # fmt: skip
"""What people use beside ``login``, from the most popular to the least."""

_SEASON = np.array((1.0, 1.0, 1.02, 1.0, 0.98, 0.97, 0.9, 0.84, 1.0, 1.03, 1.02, 0.82))
_DAY = 86_400
_GOLDEN, _PLASTIC = 0.6180339887498949, 0.7548776662466927

Codes = dict[str, Ints]


@dataclass(frozen=True)
class Company:
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
        return day * _DAY + _office_seconds(rng, len(entry))


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
    return np.maximum((accounts.seats[terms.account] * np.exp(growth)).round(), 3).astype(np.int64)


@dataclass(frozen=True)
class Users:
    """The people, one entry per user, by account; ``left`` is `END` for those who stay."""

    account: Ints
    admin: Ints
    champion: Ints
    never: Ints
    created: Ints
    left: Ints


def hire(company: Company) -> Users:
    """Users for every seat, who leave and are replaced; the champion leaves when the shock says so."""
    rng = stream(company.seed, "users")
    accounts, terms, calendar = company.accounts, company.terms, company.calendar
    most = pd.Series(company.seats).groupby(terms.account).cummax().to_numpy()
    before = np.where(terms.number == 0, 0, np.concatenate(([0], most[:-1])))
    slot = np.repeat(np.arange(len(most)), most - before)
    account, first_term = terms.account[slot], terms.number[slot] == 0
    place = np.arange(len(slot)) - np.searchsorted(account, account, side="left")
    admin, champion = place < accounts.admins[account], place == 0
    old = first_term & (accounts.start[account] < calendar.start)
    waited = np.where(champion, 0, rng.exponential(25, len(slot)).astype(np.int64))
    created = terms.start[slot] + waited
    since = accounts.created[account]
    spread = since + ((calendar.start - since) * rng.random(len(slot)) ** 1.5).astype(np.int64)
    created = np.where(old, np.where(champion, since, spread), created)
    never = (rng.random(len(slot)) < 0.08) & ~admin
    departures = _departures(company)
    generations = []
    while len(account):
        here = created < END
        account, admin, champion = account[here], admin[here], champion[here]
        never, created = never[here], created[here]
        stays = rng.exponential(4 * 365, len(account)).astype(np.int64) + 30
        month = np.clip(calendar.month(created), 0, calendar.months)
        left = np.maximum(created, calendar.start) + stays
        left = np.where(champion, departures[account, month], left)
        generations.append(Users(account, admin, champion, never, created, np.minimum(left, END)))
        gone = left < END
        account, admin, champion = account[gone], admin[gone], champion[gone]
        created = left[gone] + rng.integers(5, 40, len(account))
        never = (rng.random(len(account)) < 0.08) & ~admin
    joined = {
        name: np.concatenate([getattr(g, name) for g in generations])
        for name in Users.__dataclass_fields__
    }
    order = np.lexsort((joined["created"], joined["account"]))
    return Users(**{name: values[order] for name, values in joined.items()})


def _departures(company: Company) -> Ints:
    """Day on which the champion of a month leaves: in the next month with that shock, else `END`."""
    calendar = company.calendar
    shocks = company.life.shocks[list(SHOCKS).index("champion leaves")]
    day = stream(company.seed, "departures").integers(3, 25, shocks.shape)
    day = calendar.first_day[None, : calendar.months + 1] + day
    following = np.full(shocks.shape, END)
    for t in range(calendar.months - 1, -1, -1):
        following[:, t] = np.where(shocks[:, t + 1], day[:, t + 1], following[:, t + 1])
    return following


@dataclass(frozen=True)
class Crew:
    """Who could use the product in each account month, the keenest first.

    The users of entry i of the months are ``user[start[i] : start[i] + count[i]]``; the first
    ``active[i]`` of them are the ones that do.
    """

    user: Ints
    start: Ints
    count: Ints
    active: Ints


def assemble(company: Company, months: Months, users: Users) -> Crew:
    """Rank the users of each account month, and draw how many of them are active."""
    rng = stream(company.seed, "crew")
    accounts, calendar = company.accounts, company.calendar
    begin = np.clip(calendar.month(users.created), 1, None)
    until = np.where(users.never, begin, calendar.month(users.left))  # absent in the month of leaving
    user = np.repeat(np.arange(len(begin)), np.maximum(until - begin, 0))
    nth = np.arange(len(user)) - np.searchsorted(user, user, side="left")
    table = np.full((len(accounts), calendar.months + 1), -1)
    table[months.account, months.month] = np.arange(len(months))
    entry = table[users.account[user], begin[user] + nth]
    user, entry = user[entry >= 0], entry[entry >= 0]
    admins_in = months.level(company.life, "active_admins_28d") / accounts.admins[months.account]
    keen = rng.standard_normal(len(users.account))[user] + 0.7 * rng.standard_normal(len(user))
    comes = rng.random(len(user)) < admins_in.clip(0, 0.98)[entry]
    keen += np.where(users.admin[user], np.where(comes, 10.0, -10.0), 0.0)
    keen += np.where(users.champion[user] & comes, 20.0, 0.0)
    order = np.lexsort((-keen, entry))
    user, entry = user[order], entry[order]
    count = np.bincount(entry, minlength=len(months))
    season = _season(months)
    seats = terms_seats(company)[months.account, months.month]
    share = months.level(company.life, "active_seat_share_28d") * season
    share = share * np.minimum(months.days / 14, 1)
    active = np.minimum(rng.binomial(seats, share.clip(0, 1)), count)
    return Crew(user, np.concatenate(([0], count.cumsum()[:-1])), count, active)


def terms_seats(company: Company) -> Ints:
    """Seats under contract by the end of each month, shape (accounts, months + 1)."""
    seats = company.seats.astype(float)
    held = company.terms.over_months(seats, len(company.accounts), company.calendar)
    return held.astype(np.int64)


def _season(months: Months) -> Floats:
    number = months.first.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return np.asarray(_SEASON[number])


def usage(company: Company, months: Months, users: Users, crew: Crew) -> pd.DataFrame:
    """Sessions: a user, a feature and a moment, spread evenly over the month's users and days."""
    rng = stream(company.seed, "usage")
    life, season = company.life, _season(months)
    part = months.days / 28 * season
    days = rng.normal(months.level(life, "active_days_28d") * part, 0.7).round().astype(np.int64)
    days = np.minimum(days, months.days).clip(0, None)
    days = np.where(crew.active > 0, days, 0)
    wide = rng.normal(months.level(life, "features_used_28d"), 0.6).round().clip(1, len(FEATURES))
    most = np.maximum(np.maximum(crew.active, days), wide)
    counts = np.ceil(1.5 * most * rng.uniform(0.8, 1.2, len(months))).astype(np.int64)
    counts = np.where(days > 0, counts, 0)
    open_days = _open_days(months, rng)
    tastes = _tastes(company)

    entry = months.repeat(counts)
    nth = np.arange(len(entry)) - np.repeat(counts.cumsum() - counts, counts)
    offset = rng.random((3, len(months)))
    top = np.maximum(months.level(life, "top_user_share_28d"), 1 / np.maximum(crew.active, 1))
    user = _pick_user((nth + offset[0][entry]) / counts[entry], top[entry], crew, entry)
    place = ((nth * _GOLDEN + offset[1][entry]) % 1 * days[entry]).astype(np.int64)
    day = np.maximum(months.first[entry] + open_days[entry, place], users.created[user])
    liking = ((nth * _PLASTIC + offset[2][entry]) % 1) ** 1.2
    feature = tastes[months.account[entry], (liking * wide[entry]).astype(np.int64)]
    share = days / np.maximum(counts, 1)
    minutes = months.level(life, "minutes_per_active_day_28d") * share
    actions = months.level(life, "actions_per_active_day_28d") * share
    luck = np.exp(0.5 * rng.standard_normal(len(entry)) - 0.125)
    quantity = rng.poisson((actions[entry] * luck).clip(0.1, None) - 0.1) + 1
    quantity = np.where(day >= company.actions_counted_twice_from, 2 * quantity, quantity)
    seconds = (60 * minutes[entry] * np.exp(0.6 * rng.standard_normal(len(entry)) - 0.18)).round()

    came = rng.random(len(entry)) < 0.3
    per_row = months.level(life, "sign_ins_per_user_28d") * crew.active * part / (0.3 * counts + 1e-9)
    logins = np.flatnonzero(came)
    signed = pd.DataFrame({
        "account": months.account[entry[logins]],
        "user": user[logins],
        "feature": np.zeros(len(logins), dtype=np.int64),
        "occurred_at": day[logins] * _DAY + _office_seconds(rng, len(logins)),
        "quantity": rng.poisson(per_row[entry[logins]].clip(0, 500)) + 0.0,
        "duration_s": np.nan,
    })  # fmt: skip
    sessions = pd.DataFrame({
        "account": months.account[entry],
        "user": user,
        "feature": feature + 1,
        "occurred_at": day * _DAY + _office_seconds(rng, len(entry)),
        "quantity": quantity.astype(float),
        "duration_s": seconds,
    })  # fmt: skip
    table = pd.concat([sessions, signed[signed.quantity > 0]], ignore_index=True)
    table = table.sort_values(["account", "occurred_at", "user", "feature"], ignore_index=True)
    names = pd.Series(["login", *FEATURES])
    table["feature"] = names.take(table["feature"]).array
    return _arriving_late(table, "occurred_at", 0.005, 5, rng)


def _pick_user(u: Floats, top: Floats, crew: Crew, entry: Ints) -> Ints:
    """User at quantile `u` of an account month's sessions, the first of them with share `top`."""
    others = crew.active[entry] - 1
    rest = ((u - top) / np.maximum(1 - top, 1e-9)).clip(0, 1 - 1e-9)
    rank = np.where(u < top, 0, 1 + (others * rest**1.25).astype(np.int64))
    return np.asarray(crew.user[crew.start[entry] + np.minimum(rank, others)])


def _open_days(months: Months, rng: np.random.Generator) -> Ints:
    """Order in which the days of each account month are used: working days before weekends."""
    nth = np.arange(31)
    day = months.first[:, None] + nth
    late = rng.random(day.shape) + np.where(is_weekend(day), 0.97, 0.0)
    late[nth[None, :] >= months.days[:, None]] = 3.0
    return np.asarray(late.argsort(axis=1))


def _tastes(company: Company) -> Ints:
    """Features by account, the favourite first: popular ones mostly, but each has its own."""
    rng = stream(company.seed, "tastes")
    noise = rng.gumbel(size=(len(company.accounts), len(FEATURES)))
    return np.asarray((noise - 0.25 * np.arange(len(FEATURES))).argsort(axis=1)[:, ::-1])
