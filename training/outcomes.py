"""What becomes of the money: churned, contracted, renewed or expanded, and what is retained.

The probability of leaving is the served one. For those who stay, a model tells how likely each of
the other outcomes is, so that the four always sum to 1; each outcome keeps a share of the ARR, as
learned from what it kept so far. Expected retained ARR is the sum over the outcomes of probability
x ARR x share. Only where a renewal falls into the outcome window can ARR change: an account that is
not due keeps what it has, unless it leaves.

Where a model does not tell the outcomes better than their shares so far do, the shares are told.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.metric import Metric
from training.encoding import Feature, encode, learn_features
from training.evaluate import draw_figures
from training.growing import TREES
from training.split import Fold, of_some_accounts

Floats = NDArray[np.float64]

KINDS = ("churned", "contracted", "renewed", "expanded")
STAYED = KINDS[1:]

NAME = "expected_retained_arr"
"""Column that tells it."""

SAME = 0.005
"""Relative change of ARR up to which a renewal without a recorded outcome left it as it was."""

FEWEST = 50
"""Rows below which no model of the outcomes is learned."""

MOST_TREES = 60
"""A few trees: three outcomes, of which one is the rule."""

MOST_ROWS = 50_000
"""Renewals that are learned from, of accounts drawn at random where there are more."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What those who stay do, and what each outcome keeps.

    Parameters
    ----------
    lead_days, horizon_days : int
        Of the outcome window.
    shares : tuple of float
        How often each of `STAYED` came so far; they sum to 1.
    kept : tuple of float
        ARR after over ARR before, in each of `STAYED`.
    features : tuple of Feature
    booster : lightgbm.Booster, optional
        Tells the probabilities of `STAYED`; without it, `shares` are told.
    """

    lead_days: int
    horizon_days: int
    shares: tuple[float, ...]
    kept: tuple[float, ...]
    features: tuple[Feature, ...] = ()
    booster: lgb.Booster | None = None

    @classmethod
    def fit(
        cls,
        table: pd.DataFrame,
        metrics: Mapping[str, Metric],
        lead_days: int,
        horizon_days: int,
        seed: int = 0,
    ) -> Self:
        """Learn from renewals of a training table whose accounts stayed."""
        stayed, kind = _stayed(table, seed)
        plain = cls._so_far(stayed, kind, lead_days, horizon_days)
        if len(stayed) < FEWEST or len(np.unique(kind)) < 2:
            return plain
        features = learn_features(stayed, metrics)
        weight = stayed["weight"].to_numpy(np.float64)
        booster = _grow(features, encode(features, stayed), kind, weight, seed)
        return replace(plain, features=features, booster=booster)

    @classmethod
    def so_far(cls, table: pd.DataFrame, lead_days: int, horizon_days: int, seed: int = 0) -> Self:
        """The same without a model: shares so far for everybody."""
        return cls._so_far(*_stayed(table, seed), lead_days, horizon_days)

    @classmethod
    def _so_far(
        cls, stayed: pd.DataFrame, kind: NDArray[np.int64], lead_days: int, horizon_days: int
    ) -> Self:
        weight = stayed["weight"].to_numpy(np.float64)
        told = np.bincount(kind, weight, minlength=len(STAYED)) + 1.0
        before = np.bincount(kind, weight * stayed["arr"], minlength=len(STAYED))
        after = np.bincount(kind, weight * stayed["arr_after"], minlength=len(STAYED))
        kept = np.divide(after, before, out=np.ones(len(STAYED)), where=before > 0)
        return cls(
            lead_days,
            horizon_days,
            tuple((told / told.sum()).tolist()),
            tuple(kept.tolist()),
        )

    def plain(self) -> Self:
        """The same without its model, as `so_far` gives it."""
        return replace(self, features=(), booster=None)

    def probabilities(self, table: pd.DataFrame, churn: Floats) -> pd.DataFrame:
        """Probability of each outcome of a renewal in the window.

        Parameters
        ----------
        table : DataFrame, shape (n, ...)
            Feature table.
        churn : ndarray, shape (n,)
            The served probability of leaving.

        Returns
        -------
        DataFrame, shape (n, 4)
            Columns `KINDS`; every row sums to 1.
        """
        p = np.asarray(churn, dtype=np.float64)
        stays = (1 - p)[:, None] * self._if_staying(table)
        return pd.DataFrame(np.column_stack([p, stays]), index=table.index, columns=list(KINDS))

    def retained(self, table: pd.DataFrame, churn: Floats) -> Floats:
        """Expected ARR at the end of the window, shape (n,); NaN where ARR is not known."""
        p = np.asarray(churn, dtype=np.float64)
        due = _due(table, self.lead_days, self.horizon_days)
        kept = np.ones(len(table))
        kept[due] = self._if_staying(table[due]) @ np.array(self.kept)
        return np.asarray(_column(table, "arr") * (1 - p) * kept)

    def save(self, folder: Path) -> None:
        """Write `outcomes.json` and, where there is a model, `outcomes.txt` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        about = {
            "lead_days": self.lead_days,
            "horizon_days": self.horizon_days,
            "shares": self.shares,
            "kept": self.kept,
            "features": [asdict(feature) for feature in self.features],
        }
        (folder / "outcomes.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        if self.booster is not None:
            (folder / "outcomes.txt").write_text(self.booster.model_to_string(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        about = json.loads((folder / "outcomes.json").read_text(encoding="utf-8"))
        file = folder / "outcomes.txt"
        return cls(
            about["lead_days"],
            about["horizon_days"],
            tuple(about["shares"]),
            tuple(about["kept"]),
            tuple(Feature(**{**f, "levels": tuple(f["levels"])}) for f in about["features"]),
            lgb.Booster(model_str=file.read_text(encoding="utf-8")) if file.exists() else None,
        )

    def _if_staying(self, table: pd.DataFrame) -> Floats:
        if self.booster is None or not len(table):
            return np.tile(self.shares, (len(table), 1))
        return np.asarray(self.booster.predict(encode(self.features, table)), dtype=np.float64)


def told_before(
    table: pd.DataFrame,
    backtest: pd.DataFrame,
    folds: Sequence[Fold],
    metrics: Mapping[str, Metric],
    lead_days: int,
    horizon_days: int,
    seed: int = 0,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Tell outcomes of every judged row before its time, and say how well that went.

    Parameters
    ----------
    table : DataFrame
        `features.build.training_table`.
    backtest : DataFrame
        Judged rows with their calibrated `probability`.
    folds : sequence of Fold
        Of the table; the first warms up.
    metrics : mapping of name to Metric
    lead_days, horizon_days : int
    seed : int

    Returns
    -------
    backtest : DataFrame
        With `NAME` and `retained_arr`, what really was (0 for those who left).
    told : dict
        `expected_arr` and `retained_arr` of the renewals judged, their `ratio` (low, high), the
        log-loss of the outcomes and of their shares so far, whether the `model` serves, and all
        of it in a sentence, `verdict`.
    """
    parts = []
    for fold in folds[1:]:
        before, block = fold.parts(table)
        served = block[["account_id", "as_of"]].merge(
            backtest[["account_id", "as_of", "probability"]], how="left"
        )
        p = served["probability"].to_numpy(np.float64)
        model = Outcomes.fit(before, metrics, lead_days, horizon_days, seed)
        plain = model.plain()
        kind = _kinds(block)
        parts.append(
            block[["account_id", "as_of"]].assign(
                retained_arr=np.where(block["churned"], 0.0, block["arr_after"]),
                by_model=model.retained(block, p),
                by_shares=plain.retained(block, p),
                loss_model=_losses(model, block, kind),
                loss_shares=_losses(plain, block, kind),
            )
        )
    told = backtest.merge(pd.concat(parts), on=["account_id", "as_of"], validate="1:1")
    serves, losses = _better(told, seed)
    told[NAME] = told["by_model"] if serves else told["by_shares"]
    about = {"model": serves, **losses, **_ratio(told, seed)}
    about["verdict"] = _verdict(about)
    return told.drop(columns=["by_model", "by_shares", "loss_model", "loss_shares"]), about


def _verdict(about: Mapping[str, Any]) -> str:
    if about["ratio"] is None:
        return "Retained ARR: no renewal with a known ARR was judged."
    told = "a model of the outcomes" if about["model"] else "the outcomes' shares so far"
    return (
        f"Retained ARR: of {about['observations']:,} looks at due renewals "
        f"{about['expected_arr']:,.0f} was expected, {about['retained_arr']:,.0f} was kept: "
        f"expected over kept is {about['ratio']:.3f} (95 % {about['ratio_low']:.3f} to "
        f"{about['ratio_high']:.3f}), by {told}."
    )


def _better(told: pd.DataFrame, seed: int) -> tuple[bool, dict[str, float | None]]:
    """Whether the model tells outcomes better than shares, sure by 95 % over accounts."""
    rows = told[told["loss_model"].notna()]
    if rows.empty:
        return False, {"log_loss": None, "log_loss_shares": None}
    model, shares = (rows[name].to_numpy(np.float64) for name in ("loss_model", "loss_shares"))

    def mean(_: pd.DataFrame, weights: Floats) -> dict[str, Floats]:
        with np.errstate(invalid="ignore"):
            return {"gain": (shares - model) @ weights / weights.sum(axis=0)}

    low = np.nanquantile(draw_figures(rows, mean, seed=seed)["gain"], 0.05)
    weight = rows["weight"]
    return bool(low > 0), {
        "log_loss": float(np.average(model, weights=weight)),
        "log_loss_shares": float(np.average(shares, weights=weight)),
    }


def _ratio(told: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Expected over realised ARR of the renewals judged, with its interval."""
    rows = told[told["due"] & told[NAME].notna() & told["retained_arr"].notna()]
    said, was = (rows[name].to_numpy(np.float64) for name in (NAME, "retained_arr"))
    if not was.sum() > 0:
        return {"expected_arr": None, "retained_arr": None, "ratio": None}

    def ratio(_: pd.DataFrame, weights: Floats) -> dict[str, Floats]:
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"ratio": (said @ weights) / (was @ weights)}

    low, high = np.nanquantile(draw_figures(rows, ratio, seed=seed)["ratio"], [0.025, 0.975])
    weight = rows["weight"].to_numpy(np.float64)
    return {
        "observations": len(rows),
        "expected_arr": float(said @ weight),
        "retained_arr": float(was @ weight),
        "ratio": float(said @ weight / (was @ weight)),
        "ratio_low": float(low),
        "ratio_high": float(high),
    }


def _stayed(table: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Renewals to learn from, and what came of each."""
    kind = _kinds(table)
    places = np.flatnonzero(of_some_accounts(table["account_id"], kind >= 0, MOST_ROWS, seed))
    return table.iloc[places], kind[places]


def _kinds(table: pd.DataFrame) -> NDArray[np.int64]:
    """Position in `STAYED` of what came of each row's renewal; -1 where that is not known."""
    before, after = _column(table, "arr"), _column(table, "arr_after")
    with np.errstate(invalid="ignore", divide="ignore"):
        change = after / before - 1
    by_arr = np.select([change < -SAME, change > SAME], [0, 2], 1)
    recorded = table["outcome"].map({name: place for place, name in enumerate(STAYED)})
    kind = np.where(recorded.notna(), recorded.fillna(-1), by_arr).astype(np.int64)
    stayed = table["due"].to_numpy(bool) & ~table["churned"].to_numpy(bool) & np.isfinite(change)
    return np.where(stayed & table["renewal_date"].notna().to_numpy(), kind, -1)


def _losses(model: Outcomes, block: pd.DataFrame, kind: NDArray[np.int64]) -> Floats:
    """Log-loss of what came of each row's renewal; NaN where that is not known."""
    came = np.flatnonzero(kind >= 0)
    rows = block.iloc[came]
    told = model.probabilities(rows, np.zeros(len(rows)))[list(STAYED)].to_numpy()
    losses = np.full(len(block), np.nan)
    losses[came] = -np.log(np.maximum(told[np.arange(len(rows)), kind[came]], 1e-15))
    return losses


def _due(table: pd.DataFrame, lead_days: int, horizon_days: int) -> NDArray[np.bool_]:
    days = _column(table, "days_to_renewal")
    return np.asarray((days > lead_days) & (days <= lead_days + horizon_days))


def _grow(
    features: Sequence[Feature],
    X: Floats,
    kind: NDArray[np.int64],
    weight: Floats,
    seed: int,
) -> lgb.Booster:
    parameters = {
        **TREES,
        "objective": "multiclass",
        "num_class": len(STAYED),
        "seed": seed,
        "num_threads": 1,
    }
    data = lgb.Dataset(
        X,
        label=kind,
        weight=weight,
        feature_name=[feature.name for feature in features],
        categorical_feature=[n for n, each in enumerate(features) if each.kind == "category"],
        params=parameters,
    )
    return lgb.train(parameters, data, num_boost_round=MOST_TREES)


def _column(table: pd.DataFrame, name: str) -> Floats:
    if name not in table:
        return np.full(len(table), np.nan)
    return np.asarray(table[name], dtype=np.float64)
