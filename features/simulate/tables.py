"""The tables of the simulated company beside usage: noisy emissions of the present state.

Every function here writes one table as if nobody ever left, from the levels of the month in which a
row happens. So no row can know of an outcome, and the same company with other luck shows the same
rows up to the day on which an account leaves. Accounts and users are still numbers here, moments
still seconds.
"""

import numpy as np
import pandas as pd

from features.simulate.accounts import (
    END,
    INDUSTRIES,
    REGIONS,
    SEGMENTS,
    TOUCH_MODELS,
    add_months,
    stream,
)
from features.simulate.life import SHOCKS
from features.simulate.usage import Crew
from features.simulate.world import (
    DAY,
    NOT_YET,
    Months,
    World,
    arr_of,
    arriving_late,
    codes,
    office_seconds,
    wait,
)


def accounts(world: World) -> pd.DataFrame:
    """The customer companies."""
    a = world.accounts
    number = np.arange(len(a))
    return pd.DataFrame({
        "account": number,
        "name": codes("Customer ", 1, number + 1),
        "segment": np.array(SEGMENTS)[a.segment],
        "industry": np.array(INDUSTRIES)[a.industry],
        "region": np.array(REGIONS)[a.region],
        "csm": codes("csm", 3, a.csm),
        "touch_model": np.array(TOUCH_MODELS)[a.touch],
        "created_at": a.created * DAY,
    })  # fmt: skip


_QUESTIONS = {
    # kind: questions a month, metric of its level, spread of single answers, lowest, highest
    "nps": (0.35, "nps_last", 1.7, 0, 10),
    "csat": (0.35, "csat_mean_180d", 0.7, 1, 5),
    "ces": (0.15, "ces_mean_180d", 1.1, 1, 7),
}
_COMMENTS = (
    ("We spend more time on workarounds than on work.", "Support never got back to us.",
     "It keeps failing at month's end.", "Too expensive for what we use."),
    ("It does the job.", "Fine, but slow at times.", "Some parts are good, some are not.",
     "We only use a part of it."),
    ("Saves us hours every week.", "Great help from the team.", "Easy to use, people like it.",
     "We could not do without it."),
)  # fmt: skip


def surveys(world: World, months: Months, crew: Crew) -> pd.DataFrame:
    """Questions sent; people answer more often where health is good."""
    rng = stream(world.seed, "surveys")
    reach = np.minimum(1 + crew.count / 40, 4) * months.days / 30
    answering = months.level(world.life, "survey_response_rate_180d")
    parts = []
    for kind, (rate, metric, spread, low, high) in _QUESTIONS.items():
        entry = months.repeat(rng.poisson(rate * reach) * (crew.count > 0))
        n = len(entry)
        user = crew.pick(entry, crew.count, rng)
        sent = crew.not_before(months.moments(entry, rng), user)
        answered = rng.random(n) < answering[entry]
        score = (months.level(world.life, metric)[entry] + spread * rng.standard_normal(n)).round()
        score = score.clip(low, high)
        mood = np.digitize((score - low) / (high - low), (0.5, 0.8))
        comment = np.array(_COMMENTS)[mood, rng.integers(0, 4, n)].astype(object)
        comment[~answered | (rng.random(n) > 0.4)] = None
        parts.append(pd.DataFrame({
            "account": months.account[entry],
            "user": user,
            "kind": kind,
            "score": np.where(answered, score, np.nan),
            "comment": comment,
            "sent_at": sent,
            "responded_at": np.where(answered, sent + wait(rng, n, 2.0), NOT_YET),
        }))  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    table = table.sort_values(["account", "sent_at", "kind"], kind="stable", ignore_index=True)
    return arriving_late(table, "responded_at", 0.02, 20, rng)


def csm_sentiment(world: World, months: Months) -> pd.DataFrame:
    """Ratings by the CSM: kindly, in steps, now and then of how it was a month or two ago."""
    rng = stream(world.seed, "csm_sentiment")
    accounts = world.accounts
    rate = np.array((0.0, 0.6, 1.1))[accounts.touch[months.account]] * months.days / 30
    entry = months.repeat(rng.poisson(rate))
    account, n = months.account[entry], len(entry)
    lag = rng.choice(3, n, p=(0.6, 0.25, 0.15))
    seen = world.life.level("csm_sentiment")[account, np.maximum(months.month[entry] - lag, 0)]
    kindness = rng.normal(0.1, 0.35, accounts.csm.max() + 2)[accounts.csm[account]]
    sentiment = (seen + kindness + 0.6 * rng.standard_normal(n)).round().clip(1, 5)
    table = pd.DataFrame({
        "account": account,
        "csm": codes("csm", 3, accounts.csm[account]),
        "sentiment": sentiment.astype(np.int64),
        "logged_at": months.moments(entry, rng),
    })  # fmt: skip
    table = table.sort_values(["account", "logged_at"], kind="stable", ignore_index=True)
    return arriving_late(table, "logged_at", 0.05, 14, rng)


