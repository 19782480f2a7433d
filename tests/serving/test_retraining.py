"""`tenure retrain`, as a scheduler runs it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from features.errors import TenureError
from serving.retraining import alone, retrain
from serving.workflow import Workplace
from training import tracking
from training.pipeline import Trained
from training.tracking import store

pytestmark = pytest.mark.slow

OWN_SCORE = """
[baseline]
table = "csm_sentiment"
column = "sentiment"
date = "logged_at"
higher_is = "healthier"
"""


def quiet(steps, _description):
    return steps


@pytest.fixture
def company(champion, tmp_path, monkeypatch, use_store):
    """The company with a store of its own, moved there from where the champion was made."""
    shutil.copytree(Path(champion.store.removeprefix("sqlite:///")).parent, tmp_path / "models")
    use_store(monkeypatch, f"sqlite:///{tmp_path}/models/mlflow.db")
    return champion


def test_a_moved_store_serves_and_learns_where_it_is(company, tmp_path, monkeypatch, use_store):
    model, info = tracking.load()
    assert model.booster.num_trees() > 0
    found = mlflow.pyfunc.load_model("models:/tenure@champion")
    assert str(tmp_path) in mlflow.MlflowClient().get_run(info.run_id).info.artifact_uri
    assert found.metadata.signature is not None
    use_store(monkeypatch, company.store)  # the one copied from is as it was
    assert tracking.load()[1].run_id == info.run_id


def test_nothing_new_then_new_settings_then_a_run_that_died(company, tmp_path):
    again = retrain(str(company.company), company.config, quiet)
    assert again.status == "nothing new"
    assert (again.version, again.champion) == (company.version, company.version)

    config = tmp_path / "tenure.toml"
    config.write_text(company.config.read_text().replace("trees = 80", "trees = 60") + OWN_SCORE)
    new = retrain(str(company.company), config, quiet)
    assert new.status in ("promoted", "kept")
    assert new.version == company.version + 1
    assert new.data != again.data
    assert f"Version {new.version} is" in new.reason
    assert tracking.version() == new.champion
    beside = tracking.info(new.version).summary["baseline"]
    assert beside["verdict"].startswith("Against your present score")
    assert beside["observations"] > 100

    client = mlflow.MlflowClient()
    run = client.get_run(tracking.info(new.version).run_id)
    assert set(run.data.tags) >= {"data.digest", "code.version", "code.lock"}
    tables = json.loads(store.artifact(store.find(new.version), "data.json").read_text())
    assert tables["contracts"]["rows"] > 400

    # died between registering and comparing: the next one only compares
    client.delete_model_version_tag("tenure", str(new.version), "promotion.promoted")
    taken_up = retrain(str(company.company), config, quiet)
    assert taken_up.version == new.version
    assert taken_up.status == new.status
    assert retrain(str(company.company), config, quiet).status == "nothing new"


def test_another_meaning_of_churn_is_kept_beside_the_champion(company, tmp_path):
    config = tmp_path / "tenure.toml"
    config.write_text(company.config.read_text() + "\n[observations]\ngrace_days = 29\n")
    told = retrain(str(company.company), config, quiet)
    assert told.status == "kept"
    assert "grace_days 29 against 30" in told.reason
    assert (told.version, told.champion) == (company.version + 1, company.version)
    assert retrain(str(company.company), config, quiet).status == "nothing new"


def test_no_skill_stays_a_failure_until_the_data_change(company, monkeypatch):
    """A scheduler that tries again must not see a green run that nobody has mended."""
    place = Workplace.open(str(company.company), company.config)
    model, info = tracking.load()
    summary = {**info.summary, "skill": False, "verdict": "No skill over the base rate."}
    frames = tracking.backtest(), summary, model_rows(model), model_rows(model)
    trained = Trained(model, tracking.load_health(), *frames)
    new = replace(place.origin(), digest="new")
    learned = []

    def train(self, track):
        learned.append(1)
        return trained, tracking.log(trained, self.settings, {}, new)

    monkeypatch.setattr(Workplace, "train", train)
    monkeypatch.setattr(Workplace, "origin", lambda _: new)
    for _ in range(3):
        with pytest.raises(TenureError, match="No skill over the base rate") as failed:
            retrain(str(company.company), company.config, quiet)
    assert "No model was registered. Nothing is new since an earlier run." in failed.value.message
    assert len(learned) == 1
    assert tracking.version() == company.version


def model_rows(model):
    return pd.DataFrame({feature.name: [None] for feature in model.features})


def test_killed_while_promoting_is_taken_up(company, tmp_path, monkeypatch):
    """As if killed between the alias and the tag that tells of it."""
    config = tmp_path / "tenure.toml"
    config.write_text(company.config.read_text().replace("trees = 80", "trees = 70"))
    with monkeypatch.context() as patch:
        patch.setattr("training.tracking.champion._note", killed)
        with pytest.raises(KeyboardInterrupt):
            retrain(str(company.company), config, quiet)
    taken_up = retrain(str(company.company), config, quiet)
    assert taken_up.version == company.version + 1
    assert taken_up.status in ("promoted", "kept")
    assert (taken_up.champion == taken_up.version) == (taken_up.status == "promoted")
    assert retrain(str(company.company), config, quiet).status == "nothing new"


def killed(*_):
    raise KeyboardInterrupt


def test_two_at_once_cannot_be(company):
    with alone(tracking.store_uri()), pytest.raises(TenureError, match="runs already"):
        retrain(str(company.company), company.config, quiet)
    with alone(tracking.store_uri()):
        pass  # it was let go
