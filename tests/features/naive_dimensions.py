"""Engagement, support, outcomes, advocacy and commercial once more, the slow and obvious way.

As in `naive`: row by row, nothing from the package. What became of a row later counts only if that
happened before as_of as well.
"""

import math
from datetime import timedelta

import pandas as pd

NOTHING = None


def features(tables, account_id, as_of):
    """The metrics of five dimensions, of one account at one as_of, as a dict."""
    day = pd.Timestamp(as_of)
    known = {
        name: [row for row in t.to_dict("records") if row["known_at"] < day]
        for name, t in tables.items()
    }
    own = {
        name: [row for row in rows if row.get("account_id") == account_id]
        for name, rows in known.items()
    }
    everyone = [row for row in known["incidents"] if pd.isna(row["account_id"])]
    contracts = [r for r in tables["contracts"].to_dict("records") if r["account_id"] == account_id]
    since = min(row["start_date"] for row in own["contracts"])
    return {
        **engagement(own["touchpoints"], known["touchpoints"], since, day),
        **tickets(own, known, since, day),
        **incidents(own["incidents"] + everyone, known["incidents"], since, day),
        **outcomes(own["objectives"], known["objectives"], since, day),
        **advocacy(own, known["advocacy"], day),
        **bought(contracts, day),
        **payments(own["invoices"], day),
    }


def before(moment, day):
    return not pd.isna(moment) and moment < day


def lately(moment, day, days):
    return before(moment, day) and moment >= day - timedelta(days=days)


def age(moment, day):
    return (day - moment.normalize()).days


def mean(values):
    told = [float(v) for v in values if not pd.isna(v)]
    return sum(told) / len(told) if told else NOTHING


def ratio(a, b):
    return a / b if a is not NOTHING and b else NOTHING


def quarterly_doublings(now, then, since, day):
    """Change against the quarter before, from nothing only where a customer was one in both."""
    if now is NOTHING or then is NOTHING:
        return NOTHING
    if then == 0 and day - since < timedelta(days=180):
        return NOTHING
    return math.log2((now + 1) / (then + 1))


def count(rows, everywhere, column, day, days):
    """Number of rows, or nothing where the table does not reach back over the days."""
    times = [row[column] for row in everywhere if not pd.isna(row[column])]
    told = bool(times) and min(times).normalize() <= day - timedelta(days=days)
    return len(rows) if told else NOTHING


def engagement(rows, everywhere, since, day):
    rows = [row for row in rows if row["occurred_at"] < day]

    def message(row):
        return row["kind"] in ("email", "call")

    def came(row):
        if not pd.isna(row["attended"]):
            return bool(row["attended"])
        if row["direction"] == "inbound" or not message(row):
            return True
        return not pd.isna(row["response_hours"])

    def answered_at(row):
        hours = row["response_hours"] if message(row) else 0.0
        wait = 0 if pd.isna(hours) else round(hours * 3600)
        return row["occurred_at"] + timedelta(seconds=wait)

    def recent(days, *kinds):
        return [r for r in rows if r["kind"] in kinds and lately(r["occurred_at"], day, days)]

    def held(days, *kinds):
        met = [row for row in recent(days, *kinds) if came(row)]
        return count(met, everywhere, "occurred_at", day, days)

    ours = [r for r in recent(90, "email", "call") if r["direction"] == "outbound"]
    answers = [
        r
        for r in rows
        if message(r) and r["direction"] != "inbound" and lately(answered_at(r), day, 90)
    ]
    told = [
        r
        for r in rows
        if lately(r["occurred_at"], day, 90) and r["direction"] in ("inbound", "outbound")
    ]
    contacts = [answered_at(r) for r in rows if came(r) and answered_at(r) < day]
    meetings = [r["occurred_at"] for r in rows if r["kind"] in ("meeting", "qbr") and came(r)]
    reached = [r for r in rows if came(r) and answered_at(r) < day]
    quarter = [r for r in reached if lately(r["occurred_at"], day, 90)]
    earlier = [r for r in reached if lately(r["occurred_at"], day, 180) and r not in quarter]
    return {
        "meetings_held_90d": held(90, "meeting", "qbr"),
        "meetings_missed_share_180d": mean(not came(r) for r in recent(180, "meeting", "qbr")),
        "meetings_planned_180d": count(
            recent(180, "meeting", "qbr"), everywhere, "occurred_at", day, 180
        ),
        "qbrs_held_180d": held(180, "qbr"),
        "reply_share_90d": mean(came(r) and answered_at(r) < day for r in ours),
        "response_hours_90d": mean(r["response_hours"] for r in answers),
        "customer_started_share_90d": mean(r["direction"] == "inbound" for r in told),
        "days_since_last_contact": age(max(contacts), day) if contacts else NOTHING,
        "days_since_last_meeting": age(max(meetings), day) if meetings else NOTHING,
        "contacts_trend_90d": quarterly_doublings(
            count(quarter, everywhere, "occurred_at", day, 90),
            count(earlier, everywhere, "occurred_at", day, 180),
            since,
            day,
        ),
        "trainings_attended_180d": held(180, "training"),
    }


