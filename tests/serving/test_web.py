import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from markupsafe import escape

from serving import explain, openapi, score
from serving.api import Accounts, Model
from serving.audit import Audit
from serving.live import Live, Snapshot
from serving.web import PAGE_ROWS, create_app, totals, waterfall
from serving.wish import Wish

HOSTILE = "<script>alert('x')</script> & Söhne"


def fake(account_id: str, **more: object) -> dict[str, object]:
    row = {"account_id": account_id, "name": None, "segment": "mid", "csm": None}
    row |= {
        "band": "watch",
        "health": 50.0,
        "churn_probability": 0.1,
        "arr_at_risk": 1.0,
        "renewal_date": "2026-01-01",
    }
    return row | more


@pytest.fixture(scope="module")
def rows(scored):
    rows = score.records(scored[0])
    rows[0] |= {"account_id": "odd/id ?#", "name": HOSTILE, "csm": "Ana Ruiz"}
    return rows


@pytest.fixture(scope="module")
def live(scored, rows):
    ready = Live(lambda: "1", lambda: Snapshot({**scored[1], "inputs": []}, tuple(rows)))
    ready.refresh()
    return ready


@pytest.fixture
def audit(tmp_path):
    return Audit(tmp_path / "audit.jsonl")


@pytest.fixture
def ask(live, audit, asking):
    return asking(create_app(live, audit))


@pytest.fixture
def too_early(asking, audit):
    return asking(create_app(Live(lambda: "1", lambda: Snapshot({}, ())), audit))


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.found += [value for name, value in attrs if name in ("href", "src", "action")]


def links(html: str) -> Links:
    parser = Links()
    parser.feed(html)
    return parser


def test_the_list_shows_the_riskiest_first(ask, rows):
    html = ask("GET", "/").text
    shown = [html.index(f">{row['name']}</a>") for row in rows[1:PAGE_ROWS]]
    assert shown == sorted(shown)
    assert explain.percent(rows[1]["churn_probability"]) in html


def test_the_list_says_how_far_to_trust_it(ask, scored):
    html = ask("GET", "/").text
    evaluation = scored[1]["evaluation"]
    for figure in ("auc_due", "auc_due_low", "auc_due_high", "auc"):
        assert f"{evaluation[figure]:.2f}" in html
    assert f"{evaluation['judged']['renewals']:,} later renewals" in html


def test_names_from_the_data_are_text_and_never_markup(ask):
    for path in ("/", f"/accounts/{quote('odd/id ?#', safe='')}", f"/?q={quote(HOSTILE)}"):
        answer = ask("GET", path)
        assert answer.status_code == 200
        assert "script" not in links(answer.text).tags
        assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize("path", ["/", "/?q=zzz", "/accounts/nobody"])
def test_pages_lead_nowhere_else(ask, path):
    assert all(link.startswith(("/", "#")) for link in links(ask("GET", path).text).found)


def test_every_account_has_its_page(ask, rows):
    for row in rows[:5]:
        html = ask("GET", f"/accounts/{quote(row['account_id'], safe='')}").text
        assert explain.percent(row["churn_probability"], 1) in html
        assert all(str(escape(driver["label"])) in html for driver in row["drivers"])


def test_what_is_not_there_is_a_page_with_404(ask):
    answer = ask("GET", "/accounts/nobody")
    assert answer.status_code == 404
    assert "No account" in answer.text
    assert ask("GET", "/nowhere").status_code == 404
    assert ask("GET", "/docs.json").status_code == 404


def test_too_early_a_page_says_so(too_early):
    answer = too_early("GET", "/")
    assert answer.status_code == 503
    assert "being computed" in answer.text
    assert too_early("GET", "/v1/model").json()["error"]["code"] == "not_ready"


def test_scores_that_could_not_be_renewed_say_so(ask, live, monkeypatch):
    monkeypatch.setattr(live, "problem", "The store is locked.")
    assert "The store is locked." in ask("GET", "/").text