_REQUESTS = (
    ("How do I add a user?", "Where do I find last month's report?", "Please change our address."),
    ("The export stops half way.", "Numbers in the dashboard look wrong.", "Login is slow today."),
    ("Nothing works since this morning.", "This is the third time, please help.",
     "We cannot close the month like this."),
)  # fmt: skip


def tickets(world: World, months: Months, crew: Crew) -> pd.DataFrame:
    """Requests to support; a struggling product makes more of them, and harder ones."""
    rng = stream(world.seed, "tickets")
    life = world.life
    # Of a quarter's active users, two thirds are active in each of its months.
    rate = months.level(life, "tickets_per_active_user_90d") * crew.active * 1.5 * months.days / 90
    entry = months.repeat(rng.poisson(rate))
    n = len(entry)
    user = crew.pick(entry, crew.active, rng)
    opened = crew.not_before(months.moments(entry, rng), user)
    fit = life.states[2, months.account[entry], months.month[entry]]
    press = np.digitize(rng.standard_normal(n) - 0.25 * fit, (-0.7, 1.0, 1.8))
    haste = np.array((1.6, 1.0, 0.6, 0.25))[press]
    first = opened + (3600 * 5 * haste * np.exp(0.8 * rng.standard_normal(n))).astype(np.int64)
    once = rng.random(n) < months.level(life, "first_contact_resolution_share_180d")[entry]
    hours = 40 * haste * np.where(once, 0.1, 1.0) * np.exp(0.9 * rng.standard_normal(n) - 0.2 * fit)
    contacts = np.where(once, 1, 2 + rng.poisson(1.0, n))
    rated = rng.random(n) < 0.3
    liking = months.level(life, "csat_mean_180d")[entry] + np.where(once, 0.3, -0.3)
    liking = (liking + 0.8 * rng.standard_normal(n)).round().clip(1, 5)
    return pd.DataFrame({
        "ticket_id": codes("T", 7, np.arange(n)),
        "account": months.account[entry],
        "user": user,
        "opened_at": opened,
        "priority": np.array(("low", "normal", "high", "urgent"))[press],
        "first_response_at": first,
        "resolved_at": first + (3600 * hours).astype(np.int64),
        "contacts": pd.array(contacts, dtype="Int64"),
        "reopened": pd.array(
            rng.random(n) < months.level(life, "reopened_share_180d")[entry], dtype="boolean"
        ),
        "satisfaction": np.where(rated, liking, np.nan),
        "text": np.array(_REQUESTS)[np.array((0, 1, 2, 2))[press], rng.integers(0, 3, n)],
    })  # fmt: skip


_CONTACTS = ("email", "call", "meeting", "training", "qbr")


def touchpoints(world: World, months: Months) -> pd.DataFrame:
    """Contacts; CSMs seek more of them in months in which they act on a worrying account."""
    rng = stream(world.seed, "touchpoints")
    life, touch = world.life, world.accounts.touch[months.account]
    acting = life.actions[months.account, months.month]
    rate = np.array((0.7, 2.0, 4.0))[touch] * months.days / 30
    entry = months.repeat(rng.poisson(rate) + 2 * acting)
    n = len(entry)
    shares = np.array([(0.7, 0.13, 0.12, 0.05, 0), (0.45, 0.17, 0.28, 0.06, 0.04),
                       (0.43, 0.17, 0.27, 0.05, 0.08)]).cumsum(axis=1)  # fmt: skip
    kind = np.minimum((rng.random(n)[:, None] > shares[touch[entry]]).sum(axis=1), 4)
    inbound = rng.random(n) < months.level(life, "customer_started_share_90d")[entry]
    inbound &= kind < 3  # nobody but us calls for a training or a review
    came = rng.random(n) >= months.level(life, "meetings_missed_share_180d")[entry]
    hours = months.level(life, "response_hours_90d")[entry] * np.exp(0.7 * rng.standard_normal(n))
    replied = (kind == 0) & ~inbound & came
    attended = pd.array(came, dtype="boolean")
    attended[inbound] = pd.NA
    table = pd.DataFrame({
        "account": months.account[entry],
        "kind": np.array(_CONTACTS)[kind],
        "direction": np.where(inbound, "inbound", "outbound"),
        "occurred_at": months.moments(entry, rng),
        "attended": attended,
        "response_hours": np.where(replied, hours.round(1), np.nan),
    })  # fmt: skip
    table = table.sort_values(["account", "occurred_at"], kind="stable", ignore_index=True)
    return arriving_late(table, "occurred_at", 0.08, 10, rng)


