"""Weights and goals in the terms of other tools, as a CSV table to type in or to import.

Which of their pages each form is taken from: docs/health-score-exports.md. Every segment's rows are
a whole scorecard. Where a tool counts in whole points, these sum to its total (largest remainders),
and what rounds to none is left out.
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from serving.files import write_aside
from serving.weights import Told, goal_of, heaviest

Row = dict[str, Any]

NOTES: Mapping[str, str] = {
    "gainsight": "Type groups, measures and weights in Administration > Scorecards; use the "
    "thresholds in the rules that set each measure's score.",
    "totango": "Type it in Settings > Health Designer, multidimensional; one profile per segment.",
    "hubspot": "Type groups and max points in the Calculations tab of the health score.",
    "churnzero": "Type each factor and its tiers in Health > ChurnScores; points sum to 100.",
    "planhat": "Type each factor as a linear condition of the health profile.",
    "vitally": "Add a score for each row in Settings > Account Health, and its weight; leave nulls "
    "out.",
}


def write_csv(document: Told, tool: str, path: Path) -> str:
    """Write the table of one tool, whole or not at all; returns how it gets into the tool."""
    rows = table(document, tool)

    def to_file(aside: Path) -> None:
        with aside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    write_aside(path, to_file)
    return NOTES[tool]


def table(document: Told, tool: str) -> list[Row]:
    """Rows of one tool's table."""
    counted = _COUNTED.get(tool, ())
    return [
        row
        for each in _factors(document)
        if all(each[count] for count in counted)
        for row in _FORMS[tool](each)
    ]


def _factors(document: Told) -> Iterable[Row]:
    """One record per segment and metric that carries weight, with shares and points."""
    told = document["metrics"]
    used = {name: each for name, each in told.items() if each["weight"] > 0}
    points = whole({name: each["weight"] for name, each in used.items()}, 100)
    dimensions = whole({name: d["weight"] for name, d in document["dimensions"].items()}, 100)
    segments = [goal["segment"] for goal in next(iter(told.values()))["goals"]]
    for segment in ["all", *(name for name in segments if name != "all")]:
        for dimension, metrics in heaviest(document):
            own = {name: each for name, each in metrics if name in used}
            shares = whole({name: each["weight"] for name, each in own.items()}, 100)
            for name, each in own.items():
                goal = goal_of(each, segment)
                yield {
                    "segment": "All" if segment == "all" else segment,
                    "dimension": dimension.capitalize(),
                    "dimension_weight": dimensions[dimension],
                    "metric": name,
                    "label": each["label"],
                    "unit": each["unit"],
                    "weight": each["weight"],
                    "points": points[name],
                    "share": shares[name],
                    "red": goal["red"],
                    "goal": goal["goal"],
                    "green": goal["green"],
                    "high": each["healthy"] == "high",
                }


def whole(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """Round weights to whole numbers that sum to a total, by largest remainders.

    Examples
    --------
    >>> whole({"a": 1.0, "b": 1.0, "c": 1.0}, 100)
    {'a': 34, 'b': 33, 'c': 33}
    """
    in_all = sum(weights.values()) or 1.0
    exact = {name: total * weight / in_all for name, weight in weights.items()}
    rounded = {name: int(value) for name, value in exact.items()}
    by_rest = sorted(exact, key=lambda name: rounded[name] - exact[name])
    for name in by_rest[: total - sum(rounded.values())]:
        rounded[name] += 1
    return rounded


def _number(value: float) -> str:
    return f"{value:.4g}"


def _is(word: str, each: Row, threshold: float) -> str:
    """Write a condition in the metric's healthy direction, or against it."""
    up = each["high"] == (word == "good")
    return f"{'>=' if up else '<='} {_number(threshold)}"


def _gainsight(each: Row) -> Iterable[Row]:
    yield {
        "Scorecard": each["segment"],
        "Measure Group": each["dimension"],
        "Group Weight (%)": each["dimension_weight"],
        "Measure": each["label"],
        "Measure Weight in Group (%)": each["share"],
        "Red (score 0) if": _is("poor", each, each["red"]),
        "Green (score 100) if": _is("good", each, each["green"]),
        "Yellow (score 50)": "otherwise",
        "Field": each["metric"],
        "Unit": each["unit"],
    }


def _totango(each: Row) -> Iterable[Row]:
    yield {
        "Profile (segment)": each["segment"],
        "Dimension": each["dimension"],
        "Dimension Weight (%)": each["dimension_weight"],
        "Metric": each["label"],
        "Metric Weight in Dimension (%)": each["share"],
        "Good": _is("good", each, each["green"]),
        "Poor": _is("poor", each, each["red"]),
        "Attribute": each["metric"],
        "Unit": each["unit"],
    }


def _hubspot(each: Row) -> Iterable[Row]:
    for points, condition in (
        (each["points"], _is("good", each, each["green"])),
        (_number(each["points"] / 2), f"not {_is('good', each, each['green'])}, but "
         f"{_is('good', each, each['goal'])}"),
    ):  # fmt: skip
        yield {
            "Segment": each["segment"],
            "Group": each["label"],
            "Max points": each["points"],
            "Property": each["metric"],
            "Criterion": condition,
            "Add points": points,
            "Unit": each["unit"],
        }


def _churnzero(each: Row) -> Iterable[Row]:
    low, high = sorted((each["red"], each["green"]))
    tiers = [("", _number(low), 0), (_number(low), _number(each["goal"]), 25),
             (_number(each["goal"]), _number(high), 75), (_number(high), "", 100)]  # fmt: skip
    for bottom, top, percent in tiers:
        yield {
            "ChurnScore (segment)": each["segment"],
            "Factor": each["label"],
            "Factor Total Points": each["points"],
            "Bottom Range": bottom,
            "Top Range": top,
            "% of Points": percent if each["high"] else 100 - percent,
            "Attribute": each["metric"],
            "Unit": each["unit"],
        }


def _planhat(each: Row) -> Iterable[Row]:
    yield {
        "Health Profile (filter)": each["segment"],
        "Factor": each["metric"],
        "Condition": "linear",
        "From value": _number(each["red"]),
        "Health impact at from": _number(-each["weight"] / 20),
        "To value": _number(each["green"]),
        "Health impact at to": _number(each["weight"] / 20),
        "Meaning": each["label"],
        "Unit": each["unit"],
    }


def _vitally(each: Row) -> Iterable[Row]:
    low, high = sorted((each["red"], each["green"]))
    yield {
        "Segment": each["segment"],
        "Score": each["label"],
        "Weight (%)": each["points"],
        "Property": each["metric"],
        "Healthy (10)": _is("good", each, each["green"]),
        "Concerning (5)": f"> {_number(low)} and < {_number(high)}",
        "Poor (0)": _is("poor", each, each["red"]),
        "Nulls": "leave out",
        "Unit": each["unit"],
    }


_FORMS: Mapping[str, Callable[[Row], Iterable[Row]]] = {
    "gainsight": _gainsight,
    "totango": _totango,
    "hubspot": _hubspot,
    "churnzero": _churnzero,
    "planhat": _planhat,
    "vitally": _vitally,
}

_COUNTED: Mapping[str, Sequence[str]] = {
    "gainsight": ("dimension_weight", "share"),
    "totango": ("dimension_weight", "share"),
    "hubspot": ("points",),
    "churnzero": ("points",),
    "vitally": ("points",),
}
"""What tools count in whole points; Planhat's impacts are not rounded to any."""
