"""The people of the simulated accounts, and how they use the product."""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from features.simulate.accounts import END, Bools, Floats, Ints, is_weekend, stream
from features.simulate.life import SHOCKS, Life
from features.simulate.world import (
    DAY,
    NOT_YET,
    Months,
    World,
    arriving_late,
    office_seconds,
    seats_by_month,
)

FEATURES = (
    "dashboard", "report", "export", "search", "alert", "import", "api", "integration",
    "workflow", "template", "comment", "share", "filter", "schedule", "forecast", "approval",
    "audit", "archive", "settings",
)  # fmt: skip
"""What people use beside ``login``, from the most popular to the least."""

_SEASON = np.array((1.0, 1.0, 1.02, 1.0, 0.98, 0.97, 0.9, 0.84, 1.0, 1.03, 1.02, 0.82))
_SIGNED_IN = 0.3
_NEVER_COMES, _DAYS_OF_STAY = 0.08, 4 * 365
_GOLDEN, _PLASTIC = 0.6180339887498949, 0.7548776662466927


@dataclass(frozen=True)
class Users:
    """The people, one entry per user, by account; ``left`` is `END` for those who stay."""

    account: Ints
    admin: Bools
    champion: Bools
    never: Bools
    created: Ints
    left: Ints


_FIELDS = fields(Users)


def hire(world: World) -> Users:
    """Users for every seat, who leave and are replaced; the champion leaves by the shock."""
    rng = stream(world.seed, "users")
    calendar, departures = world.calendar, _departures(world)
    account, admin, champion, created = _first_hires(world, rng)
    generations = []
    while len(account):
        here = created < END
        account, admin = account[here], admin[here]
        champion, created = champion[here], created[here]
        never = (rng.random(len(account)) < _NEVER_COMES) & ~admin
        stays = rng.exponential(_DAYS_OF_STAY, len(account)).astype(np.int64) + 30
        month = np.clip(calendar.month(created), 0, calendar.months)
        left = np.maximum(created, calendar.start) + stays
        left = np.where(champion, departures[account, month], left)
        generations.append(Users(account, admin, champion, never, created, np.minimum(left, END)))
        gone = left < END
        account, admin, champion = account[gone], admin[gone], champion[gone]
        created = left[gone] + rng.integers(5, 40, len(account))
    everyone = {f.name: np.concatenate([getattr(g, f.name) for g in generations]) for f in _FIELDS}
    order = np.lexsort((everyone["created"], everyone["account"]))
    return Users(**{name: values[order] for name, values in everyone.items()})


def _first_hires(world: World, rng: np.random.Generator) -> tuple[Ints, Bools, Bools, Ints]:
    """Account, admin, champion and first day of the first user of each seat that is ever bought."""
    accounts, terms, begin = world.accounts, world.terms, world.calendar.start
    most = pd.Series(world.seats).groupby(terms.account).cummax().to_numpy()
    before = np.where(terms.number == 0, 0, np.concatenate(([0], most[:-1])))
    term = np.repeat(np.arange(len(most)), most - before)
    account = terms.account[term]
    place = np.arange(len(term)) - np.searchsorted(account, account, side="left")
    champion = place == 0
    onboarded = terms.start[term] + rng.exponential(25, len(term)).astype(np.int64)
    since = accounts.created[account]
    long_ago = since + ((begin - since) * rng.random(len(term)) ** 1.5).astype(np.int64)
    old = (terms.number[term] == 0) & (accounts.start[account] < begin)
    created = np.where(old, long_ago, onboarded)
    created = np.where(champion, np.where(old, since, terms.start[term]), created)
    return account, place < accounts.admins[account], champion, created


def _departures(world: World) -> Ints:
    """Day on which the champion of a month will leave, by the next such shock; else `END`."""
    calendar = world.calendar
    shocks = world.life.shocks[list(SHOCKS).index("champion leaves")]
    day = stream(world.seed, "departures").integers(3, 25, shocks.shape)
    day = calendar.first_day[None, : calendar.months + 1] + day
    following = np.full(shocks.shape, END)
    for t in range(calendar.months - 1, -1, -1):
        following[:, t] = np.where(shocks[:, t + 1], day[:, t + 1], following[:, t + 1])
    return following