@pytest.mark.parametrize(("path", "kind"), [("/", "text/html"), ("/v1/model", "application/json")])
def test_a_defect_says_nothing_of_itself(asking, audit, path, kind):
    broken = Live(lambda: "1", lambda: Snapshot({"secret": 1}, ()))
    broken.refresh()
    broken._snapshot = object()
    answer = asking(create_app(broken, audit))("GET", path)
    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith(kind)
    assert "Its log says where" in answer.text
    assert "object" not in answer.text


def test_an_unknown_order_is_refused(ask):
    assert ask("GET", "/?sort=name").status_code == 400
    answer = ask("GET", "/v1/accounts?sort=name")
    assert answer.status_code == 400
    assert "risk, health, arr, renewal" in answer.json()["error"]["message"]


@pytest.mark.parametrize("cursor", ["-1", "x", "1e3", "99999999999999999999", "²", "W10", "bnVsbA"])
def test_a_cursor_that_was_not_given_out_is_refused(ask, cursor):
    assert ask("GET", f"/v1/accounts?cursor={quote(cursor)}").status_code == 404


def test_a_cursor_leads_on_only_in_its_own_list_of_the_same_scores(ask, live, scored, rows):
    first = ask("GET", "/v1/accounts?limit=10&sort=arr").json()["next_cursor"]
    assert ask("GET", f"/v1/accounts?sort=arr&cursor={first}").status_code == 200
    assert ask("GET", f"/v1/accounts?sort=risk&cursor={first}").status_code == 404
    before, newer = live.snapshot, {**scored[1], "inputs": [], "version": "2"}
    live._snapshot = Snapshot(newer, before.rows)
    answer = ask("GET", f"/v1/accounts?sort=arr&cursor={first}")
    live._snapshot = before
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "scores_changed"


