"""Support: how much help the customer needs, how well it is given, and what faults it met.

A ticket is open until it is solved: one that was solved on or after as_of is open. How it was
solved (at first contact, after being opened again, to whose satisfaction) has no time of its own
and is seen from the solution on. So solutions and answers count in the window in which they came,
and requests in the window in which they were asked.
"""

import ibis
import ibis.expr.types as ir
from ibis import _

from features.frequency import trend
from features.known import (
    age_days,
    counts_told,
    epoch_second,
    hours,
    known_rows,
    seconds_between,
    summable,
    with_all_columns,
    within,
)
from features.metric import Below, Metric
from features.observations import Tables, epoch_day
from features.windows import KEYS, attach

DIMENSION = "support"
_DAY_SECONDS = 86400


def quantities(tables: Tables, observations: ir.Table, usage: ir.Table | None) -> ir.Table:
    """Tickets and incidents as known at each observation.

    Parameters
    ----------
    tables : mapping of str to Table
        Conformed contract tables.
    observations : Table
        From `features.observations.observe`.
    usage : Table, optional
        What is counted in usage (`features.usage.quantities`), for the users behind the tickets.

    Returns
    -------
    Table
        The observations with ``tickets_90d``, ``tickets_before`` (in the 90 days before those),
        ``tickets_180d``, ``tickets_solved_180d``, ``open_tickets``, ``open_urgent_tickets`` and
        ``oldest_open_days``;
        ``urgent_share_180d`` and ``admin_share_180d`` of tickets asked, ``first_response_hours``
        of those answered, and ``first_contact_share``, ``resolution_hours``, ``reopened_share`` and
        ``satisfaction`` of those solved in the 180 days before; ``users_90d``; ``incidents_90d``
        and ``outage_hours_90d``: as far as their tables are there.
    """
    t = observations
    if "tickets" in tables:
        t = attach(t, _tickets(tables, observations))
        counts = {
            "tickets_90d": 90,
            "tickets_before": 180,
            "tickets_180d": 180,
            "tickets_solved_180d": 180,
            "open_tickets": 90,
            "open_urgent_tickets": 90,
        }
        t = counts_told(t, counts, tables["tickets"], "opened_at", observations)
        if usage is not None:
            t = attach(t, usage.select(*KEYS, "users_90d"))
    if "incidents" in tables:
        incidents = with_all_columns(tables["incidents"], "incidents")
        t = attach(t, _incidents(incidents, observations))
        counts = {"incidents_90d": 90, "outage_hours_90d": 90}
        t = counts_told(t, counts, incidents, "started_at", observations)
    return t


def _tickets(tables: Tables, observations: ir.Table) -> ir.Table:
    t = known_rows(_with_roles(tables), observations)
    t = t.mutate(
        asked_days=age_days(t, t.opened_at),
        answered=within(age_days(t, t.first_response_at), 180),
        solved_days=age_days(t, t.resolved_at),
    )
    t = t.filter(t.asked_days > 0)
    asked = t.asked_days <= 180
    solved = within(t.solved_days, 180)
    still_open = ~(t.solved_days > 0).fill_null(False)
    now = t.as_of.cast("timestamp")
    role_known = (t.role_since < now).fill_null(False)
    by_admin = (t.admin_since < now).fill_null(False)
    return t.group_by(*KEYS).agg(
        tickets_90d=t.count(where=t.asked_days <= 90),
        tickets_before=t.count(where=asked & (t.asked_days > 90)),
        tickets_180d=t.count(where=asked),
        tickets_solved_180d=t.count(where=solved),
        open_tickets=t.count(where=still_open),
        open_urgent_tickets=t.count(where=still_open & (t.priority == "urgent")),
        oldest_open_days=t.asked_days.max(where=still_open),
        urgent_share_180d=(t.priority == "urgent").mean(where=asked),
        admin_share_180d=by_admin.mean(where=asked & role_known),
        first_response_hours=hours(
            seconds_between(t.opened_at, t.first_response_at).mean(where=t.answered)
        ),
        first_contact_share=(t.contacts == 1).mean(where=solved),
        resolution_hours=hours(seconds_between(t.opened_at, t.resolved_at).mean(where=solved)),
        reopened_share=t.reopened.mean(where=solved),
        satisfaction=summable(t.satisfaction).mean(where=solved),
    )


