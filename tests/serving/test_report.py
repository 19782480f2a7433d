"""`tenure evaluate --html`: one page that asks nobody for anything."""

import re

import pytest

from serving import report
from training import tracking


@pytest.fixture
def kept(champion, monkeypatch, use_store):
    use_store(monkeypatch, champion.store)
    return tracking.backtest(), tracking.info()


def test_the_page_tells_leaders_and_data_scientists(kept):
    page = report.html(*kept)
    assert re.search(r"Of the \d+ accounts we would have called, <strong>\d+ left", page)
    for heading in ("Is it true what it says", "Ledger", "For data scientists"):
        assert heading in page
    assert page.count("<svg") >= 6


def test_it_asks_nobody_for_anything(kept):
    page = report.html(*kept)
    outside = [
        each
        for each in re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^")\s>]+)', page)
        if not each.startswith("#")
    ]
    assert outside == []
    assert "<script" not in page


def test_names_inside_the_figures_do_not_meet(kept):
    names = re.findall(r'\bid="([^"]+)"', report.html(*kept))
    assert len(names) == len(set(names))


def test_the_run_keeps_report_card_and_frames(kept):
    _, info = kept
    card = tracking._artifact(tracking._find(info.version), "report/model_card.md").read_text()
    assert f"{info.summary['observations']:,} observations" in card
    assert "## For whom" in card
    page = tracking._artifact(tracking._find(info.version), "report/report.html").read_text()
    assert "Training run" in page