@pytest.mark.parametrize("path", ["/v1/accounts?sort=arr", "/v1/model", "/v1/accounts/{}"])
def test_who_has_the_current_scores_is_told_so(ask, rows, path):
    path = path.format(quote(rows[1]["account_id"]))
    tag = ask("GET", path).headers["etag"]
    again = ask("GET", path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert ask("GET", path, headers={"If-None-Match": 'W/"older"'}).status_code == 200


def test_a_misspelt_filter_is_refused(ask):
    answer = ask("GET", "/v1/accounts?segmen=mid")
    assert answer.status_code == 400
    assert "Did you mean 'segment'?" in answer.json()["error"]["message"]


def test_who_saw_which_accounts_is_written_down(ask, audit, rows):
    ask("GET", f"/accounts/{quote(rows[1]['account_id'])}")
    ask("GET", "/v1/accounts?limit=2")
    lines = [json.loads(line) for line in audit.path.read_text().splitlines()]
    assert [line["accounts"] for line in lines] == [
        [rows[1]["account_id"]],
        [row["account_id"] for row in rows[:2]],
    ]
    assert [line["asked"] for line in lines] == [
        "GET /accounts/{account_id:path}",
        "GET /v1/accounts",
    ]


def test_what_cannot_be_written_down_is_not_answered(live, asking, tmp_path):
    (tmp_path / "file").write_text("")
    ask = asking(create_app(live, Audit(tmp_path / "file" / "audit.jsonl")))
    answer = ask("GET", "/v1/accounts")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "audit_unavailable"
    assert ask("GET", "/").status_code == 503


def test_the_api_lists_everybody_page_by_page(ask, rows):
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ask("GET", f"/v1/accounts?limit=100{cursor and '&cursor=' + cursor}")
        Accounts.model_validate_json(page.content)
        seen += [row["account_id"] for row in page.json()["accounts"]]
        cursor = page.json()["next_cursor"]
    assert seen == [row["account_id"] for row in rows]


def test_the_api_tells_of_the_model(ask, scored):
    answer = ask("GET", "/v1/model")
    Model.model_validate_json(answer.content)
    assert answer.json()["version"] == scored[1]["version"]


def test_openapi_refers_only_to_what_it_defines(ask):
    document = ask("GET", "/openapi.json").json()
    assert document == openapi.document(secured=False)
    defined = document["components"]["schemas"]
    referred = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert referred <= defined.keys()


def test_a_wish_filters_and_sorts():
    rows = [
        fake("1", churn_probability=0.9, arr_at_risk=2.0, renewal_date=None, name="Acme"),
        fake("2", churn_probability=0.5, arr_at_risk=None, renewal_date="2026-02-01", csm="Ana"),
        fake("3", churn_probability=0.1, arr_at_risk=5.0, segment="large"),
    ]

    def ids(**wish: str) -> str:
        return "".join(row["account_id"] for row in Wish.of(wish).choose(rows))

    assert ids() == "123"
    assert ids(sort="arr") == "312"
    assert ids(sort="renewal") == "321"
    assert ids(segment="mid") == "12"
    assert ids(csm="Ana") == "2"
    assert ids(band="watch") == "123"
    assert ids(band="healthy") == ""
    assert ids(q=" aCM ") == "1"
    assert ids(q="3", segment="mid") == ""


def test_totals_add_up():
    rows = [fake("1", arr=10.0), fake("2", arr=None, arr_at_risk=None, churn_probability=0.4)]
    assert totals(rows) == {"accounts": 2, "leavers": 0.5, "arr": 10.0, "arr_at_risk": 1.0}


@pytest.mark.parametrize("points", [[0.3, -0.1], [-0.35, 0.1], [0.0], []])
def test_the_waterfall_stays_inside_its_drawing(points):
    row = {"base_probability": 0.3}
    steps = waterfall(row, [{"dimension": "depth", "points": each} for each in points])
    assert len(steps) == len(points) + 2
    for step in steps:
        assert step["left"] >= -1e-9
        assert step["left"] + step["width"] <= 100
    assert [step["points"] for step in steps[1:-1]] == pytest.approx(points)


def contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast of two colours."""

    def luminance(colour: str) -> float:
        full = colour if len(colour) == 7 else "#" + "".join(2 * each for each in colour[1:])
        parts = [int(full[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_all_text_stands_out_in_both_themes():
    css = (Path(__file__).parents[2] / "serving/static/tenure.css").read_text()
    themes = [dict(re.findall(r"--(\w[\w-]*): (#\w+)", part)) for part in css.split(":root")[1:3]]
    for theme in themes:
        for ink in ("ink", "soft", "accent", "raises", "lowers"):
            for ground in ("paper", "card"):
                assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
        assert contrast(theme["paper"], theme["accent"]) >= 4.5


def test_an_account_is_told_in_the_readers_language(ask, rows):
    path = f"/accounts/{quote(rows[1]['account_id'], safe='')}"
    german = ask("GET", path, headers={"Accept-Language": "de-DE, en;q=0.5"}).text
    assert "letzten 28 Tage" in german
    assert ask("GET", path + "?lang=de").text == german
    english = ask("GET", path, headers={"Accept-Language": "fr"}).text
    assert "letzten 28 Tage" not in english


def test_the_page_of_an_account_tells_what_changed(ask, rows):
    row = next(row for row in rows[1:] if row["probability_change"])
    html = ask("GET", f"/accounts/{quote(row['account_id'], safe='')}").text
    told = [each for each in row["change_drivers"] if explain.direction(each["points"]) != "leaves"]
    assert all(str(escape(each["sentence"])) in html for each in told)


def test_the_page_of_an_account_draws_the_risk_over_time(ask, rows):
    row = rows[0]
    html = ask("GET", f"/accounts/{quote(row['account_id'], safe='')}").text
    for days in (30, 90, 180, 365):
        assert f'<th scope="col" class="number">{days} days</th>' in html
        told = str(escape(explain.percent(row[f"churn_{days}d"], 1)))
        assert f'<td class="number">{told}</td>' in html
    assert str(escape(explain.money(row["expected_retained_arr"]))) in html
    assert 'class="curve"' in html
