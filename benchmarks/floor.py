"""What nobody can beat on average: the posterior under the planted companies' own assumptions.

    python -m benchmarks.floor --seeds 8
    python -m benchmarks.floor --steps --seeds 8
    python -m benchmarks.floor --seeds 8 --blind

Goals are drawn at random before outcomes are. Whoever knows how they are drawn, and tells the
median of all goals that the outcomes leave open, errs least on average. This sampler knows it all:
the spread of goals and weights, how many metrics count for nothing, how wide ramps are, each
segment's level. What it misses, no method can find in so much data. With `--blind` it knows no more
of ramps, levels and the strength of all together than who meets a company for the first time; how
weights are drawn, how many count for nothing, and what age and silence add, it still knows.

References
----------
Tierney (1994). Markov chains for exploring posterior distributions. Annals of Statistics 22.
"""

import argparse

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from benchmarks.planted import (
    AGE,
    MIDDLE,
    NULL_METRICS,
    SEGMENTS,
    SHIFT,
    SILENCE,
    SPREAD,
    STRENGTH,
    WIDTH,
    Floats,
)
from benchmarks.recovery import BARS, FIRST_SEED, judge, planted
from benchmarks.recovery_methods import Company, Learned

BLIND_PLACE = -0.365, 0.4
"""Mean and spread of places where nothing else is known: from the 15 % to the 62 % quantile."""

