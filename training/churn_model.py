"""ChurnModel: a feature table in; calibrated probabilities, their range and their reasons out.

Encoding, trees and calibration live in one object, so that training and serving cannot disagree.
Saved as LightGBM's text and one JSON file: readable, exact to the bit, and nothing is executed on
loading.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.baseline import NAME as BASELINE
from features.errors import TenureError, did_you_mean
from features.metric import Metric
from training.bags import side_by_side
from training.blend import Blend
from training.calibration import Calibration
from training.contributions import Forest
from training.encoding import Feature, columns, encode, learn_features
from training.explained import Explained
from training.growing import DEFAULT_SHAPE, grow, threads
from training.health_score import HealthScore
from training.linear import Linear
from training.progress import Track, quiet
from training.ranked import Ranked
from training.trees import UnreadError

KEYS = ("account_id", "as_of")
OUTCOMES = (
    *("churned", "due", "renewal_date", "weight"),
    *("churn_date", "followed_days", "outcome", "arr_after", BASELINE),
)

Booster = lgb.Booster | Linear
"""What stands under the calibration; a model of either kind is asked in the same way."""

FEW = 16
"""Rows up to which all refits are asked in one call."""

MANY = 10_000
"""Rows from which reading the trees costs less than asking by ranks saves."""

FEWEST_TREES = 20

INTERVAL = 0.90

SCORECARD = "scorecard.json"
"""Where the scorecard beside the trees is written."""


@dataclass(frozen=True, eq=False)
class ChurnModel:
    """Probability of churn in the outcome window, with its range and reasons.

    Parameters
    ----------
    features : tuple of Feature
        What the trees read, in their order. A table's own order of columns does not matter.
    unused : frozenset of str
        Metrics that existed but were not in the table learned from; a table may bring them.
    booster : lightgbm.Booster or Linear
    calibration : Calibration
    bags : tuple of lightgbm.Booster or Linear
        Refits on resampled accounts; `interval` reads the range from them.
    shape : mapping of str to float
        LightGBM parameters in place of those of `TREES`.
    blend : Blend, optional
        The health scorecard, where it stands beside the trees.
    """

    features: tuple[Feature, ...]
    unused: frozenset[str]
    booster: Booster
    calibration: Calibration = field(default_factory=Calibration)
    bags: tuple[Booster, ...] = field(default=())
    shape: Mapping[str, Any] = field(default_factory=dict)
    blend: Blend | None = None

    @classmethod
    def fit(
        cls,
        table: pd.DataFrame,
        churned: pd.Series,
        weight: pd.Series,
        metrics: Mapping[str, Metric],
        trees: int,
        seed: int = 0,
        shape: Mapping[str, Any] = DEFAULT_SHAPE,
    ) -> Self:
        """Learn the trees; calibration and bags come after.

        Parameters
        ----------
        table : DataFrame, shape (n, >= p)
            Feature table. Columns without a metric are not learned from.
        churned : Series of bool, shape (n,)
        weight : Series of float, shape (n,)
        metrics : mapping of name to Metric
            Every metric there is; those in the table become features.
        trees : int
            Number of trees.
        seed : int
            The same seed on the same rows gives the same text.
        shape : mapping of str to float
            LightGBM parameters in place of those of `TREES`.
        """
        features = learn_features(table, metrics)
        X = columns(features, table)
        booster = grow(features, X, churned, weight, trees, seed, shape)
        return cls(features, frozenset(metrics.keys() - table.columns), booster, shape=shape)

    def with_bags(
        self,
        table: pd.DataFrame,
        churned: pd.Series,
        weight: pd.Series,
        bags: int,
        seed: int = 0,
        track: Track = quiet,
    ) -> Self:
        """Refit `bags` times, each on as many accounts drawn with replacement.

        Whole accounts are drawn, because an account's rows tell of the same relationship.
        """
        if not bags:
            return self
        learn = self._learn_again(table)
        accounts, names = pd.factorize(table["account_id"])
        rng = np.random.default_rng(seed)
        boosters = []
        for bag in track(range(bags), "Refits for the intervals"):
            times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
            drawn = times[accounts] > 0
            weights = (weight * times[accounts])[drawn]
            boosters.append(learn(drawn, churned[drawn], weights, seed + 1 + bag))
        return replace(self, bags=tuple(boosters))

    def beside(
        self, score: HealthScore, table: pd.DataFrame, window: tuple[int, int], share: float
    ) -> Self:
        """Put a health scorecard beside the trees, where it learned anything that they can read.

        Parameters
        ----------
        score : HealthScore
            With as many refits as there are bags.
        table : DataFrame
            The rows that both learned from, with `due` and `weight`.
        window : (int, int)
            Days to renewal from which one is due, and from which it no longer is.
        share : float
            Of the log-odds of a row that is due, that are the scorecard's.
        """
        blend = Blend.of(score, self.features, table, window, share, refits=len(self.bags))
        return replace(self, blend=blend)

    def _learn_again(
        self, table: pd.DataFrame
    ) -> Callable[[NDArray[np.bool_], pd.Series, pd.Series, int], Booster]:
        """Give what learns as before from rows drawn of a table, their fates, weights, a seed."""
        features, before = self.features, self.booster
        if isinstance(before, Linear):
            X, ridge, steps = encode(features, table), before.ridge, before.steps(features)
            return lambda drawn, churned, weight, _: Linear.fit(
                features, X[drawn], churned, weight, ridge, steps
            )
        rows, trees = columns(features, table), before.num_trees()
        return lambda drawn, churned, weight, seed: grow(
            features, rows.filter(pa.array(drawn)), churned, weight, trees, seed, self.shape
        )

    def scores(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Log-odds before calibration, shape (n,)."""
        X = self.encode(table)
        return self._beside(self._alone(X), X)

    def predict_proba(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Calibrated probability of churn, shape (n,)."""
        return self.calibration.probability(self.scores(table))

    def interval(self, table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Low and high end of the 90 % interval of each probability, each of shape (n,).

        It tells how far the probability depends on which accounts happened to be learned from,
        not what the world may do; it holds the probability itself. NaN for a model without bags.
        """
        return self._interval(self.encode(table))

    def contributions(self, table: pd.DataFrame) -> tuple[pd.DataFrame, float]:
        """SHAP values on the scale of calibrated log-odds, and the log-odds they start from.

        Returns
        -------
        contributions : DataFrame, shape (n, p)
            One column per feature, indexed as `table`.
        base : float
            base + the sum of a row = the calibrated log-odds of that row.

        References
        ----------
        Lundberg et al. (2020). From local explanations to global understanding with explainable
        AI for trees. Tree-path-dependent, computed by `training.contributions`.
        """
        explained = self.explain(table)
        return explained.contributions, explained.base

    def points(self, table: pd.DataFrame) -> tuple[pd.DataFrame, float]:
        """Split each probability into what its features added to the base probability.

        Allocated along the straight path from the base log-odds z0 to the row's z (Aumann-Shapley):
        each feature gets its contribution times the mean steepness of the path, ``(p(z) - p(z0)) /
        (z - z0)``. Signs are kept and the sum is exact.

        Returns
        -------
        points : DataFrame, shape (n, p)
            As fractions: 0.01 is one percentage point of probability.
        base_probability : float
            base_probability + the sum of a row = `predict_proba` of that row, to 1e-12.

        References
        ----------
        Aumann and Shapley (1974). Values of Non-Atomic Games.
        """
        explained = self.explain(table)
        return explained.points, explained.base_probability

    def explain(self, table: pd.DataFrame, intervals: bool = True) -> Explained:
        """Probabilities, their intervals and what they are made of, in one pass over the trees.

        Every figure is the same to the bit for one row and for many, and equal to what the methods
        for single figures give. Without `intervals`, for which every refit is asked, they are NaN.
        """
        return self.explain_encoded(self.encode(table), table.index, intervals)

    def explain_encoded(
        self, X: NDArray[np.float64], index: pd.Index | None = None, intervals: bool = True
    ) -> Explained:
        """Explain a matrix of shape (n, p), as `encode` makes it."""
        slope, offset = self.calibration.slope, self.calibration.offset
        scores, shap, start = self._shap(X)
        low, high = self._interval(X, scores) if intervals else np.full((2, len(X)), np.nan)
        return Explained(
            log_odds=slope * scores + offset,
            low=low,
            high=high,
            shap=slope * shap,
            base=float(slope * start + offset),
            names=tuple(feature.name for feature in self.features),
            index=index,
        )

    def _interval(
        self, X: NDArray[np.float64], scores: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not self.bags:
            nothing = np.full(len(X), np.nan)
            return nothing, nothing
        if scores is None:
            scores = self._beside(self._alone(X), X)
        point = self.calibration.probability(scores)
        bagged = self.calibration.probability(self._bag_scores(X))
        ordered = np.sort(bagged, axis=1)
        low, high = (
            _quantile(ordered, share) for share in ((1 - INTERVAL) / 2, (1 + INTERVAL) / 2)
        )
        return np.minimum(low, point), np.maximum(high, point)

    def _shap(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Scores, SHAP values of the scores, and where those start."""
        if self._forest:
            scores, shap = self._forest.explain(X)
            base = self._forest.base
        else:
            scores, (shap, base) = _predict(self.booster, X), _shap(self.booster, X)
        return self._beside(scores, X), self.blend.shap(shap, base, X) if self.blend else shap, base

    def _alone(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of the booster itself, shape (n,): the same to the bit in either way."""
        if len(X) >= MANY and self._ranked:
            return self._ranked.scores(X)[:, 0]
        return _predict(self.booster, X)

    def _beside(self, scores: NDArray[np.float64], X: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.blend.scores(scores, X) if self.blend else scores

    @cached_property
    def _forest(self) -> Forest | None:
        return _forest(self.booster)

    def _bag_scores(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds from each refit, shape (n, bags): equal to the bit however many rows there are.

        One row costs a call rather than its trees, so that all refits are asked in one; many rows
        cost their trees, which are best asked one refit after the other, and most quickly by
        ranks once these are made.
        """
        if len(X) <= FEW and self._joined_bags:
            scores = _predict(self._joined_bags, X).reshape(len(X), len(self.bags))
        elif len(X) >= MANY and self._ranked_bags:
            scores = self._ranked_bags.scores(X)
        else:
            scores = np.array([_predict(bag, X) for bag in self.bags]).T
        return self.blend.bag_scores(scores, X) if self.blend else scores

    @cached_property
    def _ranked(self) -> Ranked | None:
        return _ranked([self.booster])

    @cached_property
    def _joined_bags(self) -> lgb.Booster | None:
        trees = [bag for bag in self.bags if isinstance(bag, lgb.Booster)]
        return side_by_side(trees) if trees else None

    @cached_property
    def _ranked_bags(self) -> Ranked | None:
        return _ranked(self.bags)

    def encode(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Turn a feature table into the matrix that the trees read, shape (n, p).

        Raises
        ------
        TenureError
            If a feature is missing, or a column is there that no model could know.
        """
        self._check_columns(table.columns)
        return encode(self.features, table)

    def _check_columns(self, columns: Collection[str]) -> None:
        names = [feature.name for feature in self.features]
        unknown = set(columns) - {*names, *self.unused, *KEYS, *OUTCOMES}
        missing = [name for name in names if name not in columns]
        if missing:
            raise TenureError(
                f"The model needs {len(missing)} of its {len(names)} features that are not in the "
                f"table: {_listed(missing, unknown)}",
                "Bring the tables they are made from, or train anew on what there is.",
            )
        if unknown:
            raise TenureError(
                f"{len(unknown)} columns are no features that Tenure knows: "
                f"{_listed(sorted(map(str, unknown)), {*names, *self.unused})}",
                "Correct their names or leave them out.",
            )

    def save(self, folder: Path) -> None:
        """Write `model.json` and a text for booster and bags into a folder, which may be new."""
        folder.mkdir(parents=True, exist_ok=True)
        linear = isinstance(self.booster, Linear)
        about = {
            "format": 1,
            "features": [asdict(feature) for feature in self.features],
            "unused": sorted(self.unused),
            "calibration": asdict(self.calibration),
            "bags": len(self.bags),
            "linear": linear,
            "shape": dict(self.shape),
            "blend": self.blend is not None,
        }
        (folder / "model.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        files = _files(folder, linear, len(self.bags))
        for file, grown in zip(files, (self.booster, *self.bags), strict=True):
            file.write_text(grown.model_to_string(), encoding="utf-8")
        if self.blend:
            (folder / SCORECARD).write_text(self.blend.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; it predicts the same to the bit."""
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        linear = about["linear"]
        booster, *bags = (
            _read(file.read_text(encoding="utf-8"), linear)
            for file in _files(folder, linear, about["bags"])
        )
        return cls(
            features=tuple(
                Feature(**{**each, "levels": tuple(each["levels"])}) for each in about["features"]
            ),
            unused=frozenset(about["unused"]),
            booster=booster,
            calibration=Calibration(**about["calibration"]),
            bags=tuple(bags),
            shape=about["shape"],
            blend=Blend.from_json((folder / SCORECARD).read_text(encoding="utf-8"))
            if about["blend"]
            else None,
        )


def choose_trees(
    train: pd.DataFrame,
    later: pd.DataFrame,
    metrics: Mapping[str, Metric],
    most: int,
    seed: int = 0,
    shape: Mapping[str, Any] = DEFAULT_SHAPE,
) -> tuple[ChurnModel, int]:
    """Grow trees on `train` until they no longer help on `later` rows.

    Parameters
    ----------
    train, later : DataFrame
        Training tables (features, `churned`, `weight`); `later` lies after the embargo.
    most : int
        The most trees.
    shape : mapping of str to float
        LightGBM parameters in place of those of `TREES`.

    Returns
    -------
    model : ChurnModel
        Learned from `train` with that number of trees.
    trees : int
        Their number, at least `FEWEST_TREES` where `most` allows.
    """
    features = learn_features(train, metrics)
    grown = grow(
        features,
        columns(features, train),
        train["churned"],
        train["weight"],
        most,
        seed,
        shape,
        stop_on=(columns(features, later), later["churned"], later["weight"]),
    )
    trees = min(max(grown.best_iteration, FEWEST_TREES), grown.num_trees())
    cut = lgb.Booster(model_str=grown.model_to_string(num_iteration=trees))
    unused = frozenset(metrics.keys() - train.columns)
    return ChurnModel(features, unused, cut, shape=shape), trees


def _predict(booster: Booster, X: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(X):
        return np.empty(0)
    scores = booster.predict(X, raw_score=True, num_threads=threads(X.size))
    return np.asarray(scores, dtype=np.float64)


def _quantile(ordered: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """`np.quantile` of sorted rows, to the bit, shape (n,): for a single row five times as fast."""
    place = share * (ordered.shape[1] - 1)
    below = int(place)
    low, high = ordered[:, below], ordered[:, min(below + 1, ordered.shape[1] - 1)]
    part = place - below
    told = low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)
    return np.asarray(told)


def _ranked(boosters: Sequence[Booster]) -> Ranked | None:
    """Boosters to be asked by ranks, where there are any that can be."""
    trees = [booster for booster in boosters if isinstance(booster, lgb.Booster)]
    try:
        return Ranked.of(trees) if trees else None
    except UnreadError:
        return None


def _forest(booster: Booster) -> Forest | None:
    """A booster's trees as tables, where it has any that fit into such."""
    try:
        return None if isinstance(booster, Linear) else Forest.of(booster)
    except UnreadError:
        return None


def _shap(booster: Booster, X: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The booster's own SHAP values, shape (n, p), and where they start."""
    some = X if len(X) else np.zeros((1, X.shape[1]))
    values = np.asarray(booster.predict(some, pred_contrib=True, num_threads=threads(X.size)))
    return values[: len(X), :-1], float(values[0, -1])


def _listed(names: Sequence[str], candidates: Collection[str]) -> str:
    """Name at most five, each with the nearest known name."""
    told = " ".join(f"'{name}'.{did_you_mean(name, map(str, candidates))}" for name in names[:5])
    return told if len(names) <= 5 else f"{told} And {len(names) - 5} more."


def _files(folder: Path, linear: bool, bags: int) -> list[Path]:
    """Where booster and bags are written."""
    kind = "json" if linear else "txt"
    name = "linear" if linear else "trees"
    return [folder / f"{name}.{kind}", *(folder / f"bag_{n:03}.{kind}" for n in range(bags))]


def _read(text: str, linear: bool) -> Booster:
    return Linear.from_string(text) if linear else lgb.Booster(model_str=text)


class _Pyfunc:
    """What MLflow calls: a feature table in, one column of probabilities out."""

    def __init__(self, model: ChurnModel) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Churn probability of each row, in the rows' order."""
        probability = self.model.predict_proba(model_input)
        return pd.DataFrame({"churn_probability": probability}, index=model_input.index)


def _load_pyfunc(path: str) -> _Pyfunc:
    """Entry point of `mlflow.pyfunc.load_model`."""
    return _Pyfunc(ChurnModel.load(Path(path)))
