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
        label_de="Genutzte Funktionen",
        unit="features",
        healthy="high",
        actionable=True,
        formula="distinct features used in the 28 days before as_of, sign-in aside",
        sentence="{value} {feature was|features were} used in the last 28 days",
        sentence_de="{value} {Funktion wurde|Funktionen wurden} in den letzten 28 Tagen genutzt",
        needs=("usage",),
        value=lambda t: t.features_28d,
    ),
    Metric(
        name="features_used_90d",
        dimension=DIMENSION,
        label="Features used in a quarter",
        label_de="Genutzte Funktionen in einem Quartal",
        unit="features",
        healthy="high",
        actionable=True,
        formula="distinct features used in the 90 days before as_of, sign-in aside",
        sentence="{value} {feature was|features were} used in the last 90 days",
        sentence_de="{value} {Funktion wurde|Funktionen wurden} in den letzten 90 Tagen genutzt",
        needs=("usage",),
        value=lambda t: t.features_90d,
    ),
    Metric(
        name="features_dropped_90d",
        dimension=DIMENSION,
        label="Features dropped",
        label_de="Aufgegebene Funktionen",
        unit="features",
        healthy="low",
        actionable=True,
        formula="features used 90 to 180 days before as_of and not since",
        sentence=(
            "{value} {feature that was in use has|features that were in use have} not been "
            "touched for 90 days"
        ),
        sentence_de=(
            "{value} früher genutzte {Funktion wurde|Funktionen wurden} seit 90 Tagen nicht "
            "mehr verwendet"
        ),
        needs=("usage",),
        value=lambda t: t.features_dropped_90d,
    ),
    Metric(
        name="key_features_share_90d",
        dimension=DIMENSION,
        label="Key features used",
        label_de="Genutzte Kernfunktionen",
        unit="share",
        healthy="high",
        actionable=True,
        formula=(
            "key features used in the 90 days before as_of / key features; these are "
            "`[metrics] key_features` in `tenure.toml`, or else those that the model learned"
        ),
        sentence="{value} of the key features were used in the last 90 days",
        sentence_de="{value} der Kernfunktionen wurden in den letzten 90 Tagen genutzt",
        needs=("usage",),
        value=lambda t: t.key_features_share_90d,
    ),
    Metric(
        name="features_per_user_28d",
        dimension=DIMENSION,
        label="Features per active user",
        label_de="Funktionen pro aktivem Nutzer",
        unit="features",
        healthy="high",
        actionable=True,
        formula=(
            "distinct (user, feature) pairs / distinct active users, in the 28 days before as_of, "
            "sign-in aside"
        ),
        sentence="Each active user used {value} {feature|features} in the last 28 days",
        sentence_de=(
            "Aktive Nutzer haben in den letzten 28 Tagen im Schnitt {value} "
            "{Funktion|Funktionen} genutzt"
        ),
        needs=("usage.user_id",),
        not_for=(("active_users_28d", 0),),
        value=lambda t: t.user_features_28d / t.users_28d.nullif(0),
    ),
    Metric(
        name="actions_per_active_day_28d",
        dimension=DIMENSION,
        label="Actions per active day",
        label_de="Aktionen pro aktivem Tag",
        unit="actions",
        healthy="high",
        actionable=True,
        formula="actions / distinct days with any use, in the 28 days before as_of",
        sentence="{value} {action was|actions were} taken on each active day of the last 28",
        sentence_de="Pro aktivem Tag der letzten 28 Tage gab es {value} {Aktion|Aktionen}",
        needs=("usage",),
        not_for=(("active_days_28d", 0),),
        value=lambda t: t.actions_28d / t.active_days_28d.nullif(0),
    ),
    Metric(
        name="session_minutes_28d",
        dimension=DIMENSION,
        label="Session length",
        label_de="Länge einer Sitzung",
        unit="minutes",
        healthy="high",
        actionable=True,
        formula=(
            "minutes in sessions / sessions begun, in the 28 days before as_of; a session lasts "
            "from its first event to the end of its last"
        ),
        sentence="A session of the last 28 days lasted {value} {minute|minutes}",
        sentence_de=(
            "Eine Sitzung der letzten 28 Tage dauerte im Schnitt {value} {Minute|Minuten}"
        ),
        needs=("usage.user_id",),
        not_for=(("active_users_28d", 0),),
        value=lambda t: t.session_seconds_28d / 60.0 / t.sessions_28d.nullif(0.0),
    ),
    Metric(
        name="actions_per_session_28d",
        dimension=DIMENSION,
        label="Actions per session",
        label_de="Aktionen pro Sitzung",
        unit="actions",
        healthy="high",
        actionable=True,
        formula="actions of users / sessions begun, in the 28 days before as_of",
        sentence="{value} {action was|actions were} taken in a session of the last 28 days",
        sentence_de="In einer Sitzung der letzten 28 Tage gab es {value} {Aktion|Aktionen}",
        needs=("usage.user_id",),
        not_for=(("active_users_28d", 0),),
        value=lambda t: t.user_actions_28d / t.sessions_28d.nullif(0.0),
    ),
    Metric(
        name="minutes_per_active_day_28d",
        dimension=DIMENSION,
        label="Time in product per active day",
        label_de="Zeit im Produkt pro aktivem Tag",
        unit="minutes",
        healthy="high",
        actionable=True,
        formula="minutes of use / distinct days with any use, in the 28 days before as_of",
        sentence=(
            "{value} {minute was|minutes were} spent in the product on each active day of the"
            " last 28"
        ),
        sentence_de=(
            "Pro aktivem Tag der letzten 28 Tage {wurde|wurden} {value} {Minute|Minuten} im "
            "Produkt verbracht"
        ),
        needs=("usage.duration_s",),
        not_for=(("active_days_28d", 0),),
        value=lambda t: t.seconds_28d / 60.0 / t.active_days_28d.nullif(0),
    ),
)
