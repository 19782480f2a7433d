"""The only place that talks to MLflow: runs, the registry of versions, and which of them serves.

Heavy imports stand inside the functions: mlflow and LightGBM take seconds each, and most commands
do without.
A version is registered by the last step of `log`, when all its files are stored: a run that is
killed half-way leaves the registry as it was.
"""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.errors import TenureError
from features.fingerprint import Extent
from training import moved, provenance

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

    from features.metric import Metric
    from features.settings import Settings
    from training.churn_model import ChurnModel
    from training.decisions import HealthDecision
    from training.health import Health
    from training.outlook import Outlook
    from training.pipeline import Trained
    from training.promotion import Decision

FROZEN = "TENURE_FROZEN"
"""Names a folder made by `freeze`; versions are then read from there and from no store."""

NAME = "tenure"
"""Of the experiment and of the registered model."""

CHAMPION = "champion"
CHALLENGER = "challenger"

REIGNS = "reigns"
"""Tag of the registered model: versions that served, in order."""

DECISION = "health_decision."
"""Begins the tags of a version in which people's decisions stand, numbered in order."""

DISTRIBUTIONS = ("ibis-framework", "lightgbm", "numpy", "pandas", "scipy")
"""What must be installed where the model is loaded, besides this application itself. That one is
not named: it is on no package index, and a stranger's package of its name must never be fetched."""


class NoChampionError(TenureError):
    """No version serves yet."""


class NotPromotedError(TenureError):
    """A version is worse than the one that serves, or cannot be compared with it."""


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


def store_uri() -> str:
    """Where runs and versions are kept: MLFLOW_TRACKING_URI, or SQLite under ./models."""
    return (
        os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('models/mlflow.db').resolve()}"
    )


def searches() -> Path:
    """Where trials of a search are written down: beside a store that is a file, else at home."""
    file = _sqlite_file(store_uri())
    return (file.parent if file else Path.home() / ".cache" / "tenure") / "searches"


@dataclass(frozen=True)
class Earlier:
    """What came of an earlier run on the same data.

    Parameters
    ----------
    version : int, optional
        In the registry; None for a model without skill.
    decided : bool
        Whether it was compared with the champion, or needs not be.
    """

    version: int | None
    decided: bool


@dataclass(frozen=True)
class Origin:
    """What a model was learned from, so that the next run can tell whether anything is new.

    Parameters
    ----------
    digest : str
        Of the data and the settings together; see `features.fingerprint.digest`.
    tables : mapping of str to Extent
        Rows, span and digest of each table.
    """

    digest: str
    tables: Mapping[str, Extent]


def log(
    trained: "Trained",
    settings: "Settings",
    metrics: "Mapping[str, Metric]",
    origin: Origin | None = None,
    documents: Mapping[str, str] | None = None,
) -> int | None:
    """Keep a training run, and register its model as challenger if it has skill.

    Parameters
    ----------
    origin : Origin, optional
        What it was learned from; kept as `data.json` and as a tag of the run.
    documents : mapping of path to text, optional
        The report with its frames and figures, kept with the run.

    Returns
    -------
    int or None
        The version in the registry; None for a model without skill, which is only logged.
    """
    client = _client()
    import mlflow

    with mlflow.start_run(experiment_id=_experiment(client)) as run:
        mlflow.set_tags(_tags(trained, origin))
        mlflow.log_params(_parameters(trained, settings))
        mlflow.log_metrics(_numbers(trained.summary))
        if trained.trials is not None:
            for trial, loss in enumerate(trained.trials["log_loss"]):
                mlflow.log_metric("search_log_loss", loss, step=trial)
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), trained, settings, metrics)
            for name, text in (documents or {}).items():
                file = Path(folder) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            if origin:
                tables = {name: asdict(each) for name, each in origin.tables.items()}
                _write_json(Path(folder) / "data.json", tables)
            mlflow.log_artifacts(folder)
        stored = _log_model(trained)
    if not trained.summary["skill"]:
        return None
    return _register(client, stored, run.info.run_id)


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
        If there is no such version, or its files are gone.
    """
    found = _find(reference)
    from training.churn_model import ChurnModel

    return ChurnModel.load(_model_folder(found)), _info(found)


def load_health(reference: str | int = CHAMPION) -> "Health":
    """Fetch health as it is served: as learned, after people's decisions; raises as `load`."""
    found = _find(reference)
    told = _info(found).summary["health_score"]
    learned = _learned_health(found)
    return learned.after(_decisions(found), told["present_weights"], told["present_goals"])


