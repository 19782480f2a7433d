"""A training run is kept, and its model registered.

The version is registered by the last step of `log`, when all its files are stored: a run that is
killed half-way leaves the registry as it was.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.fingerprint import Extent
from training import provenance
from training.tracking.store import (
    CHALLENGER,
    CHAMPION,
    DECIDED,
    NAME,
    connect,
    experiment,
    registered,
)
from training.tracking.versions import decisions_of, learned_health_of, record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

    from features.metric import Metric
    from features.settings import Settings
    from training.pipeline import Trained

DISTRIBUTIONS = ("ibis-framework", "lightgbm", "numpy", "pandas", "scipy")
"""What must be installed where the model is loaded, besides this application itself. That one is
not named: it is on no package index, and a stranger's package of its name must never be fetched."""


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


@dataclass(frozen=True)
class Earlier:
    """What came of an earlier run on the same data.

    Parameters
    ----------
    version : int, optional
        In the registry; None for a model without skill.
    decided : bool
        Whether it was compared with the champion; False for a model without skill.
    verdict : str
        On its skill.
    """

    version: int | None
    decided: bool
    verdict: str


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
    client = connect()
    import mlflow

    with mlflow.start_run(experiment_id=experiment(client)) as run:
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
            if provenance.LOCK.exists():
                shutil.copy(provenance.LOCK, folder)
            mlflow.log_artifacts(folder)
        stored = _log_model(trained)
    if not trained.summary["skill"]:
        return None
    return _register(client, stored, run.info.run_id)


def earlier(digest: str) -> "Earlier | None":
    """Find the last finished run that learned from the same data with the same settings."""
    client = connect()
    runs = client.search_runs(
        [experiment(client)],
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
    decided = bool(made) and DECIDED in made[0].tags
    return Earlier(number, decided, runs[0].data.tags.get("verdict", ""))


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
    told = {"skill": str(trained.summary["skill"]).lower(), "verdict": trained.summary["verdict"]}
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


def _carry(client: "MlflowClient", version: int) -> None:
    """Take over what people fixed or rejected on the version that serves."""
    from training import decisions as decided

    champion = registered(client, CHAMPION)
    if champion is None:
        return
    made = decisions_of(champion)
    if not made:
        return
    score = learned_health_of(champion).score
    kept = decided.carried(made, score, int(champion.version))
    for number, decision in enumerate(kept, start=1):
        record(client, version, number, decision)
