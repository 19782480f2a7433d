"""Frequency: how often the customer comes, and whether more or less often than before.

Frequency is about time: days with use, sign-ins, how long ago the last visit was. How many people
come is breadth; what they do there is depth.
"""

import ibis
import ibis.expr.types as ir

from features.masks import WEEKS
from features.metric import Below, Metric
from features.observations import epoch_day

DIMENSION = "frequency"


def log2_ratio(now: ir.Value, before: ir.Value) -> ir.Value:
    """How many times as much as before, in doublings: 1 is twice, -1 half.

    One is added on both sides, so that a fall to nothing, or a rise from it, is a large number and
    not an infinite one.
    """
    return ((now.cast("float64") + 1.0) / (before.cast("float64") + 1.0)).log2()


def trend(t: ir.Table, now: ir.Value, before: ir.Value, days: int) -> ir.Value:
    """`log2_ratio` of a window of so many days and the one before it.

    That nothing happened before says something only of a customer who was one in both windows: of
    a younger one the value is null.
    """
    old_enough = epoch_day(t.as_of) - epoch_day(t.customer_since) >= 2 * days
    comparable = (before > 0) | old_enough
    return ibis.ifelse(comparable, log2_ratio(now, before), ibis.null("float64"))


def _days_since_last_use(t: ir.Table) -> ir.Value:
    days = epoch_day(t.as_of) - epoch_day(t.last_used)
    watched = t.actions_180d.notnull()
    return days.fill_null(ibis.ifelse(watched, 180, ibis.null("int64")))


def _weekly_spread(t: ir.Table) -> ir.Value:
    """Standard deviation of the days of use a week, as a share of their mean."""
    days = t.week_days.cast("float64").nullif(0.0)
    variance = t.week_squares.cast("float64") / WEEKS - (days / WEEKS) * (days / WEEKS)
    # equal weeks may leave a rounded less than nothing
    return ibis.ifelse(variance > 1e-12, variance, days * 0.0).sqrt() * WEEKS / days


def _against_half_year(t: ir.Table) -> ir.Value:
    earlier = (t.actions_180d - t.actions_28d) * (28.0 / 152.0)
    old_enough = epoch_day(t.as_of) - epoch_day(t.customer_since) >= 180
    return ibis.ifelse(old_enough, log2_ratio(t.actions_28d, earlier), ibis.null("float64"))


