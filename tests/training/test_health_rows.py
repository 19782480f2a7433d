import numpy as np

from training.health_rows import Scale


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
