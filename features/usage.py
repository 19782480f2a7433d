"""What the usage table holds, counted once for the three dimensions that live on it.

Frequency, breadth and depth ask different questions of the same events; here stand the quantities,
per observation and window, from which each of them makes its metrics.
"""

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis import _

from features import masks, sessions, windows
from features.observations import Tables
from features.windows import Pattern, attach
from features.windows import zero_where_covered as _zero

SIGN_IN = "login"
"""The feature whose events are sign-ins; it is no feature in use."""

_LAPSED = Pattern("lapsed_90d", inside="180d", outside="90d")
_DROPPED = Pattern("dropped_90d", inside="180d", outside="90d")
_COUNTS = (
    ("actions_28d", "28d", "first_day"),
    ("actions_28d_before", "28d_before", "first_day"),
    ("actions_90d", "90d", "first_day"),
    ("actions_180d", "180d", "first_day"),
    ("user_actions_28d", "28d", "first_day"),
    ("user_days_28d", "28d", "first_day"),
    ("users_180d", "180d", "first_day"),
    ("users_lapsed_90d", "180d", "first_day"),
    ("active_weeks", 7 * masks.WEEKS, "first_day"),
    ("week_days", 7 * masks.WEEKS, "first_day"),
    ("week_squares", 7 * masks.WEEKS, "first_day"),
    ("sign_ins_28d", "28d", "sign_ins_since"),
    ("active_days_7d", "7d", "first_day"),
    ("active_days_28d", "28d", "first_day"),
    ("active_days_90d", "90d", "first_day"),
    ("users_28d", "28d", "first_day"),
    ("users_28d_before", "28d_before", "first_day"),
    ("users_90d", "90d", "first_day"),
    ("features_28d", "28d", "first_day"),
    ("features_90d", "90d", "first_day"),
    ("features_dropped_90d", "180d", "first_day"),
    ("features_key_90d", "90d", "first_day"),
    ("user_features_28d", "28d", "first_day"),
)
"""Counts that are 0 where nothing happened: their window, and the first day they are told of."""


def quantities(
    tables: Tables,
    observations: ir.Table,
    as_ofs: Sequence[date],
    key_features: tuple[str, ...] = (),
) -> ir.Table:
    """Everything that is counted in usage, one row per observation.

    Parameters
    ----------
    tables : mapping of str to Table
        Conformed contract tables, ``usage`` among them.
    observations : Table
        From `features.observations.observe`.
    as_ofs : sequence of date
        One block of as_ofs (see `features.masks.blocks`).
    key_features : tuple of str
        Those that matter most, as far as they are known.

    Returns
    -------
    Table
        The observations with ``actions``, ``seconds``, ``sign_ins``, ``active_days``, ``users``,
        ``features``, ``user_features``, ``top_user`` (actions of the most active one) and
        ``admins`` by window (``users_28d``), ``features_dropped_90d``, ``key_features_share_90d``
        (null where none are known) and ``last_used``. Counts are 0 where nothing happened, and null
        where the table does not reach back over the whole window. Where users are told also
        ``users_lapsed_90d``, ``user_days_28d``, ``user_actions_28d``, ``champion_seen`` and what
        `features.sessions` counts; always what `features.windows.weeks` does.
    """
    usage = with_defaults(tables["usage"])
    marked = windows.mark(usage, as_ofs)
    sign_ins = ibis.ifelse(marked.feature == SIGN_IN, marked.quantity, 0.0)
    in_use = marked.filter(marked.feature != SIGN_IN)
    sums = {
        "actions": (marked.quantity, ("28d", "28d_before", "90d", "180d")),
        "seconds": (marked.duration_s, ("28d",)),
        "sign_ins": (sign_ins, ("28d",)),
    }
    if "user_id" in usage.columns:
        of_users = ibis.ifelse(marked.user_id.notnull(), marked.quantity, 0.0)
        sums["user_actions"] = (of_users, ("28d",))
    of_features: list[str | Pattern] = ["28d", "90d", _DROPPED]
    if key_features:
        of_features.append(Pattern("key_90d", inside="90d", among=key_features))
    parts = [
        windows.totals(marked, as_ofs, sums, active_days=("7d", "28d", "90d")),
        windows.weeks(marked, as_ofs),
        _users(marked, as_ofs),
        windows.distinct(in_use, as_ofs, ["feature"], "features", of_features),
    ]
    if "user_id" in usage.columns:
        pairs = ["user_id", "feature"]
        parts += [
            windows.distinct(in_use, as_ofs, pairs, "user_features", ["28d"]),
            windows.largest_of(marked, as_ofs, "user_id", marked.quantity, "top_user", "28d"),
            windows.champions(marked, as_ofs, marked.quantity),
            windows.user_days(marked, as_ofs, "28d"),
            sessions.quantities(usage, as_ofs),
        ]
    t = attach(observations, *parts)
    told_since = windows.covered(usage, observations)
    sign_ins_since = windows.covered(usage.filter(usage.feature == SIGN_IN), observations)
    t = t.left_join(told_since, "as_of").drop("as_of_right")
    sign_ins_since = sign_ins_since.rename(sign_ins_since="first_day")
    t = t.left_join(sign_ins_since, "as_of").drop("as_of_right")
    t = t.mutate(**{c: _zero(t, c, w, t[since]) for c, w, since in _COUNTS if c in t.columns})
    used = t.features_key_90d / len(key_features) if key_features else ibis.null("float64")
    t = t.mutate(key_features_share_90d=used)
    if "user_id" in usage.columns and "users" in tables and "role" in tables["users"].columns:
        t = attach(t, _admins(tables["users"], usage, as_ofs))
        t = t.mutate(admins_28d=_zero(t, "admins_28d", "28d", t.first_day))
    return t


def with_defaults(usage: ir.Table) -> ir.Table:
    """Usage with every column that is counted: an event counts once unless it says otherwise."""
    one = ibis.literal(1.0)
    quantity = usage.quantity.fill_null(1.0) if "quantity" in usage.columns else one
    seconds = usage.duration_s if "duration_s" in usage.columns else ibis.null("float64")
    most = usage.active_users if "active_users" in usage.columns else ibis.null("int64")
    return usage.mutate(
        quantity=quantity.cast("float64"), duration_s=seconds.cast("float64"), active_users=most
    )


def _users(marked: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Distinct users; where only daily totals are told, the largest of them: at least so many."""
    wanted = ("28d", "28d_before", "90d")
    if "user_id" in marked.columns:
        more: list[str | Pattern] = [*wanted, "180d", _LAPSED]
        return windows.distinct(marked, as_ofs, ["user_id"], "users", more)
    return windows.largest(marked, as_ofs, marked.active_users, "users", wanted)


def _admins(users: ir.Table, usage: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Admins who came: an event is known as an admin's once both user and event are known."""
    admins = users.filter(users.role == "admin")
    admins = admins.select("account_id", "user_id", admin_since=admins.known_at)
    events = usage.inner_join(admins, ["account_id", "user_id"])
    events = events.mutate(known_at=ibis.greatest(_.known_at, _.admin_since))
    marked = windows.mark(events, as_ofs)
    return windows.distinct(marked, as_ofs, ["user_id"], "admins", ["28d"])