def invoices(world: World) -> pd.DataFrame:
    """Bills for each month, quarter or year of a term, paid late where money is tight."""
    rng = stream(world.seed, "invoices")
    accounts, terms, calendar = world.accounts, world.terms, world.calendar
    step = np.where(rng.random(len(accounts)) < 0.5, 3, 12)
    step = np.minimum(step, accounts.term)[terms.account]
    number = accounts.term[terms.account] // step
    term = np.repeat(np.arange(len(number)), number)
    nth = np.arange(len(term)) - np.repeat(number.cumsum() - number, number)
    issued = add_months(terms.start[term], nth * step[term])
    now = (issued >= calendar.start) & (issued < END)
    term, issued = term[now], issued[now]
    account, due = terms.account[term], issued + 30
    month = np.minimum(calendar.month(due), calendar.months)
    late = world.life.level("payment_delay_days_365d")[account, month]
    late = late * np.exp(0.6 * rng.standard_normal(len(term))) + rng.uniform(-2, 2, len(term))
    amount = arr_of(world)[term] * step[term] / 12
    return pd.DataFrame({
        "invoice_id": codes("I", 7, np.arange(len(term))),
        "account": account,
        "amount": amount.round(2),
        "issued_at": issued * DAY + 7 * 3600,
        "due_at": due * DAY,
        "paid_at": (due + late.round().astype(np.int64)) * DAY + office_seconds(rng, len(term)),
    })  # fmt: skip


def advocacy(world: World, months: Months) -> pd.DataFrame:
    """What customers do in public for the company."""
    rng = stream(world.seed, "advocacy")
    rate = months.level(world.life, "advocacy_acts_365d") / 12 * months.days / 30
    entry = months.repeat(rng.poisson(rate))
    kinds = ("reference", "case_study", "review", "referral", "community", "event")
    kind = rng.choice(6, len(entry), p=(0.15, 0.05, 0.25, 0.1, 0.3, 0.15))
    table = pd.DataFrame({
        "account": months.account[entry],
        "kind": np.array(kinds)[kind],
        "occurred_at": months.moments(entry, rng),
    })  # fmt: skip
    return table.sort_values(["account", "occurred_at"], kind="stable", ignore_index=True)


_GOALS = ("onboarding", "integration", "outcome")


def objectives(world: World, months: Months) -> pd.DataFrame:
    """What customers set out to reach, and how it stands: met, missed, abandoned or still open."""
    rng = stream(world.seed, "objectives")
    accounts, calendar, life = world.accounts, world.calendar, world.life
    first = months.first == accounts.start[months.account]
    integrations = rng.poisson(0.03 * months.days / 30)
    outcomes = rng.poisson(0.12 * months.days / 30)
    entry = np.concatenate(
        [np.flatnonzero(first), months.repeat(integrations), months.repeat(outcomes)]
    )
    kind = np.repeat((0, 1, 2), (first.sum(), integrations.sum(), outcomes.sum()))
    account, n = months.account[entry], len(entry)
    created = months.moments(entry, rng)
    planned = np.where(kind == 0, 90, rng.integers(60, 240, n))
    due = created // DAY + planned
    at = np.minimum(calendar.month(due), calendar.months)
    met = rng.random(n) < life.level("objectives_met_share")[account, at]
    fate = np.where(met, 0, rng.choice((1, 2, 3), n, p=(0.45, 0.25, 0.30)))
    # Met early or in time, missed when due, abandoned half way, or long overdue and then missed.
    u = rng.random(n)
    days = np.select(
        [fate == 0, fate == 1, fate == 2],
        [planned * (0.6 + 0.4 * u), planned + 25 * u, planned * (0.3 + 0.7 * u)],
        planned + 40 + 150 * u,
    )
    target = rng.choice((10, 20, 50, 100), n)
    reached = life.level("value_reached")[account, at]
    reached = reached * np.exp(0.2 * rng.standard_normal(n))
    table = pd.DataFrame({
        "account": account,
        "kind": np.array(_GOALS)[kind],
        "target": target.astype(float),
        "value": (target * reached).round(1),
        "created_at": created,
        "due_at": due * DAY,
        "status": np.array(("met", "missed", "abandoned", "missed"))[fate],
        "status_at": created + (days * DAY).astype(np.int64),
    })  # fmt: skip
    table = table.sort_values(["account", "created_at"], kind="stable", ignore_index=True)
    table.insert(0, "objective_id", codes("O", 6, np.arange(n)))
    return table


def incidents(world: World) -> pd.DataFrame:
    """Faults of the product: some hit one account, some all of them."""
    rng = stream(world.seed, "incidents")
    calendar = world.calendar
    shocks = world.life.shocks[list(SHOCKS).index("outage")]
    account, month = np.nonzero(shocks)
    everyone = world.life.outages
    account = np.concatenate([account, np.full(len(everyone), -1)])
    month = np.concatenate([month, everyone])
    day = calendar.first_day[month] + rng.integers(0, 28, len(month))
    there = (month > 0) & ((account < 0) | (day >= world.accounts.start[account]))
    account, day = account[there], day[there]
    began = day * DAY + rng.integers(0, DAY, len(day))
    hours = np.exp(1.0 + 0.9 * rng.standard_normal(len(day)))
    table = pd.DataFrame({
        "account": account,
        "started_at": began,
        "ended_at": began + (3600 * hours).astype(np.int64),
        "severity": np.where(hours > 6, "critical", np.where(hours > 2, "major", "minor")),
    })  # fmt: skip
    table = table.sort_values(["started_at", "account"], kind="stable", ignore_index=True)
    table.insert(0, "incident_id", codes("F", 5, np.arange(len(table))))
    return table
