"""How good the predictions are, beside the bars that were set for them.

    python -P benchmarks/quality.py [--only NAME ...] [--seeds N] [--data FOLDER]

literature   churn tables without dates, 3 x 5-fold cross-validation
simulator    3,000 accounts with known truth: ranking, beside the oracle's on the same rows
levels       the same, trained on the planted metrics' true levels, which no table tells so clearly
ceiling      the same of one who knows all but each account's lasting frailty, which nothing shows,
             and of a model learned from half of the companies at once, all of their history
calibration  the mean gap between said and seen, at many and at few churns
ranges       how often a probability's range, 90 % of refits, holds the true risk
no-signal    companies in which nothing tells who leaves: skill must not be claimed
churnsim     a CRM vendor's accounts, beside what the generator's own probability reaches

The oracle knows each account's true risk on the day looked from, and when it is due; as the model
it does not know what will change until then.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from benchmarks.recovery import with_levels
from features import build, catalog, settings, simulate, source
from features.simulate import Company
from training import backtest, flat, pipeline
from training.churn_model import ChurnModel
from training.health_score import HealthScore
from training.measures import RankedRows, auc, calibration_error
from training.split import rolling_origin

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("TENURE_EXAMPLE_DATA", ROOT.parent / "shared" / "data"))
PUBLISHED = (0.568, 0.650)
"""AUC of a plain LightGBM among monthly plans due in 30 days, 95 %, as published with the data."""
CEILING = 0.649
"""AUC that the generator's own probability reaches on the same rows."""
SETTINGS = replace(settings.Settings(), training=settings.TrainingSettings(bags=0))


@dataclass(frozen=True)
class Figure:
    """One measured figure; `bar`, if there is one, is its least or most, `at_most` says which."""

    name: str
    value: float
    bar: float | None
    at_most: bool = False

    def line(self) -> str:
        if self.bar is None:
            return f"| {self.name} | {self.value:.4f} | | |"
        met = self.value <= self.bar if self.at_most else self.value >= self.bar
        sign = "<=" if self.at_most else ">="
        verdict = "reached" if met else "MISSED"
        return f"| {self.name} | {self.value:.4f} | {sign} {self.bar:.4f} | {verdict} |"


def literature(asked: argparse.Namespace) -> Iterator[Figure]:
    telco = flat.judge(flat.read(asked.data / "flat" / "wa_churn.csv", "churn"))
    yield Figure("IBM Telco, AUC", telco["auc"], 0.849)
    yield Figure("IBM Telco, log-loss", telco["log_loss"], 0.412, at_most=True)
    mlc = flat.judge(flat.read(asked.data / "flat" / "mlc_churn.csv", "churn"))
    yield Figure("mlc_churn, AUC", mlc["auc"], 0.912)


def simulator(asked: argparse.Namespace) -> Iterator[Figure]:
    """Of several companies, as the lift of one swings by .01 with who happens to leave."""
    yield from beside("simulator", np.array([_beside_oracle(seed) for seed in range(asked.seeds)]))


def beside(what: str, ratios: np.ndarray) -> Iterator[Figure]:
    """Means over companies, from an array of shape (companies, 3)."""
    names = ("AUC", "AUC among the due", "lift of the top tenth")
    for name, of_name, bar in zip(names, ratios.T, (0.98, 0.98, 0.95), strict=True):
        error = of_name.std(ddof=1) / np.sqrt(len(of_name)) if len(of_name) > 1 else np.nan
        named = f"{what}, {len(ratios)} companies, {name} / the oracle's (s.e. {error:.4f})"
        yield Figure(named, float(of_name.mean()), bar)


def _beside_oracle(seed: int, of_levels: bool = False) -> tuple[float, float, float]:
    company, table = made("normal", 3000, seed)
    metrics = catalog.metrics()
    if of_levels:
        planted = company.truth["weights"]
        left_out = [n for n, each in metrics.items() if each.healthy and n not in planted]
        table = with_levels(table, company.hazard).drop(columns=left_out, errors="ignore")
    trained = pipeline.train(table, SETTINGS, metrics)
    rows = trained.backtest.assign(oracle=oracle(company.hazard, trained.backtest, table))
    chosen = trained.summary["ladder"] and trained.summary["ladder"]["chosen"]
    return in_parts(rows, f"seed {seed} ({chosen})")


def levels(asked: argparse.Namespace) -> Iterator[Figure]:
    """Without noisy tables, and without metrics that tell nothing, learning is all that is left."""
    ratios = [_beside_oracle(seed, of_levels=True) for seed in range(asked.seeds)]
    yield from beside("true levels given", np.array(ratios))


