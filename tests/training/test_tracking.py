import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from features.errors import TenureError
from features.metric import Metric
from features.settings import ObservationSettings, Settings
from training import promotion, provenance, tracking
from training.pipeline import Trained, train
from training.tracking import Earlier, NoChampionError, NotPromotedError, Origin
from training.tracking.champion import CHAMPIONS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One store for all tests here: making it takes seconds."""
    file = tmp_path_factory.mktemp("models") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
        yield file


@pytest.fixture(scope="module")
def trained(panel: pd.DataFrame, settings: Settings, metrics: dict[str, Metric]) -> Trained:
    return train(panel, settings, metrics)


@pytest.fixture(scope="module")
def champion(store: Path, trained: Trained, settings: Settings, metrics: dict[str, Metric]) -> int:
    number = tracking.log(trained, settings, metrics)
    assert number is not None
    tracking.promote(number)
    return number


def blurred(trained: Trained, noise: float) -> Trained:
    """The same run with worse predictions."""
    rng = np.random.default_rng(0)
    log_odds = np.log(trained.backtest["probability"] / (1 - trained.backtest["probability"]))
    worse = 1 / (1 + np.exp(-log_odds + noise * rng.normal(size=len(log_odds))))
    return replace(trained, backtest=trained.backtest.assign(probability=worse))


def test_without_a_store_there_is_no_champion_and_no_store_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none/mlflow.db")
    with pytest.raises(NoChampionError, match="Run `tenure train SOURCE`, then `tenure promote"):
        tracking.load()
    assert not (tmp_path / "none").exists()


def test_by_default_the_store_lies_under_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert tracking.store_uri() == f"sqlite:///{tmp_path}/models/mlflow.db"


def test_a_loaded_model_is_the_one_that_was_logged(
    champion: int, trained: Trained, panel: pd.DataFrame
) -> None:
    model, info = tracking.load()
    assert (model.predict_proba(panel) == trained.model.predict_proba(panel)).all()
    assert (model.interval(panel)[0] == trained.model.interval(panel)[0]).all()
    assert info.version == champion == tracking.version() == tracking.info(champion).version
    assert info.summary == json.loads(json.dumps(trained.summary))
    assert info.settings["training"]["bags"] == 5
    assert abs(pd.Timestamp.now("UTC").tz_localize(None) - info.trained_at) < pd.Timedelta("5min")


def test_any_mlflow_can_load_it_and_predict(
    champion: int, trained: Trained, panel: pd.DataFrame
) -> None:
    served = mlflow.pyfunc.load_model("models:/tenure@champion")
    rows = panel.drop(columns=["churned", "due", "renewal_date", "weight"]).head(50)
    predicted = served.predict(rows.assign(segment=[None, *rows["segment"][1:]]))
    expected = trained.model.predict_proba(rows.assign(segment=[None, *rows["segment"][1:]]))
    assert (predicted["churn_probability"].to_numpy() == expected).all()
    assert served.metadata.signature.inputs.input_names()[0] == "segment"
    assert len(served.input_example) == 5


def test_the_run_keeps_settings_figures_and_files(champion: int, trained: Trained) -> None:
    client = mlflow.MlflowClient()
    run = client.get_run(tracking.info().run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["observations.horizon_days"] == "90"
    assert run.data.metrics["auc_due"] == pytest.approx(trained.summary["auc_due"])
    files = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert files == {
        "summary.json",
        "settings.json",
        "catalog.json",
        "backtest.parquet",
        "importance.csv",
        "uv.lock",
    }
    kept = client.download_artifacts(run.info.run_id, "uv.lock")
    assert Path(kept).read_bytes() == provenance.LOCK.read_bytes()
    assert hashlib.sha256(Path(kept).read_bytes()).hexdigest() == run.data.tags["code.lock"]


def test_without_a_lock_file_a_run_is_kept_all_the_same(
    champion: int,
    trained: Trained,
    settings: Settings,
    metrics: dict[str, Metric],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenance, "LOCK", tmp_path / "uv.lock")
    number = tracking.log(trained, settings, metrics)
    client = mlflow.MlflowClient()
    run = client.get_run(tracking.info(number or 0).run_id)
    assert "code.lock" not in run.data.tags
    assert "uv.lock" not in {each.path for each in client.list_artifacts(run.info.run_id)}


def test_nothing_stored_is_a_pickle(champion: int, store: Path) -> None:
    assert not list(store.parent.rglob("*.pkl"))


def test_a_password_in_the_source_is_not_stored(
    champion: int, trained: Trained, settings: Settings, metrics: dict[str, Metric]
) -> None:
    secret = replace(settings, source_url="postgresql://me:hush@db/crm")
    number = tracking.log(trained, secret, metrics)
    assert "hush" not in json.dumps(tracking.info(number).settings)


def test_without_skill_nothing_is_registered(
    champion: int, trained: Trained, settings: Settings, metrics: dict[str, Metric]
) -> None:
    client = mlflow.MlflowClient()
    before = [each.version for each in client.search_model_versions("name = 'tenure'")]
    unskilled = replace(trained, summary={**trained.summary, "skill": False})
    assert tracking.log(unskilled, settings, metrics) is None
    after = [each.version for each in client.search_model_versions("name = 'tenure'")]
    assert before == after


def test_a_worse_version_is_refused_unless_forced(
    champion: int, trained: Trained, settings: Settings, metrics: dict[str, Metric]
) -> None:
    number = tracking.log(blurred(trained, 1.0), settings, metrics)
    assert tracking.version("challenger") == number
    with pytest.raises(TenureError) as raised:
        tracking.promote("challenger")
    assert f"Version {number} is worse than champion {champion}: log-loss +0." in str(raised.value)
    assert f"`tenure promote {number} --force`" in str(raised.value)
    assert tracking.version() == champion
    tags = mlflow.MlflowClient().get_model_version("tenure", str(number)).tags
    assert tags["promotion.promoted"] == "False"
    assert float(tags["promotion.low"]) > 0

    assert number is not None
    forced = tracking.promote(number, force=True)
    assert forced.promoted
    assert "by force" in forced.reason
    assert tracking.version() == number
    back = tracking.promote(champion)
    assert "is better than champion" in back.reason
    assert tracking.version() == champion


def test_an_equal_version_and_the_champion_itself_are_accepted(
    champion: int, trained: Trained, settings: Settings, metrics: dict[str, Metric]
) -> None:
    number = tracking.log(trained, settings, metrics)
    assert number is not None
    assert "as good as" in tracking.promote(number).reason
    assert tracking.promote(number).reason == f"Version {number} is the champion already."
    tracking.promote(champion)


def test_versions_without_common_observations_cannot_be_compared(
    champion: int, trained: Trained, settings: Settings, metrics: dict[str, Metric]
) -> None:
    elsewhere = trained.backtest.assign(account_id="B" + trained.backtest["account_id"])
    number = tracking.log(replace(trained, backtest=elsewhere), settings, metrics)
    assert number is not None
    with pytest.raises(TenureError, match=r"cannot be compared.*only 0 churned"):
        tracking.promote(number)
    assert tracking.version() == champion


@pytest.mark.parametrize(
    ("name", "value"),
    [("horizon_days", 180), ("lead_days", 30), ("grace_days", 0), ("design", "renewal")],
)
def test_versions_that_do_not_mean_the_same_by_churn_cannot_be_compared(
    name: str, value: Any, trained: Trained
) -> None:
    plain = asdict(ObservationSettings())
    backtests = trained.backtest, trained.backtest
    decision = promotion.decide(2, 1, backtests, (plain, {**plain, name: value}))
    assert not decision.promoted
    assert decision.reason == (
        "Version 2 cannot be compared with champion 1: they do not mean the same by churn "
        f"({name} {value} against {plain[name]})."
    )
    assert decision.difference is None
    assert promotion.decide(2, 1, backtests, (plain, {**plain, "every": "week"})).promoted


def test_another_horizon_serves_only_by_force(
    champion: int, trained: Trained, settings: Settings, metrics: dict[str, Metric]
) -> None:
    longer = replace(settings, observations=replace(settings.observations, horizon_days=180))
    number = tracking.log(trained, longer, metrics)
    assert number is not None
    with pytest.raises(NotPromotedError, match=r"churn \(horizon_days 180 against 90\)"):
        tracking.promote(number)
    assert tracking.version() == champion
    tags = mlflow.MlflowClient().get_model_version("tenure", str(number)).tags
    assert tags["promotion.promoted"] == "False"
    forced = tracking.promote(number, force=True)
    assert forced.reason.endswith("(horizon_days 180 against 90), promoted by force.")
    assert tracking.version() == number
    assert tracking.promote(champion, force=True).promoted


@pytest.mark.parametrize("step", ["_make_champion", "_note"])
def test_killed_while_promoting_is_taken_up_by_the_next(
    step: str,
    champion: int,
    trained: Trained,
    settings: Settings,
    metrics: dict[str, Metric],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before the alias is set, and between the alias and the tag that says so."""
    origin = Origin(f"killed in {step}", {})
    number = tracking.log(trained, settings, metrics, origin)
    assert number is not None

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"training.tracking.champion.{step}", die)
        with pytest.raises(KeyboardInterrupt):
            tracking.promote(number)
    found = tracking.earlier(origin.digest)
    assert found is not None
    assert (found.version, found.decided) == (number, False)
    assert tracking.version() == (champion if step == "_make_champion" else number)

    assert tracking.promote(number).promoted
    assert tracking.version() == number
    found = tracking.earlier(origin.digest)
    assert found is not None
    assert found.decided
    assert tracking.rollback() == (number, champion)


