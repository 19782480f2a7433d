"""What is told beside the plain probability, where the curve lost, and where nothing is known."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.metric import Metric
from features.settings import Settings
from training import outlook
from training.outcomes import Outcomes
from training.outlook import COLUMNS, Outlook
from training.split import rolling_origin

SHARES, KEPT = (0.2, 0.5, 0.3), (0.6, 1.0, 1.4)
ROWS = pd.DataFrame({"arr": [1000.0, 2000.0, np.nan], "days_to_renewal": [50.0, 200.0, 50.0]})
SERVED = np.array([0.1, 0.25, 0.5])


@pytest.mark.parametrize(("lead", "horizon", "own"), [(0, 90, 1), (0, 60, None), (30, 90, None)])
def test_where_the_curve_lost_only_the_models_own_horizon_is_told(lead, horizon, own) -> None:
    told = Outlook(None, Outcomes(lead, horizon, SHARES, KEPT)).ahead(ROWS, SERVED)
    assert tuple(told) == COLUMNS
    for place, name in enumerate(COLUMNS[:-1]):
        if place == own:
            assert (told[name] == SERVED).all()
        else:
            assert told[name].isna().all()


def test_retained_arr_is_told_all_the_same() -> None:
    told = Outlook(None, Outcomes(0, 90, SHARES, KEPT)).ahead(ROWS, SERVED)
    kept = 0.2 * 0.6 + 0.5 * 1.0 + 0.3 * 1.4
    np.testing.assert_allclose(
        told["expected_retained_arr"], [0.9 * 1000 * kept, 0.75 * 2000, np.nan]
    )


def test_what_is_saved_without_a_curve_is_loaded_without_one(tmp_path: Path) -> None:
    assert Outlook.load(tmp_path) is None
    kept = Outlook(None, Outcomes(0, 90, SHARES, KEPT))
    kept.save(tmp_path)
    again = Outlook.load(tmp_path)
    assert again is not None
    assert again.hazard is None
    pd.testing.assert_frame_equal(again.ahead(ROWS, SERVED), kept.ahead(ROWS, SERVED))


def test_a_table_that_does_not_tell_when_accounts_left_has_no_outlook(
    panel: pd.DataFrame, settings: Settings, metrics: Mapping[str, Metric]
) -> None:
    folds = rolling_origin(panel["as_of"], 3, 120)
    kept, backtest, summary = outlook.learn(panel, panel, folds, metrics, settings)
    assert kept is None
    assert backtest is panel
    assert summary == {"time_to_churn": None, "retained_arr": None}
