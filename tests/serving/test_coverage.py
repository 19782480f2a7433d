"""Coverage tells missing from stale from zero, in the score table, in predictions and in words."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from features import catalog
from features.settings import MetricSettings
from features.status import STATUSES
from serving import account_text, coverage, score
from serving.language import retell

KNOWN, ZERO, STALE, ABSENT, NOT_APPLICABLE = range(len(STATUSES))


@pytest.fixture(scope="module")
def rows(scored):
    return score.records(scored[0])


def test_what_is_stale_or_absent_is_missing_and_zero_is_not():
    code = np.array([[KNOWN, ZERO], [KNOWN, STALE], [KNOWN, ABSENT], [KNOWN, NOT_APPLICABLE]])
    weight = np.array([1.0, 3.0])
    assert coverage.coverage(code, weight).tolist() == [1.0, 0.25, 0.25, 1.0]
    told = coverage.by_status(code, weight)
    assert [max(each, key=each.__getitem__) for each in told] == list(STATUSES[1:])
    assert all(sum(each.values()) == pytest.approx(1) for each in told)


def test_where_nothing_is_known_or_nothing_applies_coverage_is_zero():
    for status in (STALE, ABSENT, NOT_APPLICABLE):
        assert coverage.coverage(np.full((1, 3), status), np.array([0.1, 0.2, 0.7])) == [0.0]


def test_a_model_that_moves_nothing_counts_inputs():
    code = np.array([[KNOWN, KNOWN], [ABSENT, KNOWN]])
    assert coverage.coverage(code, np.zeros(2)).tolist() == [1.0, 0.5]


def test_coverage_is_what_a_sum_over_the_drivers_finds(rows):
    weight = {}
    for row in rows:
        for driver in row["drivers"]:
            weight[driver["metric"]] = weight.get(driver["metric"], 0) + abs(driver["points"])
    whole = sum(weight.values())
    for row in rows:
        share = dict.fromkeys(STATUSES, 0.0)
        for driver in row["drivers"]:
            share[driver["status"]] += weight[driver["metric"]] / whole
        assert row["coverage_by_status"] == pytest.approx(share, abs=1e-12)
        fresh = (share["known"] + share["zero"]) / (1 - share["not_applicable"])
        assert row["coverage"] == pytest.approx(fresh, abs=1e-12)
    assert {each["status"] for row in rows for each in row["drivers"]} == set(STATUSES)


def test_a_status_says_what_the_value_is(rows):
    for row in rows:
        for driver in row["drivers"]:
            given = driver["value"] is not None
            assert given == (driver["status"] in ("known", "zero", "stale"))
            if driver["status"] == "zero":
                assert driver["value"] == 0


def test_accounts_in_scale_touch_miss_no_rating_and_old_ratings_are_stale(rows):
    seen = set()
    for row in rows:
        told = {driver["metric"]: driver for driver in row["drivers"]}
        rating, age = told["csm_sentiment"], told["csm_sentiment_age_days"]["value"]
        scale = told["touch_model"]["value"] == "scale"
        missing = "not_applicable" if scale else "absent"
        expected = missing if age is None else "stale" if age > 14 else "known"
        assert rating["status"] == expected
        seen.add(expected)
    assert {"not_applicable", "stale", "known"} <= seen


def test_a_longer_setting_makes_fewer_ratings_stale(champion, use_store):
    from training import tracking

    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, champion.store)
        model, _ = tracking.load()
    names = [feature.name for feature in model.features]
    row = {name: [np.nan] for name in names} | {"csm_sentiment": [4.0]}
    table = pd.DataFrame(row | {"csm_sentiment_age_days": [20.0], "segment": [None]})
    table = table.assign(account_id="a", as_of=pd.Timestamp("2025-06-01"))
    now = datetime(2025, 6, 1, tzinfo=UTC)
    for days, status in ((14, "stale"), (20, "known")):
        settings = MetricSettings(csm_stale_days=days)
        scored = score.score(table, model, catalog.metrics(), "1", now, settings=settings)
        (told,) = (d for d in scored["drivers"][0] if d["metric"] == "csm_sentiment")
        assert (told["status"], told["value"]) == (status, 4.0)


def test_words_name_every_part_once():
    shares = dict(zip(STATUSES, (0.5, 0.2, 0.1, 0.15, 0.05), strict=True))
    assert coverage.sentence(shares) == (
        "Of what the model goes by, 50% is known, 20% is known to be zero, 10% is stale, 15% was "
        "not recorded and 5% does not apply"
    )
    assert coverage.sentence(shares, "de") == (
        "Wonach das Modell urteilt, ist zu 50 % bekannt, zu 20 % bekanntermaßen null, zu 10 % "
        "veraltet, zu 15 % nicht erfasst und zu 5 % nicht anwendbar"
    )
    assert coverage.sentence(dict.fromkeys(STATUSES, 0.0) | {"absent": 1.0}) == (
        "Of what the model goes by, 100% was not recorded"
    )


@pytest.mark.parametrize("language", ["en", "de"])
def test_an_accounts_text_says_what_is_stale_and_what_is_missing(rows, language):
    def count(row, status):
        return sum(driver["status"] == status for driver in row["drivers"])

    row = retell(next(r for r in rows if count(r, "stale") and count(r, "absent") > 4), language)
    lines = account_text.to_text(row, "", language).splitlines()
    assert any(
        line.endswith(coverage.sentence(row["coverage_by_status"], language) + ".")
        for line in lines
    )
    for status in ("stale", "absent"):
        labels = [driver["label"] for driver in row["drivers"] if driver["status"] == status]
        word = coverage.word(status, language).capitalize()
        (line,) = (line for line in lines if line.startswith(f"  {word}: "))
        assert labels[0] in line
        rest = {"en": f" and {len(labels) - 4} more", "de": f" und {len(labels) - 4} weitere"}
        assert (rest[language] in line) == (len(labels) > 4)
