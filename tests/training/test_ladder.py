from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from features import catalog
from features.errors import TenureError
from features.metric import Metric
from features.settings import Settings, TrainingSettings
from serving.predict import Predictor
from training import ladder, model_card, pipeline
from training.churn_model import ChurnModel
from training.encoding import Feature
from training.ladder import Logistic
from training.linear import Linear
from training.pipeline import Trained

WINDOW = (1.0, 91.0)
FEW = replace(Settings(), training=TrainingSettings(bags=3, trees=60, folds=3))


@pytest.fixture(scope="module")
def company(make_panel: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return make_panel(75, seed=4)


@pytest.fixture(scope="module")
def trained(company: pd.DataFrame, metrics: dict[str, Metric]) -> Trained:
    return pipeline.train(company, FEW, metrics)


@pytest.fixture(scope="module")
def model(company: pd.DataFrame, metrics: dict[str, Metric]) -> ChurnModel:
    fitted = Logistic(3.0, WINDOW).fit(company, metrics, 0)
    return fitted.with_bags(company, company["churned"], company["weight"], bags=3)


def test_it_is_the_ridge_that_everybody_knows() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4)).clip(-1, 1)
    y = pd.Series(rng.random(400) < 1 / (1 + np.exp(1 - X @ [2.0, -1.0, 0.5, 0.0])))
    w = pd.Series(rng.integers(1, 4, 400).astype(float))
    features = [Feature(f"x{j}", "number") for j in range(4)]
    ours = Linear.fit(features, X, y, w, 5.0, {})
    scaled = [
        (np.clip(X[:, j], term.low, term.high) - term.centre) / term.spread
        for j, term in enumerate(ours.terms)
    ]
    theirs = LogisticRegression(C=1 / 5.0, tol=1e-10, max_iter=5000)
    theirs.fit(np.column_stack(scaled), y, sample_weight=w)
    assert [term.slope for term in ours.terms] == pytest.approx(theirs.coef_[0], abs=1e-4)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)


def test_risk_never_runs_against_a_healthy_direction(model: ChurnModel) -> None:
    assert isinstance(model.booster, Linear)
    slopes = {f.name: t.slope for f, t in zip(model.features, model.booster.terms, strict=True)}
    assert slopes["usage"] < 0 < slopes["tickets"]
    flipped = [replace(feature, direction=-feature.direction) for feature in model.features]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, len(flipped)))
    X[:, 0] = 0.0
    y = pd.Series(rng.random(500) < 1 / (1 + np.exp(X[:, 2])))
    told = Linear.fit(flipped, X, y, pd.Series(np.ones(500)), 1.0, {})
    assert flipped[2].name == "usage"
    assert told.terms[2].slope == 0.0


def test_contributions_are_exact_shap_values(model: ChurnModel, company: pd.DataFrame) -> None:
    rows = company.sample(60, random_state=0)
    contributions, base = model.contributions(rows)
    z = np.log(model.predict_proba(rows) / (1 - model.predict_proba(rows)))
    np.testing.assert_allclose(base + contributions.sum(axis=1), z, atol=1e-9)
    # of a sum: what the value adds, less what it adds on average over the rows learned from
    everybody, _ = model.contributions(company)
    np.testing.assert_allclose(everybody.mean(), 0, atol=1e-9)
    with_other = rows.assign(usage=rows["usage"] + 0.1)
    moved = (model.scores(with_other) - model.scores(rows)) * model.calibration.slope
    told = model.contributions(with_other)[0]["usage"] - contributions["usage"]
    np.testing.assert_allclose(told, moved, atol=1e-9)
    points, base_probability = model.points(rows)
    np.testing.assert_allclose(
        base_probability + points.sum(axis=1), model.predict_proba(rows), atol=1e-12
    )
    one = model.explain(rows.head(1))
    assert one.log_odds[0] == model.explain(rows).log_odds[0]


def test_saved_as_json_it_predicts_the_same_to_the_bit(
    model: ChurnModel, company: pd.DataFrame, tmp_path: Path
) -> None:
    model.save(tmp_path)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"model.json", "linear.json", "bag_000.json", "bag_001.json", "bag_002.json"}
    again = ChurnModel.load(tmp_path)
    assert np.array_equal(again.predict_proba(company), model.predict_proba(company))
    for ours, theirs in zip(again.interval(company), model.interval(company), strict=True):
        assert np.array_equal(ours, theirs)
    low, high = model.interval(company)
    assert (low < high).mean() > 0.9


def test_tools_are_told_by_it_as_by_trees(model: ChurnModel, metrics: dict[str, Metric]) -> None:
    known = catalog.metrics()
    told_by = {name: each for name, each in metrics.items() if name not in known}
    predictor = Predictor(model, {**known, **told_by}, {})
    [row] = predictor.predict([{"usage": -1.0, "days_to_renewal": 30.0}])
    assert '"churn_probability":' in row
    usage = next(each for each in predictor.inputs if each["metric"] == "usage")
    assert usage["actionable"]


