"""Frequency: how often the customer comes, and whether more or less often than before.

Frequency is about time: days with use, sign-ins, how long ago the last visit was. How many people
come is breadth; what they do there is depth.
"""

import ibis
import ibis.expr.types as ir

from features.metric import Metric
from features.observations import epoch_day

DIMENSION = "frequency"


def log2_ratio(now: ir.Value, before: ir.Value) -> ir.Value:
    """How many times as much as before, in doublings: 1 is twice, -1 half, null without a before.

    One is added on both sides, so that a fall to nothing is a large number and not an infinite one.
    """
    change = ((now.cast("float64") + 1.0) / (before.cast("float64") + 1.0)).log2()
    return ibis.ifelse(before > 0, change, ibis.null("float64"))


def _days_since_last_use(t: ir.Table) -> ir.Value:
    days = epoch_day(t.as_of) - epoch_day(t.last_used)
    watched = t.actions_180d.notnull()
    return days.fill_null(ibis.ifelse(watched, 180, ibis.null("int64")))


def _against_half_year(t: ir.Table) -> ir.Value:
    earlier = (t.actions_180d - t.actions_28d) * (28.0 / 152.0)
    old_enough = epoch_day(t.as_of) - epoch_day(t.customer_since) >= 180
    return ibis.ifelse(old_enough, log2_ratio(t.actions_28d, earlier), ibis.null("float64"))


METRICS = (
    Metric(
        name="active_days_7d",
        dimension=DIMENSION,
        label="Active days in a week",
        unit="days",
        healthy="high",
        formula="distinct days with any use in the 7 days before as_of",
        sentence="Used on {value} of the last 7 days",
        needs=("usage",),
        value=lambda t: t.active_days_7d,
    ),
    Metric(
        name="active_days_28d",
        dimension=DIMENSION,
        label="Active days",
        unit="days",
        healthy="high",
        formula="distinct days with any use in the 28 days before as_of",
        sentence="Used on {value} of the last 28 days",
        needs=("usage",),
        value=lambda t: t.active_days_28d,
    ),
    Metric(
        name="active_days_90d",
        dimension=DIMENSION,
        label="Active days in a quarter",
        unit="days",
        healthy="high",
        formula="distinct days with any use in the 90 days before as_of",
        sentence="Used on {value} of the last 90 days",
        needs=("usage",),
        value=lambda t: t.active_days_90d,
    ),
    Metric(
        name="sign_ins_per_user_28d",
        dimension=DIMENSION,
        label="Sign-ins per active user",
        unit="sign-ins",
        healthy="high",
        formula="sign-ins in the 28 days before as_of / distinct active users in them",
        sentence="Each active user signed in {value} times in the last 28 days",
        needs=("usage.user_id|usage.active_users",),
        value=lambda t: t.sign_ins_28d / t.users_28d.nullif(0),
    ),
    Metric(
        name="days_since_last_use",
        dimension=DIMENSION,
        label="Days since last use",
        unit="days",
        healthy="low",
        formula="days from the last use to as_of; 180 where there was none in half a year",
        sentence="Last used {value} days ago",
        needs=("usage",),
        value=_days_since_last_use,
    ),
    Metric(
        name="usage_trend_28d",
        dimension=DIMENSION,
        label="Change in use",
        unit="doublings",
        healthy="high",
        formula="log2 of (actions in the last 28 days + 1) / (actions in the 28 days before + 1)",
        sentence="Use changed by {value} against the four weeks before",
        needs=("usage",),
        value=lambda t: log2_ratio(t.actions_28d, t.actions_28d_before),
    ),
    Metric(
        name="usage_against_half_year",
        dimension=DIMENSION,
        label="Use against the own half year",
        unit="doublings",
        healthy="high",
        formula=(
            "log2 of (actions in the last 28 days + 1) / (actions in 28 average days of the 152 "
            "before + 1), for customers of half a year and more"
        ),
        sentence="Use changed by {value} against the account's own half year",
        needs=("usage",),
        value=_against_half_year,
    ),
    Metric(
        name="minutes_per_active_user_28d",
        dimension=DIMENSION,
        label="Time in product per active user",
        unit="minutes",
        healthy="high",
        formula="minutes of use in the 28 days before as_of / distinct active users in them",
        sentence="Each active user spent {value} minutes in the product in the last 28 days",
        needs=("usage.duration_s", "usage.user_id|usage.active_users"),
        value=lambda t: t.seconds_28d / 60.0 / t.users_28d.nullif(0),
    ),
)
