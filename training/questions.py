"""What people ask of a backtest, each answered by a tidy frame with intervals and counts.

Intervals are 95 %, from drawing whole accounts; see `training.evaluate`.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.evaluate import Array, Ranked, draw_figures, log_losses

DRAWS = 200
CAPACITY = 50
"""Accounts that a team can call after one look."""
FEWEST = 10
"""Churned rows, and rows that stayed, from which a ranking is judged."""
SAID = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1.0)
DAYS = (0, 30, 60, 90, 180, np.inf)
HISTORY = {"first half year": 183, "first year": 365, "second year": 730, "longer": np.inf}
GRID = np.linspace(0, 1, 51)
TRAITS = ("segment", "industry", "region", "touch_model")
USAGE = "active_days_28d"


def answers(backtest: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every question that these rows can answer, by name."""
    due = backtest[backtest["due"]]
    told = {
        "called": called(backtest),
        "promised": promised(backtest),
        "rankings": rankings(due),
        "folds": grouped(due, due["fold"].map("block {}".format)),
        "horizon": grouped(due, _in_days(due["renewal_date"] - due["as_of"])),
        "curves": curves(due),
        "profit": profit(due),
        "ledger": ledger(backtest),
    }
    if "tenure_days" in due:
        ages = pd.cut(due["tenure_days"], [-1, *HISTORY.values()], labels=list(HISTORY))
        told["history"] = grouped(due, ages)
    parts = [
        grouped(due, due[trait]).assign(trait=trait.replace("_", " "))
        for trait in TRAITS
        if trait in due and len(due[trait].dropna().unique()) > 1
    ]
    if "arr" in due and due["arr"].nunique() > 2:
        sizes = pd.qcut(due["arr"].rank(method="first"), 3, labels=["small", "middle", "large"])
        parts.append(grouped(due, sizes).assign(trait="size by ARR"))
    if parts:
        told["groups"] = pd.concat(parts, ignore_index=True)
    return {name: frame for name, frame in told.items() if len(frame)}