def test_each_block_is_told_by_whichever_was_better_before() -> None:
    def told(losses: list[float]) -> pd.DataFrame:
        days = pd.to_datetime(["2023-01-01", "2023-06-01", "2023-09-01", "2024-01-01"])
        return pd.DataFrame(
            {
                "fold": range(4),
                "as_of": days,
                "churned": True,
                "weight": 1.0,
                "probability": np.exp(-np.array(losses)),
            }
        )

    class Cut:
        def __init__(self, day: str) -> None:
            self.test_from = pd.Timestamp(day)

    folds: list[Any] = [
        Cut(day) for day in ("2023-01-01", "2023-06-01", "2023-09-01", "2024-01-01")
    ]
    both = {"logistic": told([1.0, 1.0, 9.0, 0.1]), "trees": told([2.0, 0.5, 0.5, 0.2])}
    name, blocks = ladder.choose(both, folds, 100)
    # the second block's outcome is not known when the third begins
    logistic, trees = (both[n]["probability"] for n in ("logistic", "trees"))
    assert blocks["probability"].tolist() == [logistic[1], logistic[2], trees[3]]
    assert name == "trees"


@pytest.mark.parametrize(
    ("ahead", "serves"), [(-0.1, "blend 1/2"), (0.1, "blend 1/2"), (1.0, "trees")]
)
def test_trees_stand_alone_only_where_they_are_surely_better(ahead: float, serves: str) -> None:
    """Differences of log-loss with a spread of 2 over 100 accounts: a standard error of 0.2."""
    noise = np.random.default_rng(0).normal(size=100)
    noise = 2 * (noise - noise.mean()) / noise.std()
    rows = pd.DataFrame({
        "account_id": [f"A{n}" for n in range(100)],
        "fold": 0,
        "as_of": pd.Timestamp("2023-01-01"),
        "churned": True,
        "weight": 1.0,
    })  # fmt: skip
    told = {"trees": 10.0 + noise - ahead, "blend 1/2": np.full(100, 10.0)}
    both = {name: rows.assign(probability=np.exp(-losses)) for name, losses in told.items()}
    later: Any = type("Cut", (), {"test_from": pd.Timestamp("2024-01-01")})()
    block = {n: each.assign(fold=1, as_of=pd.Timestamp("2024-01-01")) for n, each in both.items()}
    both = {name: pd.concat([both[name], block[name]], ignore_index=True) for name in both}
    name, blocks = ladder.choose(both, [later, later], 100)
    assert name == serves
    assert (blocks["probability"] == block[serves]["probability"]).all()


def _told(losses: dict[str, float]) -> dict[str, pd.DataFrame]:
    """One block known before, one later; each model says so much of each row."""
    rows = pd.DataFrame({
        "account_id": ["A", "B"],
        "fold": [0, 1],
        "as_of": pd.to_datetime(["2023-01-01", "2024-01-01"]),
        "churned": True,
        "weight": 1.0,
    })  # fmt: skip
    return {name: rows.assign(probability=np.exp(-loss)) for name, loss in losses.items()}


@pytest.mark.parametrize(
    ("losses", "serves"),
    [
        ({"logistic": 0.4, "trees": 0.5, "blend 1/2": 0.3}, "blend 1/2"),
        ({"logistic": 0.4, "trees": 0.5, "blend 1/2": 0.6, "blend 1/1": 0.2}, "blend 1/1"),
        ({"logistic": 0.2, "trees": 0.5, "blend 1/2": 0.3}, "logistic"),
        ({"logistic": 0.4, "trees": 0.5}, "logistic"),
    ],
)
def test_the_lowest_log_loss_of_all_candidates_serves(
    losses: dict[str, float], serves: str
) -> None:
    """A blend counts also where the logistic model beats the trees."""
    later: Any = type("Cut", (), {"test_from": pd.Timestamp("2024-01-01")})()
    name, blocks = ladder.choose(_told(losses), [later, later], 100)
    assert name == serves
    assert blocks["probability"].tolist() == pytest.approx([np.exp(-losses[serves])])


def test_the_scorecard_alone_is_named_as_such() -> None:
    told = ladder.verdict(_told({"trees": 0.5, "blend 3/4": 0.3, "blend 1/1": 0.2}), "blend 1/1", 0)
    said = "the health scorecard alone (LightGBM where no renewal is due) serves: log-loss 0.2000"
    assert said in told["verdict"]


def test_few_churns_are_learned_from_and_it_is_said(trained: Trained) -> None:
    told = trained.summary["ladder"]
    assert told["chosen"] == min(told["log_loss"], key=told["log_loss"].get)
    assert isinstance(trained.model.booster, Linear) == (told["chosen"] == "logistic")
    assert told["low"] < told["difference"] < told["high"]
    assert f"{told['churned']} churned accounts" in told["verdict"]
    assert trained.summary["log_loss"] < trained.summary["log_loss_base"]
    assert trained.summary["search"] is None
    card = model_card.markdown(
        trained.summary, {"observations": {"lead_days": 0, "horizon_days": 90}}, {}
    )
    assert told["verdict"] in card


def test_many_churns_need_no_ladder(panel: pd.DataFrame) -> None:
    assert not ladder.is_short(panel)


def test_how_many_more_churns_would_settle_it() -> None:
    # at four times the churns the standard error is half: exactly what is lacking here
    error, difference = 0.02, 0.01 * ladder.SURE
    assert ladder.more_churned(difference, error, 50) == 150
    assert ladder.more_churned(difference, error / 2.01, 200) == 0
    assert ladder.more_churned(1e-5, error, 50) is None
    assert ladder.more_churned(0.0, 0.0, 50) is None, "the same, row by row"


def test_twenty_accounts_are_refused(
    make_panel: Callable[..., pd.DataFrame], metrics: dict[str, Metric]
) -> None:
    with pytest.raises(TenureError, match="too few to learn from"):
        pipeline.train(make_panel(20), FEW, metrics)