def test_a_run_without_skill_is_never_decided(
    champion: int, trained: Trained, settings: Settings, metrics: dict[str, Metric]
) -> None:
    unskilled = replace(trained, summary={**trained.summary, "skill": False, "verdict": "None."})
    tracking.log(unskilled, settings, metrics, Origin("of no use", {}))
    assert tracking.earlier("of no use") == Earlier(None, decided=False, verdict="None.")


def test_an_unknown_version_is_told(champion: int) -> None:
    with pytest.raises(TenureError, match="has no version 999"):
        tracking.load(999)
    with pytest.raises(TenureError, match="has no version hero"):
        tracking.load("hero")


def test_lost_files_are_told(
    champion: int, trained: Trained, settings: Settings, metrics: dict[str, Metric], store: Path
) -> None:
    number = tracking.log(trained, settings, metrics)
    client = mlflow.MlflowClient()
    stored = client.get_model_version("tenure", str(number)).source.rsplit("/")[-1]
    folder = Path(client.get_logged_model(stored).artifact_location.removeprefix("file://"))
    folder.rename(folder.with_name("moved"))
    with pytest.raises(TenureError, match=f"knows version {number}, but its files cannot be read"):
        tracking.load(number)


@pytest.mark.parametrize("step", ["_log_model", "_register"])
def test_killed_half_way_leaves_the_registry_as_it_was(
    step: str, champion: int, trained: Trained, store: Path, tmp_path: Path
) -> None:
    """The process is killed while it logs, and when a version is about to be registered."""
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, signal, pandas as pd\n"
        "from training import tracking, pipeline\n"
        "from training.tracking import runs\n"
        "from features.settings import Settings\n"
        "model, info = tracking.load()\n"
        "table = pd.DataFrame({f.name: [None] for f in model.features})\n"
        "health = tracking.load_health()\n"
        "frames = table, info.summary, table, table.astype(object)\n"
        "trained = pipeline.Trained(model, health, *frames)\n"
        f"runs.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "tracking.log(trained, Settings(), {})\n"
    )
    client = mlflow.MlflowClient()

    def versions() -> tuple[list[str], dict[str, str]]:
        found = client.search_model_versions("name = 'tenure'")
        aliases = client.get_registered_model("tenure").aliases
        return [
            (each.version, [a for a in aliases if aliases[a] == each.version]) for each in found
        ]

    before = versions()
    died = subprocess.run(
        [sys.executable, script], cwd=Path(__file__).parents[2], env=os.environ, check=False
    )
    assert died.returncode == -9
    assert versions() == before
    assert tracking.load()[1].version == champion


