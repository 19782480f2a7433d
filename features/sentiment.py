"""Sentiment: what people say of the relationship, on both sides of it.

The Customer Success Manager's own rating, and what the customer's people answered when asked: would
they recommend us (NPS, 0-10), were they satisfied (CSAT, 1-5), was it easy (CES, 1-7). No rating
and no answer are absent, never bad; that nobody answers is a metric of its own.

Answers fall into classes as the field has it: promoters (9, 10), passives and detractors (0-6) of
NPS, satisfied (4, 5) of CSAT, easy (5-7) of CES.
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis import _

from features.known import age_days, first_of, known_rows, summable
from features.metric import Below, Metric
from features.observations import Tables, epoch_day
from features.windows import KEYS, attach

DIMENSION = "sentiment"
NOBODY_RATES = (("touch_model", "scale"),)
"""Accounts that are looked after in bulk have no CSM, and so no rating."""
_SCALE = 5
"""Marks of the CSM's rating, 1 to 5; answers are read on the same scale to be compared with it."""


@dataclass(frozen=True)
class _Survey:
    """A kind of question: its scale, and from where on an answer counts as good or as bad."""

    kind: str
    label: str
    low: int
    high: int
    good: int
    bad: int

    @property
    def scale(self) -> str:
        return f"{self.low}-{self.high}"

    def as_rating(self, score: ir.Value) -> ir.Value:
        """The answer on the scale of the CSM's rating."""
        return 1.0 + (score - self.low) * (_SCALE - 1.0) / (self.high - self.low)


_NPS = _Survey("nps", "NPS", low=0, high=10, good=9, bad=6)
_CSAT = _Survey("csat", "CSAT", low=1, high=5, good=4, bad=2)
_CES = _Survey("ces", "CES", low=1, high=7, good=5, bad=3)
_SURVEYS = (_NPS, _CSAT, _CES)


