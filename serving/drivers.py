"""Drivers: what each metric adds to each account's risk, with its value, goal and sentence."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.metric import Language, Metric
from features.status import STATUSES
from serving import entries, sentences
from serving.entries import Entries, Words


def drivers(
    inputs: pd.DataFrame,
    points: pd.DataFrame,
    metrics: Mapping[str, Metric],
    code: NDArray[np.int8],
    goals: pd.DataFrame | None = None,
    before: pd.DataFrame | None = None,
    language: Language = "en",
) -> Entries:
    """Tell every driver of n accounts, by absolute points.

    Parameters
    ----------
    inputs, points : DataFrame of shape (n, k)
        The model's inputs and their shares of probability, with equal columns.
    metrics : mapping of str to Metric
    code : ndarray of shape (n, k)
        What is known of each input, as places among `features.status.STATUSES`.
    goals : DataFrame of shape (n, any), optional
        From where on each metric is healthy for each account; NaN where no goal was learned.
    before : DataFrame of shape (n, any), optional
        The inputs as they were at the previous as_of; NaN where they were not known.
    language : {"en", "de"}
        Of labels and sentences.

    Returns
    -------
    Entries
        Records of metric, dimension, label, unit, healthy ("high" or "low" is better, or None),
        value, goal, was (the value before), points, sentence and status.
    """
    used = [metrics[name] for name in points]
    share = points.to_numpy().T
    value, goal, was = (
        np.full(share.shape, np.nan) if table is None else sentences.numbers(table, used)
        for table in (inputs, goals, before)
    )
    category = {
        place: entries.categories(inputs[metric.name])
        for place, metric in enumerate(used)
        if metric.kind == "category"
    }
    sentence = [
        _in_words(metric, category[place], language)
        if place in category
        else sentences.sentences(metric, value[place], goal[place], was[place], language)
        for place, metric in enumerate(used)
    ]
    return Entries(
        order=np.argsort(-np.abs(share.T), axis=1, kind="stable"),
        length=np.full(len(inputs), len(used)),
        constant={
            "metric": [metric.name for metric in used],
            "dimension": [metric.dimension for metric in used],
            "label": [metric.called(language) for metric in used],
            "unit": [metric.unit for metric in used],
            "healthy": [metric.healthy for metric in used],
        },
        number={"value": value, "goal": goal, "was": was, "points": share},
        words={
            "sentence": sentence,
            "status": [Words(own, STATUSES) for own in code.T.astype(np.intp)],
        },
        category=category,
    )


def _in_words(metric: Metric, category: Words, language: Language) -> Words:
    said = [sentences.sentence(metric, text or None, language=language) for text in category.texts]
    return Words(category.code, said)