def tickets(own, known, since, day):
    rows = [row for row in own["tickets"] if row["opened_at"] < day]
    asked = [row for row in rows if lately(row["opened_at"], day, 180)]
    answered = [row for row in rows if lately(row["first_response_at"], day, 180)]
    solved = [row for row in rows if lately(row["resolved_at"], day, 180)]
    still_open = [row for row in rows if not before(row["resolved_at"], day)]
    tickets_90d = [row for row in rows if lately(row["opened_at"], day, 90)]
    roles = {row["user_id"]: row["role"] for row in own["users"]}
    askers = [roles[r["user_id"]] for r in asked if r["user_id"] in roles]

    used = [r for r in own["usage"] if lately(r["occurred_at"], day, 90)]
    users = [r for r in used if isinstance(r["user_id"], str)]
    active = count({r["user_id"] for r in users}, known["usage"], "occurred_at", day, 90)
    number = count(tickets_90d, known["tickets"], "opened_at", day, 90)
    earlier = [row for row in asked if not lately(row["opened_at"], day, 90)]
    urgent = [row for row in still_open if row["priority"] == "urgent"]
    waiting = [age(row["opened_at"], day) for row in still_open]

    def hours(rows, until):
        return mean((row[until] - row["opened_at"]) / pd.Timedelta(hours=1) for row in rows)

    def told(rows, column):
        return [row[column] for row in rows if not pd.isna(row[column])]

    return {
        "tickets_per_active_user_90d": ratio(number, active),
        "tickets_180d": count(asked, known["tickets"], "opened_at", day, 180),
        "tickets_solved_180d": count(solved, known["tickets"], "opened_at", day, 180),
        "urgent_share_180d": mean(p == "urgent" for p in told(asked, "priority")),
        "tickets_trend_90d": quarterly_doublings(
            number, count(earlier, known["tickets"], "opened_at", day, 180), since, day
        ),
        "open_urgent_tickets": count(urgent, known["tickets"], "opened_at", day, 90),
        "open_tickets": count(still_open, known["tickets"], "opened_at", day, 90),
        "oldest_open_ticket_days": max(waiting, default=NOTHING),
        "first_contact_resolution_share_180d": mean(c == 1 for c in told(solved, "contacts")),
        "first_response_hours_180d": hours(answered, "first_response_at"),
        "resolution_hours_180d": hours(solved, "resolved_at"),
        "reopened_share_180d": mean(told(solved, "reopened")),
        "ticket_satisfaction_180d": mean(told(solved, "satisfaction")),
        "admin_ticket_share_180d": mean(role == "admin" for role in askers if not pd.isna(role)),
    }


