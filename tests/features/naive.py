"""Every metric once more, the slow and obvious way: row by row, account by account, day by day.

Nothing here comes from the package, so that agreement means something. A row counts at as_of if it
happened and was known before that midnight.
"""

import math
from datetime import timedelta

import pandas as pd

NOTHING = None
GRACE_DAYS = 30
KEY_FEATURES = ("report", "api", "forecast")
"""One of them is used by nobody."""


def features(tables, account_id, as_of):
    """All metrics of one account at one as_of, as a dict; None where it is not observed."""
    day = pd.Timestamp(as_of)
    known = {
        name: [row for row in t.to_dict("records") if row["known_at"] < day]
        for name, t in tables.items()
    }
    own = {
        name: [row for row in rows if row["account_id"] == account_id]
        for name, rows in known.items()
    }
    result = contract_facts(own["contracts"], day)
    if result is None:
        return None
    result |= frequency_breadth_depth(own, known, result, day)
    result |= sentiment(own, day)
    return result


LATER = ("resolved_at", "contacts", "reopened", "satisfaction", "first_response_at", "ended_at")
LATER += ("deactivated_at", "value", "responded_at", "paid_at", "status", "status_at", "score")
"""Columns that are filled after their row: empty ones say nothing of the column."""


def untold(tables, metrics, as_of):
    """Metrics that need a table or a column of which no row was known by then."""

    def tells(need):
        name, _, column = need.partition(".")
        if name in ("accounts", "contracts"):
            return True
        rows = [row for row in tables[name].to_dict("records") if row["known_at"] < as_of]
        filled = [r for r in rows if not column or column in LATER or not pd.isna(r[column])]
        return len(filled) > 0

    return [
        name
        for name, metric in metrics.items()
        if not all(any(map(tells, need.split("|"))) for need in metric.needs)
    ]


def contract_facts(rows, day):
    """What the contracts say, or nothing where no end is open."""
    newest = {}
    for row in sorted(rows, key=lambda r: (r["known_at"], r["start_date"])):
        newest[row["contract_id"]] = row
    left = [row for row in newest.values() if decided(row, day, "churned")]
    staying = [row for row in newest.values() if row not in left and until(row) > day]
    force = [row for row in staying if row["start_date"] <= day]
    open_ends = []
    for row in staying:
        followed = [
            other
            for other in staying
            if other["contract_id"] != row["contract_id"]
            and until(other) > until(row)
            and other["start_date"] - timedelta(days=GRACE_DAYS) <= until(row)
        ]
        if not followed and not decided(row, day, "renewed", "expanded", "contracted"):
            open_ends.append(row)
    if not force or not open_ends:
        return None
    ends = [min(open_ends, key=lambda r: (until(r), r["contract_id"]))]
    ends = [row for row in ends if not pd.isna(row["end_date"])]
    return {
        "tenure_days": (day - min(row["start_date"] for row in newest.values())).days,
        "days_to_renewal": (ends[0]["end_date"] - day).days if ends else NOTHING,
        "term_days": (ends[0]["end_date"] - ends[0]["start_date"]).days if ends else NOTHING,
        "arr": sum(row["arr"] for row in force),
        "seats": sum(row["seats"] for row in force),
        "contracts": len(force),
    }


def until(row):
    return pd.Timestamp("9999-12-31") if pd.isna(row["end_date"]) else row["end_date"]


def decided(row, day, *outcomes):
    when = row["end_date"] if pd.isna(row["decided_at"]) else row["decided_at"].normalize()
    return row["outcome"] in outcomes and not pd.isna(when) and when <= day


