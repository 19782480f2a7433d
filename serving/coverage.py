"""Coverage: how much of what a model goes by is known of an account, and what is with the rest.

A metric's weight is its mean absolute points over the accounts scored together, so coverage answers
"how much of what tells these accounts apart do we know of this one?". Known is what is there and
fresh, zeros among it (see `features.status`). What does not apply to an account is left out of the
count: nobody could know it.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.metric import Language
from features.status import ABSENT, NOT_APPLICABLE, STALE, STATUSES
from serving import explain


def coverage(code: NDArray[np.int8], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the weight that applies to an account whose inputs are known and fresh.

    Parameters
    ----------
    code : ndarray of shape (n, k)
        Places among `features.status.STATUSES`.
    weight : ndarray of shape (k,)
        Of the model's inputs, in any unit; where all are 0, inputs are counted.

    Returns
    -------
    ndarray of shape (n,)
        0-1; 0 where nothing applies.

    Examples
    --------
    >>> known, zero, stale, absent, not_applicable = range(5)
    >>> code = np.array([[known, zero, known], [known, stale, absent], [known, 4, 4]], np.int8)
    >>> coverage(code, np.array([3.0, 1.0, 1.0])).tolist()
    [1.0, 0.6, 1.0]
    """
    weight = _counted(weight)
    applies = (code != NOT_APPLICABLE) @ weight
    missing = ((code == STALE) | (code == ABSENT)) @ weight
    none = applies == 0
    share: NDArray[np.float64] = 1.0 - missing / np.where(none, 1.0, applies)
    return np.where(none, 0.0, share)


def by_status(code: NDArray[np.int8], weight: NDArray[np.float64]) -> list[dict[str, float]]:
    """Share of the whole weight by status, for each of n accounts; each sums to 1.

    Examples
    --------
    >>> by_status(np.array([[0, 1, 3]], np.int8), np.array([2.0, 1.0, 1.0]))[0]["absent"]
    0.25
    """
    weight = _counted(weight)
    parts = np.stack([(code == place) @ weight for place in range(len(STATUSES))], axis=1)
    shares = parts / parts.sum(axis=1, keepdims=True)
    return [dict(zip(STATUSES, row, strict=True)) for row in shares.tolist()]


def _counted(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    return weight if weight.any() else np.ones_like(weight)


_OPENING: Mapping[Language, str] = {
    "en": "Of what the model goes by, ",
    "de": "Wonach das Modell urteilt, ist ",
}
_PARTS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "known": "{share} is known",
        "zero": "{share} is known to be zero",
        "stale": "{share} is stale",
        "absent": "{share} was not recorded",
        "not_applicable": "{share} does not apply",
    },
    "de": {
        "known": "zu {share} bekannt",
        "zero": "zu {share} bekanntermaßen null",
        "stale": "zu {share} veraltet",
        "absent": "zu {share} nicht erfasst",
        "not_applicable": "zu {share} nicht anwendbar",
    },
}
_AND: Mapping[Language, str] = {"en": " and ", "de": " und "}
_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "known": "known",
        "zero": "zero",
        "stale": "stale",
        "absent": "not recorded",
        "not_applicable": "does not apply",
    },
    "de": {
        "known": "bekannt",
        "zero": "null",
        "stale": "veraltet",
        "absent": "nicht erfasst",
        "not_applicable": "nicht anwendbar",
    },
}


def word(status: str, language: Language = "en") -> str:
    """Say what is known of one value.

    Examples
    --------
    >>> word("absent"), word("stale", "de")
    ('not recorded', 'veraltet')
    """
    return _WORDS[language][status]


def sentence(shares: Mapping[str, float], language: Language = "en") -> str:
    """Say coverage in words.

    Parameters
    ----------
    shares : mapping of str to float
        From `by_status`.
    language : {"en", "de"}

    Examples
    --------
    >>> shares = {"known": 0.9, "zero": 0.0, "stale": 0.04, "absent": 0.0, "not_applicable": 0.06}
    >>> sentence(shares)
    'Of what the model goes by, 90% is known, 4% is stale and 6% does not apply'
    >>> sentence(shares, "de")
    'Wonach das Modell urteilt, ist zu 90 % bekannt, zu 4 % veraltet und zu 6 % nicht anwendbar'
    """
    parts = [
        said.format(share=_percent(shares[name], language))
        for name, said in _PARTS[language].items()
        if shares[name] > 0
    ]
    listed = _AND[language].join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    return _OPENING[language] + listed


def _percent(share: float, language: Language) -> str:
    said = explain.percent(share)
    return explain.in_german(said) if language == "de" else said