def incidents(rows, everywhere, customer_since, day):
    first = day - timedelta(days=90)
    met, seconds = [], 0.0
    for row in rows:
        if row["started_at"] >= day:
            continue
        if row["started_at"] >= max(first, customer_since):
            met.append(row)
        start = max(row["started_at"], first, customer_since)
        end = row["ended_at"] if before(row["ended_at"], day) else day
        seconds += max((end - start).total_seconds(), 0)
    number = count(met, everywhere, "started_at", day, 90)
    return {
        "incidents_90d": number,
        "outage_hours_90d": NOTHING if number is NOTHING else seconds / 3600,
    }


def outcomes(rows, everywhere, customer_since, day):
    def begun(row):
        return row["known_at"] if pd.isna(row["created_at"]) else row["created_at"]

    rows = [row for row in rows if begun(row) < day]
    status = [row["status"] if before(row["status_at"], day) else "open" for row in rows]
    judged = list(zip(rows, status, strict=True))
    overdue = [r for r, s in judged if s == "open" and before(r["due_at"], day)]
    met = [r for r, s in judged if s == "met"]
    decided = [r for r, s in judged if s != "open"]

    integrations = [r for r in rows if r["kind"] == "integration"]
    abandoned = [
        r
        for r, s in judged
        if r["kind"] == "integration" and s == "abandoned" and lately(r["status_at"], day, 365)
    ]
    everywhere = [{"begun": begun(row)} for row in everywhere]
    onboarding = [r for r in rows if r["kind"] == "onboarding"]
    boarded = [r for r in met if r["kind"] == "onboarding"]
    reached = [
        min(r["value"] / r["target"], 1.5)
        for r in decided
        if r["kind"] == "outcome" and not pd.isna(r["value"]) and r["target"]
        if not pd.isna(r["target"])
    ]
    due = len(decided) + len(overdue)
    return {
        "objectives_met_share": len(met) / due if due else NOTHING,
        "objectives_overdue": len(overdue) if rows else NOTHING,
        "integrations_begun": count(integrations, everywhere, "begun", day, 1),
        "onboardings_begun": count(onboarding, everywhere, "begun", day, 1),
        "integrations_done": (
            len([r for r in met if r["kind"] == "integration"]) if integrations else NOTHING
        ),
        "days_to_first_value": min(
            (
                (r["status_at"].normalize() - customer_since.normalize()).days
                for r in met
                if r["kind"] == "outcome"
            ),
            default=NOTHING,
        ),
        "integrations_abandoned_365d": (
            count(abandoned, everywhere, "begun", day, 365) if integrations else NOTHING
        ),
        "onboarding_done": len(boarded) / len(onboarding) if onboarding else NOTHING,
        "onboarding_days": (
            age(min(begun(r) for r in onboarding), day)
            - age(max(r["status_at"] for r in onboarding), day)
            if onboarding and len(boarded) == len(onboarding)
            else NOTHING
        ),
        "value_reached": mean(reached),
    }


def advocacy(own, everywhere, day):
    rows = [row for row in own["advocacy"] if row["occurred_at"] < day]
    year = [row for row in rows if lately(row["occurred_at"], day, 365)]
    plurals = {
        "references": "reference",
        "case_studies": "case_study",
        "reviews": "review",
        "referrals": "referral",
        "community_acts": "community",
        "events": "event",
    }
    acts = count(year, everywhere, "occurred_at", day, 365)
    ages = [age(row["occurred_at"], day) for row in rows]

    def answered(row):
        return row["sent_at"] if pd.isna(row["responded_at"]) else row["responded_at"]

    answers = [
        row
        for row in own["surveys"]
        if row["kind"] == "nps" and not pd.isna(row["score"]) and lately(answered(row), day, 365)
    ]
    promoters = {r["user_id"] for r in answers if r["score"] >= 9 and isinstance(r["user_id"], str)}
    silent = NOTHING
    if acts:
        silent = 0
    elif acts == 0 and answers:
        silent = len(promoters)
    return {
        "advocacy_acts_365d": acts,
        **{
            f"{plural}_365d": count(
                [r for r in year if r["kind"] == kind], everywhere, "occurred_at", day, 365
            )
            for plural, kind in plurals.items()
        },
        "days_since_last_advocacy": min(ages, default=NOTHING),
        "promoters_silent_365d": silent,
    }


