"""What a version consists of: its model, health, outlook and figures, and people's decisions."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import pandas as pd

from features.errors import TenureError
from training.tracking.store import CHAMPION, NAME, artifact, connect, download, find, model_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from training.churn_model import ChurnModel
    from training.decisions import HealthDecision
    from training.health import Health
    from training.outlook import Outlook

T = TypeVar("T")

DECISION = "health_decision."
"""Begins the tags of a version in which people's decisions stand, numbered in order."""


@dataclass(frozen=True)
class ModelInfo:
    """Where a model comes from.

    Parameters
    ----------
    version : int
        In the registry.
    run_id : str
        Of the MLflow run that made it.
    trained_at : Timestamp
        UTC, when it was registered.
    summary : dict
        The figures of its backtest; see `training.evaluate.summary`.
    settings : dict
        What it was trained with, as in tenure.toml; the source's address is left out.
    """

    version: int
    run_id: str
    trained_at: pd.Timestamp
    summary: dict[str, Any]
    settings: dict[str, Any]


def load(reference: str | int = CHAMPION) -> "tuple[ChurnModel, ModelInfo]":
    """Fetch a model and what is known of it.

    Parameters
    ----------
    reference : str or int
        "champion", "challenger", or a version number.

    Raises
    ------
    NoChampionError
        If the champion is asked for and none was promoted.
    TenureError
        If there is no such version, its files are gone, or another Tenure wrote them.
    """
    found = find(reference)
    from training.churn_model import ChurnModel

    return _part(found, "model", ChurnModel.load), info_of(found)


def load_health(reference: str | int = CHAMPION) -> "Health":
    """Fetch health as it is served: as learned, after people's decisions; raises as `load`."""
    found = find(reference)
    told = info_of(found).summary["health_score"]
    learned = learned_health_of(found)
    return learned.after(decisions_of(found), told["present_weights"], told["present_goals"])


def load_outlook(reference: str | int = CHAMPION) -> "Outlook | None":
    """Fetch time to churn and outcomes; None where a version has none; raises as `load` does."""
    found = find(reference)
    from training.outlook import Outlook

    return _part(found, "outlook", Outlook.load)


def load_learned_health(reference: str | int = CHAMPION) -> "Health":
    """Fetch health as it was learned, before people decided on it; raises as `load` does."""
    return learned_health_of(find(reference))


def catalog(reference: str | int = CHAMPION) -> dict[str, dict[str, Any]]:
    """The metrics as they were when a version was trained, by name; raises as `load` does."""
    return {each["name"]: each for each in _document(find(reference), "catalog.json")}


def decisions(reference: str | int = CHAMPION) -> "list[HealthDecision]":
    """What people decided about a version's weights and goals, in order."""
    return decisions_of(find(reference))


def decide(decision: "HealthDecision", reference: str | int = CHAMPION) -> int:
    """Record a decision in the registered version, after trying that it can be carried out.

    Returns
    -------
    int
        How many decisions the version has now: the version of its settings.
    """
    from training import decisions as decided

    found = find(reference)
    learned, before = learned_health_of(found), decisions_of(found)
    told = info_of(found).summary["health_score"]
    units = {each["name"]: each["unit"] for each in _document(found, "catalog.json")}
    decided.check(decision, learned.score, units)
    learned.after([*before, decision], told["present_weights"], told["present_goals"])
    record(connect(), int(found.version), len(before) + 1, decision)
    return len(before) + 1


def freeze(reference: str | int, folder: Path) -> ModelInfo:
    """Copy a version with all that is known of it into a folder, to be read without a store."""
    found = find(reference)
    model = download(found, artifact_uri=f"models:/{NAME}/{found.version}")
    shutil.copytree(model, folder / "model")
    shutil.copytree(download(found, artifact_uri=f"runs:/{found.run_id}/"), folder / "run")
    told = {
        "version": str(found.version),
        "creation_timestamp": found.creation_timestamp,
        "run_id": found.run_id,
        "tags": dict(found.tags),
    }
    (folder / "version.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return info_of(found)


def version(reference: str | int = CHAMPION) -> int:
    """Number of a version, such as the champion's: cheap enough to ask every few seconds."""
    return int(find(reference).version)


def info(reference: str | int = CHAMPION) -> ModelInfo:
    """What is known of a version, without loading its trees; raises as `load` does."""
    return info_of(find(reference))


def backtest(reference: str | int = CHAMPION) -> pd.DataFrame:
    """Every observation that a version predicted before its time; raises as `load` does."""
    return backtest_of(find(reference))


def info_of(found: "ModelVersion") -> ModelInfo:
    """What is known of a version, without loading its trees."""
    return ModelInfo(
        version=int(found.version),
        run_id=str(found.run_id),
        trained_at=pd.Timestamp(found.creation_timestamp, unit="ms"),
        summary=_document(found, "summary.json"),
        settings=_document(found, "settings.json"),
    )


def backtest_of(found: "ModelVersion") -> pd.DataFrame:
    """Every observation that a version predicted before its time."""
    return pd.read_parquet(artifact(found, "backtest.parquet"))


def learned_health_of(found: "ModelVersion") -> "Health":
    """Health as it was learned, before people decided on it."""
    from training.health import Health

    return _part(found, "health score", Health.load)


def decisions_of(found: "ModelVersion") -> "list[HealthDecision]":
    """People's decisions on a version, in order."""
    from training.decisions import HealthDecision

    tags = sorted(name for name in found.tags if name.startswith(DECISION))
    return [HealthDecision.from_json(found.tags[name]) for name in tags]


def record(client: "MlflowClient", version: int, number: int, decision: "HealthDecision") -> None:
    """Keep a decision as a numbered tag of its version."""
    name = f"{DECISION}{number:05}"
    client.set_model_version_tag(NAME, str(version), name, decision.to_json())


class _Kept(dict[str, Any]):
    """An object in a version's JSON; what is asked for and not there is told as a TenureError.

    That is when it is read, not when it is loaded: no list of what every reader needs has to be
    kept, and a version serves as long as nobody asks for what it lacks.
    """

    def __init__(self, told: dict[str, Any], version: int, file: str) -> None:
        super().__init__(told)
        self._origin = version, file

    def __missing__(self, key: str) -> NoReturn:
        version, file = self._origin
        raise _of_another(version, f"{file} lacks '{key}'")


def _document(found: "ModelVersion", file: str) -> Any:
    """A JSON document of the run that made a version."""
    text = artifact(found, file).read_text(encoding="utf-8")
    return json.loads(text, object_hook=partial(_Kept, version=int(found.version), file=file))


def _part(found: "ModelVersion", name: str, load: Callable[[Path], T]) -> T:
    """What a version's folder holds of one kind."""
    folder = model_folder(found)
    try:
        return load(folder)
    except (KeyError, TypeError, FileNotFoundError) as error:
        what = f"its {name} cannot be read ({type(error).__name__}: {error})"
        raise _of_another(int(found.version), what) from error


def _of_another(version: int, what: str) -> TenureError:
    return TenureError(
        f"Version {version} was registered by another Tenure, or its files were changed: {what}.",
        "Train anew: `tenure train SOURCE`.",
    )
