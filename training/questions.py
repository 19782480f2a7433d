"""What people ask of a backtest, each answered by a tidy frame with intervals and counts.

Intervals are 95 %, from drawing whole accounts; see `training.evaluate`. Figures among the due are
drawn from the accounts of all rows, as the summary's are.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv

from training.baseline import USAGE
from training.evaluate import LEVEL, draw_figures, with_intervals
from training.measures import Array, RankedRows, log_losses, mean

CURVE_DRAWS = 200
"""Of the bands of curves: what they draw is dear, and nobody reads a third digit."""
PROFIT_DRAWS = 50, 100
"""The fewest and the most draws of profit, the dearest of all figures..."""
PROFIT_ROWS = 4_000_000
"""...while all draws together have no more renewals: each is ranked anew."""
CAPACITY = 50
"""Accounts that a team can call after one look."""
FEWEST = 10
"""Churned rows, and rows that stayed, from which a ranking is judged."""
SAID = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1.0)
DAYS = (0, 30, 60, 90, 180, np.inf)
HISTORY = {"first half year": 183, "first year": 365, "second year": 730, "longer": np.inf}
GRID = np.linspace(0, 1, 51)
TRAITS = ("segment", "industry", "region", "touch_model")
PROBABILITIES = {
    "the model": "probability",
    "the contract alone": "contract_probability",
    "lowest usage first": "usage_probability",
    "your present score": "baseline_probability_due",
}
"""Column with what each rule says of renewals due: as a probability, calibrated in time."""


def answers(backtest: pd.DataFrame, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Every question that these rows can answer, by name.

    With the seed that `evaluate.summary` had, a figure that stands in both has one interval.
    """
    due = backtest[backtest["due"]]
    told = {
        "called": called(backtest),
        "promised": promised(backtest),
        "rankings": rankings(backtest, seed),
        "folds": grouped(backtest, due["fold"].map("block {}".format), seed),
        "horizon": grouped(backtest, _in_days(due["renewal_date"] - due["as_of"]), seed),
        "curves": curves(due),
        "profit": profit(due),
        "ledger": ledger(backtest),
    }
    if "tenure_days" in due:
        ages = pd.cut(due["tenure_days"], [-1, *HISTORY.values()], labels=list(HISTORY))
        told["history"] = grouped(backtest, ages, seed)
    parts = [
        grouped(backtest, due[trait], seed).assign(trait=trait.replace("_", " "))
        for trait in TRAITS
        if trait in due and len(due[trait].dropna().unique()) > 1
    ]
    if "arr" in due and due["arr"].nunique() > 2:
        sizes = pd.qcut(due["arr"].rank(method="first"), 3, labels=["small", "middle", "large"])
        parts.append(grouped(backtest, sizes, seed).assign(trait="size by ARR"))
    if parts:
        told["groups"] = pd.concat(parts, ignore_index=True)
    return {name: frame for name, frame in told.items() if len(frame)}


