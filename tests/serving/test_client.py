"""The client, and the examples in docs/api.md, against the running service."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from serving.client import Tenure, TenureApiError

pytestmark = pytest.mark.alone

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(sh|python)\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.fixture
def tenure(secured):
    with Tenure(secured.process.url, secured.keys["score"]) as tenure:
        yield tenure


def test_it_lists_everybody_page_by_page(secured, tenure):
    whole = secured.process.get("/v1/accounts").json()["accounts"]
    listed = list(tenure.accounts(limit=150))
    assert [each.account_id for each in listed] == [row["account_id"] for row in whole]


def test_a_score_is_the_same_by_every_way(tenure):
    account_ids = [each.account_id for each in tenure.accounts(sort="arr", limit=3)][:3]
    scores = tenure.score(account_ids)
    for account_id, score in zip(account_ids, scores, strict=True):
        one = tenure.account(account_id)
        assert one.model_copy(update={"scored_at": score.scored_at}) == score
        values = {driver.metric: driver.value for driver in score.drivers}
        (predicted,) = tenure.predict([values])
        assert predicted.churn_probability == pytest.approx(score.churn_probability, abs=1e-12)


def test_what_if_tells_before_and_after(tenure):
    account_id = next(tenure.accounts()).account_id
    score = tenure.account(account_id)
    actionable = {each.metric for each in tenure.model().inputs if each.actionable}
    driver = next(d for d in score.drivers if d.metric in actionable and d.value is not None)
    told = tenure.what_if(account_id, {driver.metric: driver.value})
    for judged in (told.before, told.after):
        assert judged.churn_probability == pytest.approx(score.churn_probability, abs=1e-12)
    with pytest.raises(TenureApiError, match="nothing that a team can act on"):
        tenure.what_if(account_id, {"days_to_renewal": 1.0})


def test_sentences_come_in_the_language_that_is_asked_for(secured):
    account = secured.process.get("/v1/accounts?limit=1").json()["accounts"][0]["account_id"]
    english = secured.process.get(f"/v1/accounts/{account}")
    german = secured.process.get(f"/v1/accounts/{account}", headers={"Accept-Language": "de-DE"})
    asked = secured.process.score(json={"account_ids": [account]}, params={"lang": "de"})
    assert asked.json()["scores"][0]["drivers"] == german.json()["drivers"]
    said = [[d["sentence"] for d in each.json()["drivers"]] for each in (english, german)]
    assert said[0] != said[1]
    assert english.headers["etag"] != german.headers["etag"]
    assert german.headers["vary"] == "Accept-Language"


def test_what_has_not_changed_is_not_sent_again(tenure):
    assert tenure.model() is tenure.model()


def test_a_refusal_says_why(tenure):
    with pytest.raises(TenureApiError, match="Did you mean 'active_days_28d'") as refused:
        tenure.predict([{"active_day_28d": 1.0}])
    assert (refused.value.status, refused.value.code) == (400, "invalid_request")
    assert refused.value.request_id
    with pytest.raises(TenureApiError) as unknown:
        tenure.score(["nobody"])
    assert unknown.value.details == {"unknown": ["nobody"]}


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_guides_examples_run(secured, number):
    kind, text = EXAMPLES[number]
    account = secured.process.get("/v1/accounts?limit=1").json()["accounts"][0]["account_id"]
    start = ["sh", "-euc"] if kind == "sh" else [sys.executable, "-c"]
    run = subprocess.run(
        [*start, text.replace("ACCOUNT", account)],
        env={
            **os.environ,
            "TENURE_URL": secured.process.url,
            "TENURE_KEY": secured.keys["score"],
        },
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout
