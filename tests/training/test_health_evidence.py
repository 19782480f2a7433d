"""A goal that everybody reaches, or nobody, tells accounts apart no better than none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features import catalog
from training.health_evidence import goals_of
from training.health_rows import rows_of
from training.ramp import Assumed, Ramps
from training.scorecard import BY_SEGMENT, PORTFOLIO

ANY = catalog.metrics()["active_days_28d"]
HIGH = replace(ANY, name="acts", healthy="high")
LOW = replace(ANY, name="failures", healthy="low")


@pytest.mark.parametrize("beyond", [-50.0, 50.0])
def test_a_goal_beyond_all_values_is_the_nearest_that_tells_accounts_apart(beyond: float) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({
        "account_id": np.arange(400).astype(str),
        "acts": rng.integers(0, 4, 400) * 1.0,
        "failures": rng.integers(0, 3, 400) * 1.0,
        "segment": np.where(np.arange(400) < 200, "small", "large"),
    })  # fmt: skip
    churned = rng.random(400) < 0.5
    data = rows_of(table, np.ones(400, dtype=bool), churned, np.ones(400), [HIGH, LOW], BY_SEGMENT)

    def away(ramps: Ramps) -> Ramps:
        return replace(ramps, green=ramps.green + beyond)

    found = away(Assumed.before(data.problem).ramps)
    goals, standing = goals_of(data, data.problem, found, [found, away(found)])
    nearest = {"acts": (1, 3), "failures": (1, 0)}  # lowest, highest in health that tells apart
    assert [goal.segment for goal in goals[0]] == [*data.segments, PORTFOLIO]
    for name, metric in zip(data.names, goals, strict=True):
        for goal in metric:
            assert goal.goal == nearest[name][int(beyond > 0)]
            assert goal.accounts_below > 0
            assert goal.accounts_above > 0
            assert (goal.low, goal.high) == (goal.goal, goal.goal)
            # the ramp goes along: its middle is the goal
            assert (goal.red + goal.green) / 2 == pytest.approx(goal.goal)
    middles = standing.middle[:, None] + standing.shift
    assert (np.abs(middles) < 5).all()

    # what people set themselves stays as they set it
    today = replace(data.problem, goals=np.full((2, 3), beyond))
    told, _ = goals_of(data, today, Assumed.before(today).ramps, None)
    assert not any(goal.accounts_below and goal.accounts_above for goal in told[0])
