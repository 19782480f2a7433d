from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from features.metric import Metric
from training import search, tracking
from training.search import Found
from training.split import Fold, rolling_origin, within

EMBARGO = 120
UseStore = Callable[[pytest.MonkeyPatch, str], None]
Table = tuple[pd.DataFrame, list[Fold]]


@pytest.fixture(scope="module")
def early(make_panel: Callable[..., pd.DataFrame]) -> Table:
    """A small company, and its blocks of time before the backtest."""
    table = make_panel(250, seed=5)
    warm_up = rolling_origin(table["as_of"], 5, EMBARGO)[0]
    return table, within(warm_up, table["as_of"], search.BLOCKS, EMBARGO)


def look(early: Table, metrics: dict[str, Metric], trials: int, **more: Any) -> Found:
    return search.search(*early, metrics, trials, trees=60, **more)


@pytest.fixture(scope="module")
def found(early: Table, metrics: dict[str, Metric]) -> Found:
    return look(early, metrics, 10)


def killed_after(trials: int) -> Callable[[Sequence[Any], str], Iterable[Any]]:
    """A progress bar during which the process ends."""

    def track(steps: Sequence[Any], _: str, /) -> Iterable[Any]:
        yield from steps[:trials]
        raise KeyboardInterrupt

    return track


def test_the_first_is_the_default_and_others_differ(found: Found) -> None:
    first, *others = found.trials[list(search.BOUNDS)].to_dict("records")
    assert first == search.DEFAULT
    assert all(other != first for other in others)
    for name, (low, high) in search.BOUNDS.items():
        assert found.trials[name].between(low, high).all()
        assert found.trials[name].nunique() > 5


def test_seeded_twice_is_the_same(early: Table, metrics: dict[str, Metric], found: Found) -> None:
    again = look(early, metrics, 10)
    pd.testing.assert_frame_equal(again.trials, found.trials, check_exact=True)
    assert again == replace(found, trials=again.trials)
    other = look(early, metrics, 3, seed=1)
    assert (other.trials["lambda_l2"][1:] != found.trials["lambda_l2"][1:3]).all()


def test_resumed_is_the_same_as_never_stopped(
    early: Table, metrics: dict[str, Metric], found: Found, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        look(early, metrics, 10, folder=tmp_path, track=killed_after(4))
    # a process may also die while it tries
    [journal] = tmp_path.glob("*.journal")
    search._study(journal.stem, tmp_path).ask(search._distributions())
    seen: list[int] = []

    def track(steps: Sequence[Any], _: str, /) -> Iterable[Any]:
        seen.extend(steps)
        return steps

    resumed = look(early, metrics, 10, folder=tmp_path, track=track)
    assert seen == list(range(4, 10))
    pd.testing.assert_frame_equal(resumed.trials, found.trials, check_exact=True)
    # what is finished is not done again, and fewer may be asked for
    seen.clear()
    fewer = look(early, metrics, 5, folder=tmp_path, track=track)
    assert not seen
    pd.testing.assert_frame_equal(fewer.trials, found.trials[:5], check_exact=True)


def test_other_rows_are_another_search(
    early: Table, metrics: dict[str, Metric], tmp_path: Path
) -> None:
    table, folds = early
    look(early, metrics, 1, folder=tmp_path)
    look((table.assign(usage=table["usage"] + 1), folds), metrics, 1, folder=tmp_path)
    assert len(list(tmp_path.glob("*.journal"))) == 2


def test_what_is_judged_has_no_part_in_it(
    early: Table, metrics: dict[str, Metric], found: Found
) -> None:
    table, folds = early
    [_, judged, *_] = rolling_origin(table["as_of"], 5, EMBARGO)
    unknown = table["as_of"] + pd.Timedelta(days=EMBARGO) > judged.test_from
    rng = np.random.default_rng(0)
    spoilt = table.assign(
        churned=np.where(unknown, rng.random(len(table)) < 0.5, table["churned"]),
        usage=table["usage"].mask(unknown, 0.0),
    )
    other = look((spoilt, folds), metrics, 3)
    pd.testing.assert_frame_equal(other.trials, found.trials[:3], check_exact=True)


def test_what_is_not_surely_better_leaves_the_default() -> None:
    told = pd.DataFrame({"trial": [0, 1], "log_loss": [0.2, 0.19]})
    best = {"num_leaves": 4}
    kept = search._decide(told, best, (0.01, 0.008))
    assert kept.shape == {}
    assert "The default stays." in kept.verdict
    used = search._decide(told, best, (0.01, 0.005))
    assert used.shape == best
    assert "+0.01000 better than the default (standard error 0.00500)" in used.verdict


def test_searching_costs_nothing_out_of_time(
    early: Table, metrics: dict[str, Metric], found: Found
) -> None:
    table, _ = early
    judged = rolling_origin(table["as_of"], 5, EMBARGO)[1:]
    default, searched = (
        search._losses(table, judged, metrics, shape, 60, 0)["loss"].mean()
        for shape in (search.DEFAULT, found.shape)
    )
    assert searched < default + 0.001


def test_a_run_keeps_its_trials(
    champion: Any, monkeypatch: pytest.MonkeyPatch, use_store: UseStore
) -> None:
    use_store(monkeypatch, champion.store)
    info = tracking.info(champion.version)
    model, _ = tracking.load(champion.version)
    assert model.shape == info.summary["search"]["shape"]
    [journal] = tracking.searches().glob("*.journal")
    assert journal.stat().st_size > 0
    logged = mlflow.MlflowClient().get_metric_history(info.run_id, "search_log_loss")
    assert [each.step for each in logged] == [0, 1]
    kept = pd.read_csv(mlflow.artifacts.download_artifacts(f"runs:/{info.run_id}/search.csv"))
    assert kept["log_loss"].tolist() == pytest.approx([each.value for each in logged])
