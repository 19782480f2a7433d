"""Sentiment: what people say of the relationship, on both sides of it.

The Customer Success Manager's own rating, and what the customer's people answered when asked: would
they recommend us (NPS, 0-10), were they satisfied (CSAT, 1-5), was it easy (CES, 1-7). No rating
and no answer are absent, never bad; that nobody answers is a metric of its own.
"""

import ibis
import ibis.expr.types as ir
from ibis import _

from features.known import first_of, known_rows
from features.metric import Metric
from features.observations import Tables, epoch_day
from features.windows import KEYS, attach

DIMENSION = "sentiment"
_SURVEYS = ("nps", "csat", "ces")


def quantities(tables: Tables, observations: ir.Table) -> ir.Table:
    """Ratings and answers as known at each observation.

    Returns
    -------
    Table
        The observations with ``csm_last``, ``csm_age_days``, ``csm_mean_90d``, ``csm_mean_before``,
        ``{kind}_last``, ``{kind}_mean_180d`` for nps, csat and ces, ``surveys_180d`` and
        ``answers_180d``, as far as their tables are there.
    """
    t = observations
    if "csm_sentiment" in tables:
        t = attach(t, _ratings(tables["csm_sentiment"], observations))
    if "surveys" in tables:
        t = attach(t, _answers(tables["surveys"], observations))
        t = attach(t, _asked(tables["surveys"], observations))
    return t


def _ratings(entries: ir.Table, observations: ir.Table) -> ir.Table:
    t = known_rows(entries, observations)
    age_days = epoch_day(t.as_of) - epoch_day(t.logged_at)
    t = t.mutate(age_days=age_days).filter(_.age_days > 0)
    newest = ibis.row_number().over(
        group_by=list(KEYS), order_by=[ibis.desc(t.logged_at), ibis.desc(t.known_at), t.sentiment]
    )
    t = t.mutate(newest=newest)
    return t.group_by(*KEYS).agg(
        csm_last=t.sentiment.max(where=t.newest == 0),
        csm_age_days=t.age_days.min(),
        csm_mean_90d=t.sentiment.mean(where=t.age_days <= 90),
        csm_mean_before=t.sentiment.mean(where=(t.age_days > 90) & (t.age_days <= 180)),
    )


def _answers(surveys: ir.Table, observations: ir.Table) -> ir.Table:
    answered_at = first_of(surveys, "responded_at", "sent_at", "known_at")
    t = known_rows(surveys.mutate(answered_at=answered_at), observations)
    t = t.mutate(age_days=epoch_day(t.as_of) - epoch_day(t.answered_at))
    t = t.filter(t.score.notnull(), t.age_days > 0)
    newest = ibis.row_number().over(
        group_by=[*KEYS, "kind"],
        order_by=[ibis.desc(t.answered_at), ibis.desc(t.known_at), t.score],
    )
    t = t.mutate(newest=newest)
    last = {f"{k}_last": t.score.max(where=(t.newest == 0) & (t.kind == k)) for k in _SURVEYS}
    mean = {
        f"{k}_mean_180d": t.score.mean(where=(t.age_days <= 180) & (t.kind == k)) for k in _SURVEYS
    }
    return t.group_by(*KEYS).agg(**last, **mean)


def _asked(surveys: ir.Table, observations: ir.Table) -> ir.Table:
    sent_at = first_of(surveys, "sent_at", "responded_at", "known_at")
    answered_at = first_of(surveys, "responded_at", "sent_at", "known_at")
    t = known_rows(surveys.mutate(sent_at=sent_at, answered_at=answered_at), observations)
    sent_days = epoch_day(t.as_of) - epoch_day(t.sent_at)
    t = t.filter(sent_days > 0, sent_days <= 180)
    answered = t.score.notnull() & (epoch_day(t.as_of) > epoch_day(t.answered_at))
    return t.group_by(*KEYS).agg(
        surveys_180d=t.count(), answers_180d=t.count(where=answered.fill_null(False))
    )


def _survey(kind: str, label: str, scale: str) -> tuple[Metric, Metric]:
    last = Metric(
        name=f"{kind}_last",
        dimension=DIMENSION,
        label=f"Last {label}",
        label_de=f"{label} zuletzt",
        unit="points",
        healthy="high",
        actionable=False,
        formula=f"score of the last {label} answer known before as_of ({scale})",
        sentence=f"The last {label} answer was {{value}} ({scale})",
        sentence_de=f"Die letzte {label}-Antwort war {{value}} ({scale})",
        needs=("surveys",),
        value=lambda t: t[f"{kind}_last"],
    )
    mean = Metric(
        name=f"{kind}_mean_180d",
        dimension=DIMENSION,
        label=f"Mean {label}",
        label_de=f"{label} im Mittel",
        unit="points",
        healthy="high",
        actionable=False,
        formula=f"mean of the {label} answers of the 180 days before as_of ({scale})",
        sentence=f"{label} answers of the last 180 days average {{value}} ({scale})",
        sentence_de=f"{label}-Antworten der letzten 180 Tage: im Mittel {{value}} ({scale})",
        needs=("surveys",),
        value=lambda t: t[f"{kind}_mean_180d"],
    )
    return last, mean


METRICS = (
    Metric(
        name="csm_sentiment",
        dimension=DIMENSION,
        label="CSM's rating",
        label_de="Bewertung durch den CSM",
        unit="points",
        healthy="high",
        actionable=False,
        formula="the CSM's last rating known before as_of (1 very poor .. 5 very good)",
        sentence="The CSM's last rating was {value} of 5",
        sentence_de="Die letzte Bewertung des CSM war {value} von 5",
        needs=("csm_sentiment",),
        value=lambda t: t.csm_last,
    ),
    Metric(
        name="csm_sentiment_age_days",
        dimension=DIMENSION,
        label="Age of the CSM's rating",
        label_de="Alter der CSM-Bewertung",
        unit="days",
        healthy="low",
        actionable=False,
        formula="days from the CSM's last rating to as_of",
        sentence="The CSM's last rating is {value} {day|days} old",
        sentence_de="Die letzte Bewertung des CSM ist {value} {Tag|Tage} alt",
        needs=("csm_sentiment",),
        value=lambda t: t.csm_age_days,
    ),
    Metric(
        name="csm_sentiment_trend_90d",
        dimension=DIMENSION,
        label="Change in the CSM's rating",
        label_de="Veränderung der CSM-Bewertung",
        unit="points",
        healthy="high",
        actionable=False,
        formula="mean rating of the 90 days before as_of - mean rating of the 90 days before those",
        sentence="The CSM's rating changed by {value} {point|points} against the quarter before",
        sentence_de=(
            "Die Bewertung des CSM hat sich gegenüber dem Quartal davor um {value} "
            "{Punkt|Punkte} verändert"
        ),
        needs=("csm_sentiment",),
        value=lambda t: t.csm_mean_90d - t.csm_mean_before,
    ),
    *_survey("nps", "NPS", "0-10"),
    *_survey("csat", "CSAT", "1-5"),
    *_survey("ces", "CES", "1-7"),
    Metric(
        name="survey_response_rate_180d",
        dimension=DIMENSION,
        label="Survey response rate",
        label_de="Rücklauf der Umfragen",
        unit="share",
        healthy="high",
        actionable=True,
        formula="answers known before as_of / questions sent, of those sent in the 180 days before",
        sentence="{value} of the survey questions of the last 180 days were answered",
        sentence_de="{value} der Umfragen der letzten 180 Tage {wurde|wurden} beantwortet",
        needs=("surveys",),
        value=lambda t: t.answers_180d / t.surveys_180d.nullif(0),
    ),
)