def as_known(contracts, day):
    """The newest revision of each contract that was known before a day."""
    newest = {}
    for row in sorted(contracts, key=lambda r: (r["known_at"], r["start_date"])):
        if row["known_at"] < day:
            newest[row["contract_id"]] = row
    return list(newest.values())


def in_force(contracts, day):
    return [r for r in contracts if r["start_date"] <= day and not before_or_on(r["end_date"], day)]


def before_or_on(moment, day):
    return not pd.isna(moment) and moment <= day


def told_to_leave(row, day):
    decided = row["end_date"] if pd.isna(row["decided_at"]) else row["decided_at"].normalize()
    return row["outcome"] == "churned" and before_or_on(decided, day)


def bought(contracts, day):
    seen = as_known(contracts, day)
    now = [r for r in in_force(seen, day) if not told_to_leave(r, day)]
    then = day - timedelta(days=365)
    earlier = [r for r in in_force(as_known(contracts, then), then) if not told_to_leave(r, then)]

    def change(column):
        old = sum(row[column] for row in earlier)
        return sum(row[column] for row in now) / old - 1 if old else NOTHING

    def outlasts(row, other):
        longer = pd.isna(row["end_date"]) or row["end_date"] > other["end_date"]
        in_time = row["start_date"] <= other["end_date"] + timedelta(days=30)
        return longer and in_time and row["start_date"] > other["start_date"]

    renewed, priced = 0, []
    for term in seen:
        if not before_or_on(term["end_date"], day):
            continue
        following = [r for r in seen if outlasts(r, term)]
        renewed += bool(following)
        successors = [
            r
            for r in in_force(following, day)
            if str(r["product"]) == str(term["product"]) and r["seats"] > 0
        ]
        if successors:
            price = sum(r["arr"] for r in successors) / sum(r["seats"] for r in successors)
            old = term["arr"] / term["seats"] if term["seats"] else 0
            priced.append(
                (term["end_date"], term["contract_id"], price / old - 1 if old else NOTHING)
            )
    last = [p for p in priced if p[0] == max(end for end, _, _ in priced)]
    products = {row["product"] for row in now if isinstance(row["product"], str)}
    return {
        "seats_change_365d": change("seats"),
        "arr_change_365d": change("arr"),
        "products": len(products) or NOTHING,
        "renewals_behind": renewed,
        "price_change_last_renewal": min(last, key=lambda p: p[1])[2] if last else NOTHING,
        "auto_renew_share": mean(row["auto_renew"] for row in now),
    }


def payments(rows, day):
    rows = [row for row in rows if row["amount"] > 0 and row["issued_at"] < day]
    due = [row for row in rows if lately(row["due_at"], day, 365)]

    def delay(row):
        return (row["paid_at"].normalize() - row["due_at"].normalize()).days

    late = [not before(row["paid_at"], day) or delay(row) > 0 for row in due]
    paid = [r for r in rows if lately(r["paid_at"], day, 365) and not pd.isna(r["due_at"])]
    billed = [row for row in rows if lately(row["issued_at"], day, 365)]
    overdue = [
        row["amount"]
        for row in billed
        if before(row["due_at"], day) and not before(row["paid_at"], day)
    ]
    total = sum(row["amount"] for row in billed)
    return {
        "late_payment_share_365d": mean(late),
        "payment_delay_days_365d": mean(delay(row) for row in paid),
        "overdue_invoice_share_365d": sum(overdue) / total if total else NOTHING,
    }
