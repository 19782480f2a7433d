"""Depth: how much of the product is used, and how intensely.

The field means two things by the word: how many features a customer has made its own, and how much
is done on a day of use. Both are here, under names that say which. Signing in is no feature.
"""

from features.metric import Metric

DIMENSION = "depth"

METRICS = (
    Metric(
        name="features_used_28d",
        dimension=DIMENSION,
        label="Features used",
        unit="features",
        healthy="high",
        formula="distinct features used in the 28 days before as_of, sign-in aside",
        sentence="{value} features were used in the last 28 days",
        needs=("usage",),
        value=lambda t: t.features_28d,
    ),
    Metric(
        name="features_used_90d",
        dimension=DIMENSION,
        label="Features used in a quarter",
        unit="features",
        healthy="high",
        formula="distinct features used in the 90 days before as_of, sign-in aside",
        sentence="{value} features were used in the last 90 days",
        needs=("usage",),
        value=lambda t: t.features_90d,
    ),
    Metric(
        name="features_dropped_90d",
        dimension=DIMENSION,
        label="Features dropped",
        unit="features",
        healthy="low",
        formula="features used 90 to 180 days before as_of and not since",
        sentence="{value} features that were in use have not been touched for 90 days",
        needs=("usage",),
        value=lambda t: t.features_dropped_90d,
    ),
    Metric(
        name="features_per_user_28d",
        dimension=DIMENSION,
        label="Features per active user",
        unit="features",
        healthy="high",
        formula=(
            "distinct (user, feature) pairs / distinct active users, in the 28 days before as_of, "
            "sign-in aside"
        ),
        sentence="Each active user used {value} features in the last 28 days",
        needs=("usage.user_id",),
        value=lambda t: t.user_features_28d / t.users_28d.nullif(0),
    ),
    Metric(
        name="actions_per_active_day_28d",
        dimension=DIMENSION,
        label="Actions per active day",
        unit="actions",
        healthy="high",
        formula="actions / distinct days with any use, in the 28 days before as_of",
        sentence="{value} actions were taken on each active day of the last 28",
        needs=("usage",),
        value=lambda t: t.actions_28d / t.active_days_28d.nullif(0),
    ),
    Metric(
        name="minutes_per_active_day_28d",
        dimension=DIMENSION,
        label="Time in product per active day",
        unit="minutes",
        healthy="high",
        formula="minutes of use / distinct days with any use, in the 28 days before as_of",
        sentence="{value} minutes were spent in the product on each active day of the last 28",
        needs=("usage.duration_s",),
        value=lambda t: t.seconds_28d / 60.0 / t.active_days_28d.nullif(0),
    ),
)