def test_rolling_back_goes_from_champion_to_champion(
    champion: int, trained: Trained, settings: Settings, metrics: dict[str, Metric]
) -> None:
    client = mlflow.MlflowClient()
    client.set_registered_model_tag("tenure", CHAMPIONS, json.dumps([champion]))
    with pytest.raises(TenureError, match="none served before it"):
        tracking.rollback()
    second = tracking.log(trained, settings, metrics)
    third = tracking.log(trained, settings, metrics)
    assert second is not None
    assert third is not None
    tracking.promote(second)
    tracking.promote(third)
    assert tracking.rollback() == (third, second)
    assert tracking.version() == second
    assert client.get_model_version("tenure", str(third)).tags["rollback.to"] == str(second)
    assert tracking.rollback() == (second, champion)
    with pytest.raises(TenureError, match="none served before it"):
        tracking.rollback()
    assert tracking.version() == champion


def test_comparing_two_backtests_pairs_their_rows(
    trained: Trained, make_panel: Callable[..., pd.DataFrame]
) -> None:
    one = trained.backtest
    other = blurred(trained, 0.3).backtest.sample(frac=0.5, random_state=0)
    found = promotion.compare(one, other)
    assert found["observations"] == len(other)
    assert 0 < found["low"] < found["difference"] < found["high"]
    swapped = promotion.compare(other, one)
    assert swapped["difference"] == pytest.approx(-found["difference"])