def in_parts(rows: pd.DataFrame, name: str) -> tuple[float, float, float]:
    """AUC, AUC among the due, and lift of the top tenth, in parts of the oracle's."""
    ours, best = (ranked(rows, name) for name in ("probability", "oracle"))
    due = rows[rows["due"]]
    told = (
        float(ours.auc()[0] / best.auc()[0]),
        auc(due["probability"], due["churned"]) / auc(due["oracle"], due["churned"]),
        float(ours.lift_top_tenth()[0] / best.lift_top_tenth()[0]),
    )
    say(f"    {name}: {told[0]:.4f}, {told[1]:.4f}, {told[2]:.4f}")
    return told


def ceiling(asked: argparse.Namespace) -> Iterator[Figure]:
    """Of the same companies and rows as `simulator`, in two halves."""
    companies = []
    for seed in range(max(asked.seeds, 2)):
        company, table = made("normal", 3000, seed)
        companies.append([of(seed, frame) for frame in (company.hazard, table)])
    half = len(companies) // 2
    told: dict[str, list[float]] = {"of all but frailty": [], "learned from half of them": []}
    for judged, known in (companies[:half], companies[half:]), (companies[half:], companies[:half]):
        model = both_kinds(pd.concat([table for _, table in known], ignore_index=True))
        for hazard, table in judged:
            rows = later(table)
            odds = logit(hazard["churn_if_due"]) - hazard["frailty"]
            without = hazard.assign(churn_if_due=expit(odds))
            scores = (oracle(without, rows, table), model.scores(rows))
            best = ranked(rows.assign(score=oracle(hazard, rows, table)), "score")
            for name, score in zip(told, scores, strict=True):
                lift = ranked(rows.assign(score=score), "score").lift_top_tenth()[0]
                told[name].append(float(lift / best.lift_top_tenth()[0]))
    for name, lifts in told.items():
        error = np.std(lifts, ddof=1) / np.sqrt(len(lifts))
        named = f"{len(lifts)} companies, {name}: lift / the oracle's (s.e. {error:.4f})"
        yield Figure(named, float(np.mean(lifts)), 0.95)


def of(seed: int, frame: pd.DataFrame) -> pd.DataFrame:
    """Accounts that are named apart from those of other companies."""
    return frame.assign(account_id=f"{seed}-" + frame["account_id"].astype(str))


