"""Reasons in words: how numbers, metrics and drivers are said to people.

Drivers are what the model has learned to go along with leaving. No sentence here says "because".
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from features.metric import CONTEXT, Language

Record = Mapping[str, Any]
"""One row of the score table as plain values (see `serving.score.records`)."""

_SAID_BY_THE_LABEL = {"", "share", "doublings", "currency", "count", "ratio"}


def number(value: float, unit: str) -> str:
    """Write a number the way people say it in a sentence, without its unit's name.

    Parameters
    ----------
    value : float
        In the metric's own unit; shares run from 0 to 1, "doublings" as a change.
    unit : str
        See `features.metric.Metric`.

    Examples
    --------
    >>> number(0.153, "share"), number(3.0, "days"), number(12345.6, "currency")
    ('15%', '3', '12,346')
    >>> number(-1.0, "doublings"), number(3.0, "doublings"), number(2.53, "points")
    ('-50%', 'a factor of 8', '2.5')
    """
    return written(float(rounded(np.array([value]), unit)[0]), unit)


def written(shown: float, unit: str) -> str:
    """Write a number that has been `rounded`."""
    if unit == "share":
        return percent(shown / 100)
    if unit == "doublings":
        return f"{shown:+.0f}%" if shown < _FACTOR else f"a factor of {shown / 100 + 1:,.0f}"
    if abs(shown) >= 100 or shown.is_integer():
        return f"{shown:,.0f}"
    return f"{shown:g}" if abs(shown) < 1 else f"{shown:.1f}"


_FACTOR = 180.0
"""Per cent of growth from which people rather hear a factor."""

_MOST_DOUBLINGS = 50.0
"""Doublings above which nothing is told apart any more."""


def rounded(values: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    """Round n numbers to what is shown of them: equal where `number` writes them alike.

    Shares and changes come as per cent.
    """
    return _rounded(values, unit) + 0.0  # so that -0 is 0


def _rounded(values: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    if unit == "share":
        shown = 100 * values
        near = np.where((shown > 0) & (shown < 0.5), 0.1, np.rint(shown))
        return np.asarray(np.where((shown >= 99.5) & (shown < 100), 99.9, near))
    if unit == "doublings":
        growth = 100 * (np.exp2(np.minimum(values, _MOST_DOUBLINGS)) - 1)
        return np.where(growth < _FACTOR, np.rint(growth), 100 * np.rint(growth / 100))
    fine = np.where(np.abs(values) < 1, values.round(2), values.round(1))
    return np.where(np.abs(values) >= 100, np.rint(values), fine)


def quantity(value: float | str | None, unit: str) -> str:
    """Write a value for a table's cell, with its unit.

    Examples
    --------
    >>> quantity(1.0, "days"), quantity(12.0, "users"), quantity(0.4, "share")
    ('1 day', '12 users', '40%')
    >>> quantity("mid", ""), quantity(None, "days")
    ('mid', 'no data')
    """
    if value is None:
        return "no data"
    if isinstance(value, str):
        return value
    said = number(value, unit)
    if unit in _SAID_BY_THE_LABEL:
        return said
    return f"{said} {unit.removesuffix('s') if said == '1' else unit}"


def percent(share: float, digits: int = 0) -> str:
    """Write a share from 0 to 1 as a percentage; what is not nothing is not called nothing.

    Examples
    --------
    >>> percent(0.237), percent(0.237, 1), percent(0.001), percent(0.0), percent(0.999)
    ('24%', '23.7%', '<1%', '0%', '>99%')
    """
    least = 10.0**-digits
    if 0 < 100 * share < least / 2:
        return f"<{least:.{digits}f}%"
    if 100 - least / 2 <= 100 * share < 100:
        return f">{100 - least:.{digits}f}%"
    return f"{100 * share:.{digits}f}%"


def signed_points(points: float) -> str:
    """Write a share of probability as signed percentage points.

    Examples
    --------
    >>> signed_points(0.0312), signed_points(-0.004), signed_points(0.0001)
    ('+3.1', '-0.4', '0.0')
    """
    said = f"{100 * points:+.1f}"
    return said if said.strip("+-0.") else "0.0"


def direction(points: float) -> Literal["raises", "lowers", "leaves"]:
    """Tell which way a driver moves the risk, as far as people are shown it.

    Examples
    --------
    >>> direction(0.03), direction(-0.03), direction(0.0)
    ('raises', 'lowers', 'leaves')
    """
    said = signed_points(points)
    if said == "0.0":
        return "leaves"
    return "raises" if said.startswith("+") else "lowers"


def in_german(said: str) -> str:
    """Write an English number the German way.

    Examples
    --------
    >>> in_german("12,346"), in_german("2.5"), in_german("<1%"), in_german("a factor of 8")
    ('12.346', '2,5', '<1 %', 'den Faktor 8')
    """
    swapped = said.translate(str.maketrans(",.", ".,"))
    return swapped.replace("%", " %").replace("a factor of", "den Faktor")


def raising(drivers: Iterable[Mapping[str, Any]], most: int = 3) -> list[Mapping[str, Any]]:
    """Pick the strongest drivers that raise the risk; a protective one is never a reason for it.

    Nor is one that stands where healthy accounts stand: what people would read of it is good.
    """
    told = (driver for driver in drivers if not stands_well(driver))
    return _strongest(told, "raises", most)


def lowering(drivers: Iterable[Mapping[str, Any]], most: int = 3) -> list[Mapping[str, Any]]:
    """Pick the strongest drivers that lower the risk."""
    return _strongest(drivers, "lowers", most)


def stands_well(driver: Mapping[str, Any]) -> bool:
    """Tell whether a driver's value has reached its goal.

    Examples
    --------
    >>> stands_well({"value": 9.0, "goal": 9.0, "healthy": "high"})
    True
    >>> stands_well({"value": 9.0, "goal": 8.0, "healthy": "low"})
    False
    >>> stands_well({"value": 9.0, "goal": None, "healthy": "high"})
    False
    """
    value, goal = driver["value"], driver["goal"]
    if value is None or goal is None or driver["healthy"] is None:
        return False
    return bool(value >= goal if driver["healthy"] == "high" else value <= goal)


def _strongest(
    drivers: Iterable[Mapping[str, Any]], way: str, most: int
) -> list[Mapping[str, Any]]:
    """Take the first that point one way: drivers come in order of absolute points."""
    return [driver for driver in drivers if direction(driver["points"]) == way][:most]


def by_dimension(record: Record) -> list[dict[str, Any]]:
    """Tell the drivers dimension first: sums of related metrics are steadier than each alone.

    Returns
    -------
    list of dict
        By absolute points: ``dimension``, ``points`` (share of probability) and ``drivers``, the
        dimension's own drivers with those that point the dimension's way first.
    """
    told = []
    for name, points in record["dimension_points"].items():
        own = [driver for driver in record["drivers"] if driver["dimension"] == name]
        own.sort(key=lambda driver: (_is_no_reason(driver, points), -abs(driver["points"])))
        told.append({"dimension": name, "points": points, "drivers": own})
    return sorted(told, key=lambda entry: -abs(entry["points"]))


def _is_no_reason(driver: Mapping[str, Any], points: float) -> bool:
    """Whether a driver points the other way, or speaks of health where the risk is raised."""
    return driver["points"] * points < 0 or (points > 0 and stands_well(driver))


def in_short(record: Record, most: int = 3) -> list[dict[str, Any]]:
    """Tell the strongest dimensions of health, and then what the contract says.

    A renewal that is near often moves the risk more than anything else. It is told, but it is
    nothing that a team could act on, so it does not take a reason's place.
    """
    told = [entry for entry in by_dimension(record) if direction(entry["points"]) != "leaves"]
    health = [entry for entry in told if entry["dimension"] != CONTEXT]
    return health[:most] + [entry for entry in told if entry["dimension"] == CONTEXT]


def dimension_label(name: str, language: Language = "en") -> str:
    """Name a dimension for people.

    Examples
    --------
    >>> dimension_label("breadth"), dimension_label("context"), dimension_label("breadth", "de")
    ('Breadth', 'Account and contract', 'Verbreitung')
    """
    return _DIMENSIONS[language].get(name, name.capitalize())


_DIMENSIONS: Mapping[Language, Mapping[str, str]] = {
    "en": {CONTEXT: "Account and contract"},
    "de": {
        CONTEXT: "Kunde und Vertrag",
        "frequency": "Häufigkeit",
        "breadth": "Verbreitung",
        "depth": "Tiefe",
        "sentiment": "Stimmung",
        "engagement": "Austausch",
        "support": "Support",
        "outcomes": "Ergebnisse",
        "advocacy": "Fürsprache",
        "commercial": "Geschäft",
    },
}


def window(lead_days: int, horizon_days: int, language: Language = "en") -> str:
    """Say which days from as_of the model looks at.

    Examples
    --------
    >>> window(0, 90), window(30, 90), window(0, 90, "de")
    ('within 90 days', 'between 31 and 120 days ahead', 'innerhalb von 90 Tagen')
    """
    first, last = lead_days + 1, lead_days + horizon_days
    if language == "de":
        return f"innerhalb von {last} Tagen" if not lead_days else f"in {first} bis {last} Tagen"
    return f"within {last} days" if not lead_days else f"between {first} and {last} days ahead"


def ahead(record: Record) -> list[dict[str, Any]]:
    """Risk of leaving within each horizon that is told: ``days`` and ``risk``, the nearest first.

    Examples
    --------
    >>> ahead({"churn_30d": 0.1, "churn_90d": 0.2, "churn_180d": None, "churn_365d": None})
    [{'days': 30, 'risk': 0.1}, {'days': 90, 'risk': 0.2}]
    """
    risks = {days: record[f"churn_{days}d"] for days in (30, 90, 180, 365)}
    return [{"days": days, "risk": risk} for days, risk in risks.items() if risk is not None]


def renewal(record: Record) -> str:
    """Say when an account's contract renews.

    Examples
    --------
    >>> renewal({"renewal_date": "2026-03-31", "days_to_renewal": 41})
    '2026-03-31 (in 41 days)'
    >>> renewal({"renewal_date": None, "days_to_renewal": None})
    'no end date'
    """
    if record["renewal_date"] is None:
        return "no end date"
    return f"{record['renewal_date']} (in {quantity(record['days_to_renewal'], 'days')})"


def health(record: Record) -> str:
    """Say how healthy an account is, and how that has moved.

    Examples
    --------
    >>> health({"health": 61.6, "band": "watch", "health_change": -4.2})
    '62 of 100, watch, down 4 since the previous look'
    >>> health({"health": 61.6, "band": "watch", "health_change": None})
    '62 of 100, watch'
    >>> health({"health": None, "band": None, "health_change": None})
    'not known'
    """
    if record["health"] is None:
        return "not known"
    said = f"{record['health']:.0f} of 100, {record['band']}"
    if record["health_change"] is None:
        return said
    return f"{said}, {health_moved(record['health_change'])} since the previous look"


def health_moved(change: float) -> str:
    """Say by how much health has moved.

    Examples
    --------
    >>> health_moved(-4.2), health_moved(0.3), health_moved(12.0)
    ('down 4', 'unchanged', 'up 12')
    """
    if abs(change) < 0.5:
        return "unchanged"
    return f"{'up' if change > 0 else 'down'} {abs(change):.0f}"


def money(amount: float | None) -> str:
    """Write an amount of the company's own currency.

    Examples
    --------
    >>> money(12345.6), money(None)
    ('12,346', 'unknown')
    """
    return "unknown" if amount is None else f"{amount:,.0f}"
