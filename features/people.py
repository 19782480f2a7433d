"""The customer's people: who has an account, who is new, who left, who never came.

All of it is read from the users table; only whether somebody ever came is asked of usage.
"""

import ibis
import ibis.expr.types as ir
from ibis import _

from features.known import age_days, first_of, known_rows, within
from features.observations import Tables, epoch_day
from features.windows import KEYS, attach, covered


def quantities(tables: Tables, observations: ir.Table) -> ir.Table:
    """Users as known at each observation.

    Parameters
    ----------
    tables : mapping of str to Table
        Conformed contract tables.
    observations : Table
        From `features.observations.observe`, or what is counted in usage beside them
        (`features.usage.quantities`).

    Returns
    -------
    Table
        The observations with ``users_known`` (for four weeks and more), ``users_new_90d`` and
        ``users_left_90d`` (null where the table does not reach back over the 90 days, and for
        accounts of which no user is known), and where usage tells of users ``users_never_seen``; as
        far as there are users.
    """
    if "users" not in tables:
        return observations
    users = tables["users"]
    usage = tables.get("usage")
    t = attach(observations, _members(users, usage, observations))
    if "deactivated_at" in users.columns:
        t = attach(t, _leavers(users, observations))
    return _where_covered(t, users, observations)


def _where_covered(t: ir.Table, users: ir.Table, observations: ir.Table) -> ir.Table:
    """Set counts of 90 days to null at as_ofs by which the table does not go back so far."""
    # a user without a day of creation does not tell how far back the table goes
    dated = users.created_at if "created_at" in users.columns else users.known_at
    times = users.select("known_at", occurred_at=dated)
    # what is counted in usage beside the observations brings a first_day of its own
    since = covered(times, observations).rename(users_since="first_day")
    t = t.left_join(since, "as_of").drop("as_of_right")
    reaches = (t.users_since <= epoch_day(t.as_of) - 90).fill_null(False)
    counts = [count for count in ("users_new_90d", "users_left_90d") if count in t.columns]
    told = {c: ibis.ifelse(reaches, t[c], ibis.null(t[c].type())) for c in counts}
    return t.mutate(**told).drop("users_since")


def _members(users: ir.Table, usage: ir.Table | None, observations: ir.Table) -> ir.Table:
    """Users with an account at each as_of, those among them never seen, and the new ones."""
    left = users.deactivated_at if "deactivated_at" in users.columns else ibis.null("timestamp")
    created = first_of(users, "created_at", "known_at")
    members = users.mutate(created=created, left=left).select(
        "account_id", "user_id", "known_at", "created", "left"
    )
    day = _.as_of.cast("timestamp")
    settled = _.age_days >= 28
    counts = {"users_known": settled.sum(), "users_new_90d": (_.age_days <= 90).sum()}
    if usage is not None and "user_id" in usage.columns:
        members = members.left_join(_first_seen(usage), ["account_id", "user_id"])
        members = members.drop("account_id_right", "user_id_right")
        unseen = _.seen_from.isnull() | (_.seen_from >= _.as_of)
        counts["users_never_seen"] = (settled & unseen).sum()
    t = observations.select(*KEYS).inner_join(members, "account_id")
    t = t.filter(_.known_at < day, _.created < day, _.left.isnull() | (_.left >= day))
    t = t.mutate(age_days=epoch_day(_.as_of) - epoch_day(_.created))
    return t.group_by(*KEYS).agg(**counts)


def _first_seen(usage: ir.Table) -> ir.Table:
    """The day from which on it is known that a user came: an event happened and was known by it."""
    events = usage.filter(usage.user_id.notnull())
    seen_from = ibis.greatest(events.occurred_at.date(), events.known_at.date())
    first = events.mutate(seen_from=seen_from).group_by("account_id", "user_id")
    return first.agg(seen_from=_.seen_from.min())


def _leavers(users: ir.Table, observations: ir.Table) -> ir.Table:
    """Users who lost access; somebody who is yet to come is no user of whom that is known."""
    created = first_of(users, "created_at", "known_at")
    t = known_rows(users.mutate(created=created), observations)
    t = t.filter(t.created < t.as_of.cast("timestamp"))
    left = within(age_days(t, t.deactivated_at), 90)
    return t.group_by(*KEYS).agg(users_left_90d=t.count(where=left))
