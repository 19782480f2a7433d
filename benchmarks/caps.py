"""What is lost by learning from some of the rows, where a company has more than it takes.

    PYTHONPATH=. python -P -m benchmarks.caps [--only goals curve outcomes] [--accounts 10000]

goals     weights and goals of health scores planted directly, by looks at renewals
curve     log-loss of the outcome window by time to churn alone, out of time, by person-periods
outcomes  log-loss of what became of renewals that stayed, out of time, by rows

Each is learned from fewer and fewer rows of the same companies. Where halving the rows costs next
to nothing, more would hardly bring anything either. What is in use is starred; 0 is no limit.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

import numpy as np
import pandas as pd

from benchmarks.quality import SETTINGS, made
from benchmarks.recovery import FIRST_SEED, judge, planted
from benchmarks.recovery_methods import joint_ramp
from features import catalog
from training import hazard, hazard_backtest, health_fit, outcomes
from training.hazard import Periods
from training.measures import log_losses
from training.pipeline import embargo
from training.split import Fold, rolling_origin

OBSERVED, TRAINING = SETTINGS.observations, SETTINGS.training


def goals(accounts: int) -> dict[str, float]:
    """Two companies with some two looks for each account."""
    companies = [planted(12 * accounts, FIRST_SEED + n, steps=False) for n in range(2)]
    judged = pd.DataFrame([judge(company, joint_ramp(company, 0)) for company in companies]).mean()
    return {"dimension error": judged["dimension error"], "goal error": judged["goal error"]}


def curve(accounts: int) -> dict[str, float]:
    """A simulated company."""
    table, folds, judged = _company(accounts)
    told, *_ = hazard_backtest.told_before(
        table, judged, folds, catalog.metrics(), _periods(), OBSERVED.grace_days, TRAINING.trees
    )
    losses = log_losses(told["curve_alone"].to_numpy(float), told["churned"].to_numpy(float))
    return {"log-loss": float(np.average(losses, weights=told["weight"]))}


def of_stayers(accounts: int) -> dict[str, float]:
    """A simulated company."""
    table, folds, judged = _company(accounts)
    periods = _periods()
    _, told = outcomes.told_before(
        table, judged, folds, catalog.metrics(), periods.lead_days, periods.horizon_days
    )
    return {"log-loss": told["log_loss"], "of shares": told["log_loss_shares"]}


@cache
def _company(accounts: int) -> tuple[pd.DataFrame, list[Fold], pd.DataFrame]:
    """Training table, folds, and the rows that a backtest judges."""
    _, table = made("normal", accounts, seed=0)
    table = table.sort_values(["as_of", "account_id"], ignore_index=True)
    folds = rolling_origin(table["as_of"], TRAINING.folds, embargo(OBSERVED))
    later = np.any([fold.test_mask for fold in folds[1:]], axis=0)
    kept = ["account_id", "as_of", "churned", "due", "weight"]
    return table, folds, table.loc[later, kept].assign(probability=0.1)


def _periods() -> Periods:
    return Periods(OBSERVED.lead_days, OBSERVED.horizon_days)


PARTS: dict[str, tuple[Callable[[int], dict[str, float]], ModuleType, str]] = {
    "goals": (goals, health_fit, "LOOKS"),
    "curve": (curve, hazard, "MOST_ROWS"),
    "outcomes": (of_stayers, outcomes, "MOST_ROWS"),
}
"""What is measured, and where its limit stands."""

NO_LIMIT = 10**9


@contextmanager
def held(module: ModuleType, name: str, most: int) -> Iterator[None]:
    """Another limit, for as long as it lasts."""
    before = getattr(module, name)
    setattr(module, name, most)
    try:
        yield
    finally:
        setattr(module, name, before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--accounts", type=int, default=10_000)
    asked = parser.parse_args()
    for part in asked.only:
        measure, module, name = PARTS[part]
        used = getattr(module, name)
        for most in (used // 16, used // 8, used // 4, used // 2, used, NO_LIMIT):
            start = time.process_time()
            with held(module, name, most):
                told = measure(asked.accounts)
            figures = ", ".join(f"{key} {value:.4f}" for key, value in told.items())
            star = " *" if most == used else ""
            print(
                f"{part:9} {most % NO_LIMIT:8,}{star:2}  {figures}   "
                f"({time.process_time() - start:.0f} CPU s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
