"""The account that docs/health-score.md works by hand comes out as it stands there."""

import math
import re
from pathlib import Path

import pandas as pd
import pytest

from training.health_score import HealthScore
from training.scorecard import Goal, MetricWeight

TEXT = (Path(__file__).parents[2] / "docs" / "health-score.md").read_text(encoding="utf-8")
SECTION = TEXT.split("## One account, by hand")[1].split("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SECTION.splitlines()
    if line.startswith("|")
][2:]
NUMBER = r"-?\d*\.?\d+"


def told(pattern: str) -> list[float]:
    """Numbers that the text around the table gives."""
    [found] = re.findall(pattern, SECTION)
    return [float(each) for each in (found if isinstance(found, tuple) else (found,))]


def digits(value: str) -> int:
    return len(value.split(".")[1]) if "." in value else 0


@pytest.fixture(scope="module")
def score() -> HealthScore:
    """The six metrics as the table gives them."""
    metrics = []
    for name, _, red, goal, green, weight, _, _ in ROWS:
        own = Goal("all", float(goal), float(red), float(green))
        metrics.append(MetricWeight(name, "", float(weight), None, None, 1.0, 0.0, own, ()))
    return HealthScore("metrics", 0, 0, tuple(metrics), (), (), {}, (0.0,), ())


def account() -> pd.DataFrame:
    values = {name: value for name, value, *_ in ROWS}
    known = {n: float(v) if re.fullmatch(NUMBER, v) else math.nan for n, v in values.items()}
    return pd.DataFrame([known])


def test_the_score_gives_what_the_table_says(score):
    assert len(ROWS) == 6
    points = score.contributions(account()).iloc[0]
    for name, *_, lost in ROWS:
        assert round(points[name], digits(lost)) == float(lost)
    [health] = told(r"Health is [^=]*= (\d+\.\d)\.")
    [coverage] = told(r"coverage (\.\d+)")
    given = score.score(account()).iloc[0]
    assert round(given["health"], 1) == health
    assert given["coverage"] == pytest.approx(coverage, abs=0.0006)


def test_goals_lie_half_way_and_parts_are_worked_as_written():
    for _, value, red, goal, green, _, part, _ in ROWS:
        assert float(goal) == pytest.approx((float(red) + float(green)) / 2, abs=0.001)
        if "=" in part:
            end, at, width, found = re.findall(NUMBER, part.replace(" - ", " "))
            assert (end, at) == (green, value)
            assert float(width) == pytest.approx(float(green) - float(red))
            assert round((float(end) - float(at)) / float(width), 3) == float(found)


def test_the_sums_in_words_add_up_with_the_digits_shown():
    known = sum(float(weight) for _, value, *_, weight, _, _ in ROWS if value != "not rated")
    assert told(rf"weights of ({NUMBER}) of 100") == [pytest.approx(known)]
    sums = re.findall(rf"100 x ({NUMBER}) x ({NUMBER}) / ({NUMBER}) = ({NUMBER})", SECTION)
    assert len(sums) == 2
    for weight, part, whole, points in sums:
        assert whole == f"{known:.2f}"
        [row] = [row for row in ROWS if row[5] == weight]
        assert row[7] == points
        assert row[6].endswith(f"= {part}")
        assert round(100 * float(weight) * float(part) / known, 1) == float(points)
    start, first, second, health = told(
        rf"Health is ({NUMBER}) - ({NUMBER}) - ({NUMBER}) = (\d+\.\d)"
    )
    assert round(start - first - second, 1) == health