def later(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that a backtest judges."""
    folds = rolling_origin(
        table["as_of"], SETTINGS.training.folds, pipeline.embargo(SETTINGS.observations)
    )
    return table[np.any([fold.test_mask for fold in folds[1:]], axis=0)]


def both_kinds(table: pd.DataFrame) -> ChurnModel:
    """Trees with the scorecard beside them, half and half."""
    metrics, window = catalog.metrics(), backtest.due_window(SETTINGS.observations)
    trees = ChurnModel.fit(table, table["churned"], table["weight"], metrics, trees=400)
    score = HealthScore.fit(table, table["churned"], table["weight"], metrics, 0)
    return trees.beside(score, table, window, share=0.5)


def ranked(rows: pd.DataFrame, name: str) -> RankedRows:
    """Rows in the order of a column, with what came of them."""
    y, weights = rows["churned"].to_numpy(float), rows["weight"].to_numpy(float)[:, None]
    return RankedRows.of(rows[name].to_numpy(float), y, weights)


def calibration(asked: argparse.Namespace) -> Iterator[Figure]:
    for accounts, bar in ((3000, 0.010), (300, 0.015)):
        errors, churned = [], []
        for seed in range(1, 1 + asked.seeds):
            company, table = made("normal", accounts, seed)
            rows = pipeline.train(table, SETTINGS, catalog.metrics()).backtest
            errors.append(
                gap(rows["probability"], oracle(company.hazard, rows, table), rows["weight"])
            )
            churned.append(accounts_lost(table))
        yield Figure(
            f"calibration error against the true risk, {np.mean(churned):.0f} churns, "
            f"{asked.seeds} companies",
            float(np.mean(errors)),
            bar,
            at_most=True,
        )


def ranges(asked: argparse.Namespace) -> Iterator[Figure]:
    """A range tells what other accounts would have taught, not what no table tells."""
    told: dict[str, list[float]] = {"the true risk": [], "the same without lasting frailty": []}
    wanted = replace(SETTINGS, training=settings.TrainingSettings())
    for seed in range(asked.seeds):
        company, table = made("normal", 3000, seed)
        fold = rolling_origin(table["as_of"], 2, pipeline.embargo(SETTINGS.observations))[-1]
        before, block = fold.parts(table)
        due = block[block["due"]]
        model = pipeline.train(before.reset_index(drop=True), wanted, catalog.metrics()).model
        low, high = model.interval(due)
        odds = logit(company.hazard["churn_if_due"]) - company.hazard["frailty"]
        of_all_but_frailty = company.hazard.assign(churn_if_due=expit(odds))
        for shares, hazard in zip(told.values(), (company.hazard, of_all_but_frailty), strict=True):
            true = oracle(hazard, due, table)
            shares.append(float(((low <= true) & (true <= high)).mean()))
        say(f"    seed {seed}: {', '.join(f'{shares[-1]:.3f}' for shares in told.values())}")
    for name, shares in told.items():
        named = f"range of renewals due, {asked.seeds} companies: holds {name}"
        yield Figure(named, float(np.mean(shares)), None)


def no_signal(asked: argparse.Namespace) -> Iterator[Figure]:
    claimed = []
    for seed in range(asked.seeds):
        _, table = made("no-signal", 600, seed)
        told = pipeline.train(table, SETTINGS, catalog.metrics()).summary
        say(f"    seed {seed}: {told['verdict']}")
        claimed.append(told["skill"])
    yield Figure(f"no signal, skill claimed in {asked.seeds} companies", sum(claimed), 0, True)


def churnsim(asked: argparse.Namespace) -> Iterator[Figure]:
    chosen = settings.load(ROOT / "examples" / "churnsim" / "tenure.toml")
    chosen = replace(chosen, training=SETTINGS.training)
    place = source.connect(str(asked.data / "churnsim_crm5"), chosen)
    table = build.training_table(place, chosen)
    told = pipeline.train(table, chosen, catalog.metrics(chosen)).summary
    monthly = next(each for each in told["auc_due_by_term"] if each["term"] == "month")
    say(f"    {monthly['auc']:.4f} ({monthly['low']:.4f}-{monthly['high']:.4f})")
    yield Figure("churnsim, AUC among monthly plans due", monthly["auc"], PUBLISHED[0])
    yield Figure("churnsim, the same: no more than the oracle", monthly["auc"], CEILING, True)


def made(preset: str, accounts: int, seed: int, months: int = 30) -> tuple[Company, pd.DataFrame]:
    """Simulate a company, and its training table."""
    company = simulate.simulate(accounts, months, seed, preset)
    with TemporaryDirectory() as folder:
        simulate.write(company, Path(folder) / "company")
        place = source.connect(str(Path(folder) / "company"), SETTINGS)
        return company, build.training_table(place, SETTINGS)


def oracle(hazard: pd.DataFrame, rows: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """True risk of each row on its day: once for each time that it is due in the window."""
    keys = ["account_id", "as_of"]
    told = rows[keys].merge(table[[*keys, "days_to_renewal", "term_days"]], on=keys, how="left")
    risk = hazard.rename(columns={"month": "as_of"})[[*keys, "churn_if_due"]]
    told = told.merge(risk, on=keys, how="left", validate="1:1")
    window = SETTINGS.observations.horizon_days
    times = 1 + np.floor((window - told["days_to_renewal"]) / told["term_days"].clip(lower=28))
    return (1 - (1 - told["churn_if_due"]) ** times.clip(lower=0)).to_numpy(float)


def gap(said: pd.Series, true: np.ndarray, weight: pd.Series) -> float:
    """Calibration error, with the true risk in place of luck."""
    w = weight.to_numpy(float)
    return float(calibration_error(said.to_numpy(float), true, w, w[:, None])[0])


def accounts_lost(table: pd.DataFrame) -> int:
    return int(table.loc[table["churned"], "account_id"].nunique())


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Figure]]] = {
    "literature": literature,
    "simulator": simulator,
    "levels": levels,
    "ceiling": ceiling,
    "calibration": calibration,
    "ranges": ranges,
    "no-signal": no_signal,
    "churnsim": churnsim,
}


def main(words: Sequence[Any] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=3, help="companies; the bar is for 20")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the public sets")
    asked = parser.parse_args(words)
    print("| figure | measured | bar | |\n|---|---|---|---|")
    for name in asked.only:
        start = time.process_time()
        for figure in PARTS[name](asked):
            print(figure.line(), flush=True)
        say(f"    {name}: {time.process_time() - start:.0f} CPU s")


if __name__ == "__main__":
    main()
