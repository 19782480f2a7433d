"""Sentences: what a metric shows of one account, with its goal and where it came from.

A sentence depends on nothing but a metric's own words and the value, goal and earlier value as they
are shown. So a column of a table needs one sentence per distinct combination, and a reader's
language can be chosen when the sentence is read.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.metric import CONTEXT, Language, Metric
from serving import explain
from serving.entries import Words

_NO_DATA: Mapping[Language, str] = {"en": "no data", "de": "keine Daten"}
_UP: Mapping[Language, str] = {"en": ", up from {was}", "de": ", zuvor {was}"}
_DOWN: Mapping[Language, str] = {"en": ", down from {was}", "de": ", zuvor {was}"}

_FROM_TO: Mapping[Language, str] = {"en": "from {was} to {now}", "de": "von {was} auf {now}"}
_STILL: Mapping[Language, str] = {"en": "still {now}", "de": "weiterhin {now}"}


def sentence(
    metric: Metric,
    value: float | str | None,
    goal: float | None = None,
    was: float | None = None,
    language: Language = "en",
) -> str:
    """Say what a metric shows of one account, in the words of its own definition.

    Parameters
    ----------
    metric : Metric
    value : float, str or None
        What is known of the account; None or NaN where nothing is.
    goal : float, optional
        From where on the metric is healthy for accounts like this one.
    was : float, optional
        The value at the previous as_of; told where it looks different.
    language : {"en", "de"}

    Examples
    --------
    >>> from features import catalog
    >>> days = catalog.metrics()["active_days_28d"]
    >>> sentence(days, 3.0, goal=9.0, was=12.0)
    'Used on 3 of the last 28 days, down from 12; healthy accounts of this kind reach 9 or more'
    >>> sentence(days, 3.0, goal=9.0, language="de")
    'An 3 der letzten 28 Tage genutzt; gesunde Kunden dieser Art erreichen 9 oder mehr'
    """
    if isinstance(value, str):
        return metric.said(value, language)
    known = np.array([np.nan if each is None else each for each in (value, goal, was)])
    return _said(metric, explain.rounded(known, metric.unit).tolist(), language)


def sentences(
    metric: Metric,
    values: NDArray[np.float64],
    goals: NDArray[np.float64],
    was: NDArray[np.float64],
    language: Language = "en",
) -> Words:
    """Say a metric of n accounts as `sentence` says it of one; NaN stands for unknown."""
    shown = [explain.rounded(each, metric.unit) for each in (values, goals, was)]
    return _distinct(shown, lambda each: _said(metric, each, language))


def moves(
    metric: Metric,
    values: NDArray[np.float64],
    was: NDArray[np.float64],
    language: Language = "en",
) -> Words:
    """Say how a metric of n accounts moved; NaN stands for unknown.

    Examples
    --------
    >>> from features import catalog
    >>> days = catalog.metrics()["active_days_28d"]
    >>> moves(days, np.array([3.0, 3.0]), np.array([12.0, np.nan])).texts
    ['Active days: from 12 to 3', 'Active days: from no data to 3']
    """
    shown = [explain.rounded(each, metric.unit) for each in (values, was)]
    return _distinct(shown, lambda each: _moved(metric, each, language))


def numbers(table: pd.DataFrame, metrics: Sequence[Metric | None]) -> NDArray[np.float64]:
    """Metrics' columns as numbers, shape (k, n); NaN for categories and what is not there."""
    found = np.full((len(metrics), len(table)), np.nan)
    for place, metric in enumerate(metrics):
        if metric and metric.kind == "number" and metric.name in table:
            found[place] = table[metric.name].to_numpy(np.float64, na_value=np.nan)
    return found


def _distinct(shown: Sequence[NDArray[np.float64]], say: Callable[[Any], str]) -> Words:
    """Say each distinct combination of n shown numbers once."""
    combined = np.zeros(len(shown[0]), np.int64)
    for each in shown:
        code, known = pd.factorize(each, use_na_sentinel=False)
        combined = combined * max(len(known), 1) + code
    code, known = pd.factorize(combined)
    first = np.full(len(known), len(code))
    np.minimum.at(first, code, np.arange(len(code)))
    distinct = zip(*(each[first].tolist() for each in shown), strict=True)
    return Words(code, [say(each) for each in distinct])


def _said(metric: Metric, shown: Sequence[float], language: Language) -> str:
    """Say value, goal and earlier value as they are shown; NaN where one is unknown."""
    value, goal, was = shown
    aim = _goal(metric, goal, language)
    if math.isnan(value):
        return f"{metric.called(language)}: {_NO_DATA[language]}{aim}"
    said = metric.said(written(value, metric.unit, language), language)
    return f"{said}{_trend(metric, value, was, language)}{aim}"


def _moved(metric: Metric, shown: Sequence[float], language: Language) -> str:
    now, then = (
        _NO_DATA[language] if math.isnan(each) else written(each, metric.unit, language)
        for each in shown
    )
    words = _STILL[language] if now == then else _FROM_TO[language]
    return f"{metric.called(language)}: {words.replace('{was}', then).replace('{now}', now)}"


def _goal(metric: Metric, goal: float, language: Language) -> str:
    if math.isnan(goal) or metric.healthy is None:
        return ""
    return "; " + metric.said_of_goal(written(goal, metric.unit, language), language)


def _trend(metric: Metric, value: float, was: float, language: Language) -> str:
    """Where the value came from; a change against an earlier time is a trend by itself."""
    passing = metric.dimension == CONTEXT and metric.unit == "days"
    if math.isnan(was) or value == was or passing or metric.unit == "doublings":
        return ""
    words = (_UP if value > was else _DOWN)[language]
    return words.replace("{was}", written(was, metric.unit, language))


def written(shown: float, unit: str, language: Language) -> str:
    """Write a number that has been rounded (`explain.rounded`), in a language."""
    said = explain.written(shown, unit)
    return explain.in_german(said) if language == "de" else said