def listed(world: World, users: Users) -> pd.DataFrame:
    """The users table."""
    rng = stream(world.seed, "hours")
    n = len(users.account)
    return pd.DataFrame({
        "user": np.arange(n),
        "account": users.account,
        "role": np.where(users.admin, "admin", "user"),
        "created_at": users.created * DAY + 6 * 3600,
        "deactivated_at": np.where(
            users.left < END, users.left * DAY + office_seconds(rng, n), NOT_YET
        ),
    })  # fmt: skip


@dataclass(frozen=True)
class Crew:
    """Who could use the product in each account month, the keenest first.

    The users of entry i of the months are ``user[start[i] : start[i] + count[i]]``; the first
    ``active[i]`` of them are the ones that do. ``created`` is the first day of every user there is.
    """

    user: Ints
    start: Ints
    count: Ints
    active: Ints
    created: Ints

    def pick(self, entry: Ints, among: Ints, rng: np.random.Generator) -> Ints:
        """One of the first `among` users of each entry, by chance."""
        rank = (rng.random(len(entry)) * among[entry]).astype(np.int64)
        return np.asarray(self.user[self.start[entry] + rank])

    def not_before(self, moment: Ints, user: Ints) -> Ints:
        """The moment, or the user's first hour where that is later."""
        return np.maximum(moment, self.created[user] * DAY + 7 * 3600)


def assemble(world: World, months: Months, users: Users) -> Crew:
    """Rank the users of each account month, and draw how many of them are active."""
    rng = stream(world.seed, "crew")
    accounts, calendar = world.accounts, world.calendar
    begin = np.clip(calendar.month(users.created), 1, None)
    # In the month in which they leave they do nothing more.
    until = np.where(users.never, begin, calendar.month(users.left))
    user = np.repeat(np.arange(len(begin)), np.maximum(until - begin, 0))
    nth = np.arange(len(user)) - np.searchsorted(user, user, side="left")
    table = np.full((len(accounts), calendar.months + 1), -1)
    table[months.account, months.month] = np.arange(len(months))
    entry = table[users.account[user], begin[user] + nth]
    user, entry = user[entry >= 0], entry[entry >= 0]
    admins_in = months.level(world.life, "active_admins_28d") / accounts.admins[months.account]
    keen = rng.standard_normal(len(users.account))[user] + 0.7 * rng.standard_normal(len(user))
    comes = rng.random(len(user)) < admins_in.clip(0, 0.98)[entry]
    keen += np.where(users.admin[user], np.where(comes, 10.0, -10.0), 0.0)
    keen += np.where(users.champion[user] & comes, 20.0, 0.0)
    order = np.lexsort((-keen, entry))
    user, entry = user[order], entry[order]
    count = np.bincount(entry, minlength=len(months))
    season = _season(months)
    seats = seats_by_month(world)[months.account, months.month]
    share = months.level(world.life, "active_seat_share_28d") * season
    share = share * np.minimum(months.days / 14, 1)
    active = np.minimum(rng.binomial(seats, share.clip(0, 1)), count)
    return Crew(user, count.cumsum() - count, count, active, users.created)


def _season(months: Months) -> Floats:
    number = months.first.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return np.asarray(_SEASON[number])


@dataclass(frozen=True)
class _Effort:
    """How much each account month holds: days with use, features in use, sessions."""

    days: Ints
    features: Ints
    sessions: Ints


def usage(world: World, months: Months, crew: Crew) -> pd.DataFrame:
    """Sessions and sign-ins: a user, a feature and a moment each."""
    rng = stream(world.seed, "usage")
    effort = _effort(world.life, months, crew, rng)
    entry = months.repeat(effort.sessions)
    user, day, feature = _spread(world, months, crew, effort, entry, rng)
    sessions = pd.DataFrame({
        "account": months.account[entry],
        "user": user,
        "feature": feature,
        "occurred_at": day * DAY + office_seconds(rng, len(entry)),
        "quantity": _quantities(world, months, effort, entry, day, rng),
        "duration_s": _durations(world.life, months, effort, entry, rng),
    })  # fmt: skip
    tried = rng.random(len(entry)) < _SIGNED_IN
    sign_ins = sessions.loc[tried, ["account", "user"]].assign(
        feature=len(FEATURES),
        occurred_at=day[tried] * DAY + office_seconds(rng, int(tried.sum())),
        quantity=_sign_ins(world.life, months, crew, effort, entry[tried], rng),
    )
    table = pd.concat([sessions, sign_ins[sign_ins.quantity > 0]], ignore_index=True)
    table = table.sort_values(["account", "occurred_at", "user", "feature"], ignore_index=True)
    table["feature"] = pd.Series([*FEATURES, "login"]).take(table["feature"]).array
    return arriving_late(table, "occurred_at", 0.005, 5, rng)


