"""tenure.toml: what it may say, and what people hear when it says something else."""

from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from features.errors import SettingsError
from features.settings import (
    BaselineSettings,
    MetricSettings,
    ObservationSettings,
    OwnCheck,
    Settings,
    TableMapping,
    TrainingSettings,
    load,
)

EXAMPLE = Path(__file__).parents[2] / "tenure.toml"


def settings_of(folder: Path, text: str) -> Settings:
    path = folder / "company.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def fault_of(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as fault:
        settings_of(folder, text)
    return fault.value.message.replace(f"{folder}/", "")


def test_without_a_file_everything_stands_at_its_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load() == Settings()


def test_the_file_in_the_working_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tenure.toml").write_text("[training]\nseed = 7\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load().training == TrainingSettings(seed=7)


def test_the_example_says_the_defaults() -> None:
    assert load(EXAMPLE) == Settings()


@pytest.mark.parametrize(
    "kind",
    [
        MetricSettings,
        ObservationSettings,
        TrainingSettings,
        TableMapping,
        OwnCheck,
        BaselineSettings,
    ],
    ids=lambda k: k.__name__,
)
def test_the_example_explains_every_setting(kind: type) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    told = {line.removeprefix("# ").split(" = ")[0] for line in lines}
    assert {each.name for each in fields(kind)} <= told


def test_the_example_works_with_its_examples_taken_in(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    settings = settings_of(tmp_path, "\n".join(map(uncommented, lines)))
    assert settings.source_url == "exports/latest"
    assert "from subscriptions" in str(settings.tables["contracts"].sql)
    assert settings.tables["usage"].columns["feature"] == "event_name"
    assert settings.checks[0].of == "subscriptions"
    assert settings.metrics.file == str(tmp_path / "my_metrics.py")
    assert settings.metrics.key_features == ("report", "workflow")
    assert settings.observations.observed_until == date(2024, 12, 31)
    assert settings.baseline == BaselineSettings(
        "health_scores", "score", "scored_on", "healthier", "customer"
    )


def uncommented(line: str) -> str:
    """Turn an example into a setting, and leave prose alone."""
    code = line.removeprefix("# ")
    starts = ("[", "sql", "table ", "columns", "of ", "message", "fix", "severity", "url")
    starts = (
        *starts,
        "file =",
        "key_",
        "first",
        "observed",
        "column ",
        "date",
        "higher",
        "account =",
        "select",
        "    ",
        "from",
        '"""',
    )
    return code if code.startswith(starts) and "  " not in code.strip() else line


def test_all_is_read(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        """
        [source]
        url = "exports"
        [tables.usage]
        table = "events"
        columns = { feature = "name" }
        [tables.accounts]
        sql = "select 1 as account_id"
        [[checks]]
        table = "usage"
        message = "are odd"
        sql = "select 1"
        severity = "error"
        [observations]
        design = "renewal"
        first = 2024-01-15
        lead_days = 30
        [training]
        folds = 3
        """,
    )
    assert settings == Settings(
        source_url="exports",
        tables={
            "usage": TableMapping(table="events", columns={"feature": "name"}),
            "accounts": TableMapping(sql="select 1 as account_id"),
        },
        checks=(OwnCheck("usage", "are odd", "select 1", severity="error"),),
        observations=ObservationSettings(
            "renewal", first=date(2024, 1, 15), horizon_days=180, lead_days=30
        ),
        training=TrainingSettings(folds=3),
    )


def test_a_baseline_must_say_what_it_is(tmp_path: Path) -> None:
    told = fault_of(tmp_path, '[baseline]\ntable = "scores"\nhigher_is = "better"\n')
    assert told.splitlines() == [
        "company.toml: [baseline] lacks column, date.",
        "company.toml: [baseline] higher_is = 'better': must be one of 'healthier', 'riskier'.",
    ]


def test_every_fault_is_told_at_once_with_the_nearest_word(tmp_path: Path) -> None:
    said = fault_of(
        tmp_path,
        """
        [trainning]
        [source]
        uri = "x"
        [tables.contract]
        sql = "select 1"
        [tables.usage]
        sql = "select 1"
        table = "events"
        columns = { acount_id = "x" }
        [[checks]]
        table = "usage"
        [observations]
        horizon = 90
        lead_days = -1
        every = "year"
        first = "2024-01-01"
        """,
    )
    assert said.splitlines() == [
        "company.toml: unknown section [trainning]. Did you mean 'training'?",
        "company.toml: [source]: unknown key 'uri'. Did you mean 'url'?",
        "company.toml: [tables.contract]: no such table. Did you mean 'contracts'?",
        "company.toml: [tables.usage] has both sql and table: keep one.",
        "company.toml: [tables.usage] columns: usage has no column 'acount_id'. "
        "Did you mean 'account_id'?",
        "company.toml: [checks, number 1] lacks message, sql.",
        "company.toml: [observations]: unknown key 'horizon'. Did you mean 'horizon_days'?",
        "company.toml: [observations] lead_days = -1: must be from 0 to 730.",
        "company.toml: [observations] every = 'year': must be one of 'day', 'week', 'month'.",
        "company.toml: [observations] first = '2024-01-01': must be a date such as 2024-01-31, "
        "without quotes.",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[training]\nseed = true", "[training] seed = True: must be a whole number."),
        ("[training]\nfolds = 1", "[training] folds = 1: must be from 2 to 50."),
        ("[training]\nseed = -1", "[training] seed = -1: must be 0 or more."),
        ("[source]\nurl = 3", "[source] url = 3: must be text in quotes."),
        ("training = 3", "[training] must be a section of keys and values."),
        ("tables = 3", "tables must be sections, one per table: [tables.usage]."),
        (
            "[metrics]\nkey_features = ['a', 'a']",
            "[metrics] key_features = ['a', 'a']: must be different texts, as [\"one\", \"two\"].",
        ),
        ("checks = 3", "checks must be a list of sections, each opened by [[checks]]."),
        (
            "[tables.usage]\ncolumns = { feature = 3 }",
            "[tables.usage] columns = {'feature': 3}: must be names, "
            'such as { account_id = "customer" }.',
        ),
        (
            '[[checks]]\ntable = "usages"\nmessage = "x"\nsql = "select 1"',
            "[checks, number 1]: no such table, 'usages'. Did you mean 'usage'?",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(tmp_path: Path, text: str, words: str) -> None:
    assert fault_of(tmp_path, text) == f"company.toml: {words}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none.toml cannot be read: No such file"):
        load(tmp_path / "none.toml")


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    assert "is no valid TOML" in fault_of(tmp_path, "[observations")


@pytest.mark.parametrize("example", sorted((EXAMPLE.parent / "examples").glob("*/tenure.toml")))
def test_the_examples_for_foreign_data_are_understood(example: Path) -> None:
    assert load(example).tables.keys() >= {"accounts", "contracts", "usage"}
