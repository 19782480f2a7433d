import numpy as np
import pandas as pd

from training.health_rows import Scale, of_some_accounts


def test_goals_of_whole_numbers_are_whole_and_part_the_same_accounts() -> None:
    rng = np.random.default_rng(0)
    counted = np.column_stack([rng.poisson(3, 400), rng.poisson(5, 400), rng.gamma(2, 2, 400)])
    counted[::7] = np.nan
    code = np.zeros(400, dtype=np.intp)
    scale = Scale.of(counted, np.array([1.0, -1.0, 1.0]), code, 1)
    z = scale.standard(counted, code)
    for place in np.linspace(-2.5, 2.5, 101):
        users, delays, minutes = (scale.goal(metric, 0, place) for metric in range(3))
        assert users == round(users)
        assert delays == round(delays)
        assert minutes == scale.unit(2, 0, place)
        np.testing.assert_array_equal(z[:, 0] < place, counted[:, 0] < users)
        np.testing.assert_array_equal(z[:, 1] < place, counted[:, 1] > delays)
    assert str(scale.goal(0, 0, scale.standard(np.full((1, 3), -0.3), code[:1])[0, 0])) == "0.0"


def test_of_many_accounts_some_are_drawn_whole_and_at_random() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"account_id": rng.integers(4000, size=60_000).astype(str)})
    due = rng.random(len(table)) < 0.5
    drawn = of_some_accounts(table, due, 10_000, seed=1)
    assert 9_900 < drawn.sum() <= 10_000
    assert not drawn[~due].any()
    whole = table[due].groupby("account_id").size()
    kept = table[drawn].groupby("account_id").size()
    assert (whole[kept.index] == kept).all(), "an account comes with all its looks or not at all"
    # a trait of accounts is as frequent among the drawn: 1,333 of 4,000, so within 4 errors of .013
    trait = table["account_id"].astype(int) % 4 == 0
    assert abs(trait[drawn].mean() - trait[due].mean()) < 4 * 0.013
    assert (drawn == of_some_accounts(table, due, 10_000, seed=1)).all()
    assert (drawn != of_some_accounts(table, due, 10_000, seed=2)).any()
    assert of_some_accounts(table, due, int(due.sum()), seed=1) is due
