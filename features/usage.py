"""What the usage table holds, counted once for the three dimensions that live on it.

Frequency, breadth and depth ask different questions of the same events; here stand the quantities,
per observation and window, from which each of them makes its metrics.
"""

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis import _

from features import windows
from features.observations import Tables, epoch_day
from features.windows import KEYS, WINDOWS, Pattern
from features.windows import zero_where_covered as _zero

SIGN_IN = "login"
"""The feature whose events are sign-ins; it is no feature in use."""

_DROPPED = Pattern("dropped_90d", inside="180d", outside="90d")
_WINDOW = {w.name: w for w in WINDOWS}


def quantities(tables: Tables, observations: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Everything that is counted in usage, one row per observation.

    Parameters
    ----------
    tables : mapping of str to Table
        Conformed contract tables, ``usage`` among them.
    observations : Table
        From `features.observations.observe`.
    as_ofs : sequence of date
        One block of as_ofs (see `features.windows.blocks`).

    Returns
    -------
    Table
        The observations with ``actions_{window}``, ``sign_ins_{window}``, ``seconds_{window}``,
        ``active_days_{window}``, ``users_{window}``, ``features_{window}``, ``admins_{window}``,
        ``user_features_{window}``, ``top_user_actions_28d``, ``features_dropped_90d``,
        ``last_used``, ``users_known``, ``users_never_seen``, ``users_new_90d``. Counts are 0 where
        nothing happened and null where the table does not reach back over the whole window.
    """
    usage = _with_defaults(tables["usage"])
    marked = windows.mark(usage, as_ofs)
    sign_in = marked.feature == SIGN_IN
    in_use = marked.filter(marked.feature != SIGN_IN)
    parts = [
        windows.totals(
            marked,
            as_ofs,
            actions=marked.quantity,
            seconds=marked.duration_s,
            sign_ins=ibis.ifelse(sign_in, marked.quantity, 0.0),
        ),
        windows.active_days(marked, as_ofs),
        _users(marked, as_ofs),
        windows.distinct(in_use, as_ofs, ["feature"], "features", [*windows.IN_WINDOW, _DROPPED]),
    ]
    if "user_id" in usage.columns:
        parts += [
            windows.distinct(in_use, as_ofs, ["user_id", "feature"], "user_features"),
            _top_user(marked, as_ofs),
        ]
    t = observations
    for part in parts:
        t = attach(t, part)
    reach = windows.covered(usage, observations)
    logged = windows.covered(usage.filter(usage.feature == SIGN_IN), observations)
    t = t.left_join(reach, "as_of").drop("as_of_right")
    t = t.left_join(logged.rename(sign_ins_since="first_day"), "as_of").drop("as_of_right")
    t = _fill_zeros(t)
    if "users" in tables and "user_id" in usage.columns:
        t = attach(t, _members(tables["users"], usage, observations))
        t = attach(t, _admins(tables["users"], usage, as_ofs))
        t = t.mutate(admins_28d=_zero(t, "admins_28d", _WINDOW["28d"], t.first_day))
    return t


def attach(observations: ir.Table, part: ir.Table) -> ir.Table:
    """The observations with a part's columns beside them; null where the part has no row."""
    return observations.left_join(part, list(KEYS)).drop("account_id_right", "as_of_right")


def _with_defaults(usage: ir.Table) -> ir.Table:
    one = ibis.literal(1.0)
    quantity = usage.quantity.fill_null(1.0) if "quantity" in usage.columns else one
    seconds = usage.duration_s if "duration_s" in usage.columns else ibis.null("float64")
    return usage.mutate(quantity=quantity.cast("float64"), duration_s=seconds.cast("float64"))


def _users(marked: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Distinct users; where only daily totals are told, the largest of them: at least so many."""
    if "user_id" in marked.columns:
        return windows.distinct(marked, as_ofs, ["user_id"], "users")
    if "active_users" in marked.columns:
        return windows.largest(marked, as_ofs, marked.active_users, "users")
    return windows.largest(marked, as_ofs, ibis.null("int64"), "users")


def _top_user(marked: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    t = windows.in_window(marked, as_ofs, "28d", "user_id", actions=marked.quantity)
    return t.group_by(*KEYS).agg(top_user_actions_28d=t.actions.max(where=t.user_id.notnull()))


def _members(users: ir.Table, usage: ir.Table, observations: ir.Table) -> ir.Table:
    """Users with an account at each as_of, those among them never seen, and the new ones.

    A user has been seen by an as_of if an event of theirs happened and was known before it.
    """
    events = usage.filter(usage.user_id.notnull())
    seen_from = ibis.greatest(events.occurred_at.date(), events.known_at.date())
    first = events.mutate(seen_from=seen_from).group_by("account_id", "user_id")
    first = first.agg(seen_from=_.seen_from.min())
    created = users.created_at if "created_at" in users.columns else users.known_at
    left = users.deactivated_at if "deactivated_at" in users.columns else ibis.null("timestamp")
    members = users.mutate(created=created, left=left).select(
        "account_id", "user_id", "known_at", "created", "left"
    )
    members = members.left_join(first, ["account_id", "user_id"]).drop(
        "account_id_right", "user_id_right"
    )
    day = _.as_of.cast("timestamp")
    settled = _.age_days >= 28
    unseen = _.seen_from.isnull() | (_.seen_from >= _.as_of)
    t = observations.select(*KEYS).inner_join(members, "account_id")
    t = t.filter(_.known_at < day, _.created < day, _.left.isnull() | (_.left >= day))
    t = t.mutate(age_days=epoch_day(_.as_of) - epoch_day(_.created))
    return t.group_by(*KEYS).agg(
        users_known=settled.sum(),
        users_never_seen=(settled & unseen).sum(),
        users_new_90d=(_.age_days <= 90).sum(),
    )


def _admins(users: ir.Table, usage: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Admins who used the product: an event is known as an admin's once user and event are known."""
    if "role" not in users.columns:
        return windows.distinct(
            windows.mark(usage.filter(ibis.literal(False)), as_ofs), as_ofs, ["user_id"], "admins"
        )
    admins = users.filter(users.role == "admin")
    admins = admins.select("account_id", "user_id", admin_since=admins.known_at)
    events = usage.inner_join(admins, ["account_id", "user_id"])
    events = events.mutate(known_at=ibis.greatest(_.known_at, _.admin_since))
    return windows.distinct(windows.mark(events, as_ofs), as_ofs, ["user_id"], "admins")


def _fill_zeros(t: ir.Table) -> ir.Table:
    counts = ("actions", "active_days", "users", "features", "user_features")
    filled = {
        f"{name}_{w.name}": _zero(t, f"{name}_{w.name}", w, t.first_day)
        for name in counts
        for w in WINDOWS
        if f"{name}_{w.name}" in t.columns
    }
    for w in WINDOWS:
        name = f"sign_ins_{w.name}"
        filled[name] = _zero(t, name, w, t.sign_ins_since)
    dropped = _zero(t, "features_dropped_90d", _WINDOW["180d"], t.first_day)
    return t.mutate(**filled, features_dropped_90d=dropped)