def frequency_breadth_depth(own, known, contract, day):
    all_usage, all_users = known["usage"], known["users"]
    usage = [row for row in own["usage"] if row["occurred_at"] < day]
    everywhere = [row["occurred_at"].normalize() for row in all_usage if row["occurred_at"] < day]
    sign_ins_everywhere = [
        row["occurred_at"].normalize()
        for row in all_usage
        if row["occurred_at"] < day and row["feature"] == "login"
    ]

    def told(days, since=everywhere):
        return bool(since) and min(since) <= day - timedelta(days=days)

    def within(back, until=0):
        first, last = day - timedelta(days=back), day - timedelta(days=until)
        return [row for row in usage if first <= row["occurred_at"] < last]

    def actions(rows):
        return sum(1.0 if pd.isna(row["quantity"]) else row["quantity"] for row in rows)

    def days(rows):
        return len({row["occurred_at"].normalize() for row in rows})

    def users(rows):
        return {row["user_id"] for row in rows if isinstance(row["user_id"], str)}

    def kinds(rows):
        return {row["feature"] for row in rows if row["feature"] != "login"}

    def minutes(rows):
        told = [row["duration_s"] for row in rows if not pd.isna(row["duration_s"])]
        return sum(told) / 60 if told else NOTHING

    def ratio(a, b):
        return NOTHING if a is NOTHING or b is NOTHING or b == 0 else a / b

    def doublings(now, before, least_tenure=0):
        if now is NOTHING or before is NOTHING:
            return NOTHING
        if before == 0 and contract["tenure_days"] < least_tenure:
            return NOTHING
        return math.log2((now + 1) / (before + 1))

    month, before = within(28), within(56, 28)
    seen28 = told(28)
    actions28 = actions(month) if seen28 else NOTHING
    users28 = len(users(month)) if seen28 else NOTHING
    earlier = (actions(within(180)) - actions(month)) * 28 / 152 if told(180) else NOTHING
    sign_ins = [row for row in month if row["feature"] == "login"]

    by_user = {u: actions([r for r in month if r["user_id"] == u]) for u in users(month)}
    pairs = {
        (row["user_id"], row["feature"])
        for row in month
        if isinstance(row["user_id"], str) and row["feature"] != "login"
    }
    last = max((row["occurred_at"].normalize() for row in within(180)), default=NOTHING)

    def created(row):
        return row["known_at"] if pd.isna(row["created_at"]) else row["created_at"]

    members = [
        row
        for row in own["users"]
        if created(row) < day and (pd.isna(row["deactivated_at"]) or row["deactivated_at"] >= day)
    ]
    settled = [r for r in members if (day - created(r).normalize()).days >= 28]
    fresh = [r for r in members if (day - created(r).normalize()).days <= 90]
    ever = users(usage)
    unseen = [row for row in settled if row["user_id"] not in ever]
    admins = {row["user_id"] for row in own["users"] if row["role"] == "admin"}
    old = within(180, 90)
    joined = [row for row in own["users"] if created(row) < day]
    days_joined = [r["created_at"].normalize() for r in all_users if not pd.isna(r["created_at"])]
    users_told = told(90, days_joined)
    deactivated = [
        row
        for row in joined
        if not pd.isna(row["deactivated_at"])
        and day - timedelta(days=90) <= row["deactivated_at"] < day
    ]
    half_year = users(within(180))
    lapsed = half_year - users(within(90))
    actions90 = actions(within(90)) if told(90) else NOTHING
    by_week = [days(within(7 * n + 7, 7 * n)) for n in range(12)] if told(84) else [0]
    mean_week = sum(by_week) / 12
    spread = math.sqrt(sum((n - mean_week) ** 2 for n in by_week) / 12)
    user_days = {
        (row["user_id"], row["occurred_at"].normalize())
        for row in month
        if isinstance(row["user_id"], str)
    }
    done = {
        user: (
            sum(actions([r]) for r in within(180) if r["user_id"] == user),
            max(r["occurred_at"] for r in within(180) if r["user_id"] == user),
        )
        for user in half_year
    }
    champion = max(done.values(), default=NOTHING)
    begun, seconds, timed = 0, 0, False
    for user in users(usage):
        busy_until = NOTHING
        mine = [row for row in usage if row["user_id"] == user]
        for row in sorted(mine, key=lambda r: r["occurred_at"]):
            lasts = 0 if pd.isna(row["duration_s"]) else row["duration_s"]
            start, end = row["occurred_at"], row["occurred_at"] + timedelta(seconds=lasts)
            new = busy_until is NOTHING or start - busy_until >= timedelta(minutes=30)
            since = start if new else busy_until
            if start >= day - timedelta(days=28):
                begun += new
                seconds += max((end - since).total_seconds(), 0)
                timed = timed or start != start.normalize()
            busy_until = end if busy_until is NOTHING else max(busy_until, end)
    sessions = begun if timed else NOTHING
    by_users = actions([r for r in month if isinstance(r["user_id"], str)])
    return {
        "active_weeks_84d": sum(n > 0 for n in by_week) if told(84) else NOTHING,
        "weekly_spread_84d": spread / mean_week if mean_week else NOTHING,
        "stickiness_28d": ratio(len(user_days) / 28 if seen28 else NOTHING, users28),
        "sessions_per_user_28d": ratio(sessions, users28),
        "session_minutes_28d": ratio(seconds / 60, sessions),
        "actions_per_session_28d": ratio(by_users if seen28 else NOTHING, sessions),
        "usage_trend_90d": doublings(
            actions90, actions(within(180)) - actions90 if told(180) else NOTHING, 180
        ),
        "deactivated_users_90d": len(deactivated) if joined and users_told else NOTHING,
        "lapsed_users_share_90d": ratio(len(lapsed), len(half_year)) if told(180) else NOTHING,
        "champion_quiet_days": (day - champion[1].normalize()).days if champion else NOTHING,
        "active_days_7d": days(within(7)) if told(7) else NOTHING,
        "active_days_28d": days(month) if seen28 else NOTHING,
        "active_days_90d": days(within(90)) if told(90) else NOTHING,
        "sign_ins_per_user_28d": (
            ratio(actions(sign_ins), users28) if told(28, sign_ins_everywhere) else NOTHING
        ),
        "days_since_last_use": (day - last).days if last else (180 if told(180) else NOTHING),
        "usage_trend_28d": doublings(actions28, actions(before) if told(56) else NOTHING, 56),
        "usage_against_half_year": (
            doublings(actions28, earlier) if contract["tenure_days"] >= 180 else NOTHING
        ),
        "minutes_per_active_user_28d": ratio(minutes(month), users28),
        "active_users_28d": users28,
        "active_seat_share_28d": ratio(users28, contract["seats"]),
        "active_users_trend_28d": doublings(
            users28, len(users(before)) if told(56) else NOTHING, 56
        ),
        "active_admins_28d": len(admins & users(month)) if seen28 else NOTHING,
        "top_user_share_28d": ratio(max(by_user.values(), default=NOTHING), actions28),
        "new_users_90d": len(fresh) if members and users_told else NOTHING,
        "never_active_users_share": ratio(len(unseen), len(settled)),
        "features_used_28d": len(kinds(month)) if seen28 else NOTHING,
        "features_used_90d": len(kinds(within(90))) if told(90) else NOTHING,
        "key_features_share_90d": (
            len(kinds(within(90)) & set(KEY_FEATURES)) / 3 if told(90) else NOTHING
        ),
        "features_dropped_90d": len(kinds(old) - kinds(within(90))) if told(180) else NOTHING,
        "features_per_user_28d": ratio(len(pairs) if seen28 else NOTHING, users28),
        "actions_per_active_day_28d": ratio(actions28, days(month) if seen28 else NOTHING),
        "minutes_per_active_day_28d": ratio(minutes(month), days(month) if seen28 else NOTHING),
    }