def called(backtest: pd.DataFrame, capacity: int = CAPACITY) -> pd.DataFrame:
    """How many of those whom a team would have called had left, and of as many by other rules.

    Returns
    -------
    DataFrame
        rule, called (per look), left (per look; low, high), looks, accounts. "at random" is the
        expectation.
    """
    per_look = backtest.groupby("as_of")["account_id"].size()
    capacity = int(min(capacity, max(per_look.median() // 5, 1)))
    rows = []
    for rule, score in _rules(backtest).items():
        order = score.groupby(backtest["as_of"]).rank(ascending=False, method="first")
        taken = (order <= capacity).to_numpy(np.float64) if score.notna().any() else None
        if taken is None:
            continue
        rows.append(_left(backtest, taken, capacity).assign(rule=rule))
    rows.append(_left(backtest, np.ones(len(backtest)), capacity).assign(rule="at random"))
    return pd.concat(rows, ignore_index=True)


def promised(backtest: pd.DataFrame) -> pd.DataFrame:
    """Of those told so much, how many left: said against seen.

    Returns
    -------
    DataFrame
        said_from, said_to, said (mean), left (share; low, high), observations, accounts
    """
    y, p = (backtest[name].to_numpy(np.float64) for name in ("churned", "probability"))
    place = np.clip(np.digitize(p, SAID) - 1, 0, len(SAID) - 2)
    rows = []
    for number in np.unique(place):
        part = backtest[place == number]
        told = _with_interval(part, _mean_of(y[place == number]))
        said = float(np.average(part["probability"], weights=part["weight"]))
        about = {"said_from": SAID[number], "said_to": SAID[number + 1], "said": said}
        rows.append({**about, **_named("left", told), **_counted(part)})
    return pd.DataFrame(rows)


def rankings(due: pd.DataFrame) -> pd.DataFrame:
    """AUC among the due of the model and of what people would do without it."""
    rows = []
    for rule, score in _rules(due).items():
        known = score.notna().to_numpy()
        part, s = due[known], score[known].to_numpy(np.float64)
        if not _enough(part):
            continue
        rows.append(
            {
                "rule": rule,
                **_named("auc", _with_interval(part, _auc_of(part, s))),
                **_counted(part),
            }
        )
    return pd.DataFrame(rows)


def grouped(rows: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    """Ranking and calibration within groups of rows.

    Returns
    -------
    DataFrame
        group, auc (low, high; None below `FEWEST` of either kind), said, left (low, high),
        log_loss, log_loss_base, observations, accounts, churned
    """
    told = []
    for name, part in rows.groupby(group, observed=True, sort=True):
        p, y, w = (part[c].to_numpy(np.float64) for c in ("probability", "churned", "weight"))
        auc = _with_interval(part, _auc_of(part, p)) if _enough(part) else (np.nan,) * 3
        base = part["base_rate_due"].to_numpy(np.float64)
        told.append(
            {
                "group": str(name),
                **_named("auc", auc),
                "said": float(np.average(p, weights=w)),
                **_named("left", _with_interval(part, _mean_of(y))),
                "log_loss": float(np.average(log_losses(p, y), weights=w)),
                "log_loss_base": float(np.average(log_losses(base, y), weights=w)),
                **_counted(part),
            }
        )
    return pd.DataFrame(told)


def curves(due: pd.DataFrame) -> pd.DataFrame:
    """ROC, precision-recall and gain curves among the due, each on a grid with its band.

    Returns
    -------
    DataFrame
        curve ("roc", "pr", "gain"), x, y, low, high. Gain: share of leavers found among the
        riskiest x of the rows.
    """
    if not _enough(due):
        return pd.DataFrame()
    p, y = (due[name].to_numpy(np.float64) for name in ("probability", "churned"))

    def lines(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        ranked = Ranked.of(p, y, weights)
        hit, taken = np.cumsum(ranked.churned, axis=0), np.cumsum(ranked.all, axis=0)
        start = np.zeros((1, weights.shape[1]))
        hit, taken = np.vstack([start, hit]), np.vstack([start, taken])
        recall, share = hit / hit[-1], taken / taken[-1]
        false = (taken - hit) / (taken[-1] - hit[-1])
        with np.errstate(invalid="ignore"):
            precision = hit / taken
        precision[0] = precision[1]
        along = {"roc": (false, recall), "pr": (recall, precision), "gain": (share, recall)}
        return {
            f"{name} {place}": np.array(
                [np.interp(x, xs[:, draw], ys[:, draw]) for draw in range(weights.shape[1])]
            )
            for name, (xs, ys) in along.items()
            for place, x in enumerate(GRID)
        }

    whole = lines(due, due["weight"].to_numpy(np.float64)[:, None])
    drawn = draw_figures(due, lines, DRAWS)
    rows = []
    for name in whole:
        curve, place = name.split()
        low, high = np.nanquantile(drawn[name], [0.025, 0.975])
        rows.append(
            {"curve": curve, "x": GRID[int(place)], "y": whole[name][0], "low": low, "high": high}
        )
    return pd.DataFrame(rows)


def profit(due: pd.DataFrame) -> pd.DataFrame:
    """Expected maximum profit per account due, of calling by the model and by other rules.

    EMPC takes every account for worth the mean ARR, EMPB each for its own. The costs are those of
    the papers, in units of ARR: an offer costs 5 % of it, a call 15; a third of the leavers called
    accepts (Beta(6, 14)).

    References
    ----------
    Verbraken et al. (2013), doi 10.1109/TKDE.2012.50. Janssens et al. (2022),
    doi 10.1007/s10479-022-04631-5.
    """
    if "arr" not in due or not _enough(due[due["arr"] > 0]):
        return pd.DataFrame()  # empulse answers 0.0 where one class is missing
    from empulse.metrics import empb_score, empc_score

    due = due[due["arr"] > 0].sort_values("as_of")
    # an open contract has no renewal date, and counts as one renewal
    due = due.groupby(["account_id", "renewal_date"], dropna=False).tail(1)
    y, arr = due["churned"].to_numpy(int), due["arr"].to_numpy(np.float64)
    accounts, names = pd.factorize(due["account_id"])
    rows_of = pd.Series(np.arange(len(due))).groupby(accounts).agg(list)
    rng = np.random.default_rng(0)
    drawn = [
        np.concatenate(rows_of[rng.integers(len(names), size=len(names))].tolist())
        for _ in range(DRAWS // 4)
    ]
    told = []
    for rule, scores in _rules(due).items():
        s = scores.rank(pct=True).to_numpy(np.float64)
        if np.isnan(s).any():
            continue
        for name in ("EMPC", "EMPB"):

            def earned(at: NDArray[np.intp], name: str = name, s: Array = s) -> float:
                if y[at].min() == y[at].max():
                    return np.nan
                if name == "EMPB":
                    return float(empb_score(y[at], s[at], clv=arr[at]))
                mean = float(arr[at].mean())
                return float(
                    empc_score(y[at], s[at], clv=mean, incentive_cost=0.05 * mean, contact_cost=15)
                )

            point = earned(np.arange(len(due)))
            low, high = np.nanquantile([earned(at) for at in drawn], [0.025, 0.975])
            told.append(
                {
                    "measure": name,
                    "rule": rule,
                    **_named("profit", (point, low, high)),
                    **_counted(due),
                }
            )
    return pd.DataFrame(told)


def ledger(backtest: pd.DataFrame, most: int = 15) -> pd.DataFrame:
    """Frozen predictions of the latest judged look: the riskiest, and every leaver missed most.

    Returns
    -------
    DataFrame
        as_of, account_id, rank (1 is the riskiest of its look), of, said, renewal_date, left
    """
    rank = backtest.groupby("as_of")["probability"].rank(ascending=False, method="first")
    of = backtest.groupby("as_of")["probability"].transform("size")
    told = backtest.assign(rank=rank.astype(int), of=of, said=backtest["probability"])
    last = told[told["as_of"] == told["as_of"].max()]
    top = last.nsmallest(most, "rank").assign(why="highest risk")
    left_out = told[told["churned"] & (told["rank"] > CAPACITY)]
    missed = left_out.nsmallest(most, "said").assign(why="missed")
    kept = ["why", "as_of", "account_id", "rank", "of", "said", "renewal_date", "churned"]
    return pd.concat([top, missed])[kept].rename(columns={"churned": "left"})


def _rules(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """By what one could rank, riskiest highest."""
    told = {"the model": rows["probability"], "the contract alone": rows["contract_score"]}
    if USAGE in rows:
        told["lowest usage first"] = -rows[USAGE].fillna(0.0)
    if "baseline_score" in rows:
        told["your present score"] = rows["baseline_score"]
    return told


def _left(rows: pd.DataFrame, taken: Array, capacity: int) -> pd.DataFrame:
    y = rows["churned"].to_numpy(np.float64)

    def left(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        return {"figure": capacity * (taken * y) @ weights / np.maximum(taken @ weights, 1e-12)}

    even = rows.assign(weight=1.0)
    told = _named("left", _with_interval(even, left))
    looks = rows["as_of"].nunique()
    about = {"called": capacity, "looks": looks, "accounts": rows["account_id"].nunique()}
    return pd.DataFrame([{**about, **told}])


Compute = Callable[[pd.DataFrame, Array], dict[str, Array]]


def _with_interval(rows: pd.DataFrame, compute: Compute) -> tuple[float, float, float]:
    point = compute(rows, rows["weight"].to_numpy(np.float64)[:, None])["figure"][0]
    drawn = draw_figures(rows, compute, DRAWS)["figure"]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(point), float(low), float(high)


def _mean_of(values: Array) -> Compute:
    def mean(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        return {"figure": values @ weights / np.maximum(weights.sum(axis=0), 1e-12)}

    return mean


def _auc_of(rows: pd.DataFrame, score: Array) -> Compute:
    y = rows["churned"].to_numpy(np.float64)
    return lambda _, weights: {"figure": Ranked.of(score, y, weights).auc()}


def _named(name: str, told: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), told, strict=True))


def _counted(rows: pd.DataFrame) -> dict[str, int]:
    return {
        "observations": len(rows),
        "accounts": int(rows["account_id"].nunique()),
        "churned": int(rows["churned"].sum()),
    }


def _enough(rows: pd.DataFrame) -> bool:
    return bool(min(rows["churned"].sum(), (~rows["churned"]).sum()) >= FEWEST)


def _in_days(ahead: pd.Series) -> pd.Series:
    labels = ["up to 30 days", "31-60 days", "61-90 days", "91-180 days", "more than 180 days"]
    return pd.cut(ahead.dt.days, DAYS, labels=labels, include_lowest=True)
