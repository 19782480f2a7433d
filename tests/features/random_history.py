"""Random contract tables of some accounts, and the same tables with another future."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from histories import EVENT_TIME, frame

AS_OFS = [date(2025, 3, 1), date(2025, 6, 1), date(2025, 6, 8), date(2025, 12, 1)]
FIRST, DAYS = pd.Timestamp("2024-06-01"), 700
EDGES = pd.DatetimeIndex(
    pd.Timestamp(as_of) - pd.Timedelta(days=days, seconds=before)
    for as_of in AS_OFS
    for days in (0, 7, 28, 90, 180, 365)
    for before in (0, 1)
)
"""The first and the last second of the windows, and the seconds beside them."""
ACCOUNTS = list("abcdefghij")
PEOPLE = [f"{account}-{n}" for account in ACCOUNTS for n in range(4)]


@dataclass(frozen=True)
class Draw:
    """Random columns."""

    rng: np.random.Generator

    def size(self, most):
        return int(self.rng.integers(0, most))

    def moments(self, n, latest_start=400):
        """Times in order, to the second, some on a window's edge; the first may come late."""
        first = self.size(latest_start)
        times = FIRST + pd.to_timedelta(self.rng.integers(first * 86400, DAYS * 86400, n), unit="s")
        edges = EDGES[self.rng.integers(0, len(EDGES), n)]
        moved = (self.rng.random(n) < 0.2) & (edges > FIRST + pd.Timedelta(days=first))
        return pd.DatetimeIndex(np.sort(np.where(moved, edges, times)))

    def late(self, times):
        """When rows were known: mostly when they happened."""
        wait = self.rng.integers(0, 90 * 86400, len(times))
        wait = np.where(self.rng.random(len(times)) < 0.3, wait, 0)
        return times + pd.to_timedelta(wait, unit="s")

    def after(self, times, days, never=0.3):
        """A later time for each, or none: what became of the row, and when."""
        wait = self.rng.integers(0, days * 86400, len(times))
        return self.maybe(list(times + pd.to_timedelta(wait, unit="s")), never)

    def maybe(self, values, share=0.2):
        return [None if self.rng.random() < share else v for v in values]

    def among(self, values, n):
        return [values[i] for i in self.rng.integers(0, len(values), n)]

    def numbers(self, low, high, n):
        return self.rng.integers(low, high, n).astype(float).tolist()


def random_history(rng):
    """Contract tables with late rows, silence, gaps and odd values."""
    draw = Draw(rng)
    tables = {
        "accounts": [{"account_id": a, "segment": a * 3} for a in ACCOUNTS],
        "contracts": contracts(draw),
        "users": users(draw),
        "usage": usage(draw),
        "surveys": surveys(draw),
        "csm_sentiment": ratings(draw),
        "tickets": tickets(draw),
        "touchpoints": touchpoints(draw),
        "invoices": invoices(draw),
        "advocacy": advocacy(draw),
        "objectives": objectives(draw),
        "incidents": incidents(draw),
    }
    return {name: frame(name, rows) for name, rows in tables.items()}


def contracts(draw):
    """Terms, some of them following on, some with a second revision, some with an outcome."""
    rows = []
    for account in ACCOUNTS:
        start = FIRST + pd.Timedelta(days=draw.size(400) - 200)
        for i in range(1 + draw.size(4)):
            end = start + pd.Timedelta(days=30 + draw.size(400))
            row = {
                "contract_id": f"{account}{i}",
                "account_id": account,
                "product": draw.maybe(draw.among(["core", "core", "plus"], 1))[0],
                "start_date": start,
                "end_date": draw.maybe([end], 0.15)[0],
                "arr": float(draw.rng.integers(100, 1000)),
                "seats": float(draw.rng.integers(0, 12)),
                "auto_renew": draw.maybe(draw.among([True, False], 1))[0],
                "outcome": draw.among(["renewed", "churned", None, None, None], 1)[0],
                "decided_at": draw.maybe([end - pd.Timedelta(hours=draw.size(2000))])[0],
                "known_at": start + pd.Timedelta(days=draw.size(80) - 20),
            }
            rows.append(row)
            if draw.size(5) == 0:
                known = row["known_at"] + pd.Timedelta(days=1 + draw.size(200))
                rows.append({**row, "known_at": known, "arr": 50.0, "end_date": end})
            start = end + pd.Timedelta(days=draw.among([0, 0, 1, 30, 31, -100], 1)[0])
    return rows