def sentiment(own, day):
    def age(moment):
        return (day - moment.normalize()).days

    def mean(values):
        return sum(values) / len(values) if values else NOTHING

    ratings = [row for row in own["csm_sentiment"] if row["logged_at"] < day]
    ratings.sort(key=lambda r: (r["logged_at"], r["known_at"], -r["sentiment"]))
    recent = mean([r["sentiment"] for r in ratings if age(r["logged_at"]) <= 90])
    before = mean([r["sentiment"] for r in ratings if 90 < age(r["logged_at"]) <= 180])
    result = {
        "csm_sentiment": ratings[-1]["sentiment"] if ratings else NOTHING,
        "csm_sentiment_age_days": age(ratings[-1]["logged_at"]) if ratings else NOTHING,
        "csm_sentiment_trend_90d": (
            recent - before if recent is not NOTHING and before is not NOTHING else NOTHING
        ),
    }

    def answered(row):
        return row["sent_at"] if pd.isna(row["responded_at"]) else row["responded_at"]

    answers = [row for row in own["surveys"] if not pd.isna(row["score"]) and answered(row) < day]
    classes = {"nps": (9, 6), "csat": (4, 2), "ces": (5, 3)}
    shares = {}
    for kind in ("nps", "csat", "ces"):
        of_kind = [row for row in answers if row["kind"] == kind]
        of_kind.sort(key=lambda r: (answered(r), r["known_at"], -r["score"]))
        result[f"{kind}_last"] = of_kind[-1]["score"] if of_kind else NOTHING
        result[f"{kind}_age_days"] = min((age(answered(r)) for r in of_kind), default=NOTHING)
        now = mean([row["score"] for row in of_kind if age(answered(row)) <= 180])
        then = mean([row["score"] for row in of_kind if 180 < age(answered(row)) <= 360])
        result[f"{kind}_mean_180d"] = now
        result[f"{kind}_trend_180d"] = (
            now - then if now is not NOTHING and then is not NOTHING else NOTHING
        )
        year = [row["score"] for row in of_kind if age(answered(row)) <= 365]
        good, bad = classes[kind]
        shares[kind] = (
            mean([score >= good for score in year]),
            mean([score <= bad for score in year]),
        )
    promoters, detractors = shares["nps"]
    result["net_promoter_score_365d"] = (
        NOTHING if promoters is NOTHING else 100 * (promoters - detractors)
    )
    result["csat_satisfied_share_365d"] = shares["csat"][0]
    result["ces_easy_share_365d"] = shares["ces"][0]
    sent = [r for r in own["surveys"] if r["sent_at"] < day and age(r["sent_at"]) <= 180]
    responded = [r for r in sent if not pd.isna(r["score"]) and answered(r) < day]
    result["survey_response_rate_180d"] = len(responded) / len(sent) if sent else NOTHING
    result["days_since_last_answer"] = min((age(answered(row)) for row in answers), default=NOTHING)
    questions = sorted(
        (r["sent_at"], not pd.isna(r["score"]) and answered(r) < day)
        for r in own["surveys"]
        if r["sent_at"] < day
    )
    in_a_row = 0
    for _sent_at, is_answered in questions:
        in_a_row = 0 if is_answered else in_a_row + 1
    result["surveys_unanswered_in_a_row"] = in_a_row if questions else NOTHING
    on_five = {
        "nps": lambda s: 1 + s * 0.4,
        "csat": lambda s: s,
        "ces": lambda s: 1 + (s - 1) / 1.5,
    }
    views = [on_five[r["kind"]](r["score"]) for r in answers if age(answered(r)) <= 180]
    result["csm_customer_gap"] = (
        ratings[-1]["sentiment"] - mean(views) if ratings and views else NOTHING
    )
    return result
