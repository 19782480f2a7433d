"""Engagement: whether the customer still talks with us, and who seeks whom.

A contact counts as one when somebody came or answered. ``attended`` says so; where it is empty, a
meeting, review or training that was logged took place, and whoever began a contact is in it. An
email or call of ours is answered ``response_hours`` after it: an answer that came on or after as_of
is none yet, and a contact waiting for it looks unanswered, as it did on that day.
"""

import ibis
import ibis.expr.types as ir

from features.frequency import trend
from features.known import (
    age_days,
    counts_told,
    epoch_second,
    known_rows,
    summable,
    with_all_columns,
    within,
)
from features.metric import Below, Metric
from features.observations import Tables, epoch_day
from features.windows import KEYS, attach

DIMENSION = "engagement"
_MEETINGS = ("meeting", "qbr")
MESSAGES = ("email", "call")
_COUNTS = {
    "meetings_held_90d": 90,
    "qbrs_held_180d": 180,
    "trainings_180d": 180,
    "meetings_180d": 180,
    "contacts_90d": 90,
    "contacts_before": 180,
}


def quantities(tables: Tables, observations: ir.Table) -> ir.Table:
    """Contacts as known at each observation.

    Returns
    -------
    Table
        The observations with ``meetings_held_90d``, ``qbrs_held_180d``, ``trainings_180d`` and
        ``meetings_180d``, held or missed (0 where there were none, null where the table does not
        reach back so far), ``contacts_90d`` and
        ``contacts_before`` (in the 90 days before those), ``missed_share_180d``,
        ``reply_share_90d``, ``response_hours_90d``, ``inbound_share_90d``, ``last_contact_days``
        and ``last_meeting_days``, as far as there are touchpoints.
    """
    if "touchpoints" not in tables:
        return observations
    touchpoints = tables["touchpoints"]
    t = attach(observations, _contacts(touchpoints, observations))
    return counts_told(t, _COUNTS, touchpoints, "occurred_at", observations)


def _contacts(touchpoints: ir.Table, observations: ir.Table) -> ir.Table:
    t = known_rows(_told_apart(touchpoints), observations)
    t = t.mutate(
        age_days=age_days(t, t.occurred_at), answered_days=epoch_day(t.as_of) - t.answered_day
    )
    t = t.filter(t.age_days > 0)
    answered = t.reached & (t.answered_days > 0)
    month3, half_year = t.age_days <= 90, t.age_days <= 180
    meeting = t.kind.isin(_MEETINGS)
    asked = t.message & t.outbound & month3
    return t.group_by(*KEYS).agg(
        meetings_held_90d=t.count(where=meeting & t.reached & month3),
        qbrs_held_180d=t.count(where=(t.kind == "qbr") & t.reached & half_year),
        trainings_180d=t.count(where=(t.kind == "training") & t.reached & half_year),
        meetings_180d=t.count(where=meeting & half_year),
        missed_share_180d=(~t.reached).mean(where=meeting & half_year),
        reply_share_90d=answered.mean(where=asked),
        response_hours_90d=summable(t.response_hours).mean(
            where=t.message & ~t.inbound & within(t.answered_days, 90)
        ),
        inbound_share_90d=t.inbound.mean(where=t.direction.notnull() & month3),
        contacts_90d=t.count(where=answered & month3),
        contacts_before=t.count(where=answered & half_year & ~month3),
        last_contact_days=t.answered_days.min(where=answered),
        last_meeting_days=t.age_days.min(where=meeting & t.reached),
    )


def _told_apart(touchpoints: ir.Table) -> ir.Table:
    """Contacts with who began them, whether anybody came or answered, and on which day."""
    t = with_all_columns(touchpoints, "touchpoints")
    t = t.mutate(
        inbound=(t.direction == "inbound").fill_null(False),
        outbound=(t.direction == "outbound").fill_null(False),
        message=t.kind.isin(MESSAGES),
    )
    wait = ibis.ifelse(t.message, t.response_hours.fill_null(0.0), 0.0)
    answered_second = epoch_second(t.occurred_at) + (wait * 3600.0).round().cast("int64")
    return t.mutate(
        reached=t.attended.fill_null(t.inbound | ~t.message | t.response_hours.notnull()),
        answered_day=(answered_second / 86400).floor().cast("int64"),
    )