def called(backtest: pd.DataFrame, capacity: int = CAPACITY) -> pd.DataFrame:
    """How many of those whom a team would have called had left, and of as many by other rules.

    Returns
    -------
    DataFrame
        rule, called (per look), left (per look; low, high), looks, accounts; where ARR is known,
        arr, the share of the leavers' ARR that those called held (low, high). "at random" is the
        expectation.
    """
    per_look = backtest.groupby("as_of")["account_id"].transform("size").to_numpy(np.float64)
    capacity = int(min(capacity, max(backtest.groupby("as_of").size().median() // 5, 1)))
    rows = []
    for rule, score in _rules(backtest).items():
        order = score.groupby(backtest["as_of"]).rank(ascending=False, method="first")
        taken = (order <= capacity).to_numpy(np.float64) if score.notna().any() else None
        if taken is None:
            continue
        rows.append(_left(backtest, taken, capacity).assign(rule=rule))
    chance = np.minimum(capacity / per_look, 1.0)
    rows.append(_left(backtest, chance, capacity).assign(rule="at random"))
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
        told = _share(part, with_intervals(part, _mean_of(y[place == number]))["figure"])
        said = float(np.average(part["probability"], weights=part["weight"]))
        about = {"said_from": SAID[number], "said_to": SAID[number + 1], "said": said}
        rows.append({**about, **_named("left", told), **_counted(part)})
    return pd.DataFrame(rows)


def rankings(backtest: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The model among the due, beside what people would do without it.

    Returns
    -------
    DataFrame
        rule, auc, log_loss and brier (each with low, high; the last two None where the rule has no
        probability), observations, accounts, churned
    """
    rows = []
    for rule, score in _rules(backtest).items():
        known = (backtest["due"] & score.notna()).to_numpy(bool)
        part = backtest[known]
        if not _enough(part):
            continue
        s, y = score[known].to_numpy(np.float64), part["churned"].to_numpy(np.float64)
        p = part.get(PROBABILITIES[rule])

        def judged(
            _: pd.DataFrame, weights: Array, s: Array = s, y: Array = y, p: pd.Series | None = p
        ) -> dict[str, Array]:
            ranked = {"auc": RankedRows.of(s, y, weights).auc()}
            if p is None:
                return ranked
            said = p.to_numpy(np.float64)
            losses = {"log_loss": log_losses(said, y), "brier": (said - y) ** 2}
            return ranked | {name: mean(each, weights) for name, each in losses.items()}

        told = dict.fromkeys(("auc", "log_loss", "brier"), (np.nan,) * 3)
        told |= with_intervals(backtest, judged, seed=seed, where=known)
        named = [_named(name, each) for name, each in told.items()]
        rows.append({"rule": rule, **named[0], **named[1], **named[2], **_counted(part)})
    return pd.DataFrame(rows)


def grouped(backtest: pd.DataFrame, group: pd.Series, seed: int = 0) -> pd.DataFrame:
    """Ranking and calibration within groups of the rows that are due.

    Parameters
    ----------
    backtest : DataFrame
        All rows: accounts are drawn from them.
    group : Series
        Of each row that is due, by the backtest's index; rows without one are left out.
    seed : int

    Returns
    -------
    DataFrame
        group, auc (low, high; None below `FEWEST` of either kind), said, left, log_loss and
        log_loss_base (each with low, high), observations, accounts, churned
    """
    due = backtest["due"].to_numpy(bool)
    rows = backtest[due]
    p, y, base, w = (
        rows[c].to_numpy(np.float64) for c in ("probability", "churned", "base_rate_due", "weight")
    )
    losses = {"log_loss": log_losses(p, y), "log_loss_base": log_losses(base, y), "left": y}
    places = rows.groupby(group.reindex(rows.index), observed=True, sort=True).indices
    parts = {name: (at, rows.iloc[at]) for name, at in places.items() if len(at)}

    def figures(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        told: dict[str, Array] = {}
        for name, (at, part) in parts.items():
            drawn = weights[at]
            told |= {f"{each} {name}": mean(of[at], drawn) for each, of in losses.items()}
            if _enough(part):
                told[f"auc {name}"] = RankedRows.of(p[at], y[at], drawn).auc()
        return told

    told = with_intervals(backtest, figures, seed=seed, where=due) if parts else {}
    return pd.DataFrame([
        {
            "group": str(name),
            **_named("auc", told.get(f"auc {name}", (np.nan,) * 3)),
            "said": float(np.average(p[at], weights=w[at])),
            **_named("left", _share(part, told[f"left {name}"])),
            **_named("log_loss", told[f"log_loss {name}"]),
            **_named("log_loss_base", told[f"log_loss_base {name}"]),
            **_counted(part),
        }
        for name, (at, part) in parts.items()
    ])  # fmt: skip


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
        ranked = RankedRows.of(p, y, weights)
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
    drawn = draw_figures(due, lines, CURVE_DRAWS)
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
    fewest, most = PROFIT_DRAWS
    draws = min(most, max(fewest, PROFIT_ROWS // len(due)))
    drawn = [
        np.concatenate(rows_of[rng.integers(len(names), size=len(names))].tolist())
        for _ in range(draws)
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
    """Who left, and the ARR that left, of those called; `taken` has each row's chance of a call."""
    y = rows["churned"].to_numpy(np.float64)
    lost = y * rows["arr"].fillna(0.0).to_numpy(np.float64) if "arr" in rows else np.zeros(len(y))

    def caught(_: pd.DataFrame, weights: Array) -> dict[str, Array]:
        # the mean of what is taken, so that whoever is not taken weighs nothing
        left = mean(y, taken[:, None] * weights)
        return {"left": left, "arr": mean(taken, lost[:, None] * weights)}

    told = with_intervals(rows.assign(weight=1.0), caught)
    share = _share(rows[taken > 0], told["left"])
    left = _named("left", (capacity * share[0], capacity * share[1], capacity * share[2]))
    arr = _named("arr", told["arr"]) if lost.any() else {}
    looks = rows["as_of"].nunique()
    about = {"called": capacity, "looks": looks, "accounts": rows["account_id"].nunique()}
    return pd.DataFrame([{**about, **left, **arr}])


def _mean_of(values: Array) -> Callable[[pd.DataFrame, Array], dict[str, Array]]:
    return lambda _, weights: {"figure": mean(values, weights)}


def _share(rows: pd.DataFrame, drawn: tuple[float, float, float]) -> tuple[float, float, float]:
    """Share of the rows that churned, with an interval that is never of no width.

    Where none left, or all, every draw says the same, and would claim what nobody can know. There
    the interval is exact, over accounts.
    """
    churned = rows["churned"].to_numpy(bool)
    if churned.any() and not churned.all():
        return drawn
    accounts = int(rows["account_id"].nunique())
    return (drawn[0], *exact(accounts if churned.any() else 0, accounts))


def exact(left: int, accounts: int) -> tuple[float, float]:
    """Interval of a share, 95 % or more whatever the share is.

    References
    ----------
    Clopper and Pearson (1934). The use of confidence or fiducial limits illustrated in the case of
    the binomial, doi 10.1093/biomet/26.4.404.

    Examples
    --------
    >>> [round(end, 3) for end in exact(0, 10)]
    [0.0, 0.308]
    """
    tail, stayed = (1 - LEVEL) / 2, accounts - left
    low = betaincinv(left, stayed + 1, tail) if left else 0.0
    high = betaincinv(left + 1, stayed, 1 - tail) if stayed else 1.0
    return float(low), float(high)


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
