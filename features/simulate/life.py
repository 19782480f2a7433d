"""How the simulated accounts fare, and what they risk: the truth.

Four states drift month by month and meet shocks; the levels of the planted metrics follow from the
states, and from the levels the probability that an account leaves when its term ends. Nothing here
knows an outcome.

What happens in month t shows the levels of month t; a renewal in month t is decided on those of
month t - 1, which are what a look back on the first of month t can see.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from features.metric import DIMENSIONS
from features.simulate.accounts import Accounts, Bools, Calendar, Floats, Ints, Terms, stream

STATES = ("value", "relationship", "fit", "budget")
YEARLY_CHURN = (0.25, 0.125, 0.06)
"""Mean probability, per segment, that an account leaves at the end of a year's term.

Above what is then seen in a year (about 0.21, 0.10, 0.05): the frail leave first, and longer terms
end less often.
"""


@dataclass(frozen=True)
class Planted:
    """A metric with a known share in the risk.

    Parameters
    ----------
    name, dimension : str
        As in the catalog of metrics.
    healthy : {1, -1}
        Whether more is better.
    weight : float
        Share of the health score; 0 counts for nothing. All weights sum to 100.
    centre : tuple of float
        Level of a middling account per segment, in the metric's unit.
    spread : float
        Change of the level per standard deviation of health, in logits between `low` and `high`, or
        in natural logarithms where there is no `high`.
    ramp : tuple of float
        Where the metric turns red and green, in standard deviations of health.
    low, high : float or tuple of float
        Bounds of the level; no `high`: it has none.
    """

    name: str
    dimension: str
    healthy: int
    weight: float
    centre: tuple[float, float, float]
    spread: float
    ramp: tuple[float, float] = (-1.2, 0.6)
    low: float = 0.0
    high: float | tuple[float, float, float] | None = 1.0

    def level(self, health: Floats, segment: Ints) -> Floats:
        """Level in the metric's unit of accounts with this health (standard deviations)."""
        centre, slope = np.array(self.centre)[segment], self.healthy * self.spread
        if self.high is None:
            return np.asarray(centre * np.exp(slope * health))
        high = np.broadcast_to(self.high, 3)[segment]
        middle = logit((centre - self.low) / (high - self.low))
        return np.asarray(self.low + (high - self.low) * expit(middle + slope * health))


# The goals of mid and enterprise accounts lie a little above and below those of the small ones.
_SEGMENT_SHIFT = (0.0, 0.25, -0.2)

PLANTED = (
    Planted("active_days_28d", "frequency", 1, 10, (11, 15, 18), 0.9, (-1.3, 0.5), high=22),
    Planted("usage_trend_28d", "frequency", 1, 6, (0, 0, 0), 0, (-0.6, 0.2), high=None),
    Planted("sign_ins_per_user_28d", "frequency", 1, 0, (6, 6, 6), 0.35, high=None),
    Planted("active_seat_share_28d", "breadth", 1, 10, (0.55, 0.5, 0.45), 0.9, (-1.0, 0.9)),
    Planted("active_admins_28d", "breadth", 1, 4, (1.4, 2.6, 5.0), 1.0, high=(2, 4, 8)),
    Planted("top_user_share_28d", "breadth", -1, 0, (0.4, 0.22, 0.1), 0.4),
    Planted("features_used_28d", "depth", 1, 8, (6, 8, 11), 0.8, (-1.5, 0.3), high=19),
    Planted("minutes_per_active_day_28d", "depth", 1, 4, (55, 190, 700), 0.45, high=None),
    Planted("actions_per_active_day_28d", "depth", 1, 0, (40, 140, 500), 0.35, high=None),
    Planted("csm_sentiment", "sentiment", 1, 8, (3.8, 3.8, 3.8), 1.1, (-1.1, 0.2), low=1, high=5),
    Planted("nps_last", "sentiment", 1, 5, (7.2, 7.2, 7.2), 0.8, (-1.0, 0.8), high=10),
    Planted("csat_mean_180d", "sentiment", 1, 2, (3.9, 3.9, 3.9), 0.8, low=1, high=5),
    Planted("ces_mean_180d", "sentiment", 1, 0, (5.0, 5.0, 5.0), 0.7, low=1, high=7),
    Planted("survey_response_rate_180d", "sentiment", 1, 4, (0.32, 0.34, 0.36), 0.5, (-1.0, 0.4)),
    Planted("meetings_missed_share_180d", "engagement", -1, 5, (0.22, 0.2, 0.18), 0.8, (-1.4, 0.2)),
    Planted("response_hours_90d", "engagement", -1, 3, (20, 22, 26), 0.6, high=None),
    Planted("customer_started_share_90d", "engagement", 1, 0, (0.3, 0.3, 0.3), 0.6),
    Planted("tickets_per_active_user_90d", "support", -1, 4, (0.5, 0.3, 0.18), 0.6, high=None),
    Planted(
        "first_contact_resolution_share_180d", "support", 1, 5, (0.62, 0.6, 0.55), 0.8, (-0.9, 0.9)
    ),
    Planted("reopened_share_180d", "support", -1, 0, (0.1, 0.1, 0.1), 0.5),
    Planted("objectives_met_share", "outcomes", 1, 7, (0.6, 0.62, 0.65), 1.2, (-0.8, 0.8)),
    Planted("value_reached", "outcomes", 1, 3, (0.85, 0.85, 0.85), 0.3, high=None),
    Planted("advocacy_acts_365d", "advocacy", 1, 4, (0.35, 0.6, 1.2), 0.9, (-0.5, 1.5), high=None),
    Planted("payment_delay_days_365d", "commercial", -1, 4, (4, 6, 9), 0.7, (-1.3, 0.3), high=None),
    Planted(
        "price_change_last_renewal", "commercial", -1, 4, (0, 0, 0), 0, (0.12, 0.02), high=None
    ),
)
"""Every planted metric. Those with a spread of 0 follow from others; their ramps are in units."""