def _effort(life: Life, months: Months, crew: Crew, rng: np.random.Generator) -> _Effort:
    """As many sessions as it takes for every active user, day and feature to occur in one."""
    expected = months.level(life, "active_days_28d") * _season(months) * months.days / 28
    days = np.minimum(rng.normal(expected, 0.7).round().clip(0), months.days)
    days = np.where(crew.active > 0, days, 0).astype(np.int64)
    features = rng.normal(months.level(life, "features_used_28d"), 0.6).round()
    features = features.clip(1, len(FEATURES))
    most = np.maximum(np.maximum(crew.active, days), features)
    sessions = np.ceil(1.5 * most * rng.uniform(0.8, 1.2, len(months))).astype(np.int64)
    return _Effort(days, features.astype(np.int64), np.where(days > 0, sessions, 0))


def _spread(
    world: World,
    months: Months,
    crew: Crew,
    effort: _Effort,
    entry: Ints,
    rng: np.random.Generator,
) -> tuple[Ints, Ints, Ints]:
    """User, day and feature of each session.

    Multiples of two irrational numbers spread the sessions of an account month evenly over its days
    and features, and independently of each other, without a sort.
    """
    counts = effort.sessions
    nth = np.arange(len(entry)) - (counts.cumsum() - counts)[entry]
    offset = rng.random((3, len(months)))
    top = months.level(world.life, "top_user_share_28d")
    top = np.maximum(top, 1 / np.maximum(crew.active, 1))
    user = _pick_user((nth + offset[0][entry]) / counts[entry], top[entry], crew, entry)
    place = ((nth * _GOLDEN + offset[1][entry]) % 1 * effort.days[entry]).astype(np.int64)
    day = months.first[entry] + _open_days(months, rng)[entry, place]
    liking = ((nth * _PLASTIC + offset[2][entry]) % 1) ** 1.2
    favourite = (liking * effort.features[entry]).astype(np.int64)
    feature = _tastes(world)[months.account[entry], favourite]
    return user, np.maximum(day, crew.created[user]), feature


def _quantities(
    world: World,
    months: Months,
    effort: _Effort,
    entry: Ints,
    day: Ints,
    rng: np.random.Generator,
) -> Floats:
    """Actions of each session."""
    actions = months.level(world.life, "actions_per_active_day_28d")
    mean = (actions * effort.days / np.maximum(effort.sessions, 1))[entry]
    luck = np.exp(0.5 * rng.standard_normal(len(entry)) - 0.125)
    quantity = 1.0 + rng.poisson((mean * luck - 1).clip(0.1, None))
    return np.asarray(np.where(day >= world.actions_counted_twice_from, 2 * quantity, quantity))


def _durations(
    life: Life, months: Months, effort: _Effort, entry: Ints, rng: np.random.Generator
) -> Floats:
    """Seconds of each session."""
    minutes = months.level(life, "minutes_per_active_day_28d")
    mean = (60 * minutes * effort.days / np.maximum(effort.sessions, 1))[entry]
    return np.asarray((mean * np.exp(0.6 * rng.standard_normal(len(entry)) - 0.18)).round())


def _sign_ins(
    life: Life,
    months: Months,
    crew: Crew,
    effort: _Effort,
    entry: Ints,
    rng: np.random.Generator,
) -> Floats:
    """Sign-ins that stand in each row; there are fewer rows than sign-ins."""
    wanted = months.level(life, "sign_ins_per_user_28d") * crew.active * months.days / 28
    rows = _SIGNED_IN * np.maximum(effort.sessions, 1)
    return rng.poisson((wanted * _season(months) / rows)[entry]).astype(float)


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


def _tastes(world: World) -> Ints:
    """Features by account, the favourite first: popular ones mostly, but each has its own."""
    rng = stream(world.seed, "tastes")
    noise = rng.gumbel(size=(len(world.accounts), len(FEATURES)))
    return np.asarray((noise - 0.25 * np.arange(len(FEATURES))).argsort(axis=1)[:, ::-1])
