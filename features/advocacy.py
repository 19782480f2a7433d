"""Advocacy: whether the customer speaks for us in public, and how many would and have not."""

import ibis
import ibis.expr.types as ir

from features.known import age_days, counts_told, first_of, known_rows, with_all_columns, within
from features.metric import Metric
from features.observations import Tables
from features.windows import KEYS, attach

DIMENSION = "advocacy"
_KINDS = {
    "reference": ("references", "References", "Referenzen", "{reference|references}",
                  "{Referenz|Referenzen}"),
    "case_study": ("case_studies", "Case studies", "Fallstudien", "{case study|case studies}",
                   "{Fallstudie|Fallstudien}"),
    "review": ("reviews", "Reviews", "Bewertungen", "{review|reviews}", "{Bewertung|Bewertungen}"),
    "referral": ("referrals", "Referrals", "Empfehlungen", "{referral|referrals}",
                 "{Empfehlung|Empfehlungen}"),
    "community": ("community_acts", "Community contributions", "Beiträge zur Community",
                  "{community contribution|community contributions}",
                  "{Beitrag|Beiträge} zur Community"),
    "event": ("events", "Events", "Veranstaltungen", "{event|events}",
              "{Veranstaltung|Veranstaltungen}"),
}  # fmt: skip
"""Kinds of acts: what they are called in the names of metrics, in labels and in sentences."""
_PROMOTER = 9


def quantities(tables: Tables, observations: ir.Table) -> ir.Table:
    """Acts of advocacy, and the promoters among those who answered, as known at each observation.

    Returns
    -------
    Table
        The observations with ``acts_365d`` and ``{kind}_365d`` (0 where there were none, null
        where the table does not reach back so far), ``last_act_days``, and ``promoters_365d`` (null
        where nobody answered an NPS question in that time), as far as their tables are there.
    """
    if "advocacy" not in tables:
        return observations
    acts = tables["advocacy"]
    t = attach(observations, _acts(acts, observations))
    counts = dict.fromkeys(("acts_365d", *(f"{kind}_365d" for kind in _KINDS)), 365)
    t = counts_told(t, counts, acts, "occurred_at", observations)
    if "surveys" in tables:
        t = attach(t, _promoters(tables["surveys"], observations))
    return t


def _acts(acts: ir.Table, observations: ir.Table) -> ir.Table:
    t = known_rows(acts, observations)
    t = t.mutate(age_days=age_days(t, t.occurred_at))
    t = t.filter(t.age_days > 0)
    year = t.age_days <= 365
    return t.group_by(*KEYS).agg(
        acts_365d=t.count(where=year),
        last_act_days=t.age_days.min(),
        **{f"{kind}_365d": t.count(where=year & (t.kind == kind)) for kind in _KINDS},
    )


def _promoters(surveys: ir.Table, observations: ir.Table) -> ir.Table:
    answered_at = first_of(surveys, "responded_at", "sent_at", "known_at")
    surveys = with_all_columns(surveys, "surveys").mutate(answered_at=answered_at)
    t = known_rows(surveys.filter(surveys.kind == "nps", surveys.score.notnull()), observations)
    t = t.filter(within(age_days(t, t.answered_at), 365))
    return t.group_by(*KEYS).agg(promoters_365d=t.user_id.nunique(where=t.score >= _PROMOTER))


def _of_kind(kind: str) -> Metric:
    plural, label, label_de, noun, noun_de = _KINDS[kind]
    return Metric(
        name=f"{plural}_365d",
        dimension=DIMENSION,
        label=label,
        label_de=label_de,
        unit="acts",
        healthy="high",
        actionable=True,
        formula=f"acts of the kind {kind} in the 365 days before as_of",
        sentence=f"{{value}} {noun} came from the customer in the last year",
        sentence_de=f"{{value}} {noun_de} {{kam|kamen}} im letzten Jahr vom Kunden",
        needs=("advocacy",),
        value=lambda t: t[f"{kind}_365d"],
    )


METRICS = (
    Metric(
        name="advocacy_acts_365d",
        dimension=DIMENSION,
        label="Acts of advocacy",
        label_de="Öffentliche Fürsprache",
        unit="acts",
        healthy="high",
        actionable=True,
        formula="references, reviews, referrals and the like in the 365 days before as_of",
        sentence="The customer spoke for us {value} {time|times} in the last year",
        sentence_de="Der Kunde hat im letzten Jahr {value} Mal öffentlich für uns gesprochen",
        needs=("advocacy",),
        value=lambda t: t.acts_365d,
    ),
    *(_of_kind(kind) for kind in _KINDS),
    Metric(
        name="days_since_last_advocacy",
        dimension=DIMENSION,
        label="Days since the last advocacy",
        label_de="Tage seit der letzten Fürsprache",
        unit="days",
        healthy="low",
        actionable=True,
        formula="days from the last act of advocacy to as_of",
        sentence="The customer last spoke for us {value} {day|days} ago",
        sentence_de="Der Kunde hat zuletzt vor {value} {Tag|Tagen} öffentlich für uns gesprochen",
        needs=("advocacy",),
        value=lambda t: t.last_act_days,
    ),
    Metric(
        name="promoters_silent_365d",
        dimension=DIMENSION,
        label="Promoters who have not spoken yet",
        label_de="Promotoren, die noch nicht gesprochen haben",
        unit="users",
        healthy=None,
        actionable=True,
        formula=(
            "distinct users who answered NPS with 9 or 10 in the 365 days before as_of; 0 where "
            "the account had an act of advocacy in that time"
        ),
        sentence="{value} {promoter has|promoters have} not spoken for us in the last year",
        sentence_de=(
            "{value} {Promotor hat|Promotoren haben} im letzten Jahr nicht öffentlich für uns"
            " gesprochen"
        ),
        needs=("advocacy", "surveys.user_id"),
        value=lambda t: ibis.cases((t.acts_365d > 0, 0), (t.acts_365d == 0, t.promoters_365d)),
    ),
)