def load_outlook(reference: str | int = CHAMPION) -> "Outlook | None":
    """Fetch time to churn and outcomes; None where a version has none; raises as `load` does."""
    found = _find(reference)
    from training.outlook import Outlook

    return Outlook.load(_model_folder(found))


def load_learned_health(reference: str | int = CHAMPION) -> "Health":
    """Fetch health as it was learned, before people decided on it; raises as `load` does."""
    return _learned_health(_find(reference))


def catalog(reference: str | int = CHAMPION) -> dict[str, dict[str, Any]]:
    """The metrics as they were when a version was trained, by name; raises as `load` does."""
    text = _artifact(_find(reference), "catalog.json").read_text(encoding="utf-8")
    return {each["name"]: each for each in json.loads(text)}


def decisions(reference: str | int = CHAMPION) -> "list[HealthDecision]":
    """What people decided about a version's weights and goals, in order."""
    return _decisions(_find(reference))


def decide(decision: "HealthDecision", reference: str | int = CHAMPION) -> int:
    """Record a decision in the registered version, after trying that it can be carried out.

    Returns
    -------
    int
        How many decisions the version has now: the version of its settings.
    """
    from training import decisions as decided

    found = _find(reference)
    learned, before = _learned_health(found), _decisions(found)
    told = _info(found).summary["health_score"]
    decided.check(decision, learned.score)
    learned.after([*before, decision], told["present_weights"], told["present_goals"])
    _record(_client(), int(found.version), len(before) + 1, decision)
    return len(before) + 1