NAMES = tuple(metric.name for metric in PLANTED)
_TREND, _PRICE = NAMES.index("usage_trend_28d"), NAMES.index("price_change_last_renewal")
_VOLUME = [NAMES.index("active_days_28d"), NAMES.index("actions_per_active_day_28d")]
_CSM = NAMES.index("csm_sentiment")

_STATE_OF_DIMENSION = {
    "frequency": (0.7, 0.0, 0.3, 0.0),
    "breadth": (0.6, 0.3, 0.1, 0.0),
    "depth": (0.4, 0.0, 0.6, 0.0),
    "sentiment": (0.3, 0.5, 0.2, 0.0),
    "engagement": (0.2, 0.8, 0.0, 0.0),
    "support": (0.0, 0.3, 0.7, 0.0),
    "outcomes": (0.8, 0.0, 0.2, 0.0),
    "advocacy": (0.4, 0.6, 0.0, 0.0),
    "commercial": (0.2, 0.0, 0.0, 0.8),
}
_STATES_CORRELATE, _OF_STATES, _OF_DIMENSION = 0.5, 0.8, 0.6

SHOCKS: dict[str, tuple[float, tuple[float, float, float, float]]] = {
    "champion leaves": (0.008, (-0.3, -1.4, 0.0, 0.0)),
    "outage": (0.010, (-0.3, -0.2, -1.0, 0.0)),
    "price rise": (0.0, (0.0, -0.3, 0.0, -1.0)),
    "merger": (0.002, (-0.4, -0.6, -0.3, -1.0)),
    "new owner": (0.003, (-0.2, -0.8, 0.0, -0.6)),
}
"""What may befall an account: probability per month, and what it does to each of `STATES`."""

_PRICE_RISE = 0.08
_MEMORY = 0.9
_LASTING = 0.45
_ONBOARDING = -1.2
_GENERAL_OUTAGE = (-0.1, 0.0, -0.4, 0.0)
_CSM_ACTION = 0.2


@dataclass(frozen=True)
class Life:
    """What befell the accounts month by month, and what their metrics then stood at.

    Arrays end in (accounts, months + 1): ``levels`` and ``lost`` have a first axis of `PLANTED`,
    ``states`` of `STATES`, ``shocks`` of `SHOCKS`. ``lost`` is the part of each ramp that is lost:
    0 is green, 1 is red. ``outages`` are the months in which the product failed for everyone.
    """

    states: Floats
    levels: Floats
    lost: Floats
    shocks: Bools
    actions: Bools
    outages: Ints

    def level(self, name: str) -> Floats:
        """Level of one metric, shape (accounts, months + 1)."""
        return np.asarray(self.levels[NAMES.index(name)])


