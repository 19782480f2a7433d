"""The model card: for whom it was right, told with counts and intervals."""

import numpy as np
import pandas as pd
import pytest

from training import model_card, questions

SUMMARY = {
    "observations": 9000,
    "accounts": 700,
    "renewals": 900,
    "churned": 180,
    "features": 12,
    "first_day": "2024-01-01",
    "last_day": "2025-12-01",
    "trees": 80,
    "kind": "trees",
    "ladder": None,
    "verdict": "Skill over the base rate.",
    "leaks": [],
    "learning_curve": {"verdict": "More data would help."},
    "drift": {"verdict": "Drift: rows can be told."},
    "concept_drift": {"verdict": "Concept drift: support gained weight."},
    "time_to_churn": None,
    "judged": {
        "observations": 3000,
        "accounts": 500,
        "first_day": "2025-06-01",
        "last_day": "2025-12-01",
    },
}
SETTINGS = {"observations": {"lead_days": 0, "horizon_days": 90}}


@pytest.fixture(scope="module")
def told():
    """Right for three regions, but twice as sure as it should be of the south."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        [(f"A{a}", day) for day in pd.date_range("2025-06-01", periods=4) for a in range(800)],
        columns=["account_id", "as_of"],
    )
    number = rows["account_id"].str[1:].astype(int)
    region = number.map(lambda a: ("north", "east", "south", "west")[a % 4])
    p = rng.uniform(0.1, 0.5, len(rows))
    left = rng.random(len(rows)) < np.where(region == "south", p / 2, p)
    due = rows.assign(region=region, probability=p, churned=left, weight=1.0, base_rate_due=0.3)
    due["due"] = True
    groups = questions.grouped(due, due["region"]).assign(trait="region")
    return {"groups": groups}, due


def test_a_group_of_which_it_is_too_sure_is_named(told):
    card = model_card.markdown(SUMMARY, SETTINGS, told[0])
    [sentence] = [line for line in card.splitlines() if line.startswith("That is so for ")]
    south = told[1][told[1]["region"] == "south"]
    said, left = south["probability"].mean(), south["churned"].mean()
    assert f"region south (said {said:.1%}, left {left:.1%}, " in sentence
    assert "200 accounts" in sentence
    assert "north" not in sentence


def test_every_group_has_its_counts_and_intervals(told):
    card = model_card.markdown(SUMMARY, SETTINGS, told[0])
    for region, rows in told[1].groupby("region"):
        [line] = [each for each in card.splitlines() if each.startswith(f"| region | {region} |")]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[-3:] == [str(len(rows)), "200", str(rows["churned"].sum())]
        assert cells[3].startswith(f"{rows['churned'].mean():.3f} (0.")
    assert "More data would help." in card
    assert "- Drift: rows can be told." in card
    assert "- Concept drift: support gained weight." in card