BLIND_WIDTH = np.log(1.34), 0.5
"""Mean and spread of the logarithms of widths."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=8, help="number of companies")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--accounts", type=int, default=3000)
    parser.add_argument("--steps", action="store_true", help="hard steps, no ramps")
    parser.add_argument("--sweeps", type=int, default=1500)
    parser.add_argument("--blind", action="store_true", help="without knowing how ramps are drawn")
    asked = parser.parse_args()
    found = []
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        company = planted(asked.accounts, seed, asked.steps)
        draws = Posterior(company, asked.steps, seed, asked.blind).draws(asked.sweeps)
        half = len(draws) // 2
        halves = [judge(company, told(company, part)) for part in (draws[:half], draws[half:])]
        apart = halves[0]["goal error"] - halves[1]["goal error"]
        found.append({**judge(company, told(company, draws)), "halves of the chain apart": apart})
        print(f"seed {seed}: goal error {found[-1]['goal error']:.2f}", flush=True)
    means = pd.DataFrame(found).abs().mean()
    print("\n" + means.reindex([*BARS, "halves of the chain apart"]).round(2).to_string())


def told(company: Company, draws: list[tuple[Floats, Floats]]) -> Learned:
    """Mean weights and median goals of draws of (weights, goals by metric and segment)."""
    names = list(company.turned.columns)
    weights, goals = (np.array(each) for each in zip(*draws, strict=True))
    places = pd.MultiIndex.from_product([names, SEGMENTS])
    medians = pd.Series(np.median(goals, axis=0).ravel(), places)
    return Learned(pd.Series(weights.mean(axis=0), names), medians)


class Posterior:
    """Metropolis-Hastings over which metrics count, logarithms of weights, places and widths.

    Places are in standard deviations from the level of the segment.

    Metrics that count for nothing are drawn from what holds before the data, so that their ramps
    can be taken up as they are when they change places with one that counts.
    """

    def __init__(self, company: Company, steps: bool, seed: int, blind: bool = False) -> None:
        rng = self.rng = np.random.default_rng([seed, 7])
        due, x = company.due, company.turned.to_numpy()
        p = x.shape[1]
        self.steps, self.strength, self.blind = steps, STRENGTH[1 if steps else 0], blind
        self.y = due["churned"].to_numpy(np.float64)
        self.code = pd.Categorical(due["segment"], SEGMENTS).codes.astype(np.intp)
        self.level = np.array([company.truth["levels"][name] for name in company.turned])
        if blind:
            medians = company.turned.groupby(due["segment"].to_numpy()).median()
            self.level = medians.loc[list(SEGMENTS)].to_numpy().T
        self.x = x - self.level.T[self.code]
        silent = np.isnan(x)
        year = (due["as_of"] > due["as_of"].min()).to_numpy()
        age = np.log((due["tenure_days"] - 365 * year).to_numpy() / 900)
        self.fixed = AGE * age + SILENCE * 3 / silent.any(axis=0).sum() * silent.sum(axis=1)
        self.base = np.full(len(SEGMENTS), -4.0)
        self.log_weight = np.zeros(p)
        self.counts = rng.permutation(p) >= NULL_METRICS
        ramps = [self.ramp() for _ in range(p)]
        self.place, self.width = (np.array(each) for each in list(zip(*ramps, strict=True))[:2])
        self.shift = np.array([each[2] for each in ramps])
        self.lost = np.array([self.lose(j, *ramps[j]) for j in range(p)])
        self.summed = self.weight() @ self.lost
        self.likely = self.log_likelihood(self.summed, self.weight().sum(), self.base)

    def ramp(self) -> tuple[float, float, Floats]:
        """Place, width and segments' shifts as they are before the data."""
        rng = self.rng
        if self.blind:
            place, width = rng.normal(*BLIND_PLACE), np.exp(rng.normal(*BLIND_WIDTH))
        else:
            place, width = ndtri(rng.uniform(*MIDDLE)), rng.uniform(*WIDTH)
        return place, 0.0 if self.steps else width, rng.normal(0, SHIFT, len(SEGMENTS))

    def before(self, place: float, width: float, shift: Floats) -> float:
        """Log-density of a ramp before the data, up to a constant."""
        if self.blind:
            of_place = _log_normal(place, *BLIND_PLACE)
            of_width = 0.0 if self.steps else _log_density_of_width(width)
        else:
            inside = MIDDLE[0] < ndtr(place) < MIDDLE[1]
            of_place = _log_normal(place, 0, 1) if inside else -np.inf
            of_width = 0.0 if self.steps or WIDTH[0] < width < WIDTH[1] else -np.inf
        return float(of_place + of_width - shift @ shift / SHIFT**2 / 2)

    def lose(self, j: int, place: float, width: float, shift: Floats) -> Floats:
        """Part of a metric's ramp that each row has lost, 0 where silent."""
        distance = self.x[:, j] - place - shift[self.code]
        if self.steps:
            return np.asarray(distance < 0, dtype=np.float64)
        lost = 1 - np.clip(distance / width + 0.5, 0, 1)
        return np.asarray(np.where(np.isnan(lost), 0.0, lost))

    def weight(self) -> Floats:
        return np.where(self.counts, np.exp(self.log_weight), 0.0)

    def log_likelihood(self, summed: Floats, total: float, base: Floats) -> float:
        odds = self.fixed + base[self.code] + self.strength / total * summed
        return float(self.y @ odds - np.logaddexp(0, odds).sum())

    def goes(self, summed: Floats, weight: Floats, base: Floats, gained: float = 0.0) -> bool:
        """Whether to go to another sum of weighted losses; `gained` is what holds before the data.

        Sums are taken along in steps and worked out anew with every sweep.
        """
        likely = self.log_likelihood(summed, weight.sum(), base)
        if np.log(self.rng.random()) >= likely - self.likely + gained:
            return False
        self.likely, self.summed, self.base = likely, summed, base
        return True

    def sweep(self) -> None:
        """Each part once."""
        rng, segments = self.rng, np.arange(len(SEGMENTS))
        self.summed = self.weight() @ self.lost
        for s in segments:
            moved = self.base + rng.normal(0, 0.15) * (segments == s)
            self.goes(self.summed, self.weight(), moved)
        if self.blind:
            self.strengthen()
        for j in np.flatnonzero(self.counts):
            before, after = self.log_weight[j], self.log_weight[j] + rng.normal(0, 0.5)
            weight = self.weight()
            summed = self.summed + (np.exp(after) - weight[j]) * self.lost[j]
            weight[j] = np.exp(after)
            if self.goes(summed, weight, self.base, (before**2 - after**2) / SPREAD**2 / 2):
                self.log_weight[j] = after
            for what in ("anew", "place", "place", "width", "shift"):
                self.move(j, what)
        for j in np.flatnonzero(~self.counts):
            self.log_weight[j] = rng.normal(0, SPREAD)
            self.place[j], self.width[j], self.shift[j] = self.ramp()
            self.lost[j] = self.lose(j, self.place[j], self.width[j], self.shift[j])
            out = rng.choice(np.flatnonzero(self.counts))
            weight = self.weight()
            summed = self.summed - weight[out] * self.lost[out]
            weight[out], weight[j] = 0.0, np.exp(self.log_weight[j])
            if self.goes(summed + weight[j] * self.lost[j], weight, self.base):
                self.counts[[out, j]] = False, True

    def move(self, j: int, what: str) -> None:
        """Move one metric's ramp."""
        rng, place, width, shift = self.rng, self.place[j], self.width[j], self.shift[j]
        held = self.before(place, width, shift)
        if what == "anew":
            # drawn as it is before the data, which therefore does not count again
            place = self.ramp()[0]
            held = self.before(place, width, shift)
        elif what == "place":
            place = place + rng.normal(0, 0.16)
        elif what == "width":
            width = width if self.steps else width + rng.normal(0, 0.4)
        else:
            shift = shift + rng.normal(0, 0.15) * (np.arange(len(shift)) == rng.integers(3))
        gained = self.before(place, width, shift) - held
        if gained == -np.inf:
            return
        lost, weight = self.lose(j, place, width, shift), self.weight()
        if self.goes(self.summed + weight[j] * (lost - self.lost[j]), weight, self.base, gained):
            self.lost[j] = lost
            self.place[j], self.width[j], self.shift[j] = place, width, shift

    def strengthen(self) -> None:
        """Move what all metrics together add, any logarithm of which is as likely before."""
        before = self.strength
        self.strength = before * np.exp(self.rng.normal(0, 0.05))
        if not self.goes(self.summed, self.weight(), self.base):
            self.strength = before

    def draws(self, sweeps: int) -> list[tuple[Floats, Floats]]:
        """Weights and goals after each sweep, the first fifth left out."""
        kept = []
        for number in range(sweeps):
            self.sweep()
            if number >= sweeps // 5:
                goals = self.place[:, None] + self.shift + self.level
                kept.append((self.weight() / self.weight().sum(), goals))
        return kept


def _log_density_of_width(width: float) -> float:
    return _log_normal(np.log(width), *BLIND_WIDTH) - np.log(width) if width > 0 else -np.inf


def _log_normal(x: float, mean: float, spread: float) -> float:
    return -(((x - mean) / spread) ** 2) / 2


if __name__ == "__main__":
    main()
