import math
import re
from dataclasses import replace

import numpy as np
import pytest

from features import catalog
from serving import explain, sentences
from serving.sentences import sentence

CATALOG = catalog.metrics()
METRICS = list(CATALOG.values())
NUMBERS = [metric for metric in METRICS if metric.kind == "number"]

by_name = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


@by_name
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_metric_says_its_value_in_its_own_sentence(metric, language):
    for value in (0.0, 1.0, 2.0, 0.4567, 62.5, -0.5, 1234.0):
        shown = "mid" if metric.kind == "category" else explain.number(value, metric.unit)
        shown = explain.in_german(shown) if language == "de" else shown
        said = sentence(metric, "mid" if metric.kind == "category" else value, language=language)
        assert shown in said
        assert not {"{", "}", "|"} & set(said)
        assert not {"nan", "because", "weil"} & set(said.lower().split())
        assert said[0].isupper() or said.startswith(shown)
        assert not said.endswith(".")


_PLURALS = {
    "en": {"days", "users", "people", "admins", "times", "minutes", "hours", "were", "have"},
    "de": {"Tage", "Tagen", "Personen", "Minuten", "Stunden", "waren", "wurden", "haben"},
}


@by_name
@pytest.mark.parametrize("language", ["en", "de"])
def test_one_is_told_in_the_singular_and_nothing_and_two_in_the_plural(metric, language):
    if metric.kind == "category" or metric.unit in ("share", "doublings"):
        return
    one, two, none = (sentence(metric, value, language=language) for value in (1.0, 2.0, 0.0))
    after = one.split("1 ", 1)[-1].split()
    assert not after or after[0].strip(",;") not in _PLURALS[language], one
    assert re.sub(r"(?<!\d)0(?!\d)", "2", none, count=1) == two


@by_name
def test_every_metric_has_german_words_of_its_own(metric):
    assert metric.label_de
    assert metric.sentence_de
    if metric.kind == "number":
        assert sentence(metric, 3.0, language="de") != sentence(metric, 3.0)


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_missing_value_is_told_as_missing_and_not_as_zero(missing):
    metric = CATALOG["active_days_28d"]
    assert sentence(metric, missing) == "Active days: no data"
    assert sentence(metric, missing, language="de") == "Aktive Tage: keine Daten"


def test_only_the_unit_decides_how_a_number_is_written():
    metric = CATALOG["active_days_28d"]
    assert sentence(metric, 3.0) == "Used on 3 of the last 28 days"
    share = replace(metric, unit="share", sentence="{value} of the seats")
    assert sentence(share, 0.153) == "15% of the seats"


def test_a_sentence_is_said_in_german_with_german_numbers():
    said = sentence(CATALOG["active_users_28d"], 1234.0, language="de")
    assert said == "1.234 Nutzer waren in den letzten 28 Tagen aktiv"
    share = sentence(CATALOG["active_seat_share_28d"], 0.01, language="de")
    assert share == "1 % der Lizenzen wurde in den letzten 28 Tagen genutzt"


def test_goal_and_trend_are_told_in_the_healthy_direction():
    few = sentence(CATALOG["active_users_28d"], 3.0, goal=9.0, was=12.0)
    assert few == (
        "3 users were active in the last 28 days, down from 12; "
        "healthy accounts of this kind reach 9 or more"
    )
    late = sentence(CATALOG["days_since_last_use"], 30.0, goal=5.0, was=2.0)
    assert late == (
        "Last used 30 days ago, up from 2; healthy accounts of this kind stay at 5 or less"
    )


@pytest.mark.parametrize("metric", NUMBERS, ids=lambda metric: metric.name)
def test_a_goal_is_told_of_every_metric_that_can_have_one(metric):
    for language, words in (("en", "healthy accounts"), ("de", "gesunde Kunden")):
        said = sentence(metric, 2.0, goal=4.0, language=language)
        assert (words in said) == (metric.healthy is not None)
        assert not {"{", "}"} & set(said)


def test_a_trend_is_told_only_where_it_is_seen():
    share = CATALOG["active_seat_share_28d"]
    assert sentence(share, 0.4001, was=0.3999) == sentence(share, 0.4001)
    days = CATALOG["days_to_renewal"]
    assert sentence(days, 30.0, was=60.0) == sentence(days, 30.0)


@pytest.mark.parametrize("metric", NUMBERS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("language", ["en", "de"])
def test_many_are_told_as_one_by_one(metric, language):
    rng = np.random.default_rng(0)
    holes = np.where(rng.random((3, 60)) < 0.2, np.nan, 1.0)
    scale = 1.0 if metric.unit in ("share", "doublings") else 150.0
    values, goals, was = holes * (scale * rng.random((3, 60)))
    values[:5] = [0.0, 1.0, 0.004, 0.996, 0.5]
    told = sentences.sentences(metric, values, goals, was, language)
    for row in range(len(values)):
        alone = sentence(
            metric,
            values[row],
            None if np.isnan(goals[row]) else goals[row],
            None if np.isnan(was[row]) else was[row],
            language,
        )
        assert told.texts[told.code[row]] == alone