METRICS = (
    Metric(
        name="active_days_7d",
        dimension=DIMENSION,
        label="Active days in a week",
        label_de="Aktive Tage in einer Woche",
        unit="days",
        healthy="high",
        actionable=True,
        formula="distinct days with any use in the 7 days before as_of",
        sentence="Used on {value} of the last 7 days",
        sentence_de="An {value} der letzten 7 Tage genutzt",
        needs=("usage",),
        value=lambda t: t.active_days_7d,
    ),
    Metric(
        name="active_days_28d",
        dimension=DIMENSION,
        label="Active days",
        label_de="Aktive Tage",
        unit="days",
        healthy="high",
        actionable=True,
        formula="distinct days with any use in the 28 days before as_of",
        sentence="Used on {value} of the last 28 days",
        sentence_de="An {value} der letzten 28 Tage genutzt",
        needs=("usage",),
        value=lambda t: t.active_days_28d,
    ),
    Metric(
        name="active_days_90d",
        dimension=DIMENSION,
        label="Active days in a quarter",
        label_de="Aktive Tage in einem Quartal",
        unit="days",
        healthy="high",
        actionable=True,
        formula="distinct days with any use in the 90 days before as_of",
        sentence="Used on {value} of the last 90 days",
        sentence_de="An {value} der letzten 90 Tage genutzt",
        needs=("usage",),
        value=lambda t: t.active_days_90d,
    ),
    Metric(
        name="active_weeks_84d",
        dimension=DIMENSION,
        label="Active weeks",
        label_de="Aktive Wochen",
        unit="weeks",
        healthy="high",
        actionable=True,
        formula="weeks with any use, of the 12 weeks of 7 days in the 84 days before as_of",
        sentence="Used in {value} of the last 12 weeks",
        sentence_de="In {value} der letzten 12 Wochen genutzt",
        needs=("usage",),
        value=lambda t: t.active_weeks,
    ),
    Metric(
        name="weekly_spread_84d",
        dimension=DIMENSION,
        label="Irregularity of use",
        label_de="Unregelmäßigkeit der Nutzung",
        unit="share",
        healthy="low",
        actionable=True,
        formula=(
            "standard deviation / mean of the active days of the 12 weeks of 7 days in the 84 days "
            "before as_of; 0 where every week is alike"
        ),
        sentence="Active days vary by {value} of their mean from week to week",
        sentence_de="Aktive Tage schwanken von Woche zu Woche um {value} ihres Mittels",
        needs=("usage",),
        not_for=(("active_weeks_84d", 0),),
        value=_weekly_spread,
    ),
    Metric(
        name="stickiness_28d",
        dimension=DIMENSION,
        label="Stickiness (DAU/MAU)",
        label_de="Stickiness (DAU/MAU)",
        unit="share",
        healthy="high",
        actionable=True,
        formula=(
            "mean distinct active users a day / distinct active users, in the 28 days before as_of"
        ),
        sentence="On an average day {value} of the active users of the last 28 days came",
        sentence_de=(
            "An einem durchschnittlichen Tag {kam|kamen} {value} der aktiven Nutzer der letzten "
            "28 Tage"
        ),
        needs=("usage.user_id",),
        not_for=(("active_users_28d", 0),),
        value=lambda t: t.user_days_28d.cast("float64") / 28.0 / t.users_28d.nullif(0),
    ),
    Metric(
        name="sessions_per_user_28d",
        dimension=DIMENSION,
        label="Sessions per active user",
        label_de="Sitzungen pro aktivem Nutzer",
        unit="sessions",
        healthy="high",
        actionable=True,
        formula=(
            "sessions begun in the 28 days before as_of / distinct active users in them; a session "
            "begins after 30 minutes in which its user did nothing"
        ),
        sentence="Each active user had {value} {session|sessions} in the last 28 days",
        sentence_de=(
            "Aktive Nutzer hatten in den letzten 28 Tagen im Schnitt {value} {Sitzung|Sitzungen}"
        ),
        needs=("usage.user_id",),
        not_for=(("active_users_28d", 0),),
        value=lambda t: t.sessions_28d / t.users_28d.nullif(0),
    ),
    Metric(
        name="sign_ins_per_user_28d",
        dimension=DIMENSION,
        label="Sign-ins per active user",
        label_de="Anmeldungen pro aktivem Nutzer",
        unit="sign-ins",
        healthy="high",
        actionable=True,
        formula="sign-ins in the 28 days before as_of / distinct active users in them",
        sentence="Each active user signed in {value} {time|times} in the last 28 days",
        sentence_de=(
            "Aktive Nutzer haben sich in den letzten 28 Tagen im Schnitt {value} Mal angemeldet"
        ),
        needs=("usage.user_id|usage.active_users",),
        not_for=(("active_users_28d", 0),),
        value=lambda t: t.sign_ins_28d / t.users_28d.nullif(0),
    ),
    Metric(
        name="days_since_last_use",
        dimension=DIMENSION,
        label="Days since last use",
        label_de="Tage seit der letzten Nutzung",
        unit="days",
        healthy="low",
        actionable=True,
        formula="days from the last use to as_of; 180 where there was none in half a year",
        sentence="Last used {value} {day|days} ago",
        sentence_de="Zuletzt vor {value} {Tag|Tagen} genutzt",
        needs=("usage",),
        value=_days_since_last_use,
    ),
    Metric(
        name="usage_trend_28d",
        dimension=DIMENSION,
        label="Change in use",
        label_de="Veränderung der Nutzung",
        unit="doublings",
        healthy="high",
        actionable=True,
        formula=(
            "log2 of (actions in the last 28 days + 1) / (actions in the 28 days before + 1); from "
            "nothing only for customers of 56 days and more"
        ),
        sentence="Use changed by {value} against the four weeks before",
        sentence_de="Die Nutzung hat sich gegenüber den vier Wochen davor um {value} verändert",
        needs=("usage",),
        not_for=(("tenure_days", Below(56)),),
        value=lambda t: trend(t, t.actions_28d, t.actions_28d_before, 28),
    ),
    Metric(
        name="usage_trend_90d",
        dimension=DIMENSION,
        label="Change in use over a quarter",
        label_de="Veränderung der Nutzung im Quartal",
        unit="doublings",
        healthy="high",
        actionable=True,
        formula=(
            "log2 of (actions in the last 90 days + 1) / (actions in the 90 days before + 1); from "
            "nothing only for customers of 180 days and more"
        ),
        sentence="Use changed by {value} against the quarter before",
        sentence_de="Die Nutzung hat sich gegenüber dem Quartal davor um {value} verändert",
        needs=("usage",),
        not_for=(("tenure_days", Below(180)),),
        value=lambda t: trend(t, t.actions_90d, t.actions_180d - t.actions_90d, 90),
    ),
    Metric(
        name="usage_against_half_year",
        dimension=DIMENSION,
        label="Use against the own half year",
        label_de="Nutzung gegenüber dem eigenen Halbjahr",
        unit="doublings",
        healthy="high",
        actionable=True,
        formula=(
            "log2 of (actions in the last 28 days + 1) / (actions in 28 average days of the 152 "
            "before + 1), for customers of half a year and more"
        ),
        sentence="Use changed by {value} against the account's own half year",
        sentence_de="Die Nutzung hat sich gegenüber dem eigenen Halbjahr um {value} verändert",
        needs=("usage",),
        not_for=(("tenure_days", Below(180)),),
        value=_against_half_year,
    ),
    Metric(
        name="minutes_per_active_user_28d",
        dimension=DIMENSION,
        label="Time in product per active user",
        label_de="Zeit im Produkt pro aktivem Nutzer",
        unit="minutes",
        healthy="high",
        actionable=True,
        formula="minutes of use in the 28 days before as_of / distinct active users in them",
        sentence=(
            "Each active user spent {value} {minute|minutes} in the product in the last 28 days"
        ),
        sentence_de=(
            "Aktive Nutzer haben in den letzten 28 Tagen im Schnitt {value} {Minute|Minuten} "
            "im Produkt verbracht"
        ),
        needs=("usage.duration_s", "usage.user_id|usage.active_users"),
        not_for=(("active_users_28d", 0),),
        value=lambda t: t.seconds_28d / 60.0 / t.users_28d.nullif(0),
    ),
)
