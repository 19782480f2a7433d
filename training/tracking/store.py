"""The store: the MLflow server or file in which versions lie, and how one of them is found.

Heavy imports stand inside the functions: mlflow takes seconds, and most commands do without.
"""

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import TenureError
from training import moved

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

FROZEN = "TENURE_FROZEN"
"""Names a folder made by `freeze`; versions are then read from there and from no store."""

NAME = "tenure"
"""Of the experiment and of the registered model."""

DECIDED = "promotion.promoted"
"""Tag of a version that was compared with the champion: whether it was let serve."""

CHAMPION = "champion"
CHALLENGER = "challenger"


class NoChampionError(TenureError):
    """No version serves yet."""


def store_uri() -> str:
    """Where runs and versions are kept: MLFLOW_TRACKING_URI, or SQLite under ./models."""
    return (
        os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('models/mlflow.db').resolve()}"
    )


def searches() -> Path:
    """Where trials of a search are written down: beside a store that is a file, else at home."""
    file = _sqlite_file(store_uri())
    return (file.parent if file else Path.home() / ".cache" / "tenure") / "searches"


def connect() -> "MlflowClient":
    """Connect to the store, made on first use; keeps MLflow's own talk down."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what fails is raised, too
    uri = store_uri()
    if file := _sqlite_file(uri):
        file.parent.mkdir(parents=True, exist_ok=True)
        moved.settle(file, NAME)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(os.environ.get("MLFLOW_REGISTRY_URI", uri))
    return mlflow.MlflowClient()


def _sqlite_file(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def experiment(client: "MlflowClient") -> str:
    """Id of the experiment; where the store is a file, artifacts lie in the folder beside it."""
    found = client.get_experiment_by_name(NAME)
    if found is not None:
        return str(found.experiment_id)
    file = _sqlite_file(store_uri())
    artifacts = (file.parent / "artifacts").resolve().as_uri() if file else None
    return str(client.create_experiment(NAME, artifact_location=artifacts))


def find(reference: str | int) -> "ModelVersion":
    """Look a version up without making a store that is not there."""
    if frozen := os.environ.get(FROZEN):
        return _frozen(Path(frozen), reference)
    file = _sqlite_file(store_uri())
    found = None
    if file is None or file.exists():
        found = registered(connect(), str(reference))
    if found is not None:
        return found
    where = _told(store_uri())
    if reference == CHAMPION:
        raise NoChampionError(
            f"No model serves yet: {where} has no champion.",
            "Run `tenure train SOURCE`, then `tenure promote VERSION` with the version it names.",
        )
    raise TenureError(
        f"{where} has no version {reference}.",
        "Run `tenure train SOURCE`: it names the version that it registers.",
    )


def registered(client: "MlflowClient", reference: str) -> "ModelVersion | None":
    """The version that a number or an alias names, if any."""
    try:
        if reference.isdecimal():
            return client.get_model_version(NAME, reference)
        return client.get_model_version_by_alias(NAME, reference)
    except _mlflow_error() as error:
        _check_absent(error)
        return None


def _frozen(folder: Path, reference: str | int) -> "ModelVersion":
    """Read the one version of a folder made by `freeze`, which is its champion."""
    from mlflow.entities.model_registry import ModelVersion, ModelVersionTag

    told = json.loads((folder / "version.json").read_text(encoding="utf-8"))
    if str(reference) not in (CHAMPION, told["version"]):
        raise TenureError(
            f"Only version {told['version']} is frozen here, not {reference}.",
            "Ask the store that it came from.",
        )
    tags = [
        ModelVersionTag(*each)  # type: ignore[no-untyped-call]
        for each in told.pop("tags").items()
    ]
    return ModelVersion(name=NAME, tags=tags, **told)


def _check_absent(error: Exception) -> None:
    """Take "there is none" for an answer, and nothing else: a locked store is not an empty one."""
    absent = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
    if getattr(error, "error_code", "") not in absent:
        raise TenureError(
            f"{_told(store_uri())} cannot be asked just now.",
            "See that it runs, may be read, and is locked by nobody.",
        ) from error


def _mlflow_error() -> type[Exception]:
    from mlflow.exceptions import MlflowException

    return MlflowException


def artifact(found: "ModelVersion", name: str) -> Path:
    """Local copy of a file of the run that made a version."""
    return download(found, run_id=found.run_id, artifact_path=name)


def model_folder(found: "ModelVersion") -> Path:
    """Local folder with everything that a version consists of."""
    from mlflow.models import Model

    folder = download(found, artifact_uri=f"models:/{NAME}/{found.version}")
    return folder / str(Model.load(str(folder)).flavors["python_function"]["data"])


def download(found: "ModelVersion", **what: str | None) -> Path:
    """Local copy of what MLflow's `download_artifacts` is asked for."""
    if frozen := os.environ.get(FROZEN):
        path = what.get("artifact_path")
        return Path(frozen) / "run" / path if path else Path(frozen) / "model"
    from mlflow.artifacts import download_artifacts

    try:
        return Path(download_artifacts(**what))
    except (OSError, _mlflow_error()) as error:
        raise TenureError(
            f"{_told(store_uri())} knows version {found.version}, but its files cannot be read: "
            f"{error}",
            "Bring the folder back as it was, or run `tenure train SOURCE` again.",
        ) from None


def _told(uri: str) -> str:
    """Name the store without the password that may stand in its address."""
    file = _sqlite_file(uri)
    return f"The store {file}" if file else f"The MLflow server {uri.rsplit('@', 1)[-1]}"
