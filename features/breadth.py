"""Breadth: how many of the customer's people use the product, out of those who could.

A contract with many users outlives the departure of any one of them; one that hangs on a single
person does not.
"""

from features.frequency import trend
from features.metric import Below, Metric
from features.observations import epoch_day

DIMENSION = "breadth"

METRICS = (
    Metric(
        name="active_users_28d",
        dimension=DIMENSION,
        label="Active users",
        label_de="Aktive Nutzer",
        unit="users",
        healthy="high",
        actionable=True,
        formula=(
            "distinct users with any use in the 28 days before as_of; from daily totals without "
            "user_id the largest total, which is the least it can have been"
        ),
        sentence="{value} {user was|users were} active in the last 28 days",
        sentence_de="{value} Nutzer {war|waren} in den letzten 28 Tagen aktiv",
        needs=("usage.user_id|usage.active_users",),
        value=lambda t: t.users_28d,
    ),
    Metric(
        name="active_seat_share_28d",
        dimension=DIMENSION,
        label="Active share of seats",
        label_de="Anteil genutzter Lizenzen",
        unit="share",
        healthy="high",
        actionable=True,
        formula="active users in the 28 days before as_of / seats under contract",
        sentence="{value} of the seats were active in the last 28 days",
        sentence_de="{value} der Lizenzen {wurde|wurden} in den letzten 28 Tagen genutzt",
        needs=("usage.user_id|usage.active_users", "contracts.seats"),
        value=lambda t: t.users_28d / t.seats.nullif(0),
    ),
    Metric(
        name="active_users_trend_28d",
        dimension=DIMENSION,
        label="Change in active users",
        label_de="Veränderung der aktiven Nutzer",
        unit="doublings",
        healthy="high",
        actionable=True,
        formula=(
            "log2 of (active users in the last 28 days + 1) / (active users in the 28 days before "
            "+ 1); from nothing only for customers of 56 days and more"
        ),
        sentence="Active users changed by {value} against the four weeks before",
        sentence_de=(
            "Die Zahl der aktiven Nutzer hat sich gegenüber den vier Wochen davor um {value} "
            "verändert"
        ),
        needs=("usage.user_id|usage.active_users",),
        not_for=(("tenure_days", Below(56)),),
        value=lambda t: trend(t, t.users_28d, t.users_28d_before, 28),
    ),
    Metric(
        name="active_admins_28d",
        dimension=DIMENSION,
        label="Active admins",
        label_de="Aktive Admins",
        unit="users",
        healthy="high",
        actionable=True,
        formula="distinct users of role admin with any use in the 28 days before as_of",
        sentence="{value} {admin was|admins were} active in the last 28 days",
        sentence_de="{value} {Admin war|Admins waren} in den letzten 28 Tagen aktiv",
        needs=("usage.user_id", "users.role"),
        value=lambda t: t.admins_28d,
    ),
    Metric(
        name="top_user_share_28d",
        dimension=DIMENSION,
        label="Share of the top user",
        label_de="Anteil des aktivsten Nutzers",
        unit="share",
        healthy="low",
        actionable=True,
        formula="actions of the most active user / all actions, in the 28 days before as_of",
        sentence="The most active user did {value} of all that was done in the last 28 days",
        sentence_de=(
            "Auf den aktivsten Nutzer {entfiel|entfielen} {value} aller Aktionen der letzten "
            "28 Tage"
        ),
        needs=("usage.user_id",),
        not_for=(("active_users_28d", 0),),
        value=lambda t: t.top_user_28d / t.actions_28d.nullif(0),
    ),
    Metric(
        name="new_users_90d",
        dimension=DIMENSION,
        label="New users",
        label_de="Neue Nutzer",
        unit="users",
        healthy="high",
        actionable=True,
        formula="users created in the 90 days before as_of and not deactivated by then",
        sentence="{value} {user was|users were} added in the last 90 days",
        sentence_de="{value} Nutzer {kam|kamen} in den letzten 90 Tagen hinzu",
        needs=("users.created_at",),
        value=lambda t: t.users_new_90d,
    ),
    Metric(
        name="never_active_users_share",
        dimension=DIMENSION,
        label="Users who never came",
        label_de="Nie aktive Nutzer",
        unit="share",
        healthy="low",
        actionable=True,
        formula=(
            "users created 28 days or more before as_of, not deactivated, of whom no use is known "
            "/ all such users"
        ),
        sentence="{value} of the invited users have never used the product",
        sentence_de="{value} der eingeladenen Nutzer {hat|haben} das Produkt nie genutzt",
        needs=("usage.user_id", "users.created_at"),
        value=lambda t: t.users_never_seen / t.users_known.nullif(0),
    ),
    Metric(
        name="deactivated_users_90d",
        dimension=DIMENSION,
        label="Deactivated users",
        label_de="Deaktivierte Nutzer",
        unit="users",
        healthy="low",
        actionable=True,
        formula="users deactivated in the 90 days before as_of",
        sentence="{value} {user was|users were} deactivated in the last 90 days",
        sentence_de="{value} Nutzer {wurde|wurden} in den letzten 90 Tagen deaktiviert",
        needs=("users.deactivated_at",),
        value=lambda t: t.users_left_90d,
    ),
    Metric(
        name="lapsed_users_share_90d",
        dimension=DIMENSION,
        label="Users who stopped coming",
        label_de="Ausgebliebene Nutzer",
        unit="share",
        healthy="low",
        actionable=True,
        formula=(
            "users active 90 to 180 days before as_of and not since / users active in those 180 "
            "days"
        ),
        sentence="{value} of the users of the last half year have not come for 90 days",
        sentence_de=(
            "{value} der Nutzer des letzten Halbjahrs {ist|sind} seit 90 Tagen ausgeblieben"
        ),
        needs=("usage.user_id",),
        value=lambda t: t.users_lapsed_90d / t.users_180d.nullif(0),
    ),
    Metric(
        name="champion_quiet_days",
        dimension=DIMENSION,
        label="Days without the champion",
        label_de="Tage ohne den Champion",
        unit="days",
        healthy="low",
        actionable=True,
        formula=(
            "days from the last use by the champion to as_of: the user with most actions in the "
            "180 days before (of several, the last seen)"
        ),
        sentence="The most active user of the last half year was last seen {value} {day|days} ago",
        sentence_de=(
            "Der aktivste Nutzer des letzten Halbjahrs wurde zuletzt vor {value} {Tag|Tagen} "
            "gesehen"
        ),
        needs=("usage.user_id",),
        value=lambda t: epoch_day(t.as_of) - epoch_day(t.champion_seen),
    ),
)