def live(accounts: Accounts, terms: Terms, calendar: Calendar, seed: int) -> Life:
    """Let the states drift, meet shocks and show in the metrics, month after month.

    A CSM acts where the month before looked bad, and that lifts relationship and value a little:
    the one thing that depends on what the metrics showed.
    """
    n, months = len(accounts), calendar.months + 1
    rng = stream(seed, "states")
    common, own = _drift(rng, (1, n, months)), _drift(rng, (len(STATES), n, months))
    base = np.sqrt(_STATES_CORRELATE) * common + np.sqrt(1 - _STATES_CORRELATE) * own
    of_dimension = _drift(rng, (len(DIMENSIONS), n, months))
    of_metric = _drift(rng, (len(PLANTED), n, months))
    price_change = terms.over_months(terms.price_change, n, calendar)
    shocks, blow = _befall(terms, n, calendar, seed)
    outages = np.flatnonzero(stream(seed, "outages").random(months) < 0.2)
    blow[:, :, outages] += np.array(_GENERAL_OUTAGE)[:, None, None]
    age = (calendar.first_day[None, :months] - accounts.created[:, None]) / 30.4
    base[0] += _ONBOARDING * np.exp(-age.clip(0, None) / 2)
    reds, greens = ramps(accounts.segment)
    weight = np.array([metric.weight for metric in PLANTED])

    states = np.empty_like(base)
    levels = np.empty((len(PLANTED), n, months))
    lost = np.empty_like(levels)
    actions = np.zeros((n, months), dtype=bool)
    after = np.zeros((len(STATES), n))
    for t in range(months):
        after = _MEMORY * after + blow[:, :, t]
        if t:
            actions[:, t] = _worrying(weight @ lost[:, :, t - 1], accounts, rng)
            after[:2] += _CSM_ACTION * actions[:, t]
        states[:, :, t] = base[:, :, t] + after
        health = _health(states[:, :, t], of_dimension[:, :, t], of_metric[:, :, t])
        for j, metric in enumerate(PLANTED):
            levels[j, :, t] = metric.level(health[j], accounts.segment)
        volume = levels[_VOLUME, :, t].prod(axis=0)
        before = levels[_VOLUME, :, max(t - 1, 0)].prod(axis=0)
        levels[_TREND, :, t] = np.log2(volume / before)
        levels[_PRICE, :, t] = price_change[:, t]
        lost[:, :, t] = 1 - ((levels[:, :, t] - reds) / (greens - reds)).clip(0, 1)
        lost[_CSM, :, t] *= accounts.touch > 0  # where nobody rates, no rating can worry
    return Life(states, levels, lost, shocks, actions, outages)