def _with_roles(tables: Tables) -> ir.Table:
    """Tickets, and since when it is known what role their users have, and that they are admins."""
    tickets = with_all_columns(tables["tickets"], "tickets")
    if "users" not in tables:
        never = ibis.null("timestamp")
        return tickets.mutate(role_since=never, admin_since=never)
    users = with_all_columns(tables["users"], "users")
    roles = (
        users.filter(users.role.notnull())
        .group_by("account_id", "user_id")
        .agg(role_since=_.known_at.min(), admin_since=_.known_at.min(where=_.role == "admin"))
    )
    t = tickets.left_join(roles, ["account_id", "user_id"])
    return t.drop("account_id_right", "user_id_right")


def _incidents(incidents: ir.Table, observations: ir.Table) -> ir.Table:
    """Faults that hit the account, or all of them, since it is a customer."""
    faults = incidents.select("known_at", "started_at", "ended_at", hit="account_id")
    looked = observations.select(*KEYS, "customer_since")
    own = looked.inner_join(faults, looked.account_id == faults.hit)
    shared = faults.filter(faults.hit.isnull())
    of_all = looked.inner_join(shared, shared.known_at < looked.as_of.cast("timestamp"))
    t = own.union(of_all).filter(
        _.known_at < _.as_of.cast("timestamp"), _.started_at < _.as_of.cast("timestamp")
    )
    as_of, joined = epoch_day(t.as_of), epoch_day(t.customer_since)
    from_second = ibis.greatest(
        epoch_second(t.started_at), (as_of - 90) * _DAY_SECONDS, joined * _DAY_SECONDS
    )
    now = as_of * _DAY_SECONDS
    until_second = ibis.least(epoch_second(t.ended_at).fill_null(now), now)
    met = within(age_days(t, t.started_at), 90) & (epoch_day(t.started_at) >= joined)
    return (
        t.mutate(met=met, seconds=ibis.greatest(until_second - from_second, 0))
        .group_by(*KEYS)
        .agg(incidents_90d=_.count(where=_.met), outage_hours_90d=hours(_.seconds.sum()))
    )


