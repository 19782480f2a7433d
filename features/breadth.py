"""Breadth: how many of the customer's people use the product, out of those who could.

A contract with many users outlives the departure of any one of them; one that hangs on a single
person does not.
"""

from features.frequency import log2_ratio
from features.metric import Metric

DIMENSION = "breadth"

METRICS = (
    Metric(
        name="active_users_28d",
        dimension=DIMENSION,
        label="Active users",
        unit="users",
        healthy="high",
        formula=(
            "distinct users with any use in the 28 days before as_of; from daily totals without "
            "user_id the largest total, which is the least it can have been"
        ),
        sentence="{value} users were active in the last 28 days",
        needs=("usage.user_id|usage.active_users",),
        value=lambda t: t.users_28d,
    ),
    Metric(
        name="active_seat_share_28d",
        dimension=DIMENSION,
        label="Active share of seats",
        unit="share",
        healthy="high",
        formula="active users in the 28 days before as_of / seats under contract",
        sentence="{value} of the seats were active in the last 28 days",
        needs=("usage.user_id|usage.active_users", "contracts.seats"),
        value=lambda t: t.users_28d / t.seats.nullif(0),
    ),
    Metric(
        name="active_users_trend_28d",
        dimension=DIMENSION,
        label="Change in active users",
        unit="doublings",
        healthy="high",
        formula=(
            "log2 of (active users in the last 28 days + 1) / (active users in the 28 days before "
            "+ 1)"
        ),
        sentence="Active users changed by {value} against the four weeks before",
        needs=("usage.user_id|usage.active_users",),
        value=lambda t: log2_ratio(t.users_28d, t.users_28d_before),
    ),
    Metric(
        name="active_admins_28d",
        dimension=DIMENSION,
        label="Active admins",
        unit="users",
        healthy="high",
        formula="distinct users of role admin with any use in the 28 days before as_of",
        sentence="{value} admins were active in the last 28 days",
        needs=("usage.user_id", "users.role"),
        value=lambda t: t.admins_28d,
    ),
    Metric(
        name="top_user_share_28d",
        dimension=DIMENSION,
        label="Share of the top user",
        unit="share",
        healthy="low",
        formula="actions of the most active user / all actions, in the 28 days before as_of",
        sentence="The most active user did {value} of all that was done in the last 28 days",
        needs=("usage.user_id",),
        value=lambda t: t.top_user_28d / t.actions_28d.nullif(0),
    ),
    Metric(
        name="new_users_90d",
        dimension=DIMENSION,
        label="New users",
        unit="users",
        healthy="high",
        formula="users created in the 90 days before as_of and not deactivated by then",
        sentence="{value} users were added in the last 90 days",
        needs=("usage.user_id", "users.created_at"),
        value=lambda t: t.users_new_90d,
    ),
    Metric(
        name="never_active_users_share",
        dimension=DIMENSION,
        label="Users who never came",
        unit="share",
        healthy="low",
        formula=(
            "users created 28 days or more before as_of, not deactivated, of whom no use is known "
            "/ all such users"
        ),
        sentence="{value} of the invited users have never used it",
        needs=("usage.user_id", "users.created_at"),
        value=lambda t: t.users_never_seen / t.users_known.nullif(0),
    ),
)
