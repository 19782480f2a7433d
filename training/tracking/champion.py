"""Which version serves: promotion against the champion, and the way back."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from features.errors import TenureError
from training.tracking.store import CHAMPION, DECIDED, NAME, connect, find, registered
from training.tracking.versions import backtest_of, info_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from training.promotion import Decision

CHAMPIONS = "champions"
"""Tag of the registered model: versions that served, in order."""


class NotPromotedError(TenureError):
    """A version is worse than the one that serves, or cannot be compared with it."""


def promote(reference: int | str, force: bool = False) -> "Decision":
    """Make a version the champion, unless it is worse than the one that serves.

    Both have predicted the past before its time. On the observations that both predicted, accounts
    are drawn with replacement; the version is worse if its log-loss is higher in 95 % of the draws.
    Versions that do not mean the same by churn cannot be compared.

    Parameters
    ----------
    reference : int or str
        Version number, or "challenger".
    force : bool
        Promote a worse or incomparable one too.

    Raises
    ------
    TenureError
        If the version is worse or cannot be compared, and `force` is not set.
    """
    client = connect()
    challenger = find(reference)
    decision = _decide(client, challenger, force)
    if decision.promoted:
        _make_champion(client, int(challenger.version))
    _note(client, decision)
    if not decision.promoted:
        raise NotPromotedError(
            decision.reason,
            f"Keep the champion, or insist with `tenure promote {challenger.version} --force`.",
        )
    return decision


def rollback() -> tuple[int, int]:
    """Give the champion's place back to the one that served before.

    Returns
    -------
    tuple of int
        The version that no longer serves, and the one that serves again.

    Raises
    ------
    NoChampionError
        If there is no champion.
    TenureError
        If none served before it, or its files are gone.
    """
    now = int(find(CHAMPION).version)
    client = connect()
    champions = _champions(client)
    before = [each for each in champions if each != now]
    if not before:
        raise TenureError(
            f"Version {now} is the first champion: none served before it.",
            "Promote another with `tenure promote VERSION`.",
        )
    info_of(find(before[-1]))  # a version whose files are gone must not serve
    client.set_registered_model_alias(NAME, CHAMPION, str(before[-1]))
    kept = champions[: len(champions) - champions[::-1].index(before[-1])]
    client.set_registered_model_tag(NAME, CHAMPIONS, json.dumps(kept))
    client.set_model_version_tag(NAME, str(now), "rollback.to", str(before[-1]))
    return now, before[-1]


def _make_champion(client: "MlflowClient", version: int) -> None:
    """Set the alias that serves, and note who did before."""
    before = _champions(client)
    client.set_registered_model_alias(NAME, CHAMPION, str(version))
    if before[-1:] != [version]:
        client.set_registered_model_tag(NAME, CHAMPIONS, json.dumps([*before, version]))


def _note(client: "MlflowClient", decision: "Decision") -> None:
    """Keep a decision that was carried out as tags of its version.

    `DECIDED` comes last: who is killed before it has decided nothing, and the next retraining
    takes the version up again.
    """
    told = {f"promotion.{name}": value for name, value in asdict(decision).items()}
    for name in sorted(told, key=DECIDED.__eq__):
        if told[name] is not None:
            client.set_model_version_tag(NAME, str(decision.version), name, str(told[name]))


def _champions(client: "MlflowClient") -> list[int]:
    """Versions that served, in order; the alias has the last word on who serves now."""
    told = json.loads(client.get_registered_model(NAME).tags.get(CHAMPIONS, "[]"))
    champion = registered(client, CHAMPION)
    now = [int(champion.version)] if champion else []
    return [*told, *now] if told[-1:] != now else told


def _decide(client: "MlflowClient", challenger: "ModelVersion", force: bool) -> "Decision":
    from training.promotion import Decision, decide

    version = int(challenger.version)
    champion = registered(client, CHAMPION)
    if champion is None:
        return Decision(version, None, True, f"Version {version} is the first champion.")
    serving = int(champion.version)
    if serving == version:
        return Decision(version, serving, True, f"Version {version} is the champion already.")
    return decide(
        version,
        serving,
        (backtest_of(champion), backtest_of(challenger)),
        (_observations(champion), _observations(challenger)),
        force,
    )


def _observations(found: "ModelVersion") -> Mapping[str, Any]:
    """Who was looked at when, and what counted as churn, as a version was trained."""
    settings: Mapping[str, Any] = info_of(found).settings["observations"]
    return settings
