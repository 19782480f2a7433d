"""One account as text for a terminal, in English or German."""

from collections.abc import Mapping, Sequence
from typing import Any

from features.metric import Language
from serving import coverage, explain
from serving.explain import Record, direction, signed_points

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "head": "{name} ({id}), as of {as_of}, model version {version}",
        "risk": "Risk of leaving {ahead}: {risk} ({low} to {high} by models from other draws)",
        "health": "Health: {health}",
        "renewal": "Renewal: {renewal}",
        "curve": "Risk of leaving within {days} days: {risks}",
        "no curve": "Other horizons: not told; `tenure evaluate` says why",
        "arr": "ARR at risk: {at_risk} of {arr}; expected at the end of the window: {retained}",
        "coverage": "Coverage: {coverage}. {covered}.",
        "more": " and {count} more",
        "drivers": "How the risk comes about, in percentage points of probability:",
        "base": "where the model starts for every account",
        "sum": "in all",
        "change": "Since the previous look it changed by {change} points:",
        "steady": "Since the previous look it has not changed.",
        "new": "It was not scored at the previous look.",
        "rest": "smaller changes together",
        "open": "no end date",
    },
    "de": {
        "head": "{name} ({id}), Stand {as_of}, Modellversion {version}",
        "risk": "Kündigungsrisiko {ahead}: {risk} ({low} bis {high} laut anderen Ziehungen)",
        "health": "Gesundheit: {health}",
        "renewal": "Verlängerung: {renewal}",
        "curve": "Kündigungsrisiko innerhalb von {days} Tagen: {risks}",
        "no curve": "Andere Zeiträume: keine Angabe; `tenure evaluate` sagt warum",
        "arr": "ARR im Risiko: {at_risk} von {arr}; am Ende des Zeitraums erwartet: {retained}",
        "coverage": "Abdeckung: {coverage}. {covered}.",
        "more": " und {count} weitere",
        "drivers": "Wie das Risiko zustande kommt, in Prozentpunkten der Wahrscheinlichkeit:",
        "base": "womit das Modell bei jedem Kunden beginnt",
        "sum": "insgesamt",
        "change": "Seit dem vorigen Blick hat es sich um {change} Punkte geändert:",
        "steady": "Seit dem vorigen Blick hat es sich nicht geändert.",
        "new": "Beim vorigen Blick wurde dieser Kunde nicht beurteilt.",
        "rest": "kleinere Änderungen zusammen",
        "open": "kein Enddatum",
    },
}
_GAPS = 4
"""Stale and missing inputs that are named."""
_CHANGES = 8
"""Reasons of a change that are told one by one."""


def to_text(record: Record, ahead: str, language: Language = "en") -> str:
    """Tell one account's risk, its drivers, and what changed.

    Parameters
    ----------
    record : mapping
        A row of the score table as plain values, its sentences in the same language.
    ahead : str
        Which days the model looks at (see `explain.window`).
    language : {"en", "de"}
    """
    words = _WORDS[language]

    def percent(share: float | None, digits: int = 1) -> str:
        return "?" if share is None else _local(explain.percent(share, digits), language)

    head = {
        "name": record["name"] or record["account_id"],
        "id": record["account_id"],
        "as_of": record["as_of"],
        "version": record["model_version"],
        "ahead": ahead,
        "risk": percent(record["churn_probability"]),
        "low": percent(record["probability_low"]),
        "high": percent(record["probability_high"]),
        "health": _health(record, language),
        "renewal": _renewal(record, language),
        "at_risk": _local(explain.money(record["arr_at_risk"]), language),
        "arr": _local(explain.money(record["arr"]), language),
        "retained": _local(explain.money(record["expected_retained_arr"]), language),
        "coverage": percent(record["coverage"], 0),
        "covered": record["coverage_sentence"],
    }
    lines = [
        words[name].format(**head)
        for name in ("head", "risk", "health", "renewal", "arr", "coverage")
    ]
    lines.insert(2, _ahead(record, language))
    lines.insert(1, "")
    lines += _missing(record, language)
    lines += ["", words["drivers"], ""]
    lines.append(f"{percent(record['base_probability']):>8}  {words['base']}")
    for entry in explain.by_dimension(record):
        label = explain.dimension_label(entry["dimension"], language)
        lines.append(f"{_points(entry['points'], language):>8}  {label}")
        lines += _listed(entry["drivers"], language)
    lines.append(f"{percent(record['churn_probability']):>8}  {words['sum']}")
    return "\n".join([*lines, "", *_changed(record, language)])


def _ahead(record: Record, language: Language) -> str:
    """The risk within each horizon that is told, in one line."""
    words, told = _WORDS[language], explain.ahead(record)
    if len(told) < 2:
        return words["no curve"]
    days = " / ".join(str(each["days"]) for each in told)
    risks = " / ".join(_local(explain.percent(each["risk"], 1), language) for each in told)
    return words["curve"].format(days=days, risks=risks)


def _missing(record: Record, language: Language) -> list[str]:
    """Which inputs are stale and which were not recorded, those that move the risk most first."""
    lines = []
    for status in ("stale", "absent"):
        labels = [each["label"] for each in record["drivers"] if each["status"] == status]
        if labels:
            rest = len(labels) - _GAPS
            more = _WORDS[language]["more"].format(count=rest) if rest > 0 else ""
            said = coverage.word(status, language).capitalize()
            lines.append(f"  {said}: {', '.join(labels[:_GAPS])}{more}")
    return lines


def _listed(drivers: Sequence[Mapping[str, Any]], language: Language) -> list[str]:
    """One line for each driver that is seen to move the risk."""
    return [
        f"{'':10}{_points(driver['points'], language):>6}  {driver['sentence']}"
        for driver in drivers
        if direction(driver["points"]) != "leaves"
    ]


def _changed(record: Record, language: Language) -> list[str]:
    """What the score's change is made of; the smallest parts in one line."""
    words, change = _WORDS[language], record["probability_change"]
    if change is None:
        return [words["new"]]
    lines = _listed(record["change_drivers"], language)
    if not lines and direction(change) == "leaves":
        return [words["steady"]]
    rest = sum(driver["points"] for driver in record["change_drivers"][_CHANGES:])
    told = _listed(record["change_drivers"][:_CHANGES], language)
    if direction(rest) != "leaves":
        told.append(f"{'':10}{_points(rest, language):>6}  {words['rest']}")
    return [words["change"].format(change=_points(change, language)), "", *told]


_BANDS: Mapping[str, str] = {"healthy": "gesund", "watch": "beobachten", "at risk": "gefährdet"}


def _health(record: Record, language: Language) -> str:
    if language == "en":
        return explain.health(record)
    if record["health"] is None:
        return "nicht bekannt"
    said = f"{record['health']:.0f} von 100, {_BANDS[record['band']]}"
    if record["health_change"] is None:
        return said
    return f"{said}, {record['health_change']:+.0f} seit dem vorigen Blick"


def _renewal(record: Record, language: Language) -> str:
    words, days = _WORDS[language], record["days_to_renewal"]
    if record["renewal_date"] is None:
        return words["open"]
    if language == "en":
        return explain.renewal(record)
    return f"{record['renewal_date']} (in {days} {'Tag' if days == 1 else 'Tagen'})"


def _points(points: float, language: Language) -> str:
    return _local(signed_points(points), language)


def _local(said: str, language: Language) -> str:
    return explain.in_german(said) if language == "de" else said
