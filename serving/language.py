"""Language: which one a reader wants, and rows of the score table told in it."""

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

import numpy as np
from starlette.requests import Request

from features import catalog
from features.metric import Language, Metric
from serving import change, coverage, sentences
from serving.explain import Record

LANGUAGES: tuple[Language, ...] = get_args(Language)


def chosen(lang: str | None, accept_language: str | None) -> Language:
    """Choose what is told in: `lang=` if it is known, else the best of the Accept-Language header.

    Examples
    --------
    >>> chosen("de", "en"), chosen(None, "fr, de-AT;q=0.8, en;q=0.7"), chosen("fr", None)
    ('de', 'de', 'en')
    """
    for known in LANGUAGES:
        if lang and lang.lower() == known:
            return known
    wishes = [_wish(part) for part in (accept_language or "").split(",")]
    for name, _ in sorted((wish for wish in wishes if wish[1] > 0), key=lambda wish: -wish[1]):
        for known in LANGUAGES:
            if name == known:
                return known
    return "en"


def of(request: Request) -> Language:
    """Choose the language of an answer to a request."""
    return chosen(request.query_params.get("lang"), request.headers.get("accept-language"))


def _wish(part: str) -> tuple[str, float]:
    """One wish of the header: the language without its region, and how much it is wanted."""
    name, *parameters = part.split(";")
    wanted = 1.0
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        if key == "q":
            try:
                wanted = float(value)
            except ValueError:
                wanted = 0.0
    return name.strip().split("-")[0].lower(), wanted


def retell(record: Record, language: Language) -> dict[str, Any]:
    """Tell a row of the score table in another language: all labels and sentences in it.

    Own metrics keep the words in which they were told: they may have none in another language.
    """
    metrics = _metrics()
    return {
        **record,
        "coverage_sentence": coverage.sentence(record["coverage_by_status"], language),
        "drivers": [_retold(each, metrics, language) for each in record["drivers"]],
        "change_drivers": [_changed(each, metrics, language) for each in record["change_drivers"]],
    }


def _retold(
    driver: Mapping[str, Any], metrics: Mapping[str, Metric], language: Language
) -> dict[str, Any]:
    metric = metrics.get(driver["metric"])
    if metric is None:
        return dict(driver)
    said = sentences.sentence(metric, driver["value"], driver["goal"], driver["was"], language)
    return {**driver, "label": metric.called(language), "sentence": said}


def _changed(
    driver: Mapping[str, Any], metrics: Mapping[str, Metric], language: Language
) -> dict[str, Any]:
    if driver["metric"] is None:
        label, said = change.said_of_cause(driver["cause"], language)
        return {**driver, "label": label, "sentence": said}
    metric = metrics.get(driver["metric"])
    if metric is None:
        return dict(driver)
    if metric.kind == "category":
        said = sentences.sentence(metric, driver["value"], language=language)
    else:
        now, was = (
            np.array([np.nan if driver[name] is None else driver[name]])
            for name in ("value", "was")
        )
        said = sentences.moves(metric, now, was, language).texts[0]
    return {**driver, "label": metric.called(language), "sentence": said}


@cache
def _metrics() -> Mapping[str, Metric]:
    return catalog.metrics()