def _drift(rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
    """Series of unit variance in which a part lasts and the rest forgets by `_MEMORY` a month."""
    lasting = rng.standard_normal(shape[:2])
    moving = rng.standard_normal(shape)
    for t in range(1, shape[2]):
        moving[:, :, t] *= np.sqrt(1 - _MEMORY**2)
        moving[:, :, t] += _MEMORY * moving[:, :, t - 1]
    return np.asarray(np.sqrt(_LASTING) * lasting[:, :, None] + np.sqrt(1 - _LASTING) * moving)


def _befall(terms: Terms, n: int, calendar: Calendar, seed: int) -> tuple[Bools, Floats]:
    """Shocks (kinds, accounts, months), and the blow they deal to each state."""
    rng = stream(seed, "shocks")
    rates = np.array([rate for rate, _ in SHOCKS.values()])
    shocks = rng.random((len(SHOCKS), n, calendar.months + 1)) < rates[:, None, None]
    # A steep price is announced in the month before the term to which it applies.
    steep = (terms.price_change >= _PRICE_RISE) & (calendar.month(terms.start) >= 1)
    announced = calendar.month(terms.start[steep]) - 1
    shocks[list(SHOCKS).index("price rise"), terms.account[steep], announced] = True
    effects = np.array([effect for _, effect in SHOCKS.values()])
    return shocks, np.einsum("ks,knt->snt", effects, shocks.astype(float))


def _health(states: Floats, of_dimension: Floats, of_metric: Floats) -> Floats:
    """Standard deviations of health per planted metric, shape (metrics, accounts)."""
    mix = np.array([_STATE_OF_DIMENSION[name] for name in DIMENSIONS])
    covariance = np.full((4, 4), _STATES_CORRELATE) + (1 - _STATES_CORRELATE) * np.eye(4)
    mix = mix / np.sqrt(np.einsum("ds,st,dt->d", mix, covariance, mix))[:, None]
    shared = np.sqrt(_OF_STATES) * (mix @ states) + np.sqrt(1 - _OF_STATES) * of_dimension
    family = [DIMENSIONS.index(metric.dimension) for metric in PLANTED]
    return np.asarray(
        np.sqrt(_OF_DIMENSION) * shared[family] + np.sqrt(1 - _OF_DIMENSION) * of_metric
    )


def _worrying(strain: Floats, accounts: Accounts, rng: np.random.Generator) -> Bools:
    """Accounts on whose behalf a CSM acts: half of the worst tenth of those that have one."""
    looked_after = accounts.touch > 0
    if not looked_after.any():
        return np.zeros(len(accounts), dtype=bool)
    worst = strain > np.quantile(strain[looked_after], 0.9)
    return np.asarray(worst & looked_after & (rng.random(len(accounts)) < 0.5))


def ramps(segment: Ints) -> tuple[Floats, Floats]:
    """Red and green ends of the ramp of each planted metric, each of shape (metrics, accounts)."""
    shift = np.array(_SEGMENT_SHIFT)[segment]
    ends = []
    for end in (0, 1):
        levels = [
            m.level(m.ramp[end] + shift, segment)
            if m.spread
            else np.full(len(segment), m.ramp[end])
            for m in PLANTED
        ]
        ends.append(np.array(levels, dtype=float))
    return ends[0], ends[1]


@dataclass(frozen=True)
class Risk:
    """The truth: what each account risks in each month, fixed before any outcome is drawn.

    ``contributions`` are log-odds of shape (planted metrics, accounts, months + 1); the others lack
    the first axis. ``if_due`` is the probability that an account whose term ends in that month
    leaves; ``due`` says whether one does. Month 0 is empty.
    """

    intercept: Floats
    context: Floats
    contributions: Floats
    if_due: Floats
    due: Bools


STRENGTH = 5.7
"""Log-odds between all green and all red; set so that the truth's AUC is about .83."""

CONSTANT = 0.12
"""Probability of leaving at each renewal where nothing tells who leaves."""


def weights_by_month(calendar: Calendar, changes_at: int | None) -> Floats:
    """Weights of the planted metrics, shape (metrics, months + 1), summing to 100 in each month."""
    weights = np.array([metric.weight for metric in PLANTED], dtype=float)
    table = np.repeat(weights[:, None], calendar.months + 1, axis=1)
    if changes_at is not None:
        table[:, changes_at:] = drifted_weights()[:, None]
    return table


def drifted_weights() -> Floats:
    """The weights after the world has changed: use tells less, and money more."""
    factor = {"frequency": 0.3, "breadth": 0.3, "depth": 0.3, "support": 2.5, "commercial": 3.0}
    weights = np.array([m.weight * factor.get(m.dimension, 1.0) for m in PLANTED])
    return np.asarray(100 * weights / weights.sum())


def risk(
    accounts: Accounts, terms: Terms, life: Life, calendar: Calendar, weights: Floats | None
) -> Risk:
    """Hazards from the levels of the month before; a constant where `weights` is None."""
    n, months = len(accounts), calendar.months + 1
    due = np.zeros((n, months), dtype=bool)
    ending = terms.month <= calendar.months
    due[terms.account[ending], terms.month[ending]] = True
    if weights is None:
        nothing = np.zeros((len(PLANTED), n, months))
        intercept = np.full((n, months), logit(CONSTANT))
        return Risk(intercept, np.zeros((n, months)), nothing, expit(intercept), due)
    contributions = np.zeros((len(PLANTED), n, months))
    contributions[:, :, 1:] = STRENGTH / 100 * weights[:, None, 1:] * life.lost[:, :, :-1]
    years = (calendar.first_day[None, :months] - accounts.created[:, None]) / 365.25
    young = 0.4 * np.exp(-years.clip(0, None))
    context = young + np.log(accounts.term / 12)[:, None]
    unlike = young + contributions.sum(axis=0) + accounts.frailty[:, None]
    there = accounts.start[:, None] <= calendar.first_day[None, :months]
    there[:, 0] = False
    intercept = np.zeros((n, months))
    for s, target in enumerate(YEARLY_CHURN):
        rows = accounts.segment == s
        intercept[rows] = _intercept(unlike[rows][there[rows]], target)
    if_due = expit(intercept + context + contributions.sum(axis=0) + accounts.frailty[:, None])
    return Risk(intercept, context, contributions, if_due, due)


def _intercept(log_odds: Floats, target: float) -> float:
    """What to add to log-odds so that their mean probability is `target`."""
    if not len(log_odds):
        return 0.0
    low, high = -30.0, 30.0
    for _ in range(50):
        middle = (low + high) / 2
        too_few = expit(log_odds + middle).mean() < target
        low, high = (middle, high) if too_few else (low, middle)
    return (low + high) / 2