METRICS = (
    Metric(
        name="tickets_per_active_user_90d",
        dimension=DIMENSION,
        label="Tickets per active user",
        label_de="Tickets pro aktivem Nutzer",
        unit="tickets",
        healthy="low",
        actionable=True,
        formula="tickets opened / distinct active users, in the 90 days before as_of",
        sentence="{value} {ticket|tickets} per active user in the last 90 days",
        sentence_de="{value} {Ticket|Tickets} pro aktivem Nutzer in den letzten 90 Tagen",
        needs=("tickets", "usage.user_id|usage.active_users"),
        value=lambda t: t.tickets_90d / t.users_90d.nullif(0),
    ),
    Metric(
        name="tickets_180d",
        dimension=DIMENSION,
        label="Tickets",
        label_de="Tickets",
        unit="tickets",
        healthy=None,
        actionable=False,
        formula="tickets opened in the 180 days before as_of",
        sentence="{value} {ticket was|tickets were} opened in the last 180 days",
        sentence_de="In den letzten 180 Tagen {wurde|wurden} {value} {Ticket|Tickets} eröffnet",
        needs=("tickets",),
        value=lambda t: t.tickets_180d,
    ),
    Metric(
        name="tickets_trend_90d",
        dimension=DIMENSION,
        label="Change in tickets",
        label_de="Veränderung der Tickets",
        unit="doublings",
        healthy=None,
        actionable=False,
        formula=(
            "log2 of (tickets opened in the 90 days before as_of + 1) / (tickets opened in the 90 "
            "days before + 1); from nothing only for customers of 180 days and more. More may be "
            "trouble, fewer may be silence"
        ),
        sentence="Tickets changed by {value} against the quarter before",
        sentence_de=(
            "Die Zahl der Tickets hat sich gegenüber dem Quartal davor um {value} verändert"
        ),
        needs=("tickets",),
        not_for=(("tenure_days", Below(180)),),
        value=lambda t: trend(t, t.tickets_90d, t.tickets_before, 90),
    ),
    Metric(
        name="urgent_share_180d",
        dimension=DIMENSION,
        label="Urgent tickets",
        label_de="Dringende Tickets",
        unit="share",
        healthy="low",
        actionable=False,
        formula="urgent tickets / tickets with a priority, opened in the 180 days before as_of",
        sentence="{value} of the tickets of the last 180 days were urgent",
        sentence_de="{value} der Tickets der letzten 180 Tage {war|waren} dringend",
        needs=("tickets.priority",),
        not_for=(("tickets_180d", 0),),
        value=lambda t: t.urgent_share_180d,
    ),
    Metric(
        name="open_tickets",
        dimension=DIMENSION,
        label="Open tickets",
        label_de="Offene Tickets",
        unit="tickets",
        healthy="low",
        actionable=True,
        formula="tickets opened before as_of and not solved by then",
        sentence="{value} {ticket is|tickets are} open",
        sentence_de="{value} {Ticket ist|Tickets sind} offen",
        needs=("tickets.resolved_at",),
        value=lambda t: t.open_tickets,
    ),
    Metric(
        name="open_urgent_tickets",
        dimension=DIMENSION,
        label="Open urgent tickets",
        label_de="Offene dringende Tickets",
        unit="tickets",
        healthy="low",
        actionable=True,
        formula="urgent tickets opened before as_of and not solved by then",
        sentence="{value} urgent {ticket is|tickets are} open",
        sentence_de="{value} {dringendes Ticket ist|dringende Tickets sind} offen",
        needs=("tickets.priority", "tickets.resolved_at"),
        value=lambda t: t.open_urgent_tickets,
    ),
    Metric(
        name="oldest_open_ticket_days",
        dimension=DIMENSION,
        label="Age of the oldest open ticket",
        label_de="Alter des ältesten offenen Tickets",
        unit="days",
        healthy="low",
        actionable=True,
        formula="days from the opening of the oldest ticket that is open at as_of",
        sentence="The oldest open ticket has waited for {value} {day|days}",
        sentence_de="Das älteste offene Ticket wartet seit {value} {Tag|Tagen}",
        needs=("tickets.resolved_at",),
        not_for=(("open_tickets", 0),),
        value=lambda t: t.oldest_open_days,
    ),
    Metric(
        name="tickets_solved_180d",
        dimension=DIMENSION,
        label="Tickets solved",
        label_de="Gelöste Tickets",
        unit="tickets",
        healthy=None,
        actionable=False,
        formula="tickets solved in the 180 days before as_of",
        sentence="{value} {ticket was|tickets were} solved in the last 180 days",
        sentence_de="In den letzten 180 Tagen {wurde|wurden} {value} {Ticket|Tickets} gelöst",
        needs=("tickets.resolved_at",),
        value=lambda t: t.tickets_solved_180d,
    ),
    Metric(
        name="first_contact_resolution_share_180d",
        dimension=DIMENSION,
        label="Solved at first contact",
        label_de="Beim ersten Kontakt gelöst",
        unit="share",
        healthy="high",
        actionable=True,
        formula="tickets solved with one contact / tickets solved, in the 180 days before as_of",
        sentence="{value} of the tickets solved in the last 180 days took one contact",
        sentence_de=(
            "{value} der in den letzten 180 Tagen gelösten Tickets {brauchte|brauchten} nur "
            "einen Kontakt"
        ),
        needs=("tickets.contacts", "tickets.resolved_at"),
        not_for=(("tickets_solved_180d", 0),),
        value=lambda t: t.first_contact_share,
    ),
    Metric(
        name="first_response_hours_180d",
        dimension=DIMENSION,
        label="Hours to the first answer",
        label_de="Stunden bis zur ersten Antwort",
        unit="hours",
        healthy="low",
        actionable=True,
        formula="mean hours from opening to our first answer, of answers in the 180 days before",
        sentence="Our first answer took {value} {hour|hours} in the last 180 days",
        sentence_de=(
            "Unsere erste Antwort kam in den letzten 180 Tagen im Schnitt nach {value} "
            "{Stunde|Stunden}"
        ),
        needs=("tickets.first_response_at",),
        not_for=(("tickets_180d", 0),),
        value=lambda t: t.first_response_hours,
    ),
    Metric(
        name="resolution_hours_180d",
        dimension=DIMENSION,
        label="Hours to the solution",
        label_de="Stunden bis zur Lösung",
        unit="hours",
        healthy="low",
        actionable=True,
        formula="mean hours from opening to solution, of solutions in the 180 days before as_of",
        sentence="A solution took {value} {hour|hours} in the last 180 days",
        sentence_de=(
            "Eine Lösung dauerte in den letzten 180 Tagen im Schnitt {value} {Stunde|Stunden}"
        ),
        needs=("tickets.resolved_at",),
        not_for=(("tickets_solved_180d", 0),),
        value=lambda t: t.resolution_hours,
    ),
    Metric(
        name="reopened_share_180d",
        dimension=DIMENSION,
        label="Tickets reopened",
        label_de="Wieder geöffnete Tickets",
        unit="share",
        healthy="low",
        actionable=True,
        formula="tickets opened again / tickets solved, of solutions in the 180 days before as_of",
        sentence="{value} of the tickets solved in the last 180 days had been opened again",
        sentence_de=(
            "{value} der in den letzten 180 Tagen gelösten Tickets {war|waren} zuvor wieder "
            "geöffnet worden"
        ),
        needs=("tickets.reopened", "tickets.resolved_at"),
        not_for=(("tickets_solved_180d", 0),),
        value=lambda t: t.reopened_share,
    ),
    Metric(
        name="ticket_satisfaction_180d",
        dimension=DIMENSION,
        label="Satisfaction with support",
        label_de="Zufriedenheit mit dem Support",
        unit="points",
        healthy="high",
        actionable=False,
        formula="mean rating of the tickets solved in the 180 days before as_of",
        sentence="Tickets solved in the last 180 days were rated {value}",
        sentence_de=(
            "In den letzten 180 Tagen gelöste Tickets wurden im Schnitt mit {value} bewertet"
        ),
        needs=("tickets.satisfaction", "tickets.resolved_at"),
        not_for=(("tickets_solved_180d", 0),),
        value=lambda t: t.satisfaction,
    ),
    Metric(
        name="admin_ticket_share_180d",
        dimension=DIMENSION,
        label="Tickets by admins",
        label_de="Tickets von Admins",
        unit="share",
        healthy=None,
        actionable=False,
        formula=(
            "tickets of admins / tickets of users whose role is known, opened in the 180 days "
            "before as_of"
        ),
        sentence="{value} of the tickets of the last 180 days came from admins",
        sentence_de="{value} der Tickets der letzten 180 Tage {kam|kamen} von Admins",
        needs=("tickets.user_id", "users.role"),
        not_for=(("tickets_180d", 0),),
        value=lambda t: t.admin_share_180d,
    ),
    Metric(
        name="incidents_90d",
        dimension=DIMENSION,
        label="Incidents met",
        label_de="Erlebte Störungen",
        unit="incidents",
        healthy="low",
        actionable=False,
        formula="incidents of the account or of all, begun in the 90 days before as_of",
        sentence="{value} {incident|incidents} hit the account in the last 90 days",
        sentence_de="{value} {Störung traf|Störungen trafen} den Kunden in den letzten 90 Tagen",
        needs=("incidents",),
        value=lambda t: t.incidents_90d,
    ),
    Metric(
        name="outage_hours_90d",
        dimension=DIMENSION,
        label="Hours of outage",
        label_de="Ausfallstunden",
        unit="hours",
        healthy="low",
        actionable=False,
        formula="hours of incidents of the account or of all, within the 90 days before as_of",
        sentence="Incidents lasted for {value} {hour|hours} in the last 90 days",
        sentence_de="Störungen dauerten in den letzten 90 Tagen insgesamt {value} {Stunde|Stunden}",
        needs=("incidents.ended_at",),
        value=lambda t: t.outage_hours_90d,
    ),
)