def users(draw):
    n = len(PEOPLE)
    joined = draw.moments(n)
    return {
        "user_id": PEOPLE,
        "account_id": [person[0] for person in PEOPLE],
        "role": draw.maybe(draw.among(["admin", "user"], n), 0.1),
        "created_at": draw.maybe(list(joined), 0.1),
        "deactivated_at": draw.after(joined, 400, never=0.6),
        "known_at": draw.late(joined),
    }


def usage(draw):
    """Events of people; most come twice or more, so that sessions have something to hold."""
    n = draw.size(1500)
    when, who = draw.moments(n), draw.among(PEOPLE, n)
    again = draw.rng.random(n) < 0.5
    after = pd.to_timedelta(draw.rng.integers(0, 6000, n), unit="s")
    when = pd.DatetimeIndex(np.where(again, np.roll(when, 1) + after, when))
    who = [who[i - 1] if again[i] else who[i] for i in range(n)]
    return {
        "account_id": [person[0] for person in who],
        "user_id": draw.maybe(who, 0.1),
        "feature": draw.among(["login", "report", "export", "api"], n),
        "occurred_at": when,
        "quantity": draw.maybe(draw.numbers(0, 9, n)),
        "duration_s": draw.maybe(draw.numbers(0, 3600, n)),
        "known_at": draw.late(when),
    }


def surveys(draw):
    n = draw.size(300)
    sent, who = draw.moments(n), draw.among(PEOPLE, n)
    responded = draw.after(sent, 40, never=0.4)
    score = draw.numbers(1, 11, n)
    told = draw.rng.random(n) < 0.1
    return {
        "account_id": [person[0] for person in who],
        "user_id": draw.maybe(who),
        "kind": draw.among(["nps", "nps", "csat", "ces"], n),
        "score": [s if r or t else None for s, r, t in zip(score, responded, told, strict=True)],
        "sent_at": sent,
        "responded_at": responded,
        "known_at": draw.late(sent),
    }


def ratings(draw):
    n = draw.size(100)
    logged = draw.moments(n)
    return {
        "account_id": draw.among(ACCOUNTS, n),
        "sentiment": draw.rng.integers(1, 6, n),
        "logged_at": logged,
        "known_at": draw.late(logged),
    }


def tickets(draw):
    n = draw.size(250)
    opened, who = draw.moments(n), draw.among([*PEOPLE, "somebody"], n)
    return {
        "ticket_id": [f"t{i}" for i in range(n)],
        "account_id": [person[0] if "-" in person else "a" for person in who],
        "user_id": draw.maybe(who),
        "opened_at": opened,
        "priority": draw.maybe(draw.among(["low", "normal", "urgent"], n)),
        "first_response_at": draw.after(opened, 30),
        "resolved_at": draw.after(opened, 200),
        "contacts": draw.maybe(draw.numbers(1, 4, n)),
        "reopened": draw.maybe(draw.among([True, False], n)),
        "satisfaction": draw.maybe(draw.numbers(1, 6, n)),
        "known_at": draw.late(opened),
    }


def touchpoints(draw):
    n = draw.size(400)
    when = draw.moments(n)
    return {
        "account_id": draw.among(ACCOUNTS, n),
        "kind": draw.among(["meeting", "qbr", "email", "call", "training"], n),
        "direction": draw.maybe(draw.among(["inbound", "outbound", "outbound"], n)),
        "occurred_at": when,
        "attended": draw.maybe(draw.among([True, True, False], n), 0.3),
        "response_hours": draw.maybe((draw.rng.integers(0, 4000, n) / 10).tolist(), 0.5),
        "known_at": draw.late(when),
    }


def invoices(draw):
    n = draw.size(150)
    issued = draw.moments(n)
    due = issued.normalize() + pd.Timedelta(days=30)
    return {
        "invoice_id": [f"i{i}" for i in range(n)],
        "account_id": draw.among(ACCOUNTS, n),
        "amount": draw.numbers(-20, 300, n),
        "issued_at": issued,
        "due_at": draw.maybe(list(due), 0.1),
        "paid_at": draw.after(issued, 60),
        "known_at": draw.late(issued),
    }


def advocacy(draw):
    n = draw.size(30)
    when = draw.moments(n, latest_start=150)
    kinds = ["reference", "case_study", "review", "referral", "community", "event"]
    return {
        "account_id": draw.among(ACCOUNTS, n),
        "kind": draw.among(kinds, n),
        "occurred_at": when,
        "known_at": draw.late(when),
    }


