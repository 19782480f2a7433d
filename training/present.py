"""Weights and goals in use today: the centre to which the evidence pulls.

A metric or dimension that is not named among the weights counts nothing today; a dimension's weight
is shared by those of its metrics that are not named themselves. A goal is one number for all
accounts, or one per segment; where a segment is not named, the number under ``all`` holds, or else
the mean of the others.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from features.errors import TenureError, did_you_mean
from features.metric import Metric
from training.cells import Floats
from training.scorecard import PORTFOLIO

Goals = Mapping[str, float | Mapping[str, float]]


def check(
    weights: Mapping[str, float],
    goals: Goals,
    metrics: Mapping[str, Metric],
    segments: Collection[str] | None = None,
) -> None:
    """Refuse names that mean nothing here, and numbers that cannot be weights or goals.

    Parameters
    ----------
    weights, goals : mapping
        Of today.
    metrics : mapping of name to Metric
    segments : collection of str, optional
        Those that there are; None where that is not known.
    """
    healthy = {name: metric for name, metric in metrics.items() if metric.healthy is not None}
    known = [*healthy, *dict.fromkeys(metric.dimension for metric in healthy.values())]
    faults = [f"'{name}'{did_you_mean(name, known)}" for name in weights if name not in known]
    faults += [
        f"'{name}'{did_you_mean(name, list(healthy))}" for name in goals if name not in healthy
    ]
    if faults:
        raise TenureError(
            f"{len(faults)} of the names given to the present weights and goals are no metric of "
            f"health: {', '.join(faults[:5])}.",
            "Name metrics as `tenure features` does; weights may also be given to dimensions.",
        )
    if segments is not None:
        _check_segments(goals, segments)
    wrong = [f"{name} = {value!r}" for name, value in weights.items() if not _is_number(value, 0)]
    for name, given in goals.items():
        values = given.values() if isinstance(given, Mapping) else [given]
        wrong += [f"{name} = {value!r}" for value in values if not _is_number(value)]
    if wrong:
        raise TenureError(
            f"{len(wrong)} of the present weights and goals cannot be: {', '.join(wrong[:5])}.",
            "Weights are numbers from 0 upwards, goals numbers in the metric's unit.",
        )
    if weights and not any(weights.values()):
        raise TenureError(
            "All present weights are 0.", "Give at least one above 0, or leave them out."
        )


def _check_segments(goals: Goals, segments: Collection[str]) -> None:
    known = [*segments, PORTFOLIO]
    faults = [
        f"'{segment}' of {name}{did_you_mean(segment, known)}"
        for name, given in goals.items()
        if isinstance(given, Mapping)
        for segment in given
        if segment not in known
    ]
    if faults:
        raise TenureError(
            f"{len(faults)} of the present goals are for segments that no account is in: "
            f"{', '.join(faults[:5])}.",
            f"There are {', '.join(segments) or 'none'}; '{PORTFOLIO}' is for everyone.",
        )


def _is_number(value: float, least: float = -np.inf) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and bool(np.isfinite(value)) and value >= least


def expected(weights: Mapping[str, float], used: Sequence[Metric]) -> Floats | None:
    """Weight of each metric today, shape (p,); None where none of them carries any."""
    told = np.array([float(weights.get(metric.name, 0.0)) for metric in used])
    for dimension in dict.fromkeys(metric.dimension for metric in used):
        rest = [
            j
            for j, metric in enumerate(used)
            if metric.dimension == dimension and metric.name not in weights
        ]
        if rest and dimension in weights:
            told[rest] = weights[dimension] / len(rest)
    return told if told.any() else None


def middles(goals: Goals, used: Sequence[Metric], segments: Sequence[str]) -> Floats:
    """Goals of today in units, shape (p, segments + 1), the portfolio's last; NaN where none is."""
    told = np.full((len(used), len(segments) + 1), np.nan)
    for j, metric in enumerate(used):
        given = goals.get(metric.name)
        if given is None:
            continue
        by_segment = given if isinstance(given, Mapping) else {PORTFOLIO: given}
        if not by_segment:
            continue
        otherwise = by_segment.get(PORTFOLIO, float(np.mean(list(by_segment.values()))))
        told[j] = [by_segment.get(name, otherwise) for name in (*segments, PORTFOLIO)]
    return told