def quantities(tables: Tables, observations: ir.Table) -> ir.Table:
    """Ratings and answers as known at each observation.

    Returns
    -------
    Table
        The observations with ``csm_last``, ``csm_age_days``, ``csm_mean_90d``, ``csm_mean_before``,
        ``{kind}_last``, ``{kind}_age_days``, ``{kind}_mean_180d``, ``{kind}_mean_before``,
        ``{kind}_good_365d``, ``{kind}_bad_365d`` (shares of the answers) for nps, csat and ces,
        ``customer_view_180d`` (all answers on the scale of the CSM's rating), ``last_answer_days``,
        ``surveys_180d``, ``answers_180d`` and ``unanswered_in_a_row``, as far as their tables are
        there.
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
    t = t.mutate(age_days=age_days(t, t.answered_at))
    t = t.filter(t.score.notnull(), t.age_days > 0)
    newest = ibis.row_number().over(
        group_by=[*KEYS, "kind"],
        order_by=[ibis.desc(t.answered_at), ibis.desc(t.known_at), t.score],
    )
    rating = ibis.cases(*((t.kind == s.kind, s.as_rating(t.score)) for s in _SURVEYS))
    t = t.mutate(newest=newest, rating=summable(rating))
    views = [_of_kind(t, survey) for survey in _SURVEYS]
    return t.group_by(*KEYS).agg(
        customer_view_180d=t.rating.mean(where=t.age_days <= 180),
        last_answer_days=t.age_days.min(),
        **{name: value for view in views for name, value in view.items()},
    )


def _of_kind(t: ir.Table, survey: _Survey) -> dict[str, ir.Value]:
    """What the answers to one kind of question say."""
    mine, kind = t.kind == survey.kind, survey.kind
    year = mine & (t.age_days <= 365)
    return {
        f"{kind}_last": t.score.max(where=mine & (t.newest == 0)),
        f"{kind}_age_days": t.age_days.min(where=mine),
        f"{kind}_mean_180d": t.score.mean(where=mine & (t.age_days <= 180)),
        f"{kind}_mean_before": t.score.mean(where=mine & (t.age_days > 180) & (t.age_days <= 360)),
        f"{kind}_good_365d": (t.score >= survey.good).mean(where=year),
        f"{kind}_bad_365d": (t.score <= survey.bad).mean(where=year),
    }


def _asked(surveys: ir.Table, observations: ir.Table) -> ir.Table:
    sent_at = first_of(surveys, "sent_at", "responded_at", "known_at")
    answered_at = first_of(surveys, "responded_at", "sent_at", "known_at")
    t = known_rows(surveys.mutate(sent_at=sent_at, answered_at=answered_at), observations)
    answered = t.score.notnull() & (age_days(t, t.answered_at) > 0).fill_null(False)
    t = t.mutate(sent_days=age_days(t, t.sent_at), answered=answered).filter(_.sent_days > 0)
    last = t.sent_at.max(where=t.answered).over(group_by=list(KEYS))
    t = t.mutate(last_answered=last)
    since = t.last_answered.isnull() | (t.sent_at > t.last_answered)
    recent = t.sent_days <= 180
    return t.group_by(*KEYS).agg(
        surveys_180d=t.count(where=recent),
        answers_180d=t.count(where=recent & t.answered),
        unanswered_in_a_row=t.count(where=since),
    )


def _metrics(survey: _Survey) -> tuple[Metric, ...]:
    kind, label, scale = survey.kind, survey.label, survey.scale
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
        age=f"{kind}_age_days",
        stale_days="survey_stale_days",
        value=lambda t: t[f"{kind}_last"],
    )
    age = Metric(
        name=f"{kind}_age_days",
        dimension=DIMENSION,
        label=f"Age of the last {label}",
        label_de=f"Alter des letzten {label}",
        unit="days",
        healthy="low",
        actionable=True,
        formula=f"days from the last {label} answer to as_of",
        sentence=f"The last {label} answer is {{value}} {{day|days}} old",
        sentence_de=f"Die letzte {label}-Antwort ist {{value}} {{Tag|Tage}} alt",
        needs=("surveys",),
        value=lambda t: t[f"{kind}_age_days"],
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
    trend = Metric(
        name=f"{kind}_trend_180d",
        dimension=DIMENSION,
        label=f"Change in {label}",
        label_de=f"Veränderung des {label}",
        unit="points",
        healthy="high",
        actionable=False,
        formula=(
            f"mean of the {label} answers of the 180 days before as_of - mean of those of the "
            "180 days before"
        ),
        sentence=(
            f"{label} answers changed by {{value}} {{point|points}} against the half year before"
        ),
        sentence_de=(
            f"{label}-Antworten haben sich gegenüber dem Halbjahr davor um {{value}} "
            "{Punkt|Punkte} verändert"
        ),
        needs=("surveys",),
        not_for=(("tenure_days", Below(181)),),
        value=lambda t: t[f"{kind}_mean_180d"] - t[f"{kind}_mean_before"],
    )
    return last, age, mean, trend


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
        age="csm_sentiment_age_days",
        stale_days="csm_stale_days",
        not_for=NOBODY_RATES,
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
        not_for=NOBODY_RATES,
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
        not_for=(*NOBODY_RATES, ("tenure_days", Below(91))),
        value=lambda t: t.csm_mean_90d - t.csm_mean_before,
    ),
    *_metrics(_NPS),
    Metric(
        name="net_promoter_score_365d",
        dimension=DIMENSION,
        label="Net Promoter Score",
        label_de="Net Promoter Score",
        unit="points",
        healthy="high",
        actionable=False,
        formula=(
            "100 x (promoters - detractors) / NPS answers of the 365 days before as_of; "
            "promoters give 9 or 10, detractors 0 to 6"
        ),
        sentence="The account's Net Promoter Score of the last year is {value}",
        sentence_de="Der Net Promoter Score des Kunden im letzten Jahr ist {value}",
        needs=("surveys",),
        value=lambda t: 100.0 * (t.nps_good_365d - t.nps_bad_365d),
    ),
    *_metrics(_CSAT),
    Metric(
        name="csat_satisfied_share_365d",
        dimension=DIMENSION,
        label="Satisfied answers",
        label_de="Zufriedene Antworten",
        unit="share",
        healthy="high",
        actionable=False,
        formula="CSAT answers of 4 or 5 / CSAT answers, of the 365 days before as_of",
        sentence="{value} of the CSAT answers of the last year were satisfied",
        sentence_de="{value} der CSAT-Antworten des letzten Jahres {war|waren} zufrieden",
        needs=("surveys",),
        value=lambda t: t.csat_good_365d,
    ),
    *_metrics(_CES),
    Metric(
        name="ces_easy_share_365d",
        dimension=DIMENSION,
        label="Found it easy",
        label_de="Fanden es leicht",
        unit="share",
        healthy="high",
        actionable=False,
        formula="CES answers of 5 to 7 / CES answers, of the 365 days before as_of",
        sentence="{value} of the CES answers of the last year found it easy",
        sentence_de="{value} der CES-Antworten des letzten Jahres {fand|fanden} es leicht",
        needs=("surveys",),
        value=lambda t: t.ces_good_365d,
    ),
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
    Metric(
        name="days_since_last_answer",
        dimension=DIMENSION,
        label="Days since the last survey answer",
        label_de="Tage seit der letzten Umfrageantwort",
        unit="days",
        healthy="low",
        actionable=True,
        formula="days from the last answer to any survey to as_of",
        sentence="The last survey answer is {value} {day|days} old",
        sentence_de="Die letzte Umfrageantwort ist {value} {Tag|Tage} alt",
        needs=("surveys",),
        value=lambda t: t.last_answer_days,
    ),
    Metric(
        name="surveys_unanswered_in_a_row",
        dimension=DIMENSION,
        label="Surveys unanswered in a row",
        label_de="Umfragen in Folge ohne Antwort",
        unit="questions",
        healthy="low",
        actionable=True,
        formula="survey questions sent before as_of since the last one that was answered by then",
        sentence="{value} survey {question was|questions were} left unanswered in a row",
        sentence_de="{value} {Umfrage|Umfragen} in Folge {blieb|blieben} ohne Antwort",
        needs=("surveys",),
        value=lambda t: t.unanswered_in_a_row,
    ),
    Metric(
        name="csm_customer_gap",
        dimension=DIMENSION,
        label="CSM's view against the customer's",
        label_de="Sicht des CSM gegenüber der des Kunden",
        unit="points",
        healthy=None,
        actionable=False,
        formula=(
            "the CSM's last rating - mean of all survey answers of the 180 days before as_of, each "
            "on the scale 1-5: above 0 the CSM sees it rosier than the customer"
        ),
        sentence="The CSM rates {value} {point|points} above what the customer answers",
        sentence_de="Der CSM urteilt um {value} {Punkt|Punkte} besser, als der Kunde antwortet",
        needs=("csm_sentiment", "surveys"),
        age="csm_sentiment_age_days",
        stale_days="csm_stale_days",
        not_for=NOBODY_RATES,
        value=lambda t: t.csm_last - t.customer_view_180d,
    ),
)
