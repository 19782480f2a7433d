"""What a metric is: its definition, unit, direction and words, in one place."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import ibis.expr.types as ir

DIMENSIONS = (
    "frequency",
    "breadth",
    "depth",
    "sentiment",
    "engagement",
    "support",
    "outcomes",
    "advocacy",
    "commercial",
)
"""The families of metrics that make up a health score, in the order in which people read them."""

CONTEXT = "context"
"""What a model may know that says nothing about health: segment, days to renewal."""

Language = Literal["en", "de"]
Healthy = Literal["high", "low"]
Kind = Literal["number", "category"]
_CHOICE = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")


@dataclass(frozen=True)
class Below:
    """All numbers less than a limit: see ``Metric.not_for``."""

    limit: float

    def __str__(self) -> str:
        return f"less than {self.limit:g}"


@dataclass(frozen=True)
class AtLeast:
    """All numbers from a limit on: see ``Metric.not_for``."""

    limit: float

    def __str__(self) -> str:
        return f"{self.limit:g} or more"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One feature with a meaning for Customer Success people.

    Parameters
    ----------
    name : str
        Column of the feature table; windows and units stand in it (``active_days_28d``).
    dimension : str
        One of `DIMENSIONS`, or `CONTEXT` for what is no matter of health.
    label, label_de : str
        Short name for people ("Active days"), in English and German.
    unit : str
        "days", "users", "share" (0-1), "ratio", "points", "count", ...
    healthy : {"high", "low", None}
        Which way is better for the customer relationship; None where neither is.
    actionable : bool
        Whether a Customer Success team can move it within weeks by what it does for the customer.
        What people feel, what is settled by contract and what lies in the past are not.
    formula : str
        The definition in words.
    sentence, sentence_de : str
        What it says of one account, in English and German: ``{value}`` stands for the number,
        ``{user was|users were}`` for one form where the number is 1 and another elsewhere. A metric
        without German is told in English.
    goal_said, goal_said_de : str
        What ``{value}``, the metric's goal, means; by default in the words of its healthy
        direction.
    needs : tuple of str
        Contract tables and columns without which the metric is absent: ``usage``,
        ``usage.duration_s``; ``usage.user_id|usage.active_users`` where either will do.
    age : str
        The metric that tells how many days old the value is; empty where the value is of the as_of
        itself, as a count over a trailing window is.
    stale_days : int or str
        Days of age from which on the value is stale; or the setting of [metrics] that says so.
    not_for : tuple of (str, str, float, Below or AtLeast)
        Pairs of a metric and a value of it, or several: an account with such a value has nothing
        that this metric could tell. Where it is null there, it is not applicable rather than
        missing.
    value : callable
        From the dimension's table of base quantities to the metric's expression.
    kind : {"number", "category"}
        How a model reads it.
    """

    name: str
    dimension: str
    label: str
    label_de: str = ""
    unit: str
    healthy: Healthy | None
    actionable: bool
    formula: str
    sentence: str
    sentence_de: str = ""
    goal_said: str = ""
    goal_said_de: str = ""
    needs: tuple[str, ...]
    value: Callable[[ir.Table], ir.Value]
    kind: Kind = "number"
    age: str = ""
    stale_days: int | str = 0
    not_for: tuple[tuple[str, str | float | Below | AtLeast], ...] = ()

    def called(self, language: Language = "en") -> str:
        """Short name in a language."""
        return (self.label_de if language == "de" else "") or self.label

    def said(self, value: str, language: Language = "en") -> str:
        """Sentence on one account, about a value as people write it.

        Examples
        --------
        >>> from features import catalog
        >>> users = catalog.metrics()["active_users_28d"]
        >>> users.said("1")
        '1 user was active in the last 28 days'
        >>> users.said("0", "de")
        '0 Nutzer waren in den letzten 28 Tagen aktiv'
        """
        sentence = (self.sentence_de if language == "de" else "") or self.sentence
        form = 1 if value.strip("<>+-% ") == "1" else 2
        return _CHOICE.sub(lambda choice: choice[form], sentence).replace("{value}", value)

    def said_of_goal(self, value: str, language: Language = "en") -> str:
        """Clause on the goal, about a value as people write it; only for a healthy direction.

        Examples
        --------
        >>> from features import catalog
        >>> catalog.metrics()["active_users_28d"].said_of_goal("9")
        'healthy accounts of this kind reach 9 or more'
        >>> catalog.metrics()["days_since_last_use"].said_of_goal("5", "de")
        'gesunde Kunden dieser Art bleiben bei höchstens 5'
        """
        own = self.goal_said_de if language == "de" else self.goal_said
        clause = own or _GOAL[language, self.healthy or "high"]
        return clause.replace("{value}", value)


_GOAL: Mapping[tuple[Language, Healthy], str] = {
    ("en", "high"): "healthy accounts of this kind reach {value} or more",
    ("en", "low"): "healthy accounts of this kind stay at {value} or less",
    ("de", "high"): "gesunde Kunden dieser Art erreichen {value} oder mehr",
    ("de", "low"): "gesunde Kunden dieser Art bleiben bei höchstens {value}",
}