METRICS = (
    Metric(
        name="meetings_held_90d",
        dimension=DIMENSION,
        label="Meetings held",
        label_de="Gehaltene Termine",
        unit="meetings",
        healthy="high",
        actionable=True,
        formula="meetings and QBRs in the 90 days before as_of, without those that nobody came to",
        sentence="{value} {meeting was|meetings were} held in the last 90 days",
        sentence_de="In den letzten 90 Tagen {fand|fanden} {value} {Termin|Termine} statt",
        needs=("touchpoints",),
        value=lambda t: t.meetings_held_90d,
    ),
    Metric(
        name="meetings_planned_180d",
        dimension=DIMENSION,
        label="Meetings planned",
        label_de="Geplante Termine",
        unit="meetings",
        healthy=None,
        actionable=False,
        formula="meetings and QBRs in the 180 days before as_of, whether or not anybody came",
        sentence="{value} {meeting was|meetings were} planned for the last 180 days",
        sentence_de="Für die letzten 180 Tage {war|waren} {value} {Termin|Termine} geplant",
        needs=("touchpoints",),
        value=lambda t: t.meetings_180d,
    ),
    Metric(
        name="meetings_missed_share_180d",
        dimension=DIMENSION,
        label="Meetings missed",
        label_de="Versäumte Termine",
        unit="share",
        healthy="low",
        actionable=True,
        formula="meetings and QBRs that the customer did not come to / all, in the 180 days before",
        sentence="The customer missed {value} of the meetings of the last 180 days",
        sentence_de="Der Kunde hat {value} der Termine der letzten 180 Tage versäumt",
        needs=("touchpoints.attended",),
        not_for=(("meetings_planned_180d", 0),),
        value=lambda t: t.missed_share_180d,
    ),
    Metric(
        name="qbrs_held_180d",
        dimension=DIMENSION,
        label="Business reviews held",
        label_de="Gehaltene Business Reviews",
        unit="reviews",
        healthy="high",
        actionable=True,
        formula="QBRs in the 180 days before as_of, without those that nobody came to",
        sentence="{value} {business review was|business reviews were} held in the last 180 days",
        sentence_de=(
            "In den letzten 180 Tagen {fand|fanden} {value} {Business Review|Business "
            "Reviews} statt"
        ),
        needs=("touchpoints",),
        value=lambda t: t.qbrs_held_180d,
    ),
    Metric(
        name="reply_share_90d",
        dimension=DIMENSION,
        label="Messages answered",
        label_de="Beantwortete Nachrichten",
        unit="share",
        healthy="high",
        actionable=True,
        formula="emails and calls of ours answered before as_of / all, in the 90 days before as_of",
        sentence="The customer answered {value} of our emails and calls of the last 90 days",
        sentence_de=(
            "Der Kunde hat {value} unserer E-Mails und Anrufe der letzten 90 Tage beantwortet"
        ),
        needs=("touchpoints.direction", "touchpoints.attended|touchpoints.response_hours"),
        value=lambda t: t.reply_share_90d,
    ),
    Metric(
        name="response_hours_90d",
        dimension=DIMENSION,
        label="Hours to reply",
        label_de="Stunden bis zur Antwort des Kunden",
        unit="hours",
        healthy="low",
        actionable=True,
        formula="mean of the hours until the customer answered, of answers in the 90 days before",
        sentence="The customer took {value} {hour|hours} to answer us in the last 90 days",
        sentence_de=(
            "In den letzten 90 Tagen hat uns der Kunde im Schnitt nach {value} "
            "{Stunde|Stunden} geantwortet"
        ),
        needs=("touchpoints.response_hours",),
        not_for=(("reply_share_90d", 0),),
        value=lambda t: t.response_hours_90d,
    ),
    Metric(
        name="customer_started_share_90d",
        dimension=DIMENSION,
        label="Contacts begun by the customer",
        label_de="Vom Kunden begonnene Kontakte",
        unit="share",
        healthy="high",
        actionable=False,
        formula="contacts that the customer began / all of which it is told, in the 90 days before",
        sentence="The customer began {value} of the contacts of the last 90 days",
        sentence_de="{value} der Kontakte der letzten 90 Tage {ging|gingen} vom Kunden aus",
        needs=("touchpoints.direction",),
        value=lambda t: t.inbound_share_90d,
    ),
    Metric(
        name="days_since_last_contact",
        dimension=DIMENSION,
        label="Days since the last contact",
        label_de="Tage seit dem letzten Kontakt",
        unit="days",
        healthy="low",
        actionable=True,
        formula="days from the last contact to which somebody came or answered, to as_of",
        sentence="The last contact was {value} {day|days} ago",
        sentence_de="Der letzte Kontakt liegt {value} {Tag|Tage} zurück",
        needs=("touchpoints",),
        value=lambda t: t.last_contact_days,
    ),
    Metric(
        name="days_since_last_meeting",
        dimension=DIMENSION,
        label="Days since the last meeting",
        label_de="Tage seit dem letzten Termin",
        unit="days",
        healthy="low",
        actionable=True,
        formula="days from the last meeting or QBR to which somebody came, to as_of",
        sentence="The last meeting was {value} {day|days} ago",
        sentence_de="Der letzte Termin liegt {value} {Tag|Tage} zurück",
        needs=("touchpoints",),
        value=lambda t: t.last_meeting_days,
    ),
    Metric(
        name="contacts_trend_90d",
        dimension=DIMENSION,
        label="Change in contacts",
        label_de="Veränderung der Kontakte",
        unit="doublings",
        healthy="high",
        actionable=True,
        formula=(
            "log2 of (contacts to which somebody came or answered, in the 90 days before as_of + "
            "1) / (those in the 90 days before + 1); from nothing only for customers of 180 days "
            "and more"
        ),
        sentence="Contacts changed by {value} against the quarter before",
        sentence_de=(
            "Die Zahl der Kontakte hat sich gegenüber dem Quartal davor um {value} verändert"
        ),
        needs=("touchpoints",),
        not_for=(("tenure_days", Below(180)),),
        value=lambda t: trend(t, t.contacts_90d, t.contacts_before, 90),
    ),
    Metric(
        name="trainings_attended_180d",
        dimension=DIMENSION,
        label="Trainings attended",
        label_de="Besuchte Schulungen",
        unit="trainings",
        healthy="high",
        actionable=True,
        formula="trainings in the 180 days before as_of, without those that nobody came to",
        sentence="{value} {training was|trainings were} attended in the last 180 days",
        sentence_de="In den letzten 180 Tagen {wurde|wurden} {value} {Schulung|Schulungen} besucht",
        needs=("touchpoints",),
        value=lambda t: t.trainings_180d,
    ),
)