def objectives(draw):
    n = draw.size(150)
    created = draw.moments(n, latest_start=150)
    return {
        "objective_id": [f"o{i}" for i in range(n)],
        "account_id": draw.among(ACCOUNTS, n),
        "kind": draw.among(["onboarding", "integration", "outcome"], n),
        "target": draw.maybe(draw.numbers(0, 10, n)),
        "value": draw.maybe(draw.numbers(0, 20, n)),
        "created_at": draw.maybe(list(created), 0.1),
        "due_at": draw.after(created, 200),
        "status": draw.among(["open", "met", "met", "missed", "abandoned"], n),
        "status_at": draw.after(created, 300, never=0.05),
        "known_at": draw.late(created),
    }


def incidents(draw):
    n = draw.size(60)
    began = draw.moments(n, latest_start=150)
    return {
        "incident_id": [f"f{i}" for i in range(n)],
        "account_id": draw.maybe(draw.among(ACCOUNTS, n), 0.5),
        "started_at": began,
        "ended_at": draw.after(began, 60),
        "known_at": draw.late(began),
    }


COMES_LATER = {
    "users": {"deactivated_at": {}},
    "surveys": {"responded_at": {"score": [1.0, 10.0]}},
    "tickets": {
        "first_response_at": {},
        "resolved_at": {
            "contacts": [1, 5, None],
            "reopened": [True, False],
            "satisfaction": [1.0, 5.0, None],
        },
    },
    "invoices": {"paid_at": {}},
    "objectives": {
        "status_at": {
            "status": ["open", "met", "missed", "abandoned"],
            "value": [0.0, 99.0, None],
        }
    },
    "incidents": {"ended_at": {}},
    "contracts": {"decided_at": {"outcome": ["renewed", "churned", "expanded"]}},
}
"""Times of a later state, each with the columns that are settled then and their possible values."""


def with_another_future(history, day, rng):
    """The tables with every later state that had not come by a day drawn anew."""
    draw = Draw(rng)
    changed = dict(history)
    for name, states in COMES_LATER.items():
        rows = history[name].to_dict("records")
        for row in rows:
            for moment, settled in states.items():
                if not _yet_to_come(name, row, moment, day):
                    continue
                wait = pd.Timedelta(days=1 + draw.size(60))
                row[moment] = day + wait
                row |= {column: draw.among(values, 1)[0] for column, values in settled.items()}
        changed[name] = frame(name, rows)
    rows = history["touchpoints"].to_dict("records")
    for row in rows:
        wait = row["response_hours"]
        if row["kind"] not in ("email", "call") or pd.isna(wait):
            continue
        if row["occurred_at"] + pd.Timedelta(hours=wait) >= day > row["occurred_at"]:
            row["response_hours"] = draw.maybe([wait + draw.size(500)])[0]
            row["attended"] = row["response_hours"] is not None
    changed["touchpoints"] = frame("touchpoints", rows)
    return changed


def _yet_to_come(name, row, moment, day):
    if name == "contracts":  # that a customer leaves is known on the very day; see observations
        told = not pd.isna(row["outcome"])
        return row["decided_at"].normalize() > day if not pd.isna(row["decided_at"]) else not told
    if name == "surveys" and pd.isna(row[moment]):
        return pd.isna(row["score"])
    return pd.isna(row[moment]) or row[moment] >= day


HAPPENED = {
    name: time for name, time in EVENT_TIME.items() if name not in ("accounts", "contracts")
}
"""The time at which a row of each table happened."""
_NAMES = {
    "users": "user_id",
    "tickets": "ticket_id",
    "invoices": "invoice_id",
    "objectives": "objective_id",
    "incidents": "incident_id",
}


def dated_ahead(noise, day, rng):
    """Rows of another history, all moved to a day and after it, that were known before the day.

    What became of them comes later still. The first of each table happens as the day begins.
    """
    moved = {}
    for name, happened in HAPPENED.items():
        t = noise[name].dropna(subset=[happened]).copy()
        shift = day - t[happened].min()
        for column in t.columns.drop("known_at"):
            if pd.api.types.is_datetime64_any_dtype(t[column]):
                t[column] += shift
        early = pd.to_timedelta(rng.integers(1, 60 * 86400, len(t)), unit="s")
        t["known_at"] = day - early
        if name in _NAMES:
            t[_NAMES[name]] = "ahead-" + t[_NAMES[name]].astype("str")
        moved[name] = t
    return moved