def freeze(reference: str | int, folder: Path) -> ModelInfo:
    """Copy a version with all that is known of it into a folder, to be read without a store."""
    found = _find(reference)
    model = _download(found, artifact_uri=f"models:/{NAME}/{found.version}")
    shutil.copytree(model, folder / "model")
    shutil.copytree(_download(found, artifact_uri=f"runs:/{found.run_id}/"), folder / "run")
    told = {
        "version": str(found.version),
        "creation_timestamp": found.creation_timestamp,
        "run_id": found.run_id,
        "tags": dict(found.tags),
    }
    (folder / "version.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return _info(found)


def version(reference: str | int = CHAMPION) -> int:
    """Number of a version, such as the champion's: cheap enough to ask every few seconds."""
    return int(_find(reference).version)


def info(reference: str | int = CHAMPION) -> ModelInfo:
    """What is known of a version, without loading its trees; raises as `load` does."""
    return _info(_find(reference))


def promote(reference: int | str, force: bool = False) -> "Decision":
    """Make a version the champion, unless it is worse than the one that serves.

    Both have predicted the past before its time. On the observations that both predicted, accounts
    are drawn with replacement; the version is worse if its log-loss is higher in 95 % of the draws.

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
    client = _client()
    challenger = _find(reference)
    decision = _decide(client, challenger, force)
    tags = {name: value for name, value in asdict(decision).items() if value is not None}
    for name, value in tags.items():
        client.set_model_version_tag(NAME, challenger.version, f"promotion.{name}", str(value))
    if not decision.promoted:
        raise NotPromotedError(
            decision.reason,
            f"Keep the champion, or insist with `tenure promote {challenger.version} --force`.",
        )
    _crown(client, int(challenger.version))
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
    now = int(_find(CHAMPION).version)
    client = _client()
    reigns = _reigns(client)
    before = [each for each in reigns if each != now]
    if not before:
        raise TenureError(
            f"Version {now} is the first champion: none served before it.",
            "Promote another with `tenure promote VERSION`.",
        )
    _info(_find(before[-1]))  # a version whose files are gone must not serve
    client.set_registered_model_alias(NAME, CHAMPION, str(before[-1]))
    kept = reigns[: len(reigns) - reigns[::-1].index(before[-1])]
    client.set_registered_model_tag(NAME, REIGNS, json.dumps(kept))
    client.set_model_version_tag(NAME, str(now), "rollback.to", str(before[-1]))
    return now, before[-1]


def earlier(digest: str) -> "Earlier | None":
    """Find the last finished run that learned from the same data with the same settings."""
    client = _client()
    runs = client.search_runs(
        [_experiment(client)],
        f"tags.`data.digest` = '{digest}' and attributes.status = 'FINISHED'",
        max_results=1,
    )
    if not runs:
        return None
    made = client.search_model_versions(f"name = '{NAME}' and run_id = '{runs[0].info.run_id}'")
    skilled = runs[0].data.tags.get("skill") == "true"
    if skilled and not made:
        return None  # died between logging and registering
    number = int(made[0].version) if made else None
    return Earlier(number, not made or "promotion.promoted" in made[0].tags)


def _crown(client: "MlflowClient", version: int) -> None:
    """Set the alias that serves, and note who did before."""
    before = _reigns(client)
    client.set_registered_model_alias(NAME, CHAMPION, str(version))
    if before[-1:] != [version]:
        client.set_registered_model_tag(NAME, REIGNS, json.dumps([*before, version]))


def _reigns(client: "MlflowClient") -> list[int]:
    """Versions that served, in order; the alias has the last word on who serves now."""
    told = json.loads(client.get_registered_model(NAME).tags.get(REIGNS, "[]"))
    champion = _alias(client, CHAMPION)
    now = [int(champion.version)] if champion else []
    return [*told, *now] if told[-1:] != now else told


def _decide(client: "MlflowClient", challenger: "ModelVersion", force: bool) -> "Decision":
    from training.promotion import Decision, decide

    version = int(challenger.version)
    champion = _alias(client, CHAMPION)
    if champion is None:
        return Decision(version, None, True, f"Version {version} is the first champion.")
    serving = int(champion.version)
    if serving == version:
        return Decision(version, serving, True, f"Version {version} is the champion already.")
    return decide(version, serving, (_backtest(champion), _backtest(challenger)), force)


def _client() -> "MlflowClient":
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


def _experiment(client: "MlflowClient") -> str:
    """Id of the experiment; where the store is a file, artifacts lie in the folder beside it."""
    found = client.get_experiment_by_name(NAME)
    if found is not None:
        return str(found.experiment_id)
    file = _sqlite_file(store_uri())
    artifacts = (file.parent / "artifacts").resolve().as_uri() if file else None
    return str(client.create_experiment(NAME, artifact_location=artifacts))


def _parameters(trained: "Trained", settings: "Settings") -> dict[str, Any]:
    told = asdict(settings)
    return {
        f"{section}.{name}": value
        for section in ("observations", "training")
        for name, value in told[section].items()
    } | {
        "trees": trained.summary["trees"],
        "features": trained.summary["features"],
        **{f"shape.{name}": value for name, value in trained.model.shape.items()},
    }


def _numbers(summary: Mapping[str, Any]) -> dict[str, float]:
    """Figures by name, those of time to churn and of ARR with the part's name before them."""
    named = dict(summary)
    ahead = summary["time_to_churn"]
    parts = {name: summary[name] for name in ("time_to_churn", "retained_arr")}
    parts |= {f"churn_{each['days']}d": each for each in ahead["horizons"]} if ahead else {}
    for part, figures in parts.items():
        named |= {f"{part}.{name}": value for name, value in (figures or {}).items()}
    return {
        name: float(value)
        for name, value in named.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _write(
    folder: Path, trained: "Trained", settings: "Settings", metrics: "Mapping[str, Metric]"
) -> None:
    """Write what a reader of the run wants to see, beside the model."""
    documents = {
        "summary": trained.summary,
        # without the source's address: a password may stand in it
        "settings": asdict(replace(settings, source_url=None)),
        "catalog": [_described(metric) for metric in metrics.values()],
    }
    for name, document in documents.items():
        _write_json(folder / f"{name}.json", document)
    trained.backtest.to_parquet(folder / "backtest.parquet", index=False)
    trained.importance.to_csv(folder / "importance.csv", index=False)
    if trained.trials is not None:
        trained.trials.to_csv(folder / "search.csv", index=False)


def _write_json(file: Path, document: Any) -> None:
    text = json.dumps(document, indent=1, default=str, allow_nan=False)
    file.write_text(text, encoding="utf-8")


def _tags(trained: "Trained", origin: Origin | None) -> dict[str, str]:
    told = {"skill": str(trained.summary["skill"]).lower()}
    told |= {f"code.{name}": value for name, value in provenance.code().items()}
    return told | ({"data.digest": origin.digest} if origin else {})


def _described(metric: "Metric") -> dict[str, Any]:
    names = ("name", "dimension", "label", "unit", "healthy", "formula", "sentence", "kind")
    return {name: getattr(metric, name) for name in names}


def _log_model(trained: "Trained") -> "LoggedModel":
    """Store the model as a pyfunc that any MLflow can load; its text and JSON are the data."""
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    types = {"number": DataType.double, "category": DataType.string}
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(types[each.kind], each.name) for each in trained.model.features
    ]
    output: list[ColSpec | TensorSpec] = [ColSpec(DataType.double, "churn_probability")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "churn_model"
        trained.model.save(path)
        trained.health.save(path)
        if trained.outlook:
            trained.outlook.save(path)
        logged = mlflow.pyfunc.log_model(
            name="model",
            input_example=trained.example,
            loader_module="training.churn_model",
            data_path=str(path),
            signature=ModelSignature(inputs=Schema(inputs), outputs=Schema(output)),
            pip_requirements=_requirements(),
        )
    return mlflow.get_logged_model(logged.model_id)


def _register(client: "MlflowClient", stored: "LoggedModel", run_id: str) -> int:
    if not client.search_registered_models(f"name = '{NAME}'"):
        client.create_registered_model(NAME)
    made = client.create_model_version(
        NAME, source=stored.model_uri, run_id=run_id, model_id=stored.model_id
    )
    _carry(client, int(made.version))
    client.set_registered_model_alias(NAME, CHALLENGER, made.version)
    return int(made.version)


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in DISTRIBUTIONS]


def _find(reference: str | int) -> "ModelVersion":
    """Look a version up without making a store that is not there."""
    if frozen := os.environ.get(FROZEN):
        return _frozen(Path(frozen), reference)
    file = _sqlite_file(store_uri())
    found = None
    if file is None or file.exists():
        client = _client()
        found = (
            _numbered(client, str(reference))
            if str(reference).isdecimal()
            else _alias(client, str(reference))
        )
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


def _alias(client: "MlflowClient", alias: str) -> "ModelVersion | None":
    try:
        return client.get_model_version_by_alias(NAME, alias)
    except _mlflow_error() as error:
        _check_absent(error)
        return None


def _numbered(client: "MlflowClient", version: str) -> "ModelVersion | None":
    try:
        return client.get_model_version(NAME, version)
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


def _info(found: "ModelVersion") -> ModelInfo:
    return ModelInfo(
        version=int(found.version),
        run_id=str(found.run_id),
        trained_at=pd.Timestamp(found.creation_timestamp, unit="ms"),
        summary=json.loads(_artifact(found, "summary.json").read_text(encoding="utf-8")),
        settings=json.loads(_artifact(found, "settings.json").read_text(encoding="utf-8")),
    )


def backtest(reference: str | int = CHAMPION) -> pd.DataFrame:
    """Every observation that a version predicted before its time; raises as `load` does."""
    return _backtest(_find(reference))


def _backtest(found: "ModelVersion") -> pd.DataFrame:
    return pd.read_parquet(_artifact(found, "backtest.parquet"))


def _artifact(found: "ModelVersion", name: str) -> Path:
    return _download(found, run_id=found.run_id, artifact_path=name)


def _learned_health(found: "ModelVersion") -> "Health":
    from training.health import Health

    return Health.load(_model_folder(found))


def _decisions(found: "ModelVersion") -> "list[HealthDecision]":
    from training.decisions import HealthDecision

    tags = sorted(name for name in found.tags if name.startswith(DECISION))
    return [HealthDecision.from_json(found.tags[name]) for name in tags]


def _record(client: "MlflowClient", version: int, number: int, decision: "HealthDecision") -> None:
    name = f"{DECISION}{number:05}"
    client.set_model_version_tag(NAME, str(version), name, decision.to_json())


def _carry(client: "MlflowClient", version: int) -> None:
    """Take over what people fixed or rejected on the version that serves."""
    from training import decisions as decided

    champion = _alias(client, CHAMPION)
    if champion is None:
        return
    kept = decided.carried(_decisions(champion), int(champion.version))
    for number, decision in enumerate(kept, start=1):
        _record(client, version, number, decision)


def _model_folder(found: "ModelVersion") -> Path:
    """Local folder with everything that a version consists of."""
    from mlflow.models import Model

    folder = _download(found, artifact_uri=f"models:/{NAME}/{found.version}")
    return folder / str(Model.load(str(folder)).flavors["python_function"]["data"])


def _download(found: "ModelVersion", **what: str | None) -> Path:
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
