"""The pages in a real browser: Debian's chromium, driven by Playwright."""

import shutil
import threading
import time
from collections.abc import Iterator

import pytest

from serving import explain, score, weights
from serving.access import Access
from serving.audit import Audit
from serving.guard import Guard
from serving.keys import KeyRing
from serving.live import Live, Snapshot
from serving.rate import RateLimit
from serving.web import PAGE_ROWS, create_app

pytestmark = pytest.mark.browser

HOW_TO_GET_IT = "on Debian or Ubuntu: apt-get install chromium libatomic1"
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def rows(scored):
    rows = score.records(scored[0])
    for place, row in enumerate(rows):
        row["csm"] = ("Ana Ruiz", "B. Okafor")[place % 2]
    return rows


@pytest.fixture(scope="module")
def document(champion, use_store):
    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, champion.store)
        return weights.told()


@pytest.fixture(scope="module")
def url(scored, rows, document, tmp_path_factory) -> Iterator[str]:
    import uvicorn

    facts = {**scored[1], "inputs": []}
    live = Live(lambda: "1", lambda: Snapshot(facts, tuple(rows), None, document))
    live.refresh()
    folder = tmp_path_factory.mktemp("served")
    access = Access(KeyRing(folder / "none"), RateLimit(1000), b"secret")
    app = Guard(create_app(live, Audit(folder / "audit.jsonl"), access), access, {})
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip(f"no browser here; {HOW_TO_GET_IT}")
    from playwright.sync_api import sync_playwright

    try:
        playwright = sync_playwright().start()
    except Exception as error:
        pytest.skip(f"Playwright's driver does not start ({error}); {HOW_TO_GET_IT}")
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
    )
    yield browser
    browser.close()
    playwright.stop()


@pytest.fixture
def page(browser, url):
    """A page that notes every request that leads elsewhere and every complaint of the browser."""
    context = browser.new_context()
    page = context.new_page()
    elsewhere, complaints = [], []
    page.on("request", lambda asked: asked.url.startswith(url) or elsewhere.append(asked.url))
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert elsewhere == []
    assert complaints == []


def lists(page, rows) -> None:
    """Wait until these accounts are listed in this order."""
    from playwright.sync_api import expect

    expect(page.locator("table.accounts tbody th a")).to_have_text([row["name"] for row in rows])


def test_the_list_then_one_account(page, url, rows):
    page.goto(url)
    lists(page, rows[:PAGE_ROWS])
    page.get_by_role("link", name=rows[0]["name"], exact=True).first.click()
    page.wait_for_url("**/accounts/*")
    assert page.get_by_role("heading", level=1).inner_text() == rows[0]["name"]
    assert explain.percent(rows[0]["churn_probability"], 1) in page.inner_text("main")
    assert page.locator("table.drivers tbody tr:not(.dimension)").count() == len(rows[0]["drivers"])
    page.get_by_role("link", name="All accounts").click()
    page.wait_for_url(f"{url}/")


def test_filter_and_sort(page, url, rows):
    page.goto(url)
    page.get_by_label("CSM").select_option("Ana Ruiz")
    page.get_by_label("Sort by").select_option("ARR at risk")
    page.get_by_role("button", name="Show").click()
    wanted = sorted(rows[::2], key=lambda row: -row["arr_at_risk"])
    lists(page, wanted[:PAGE_ROWS])
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Find").fill(rows[7]["account_id"])
    page.keyboard.press("Enter")
    lists(page, [rows[7]])


def test_leafing_through(page, url, rows):
    page.goto(url)
    page.get_by_role("link", name="Next").click()
    lists(page, rows[PAGE_ROWS : 2 * PAGE_ROWS])
    page.get_by_role("link", name="Earlier").click()
    lists(page, rows[:PAGE_ROWS])


def test_nothing_found(page, url):
    page.goto(f"{url}/?q=zzz")
    assert "No account fits" in page.inner_text("main")


def test_drivers_point_the_way_their_sign_says(page, url, rows):
    page.goto(f"{url}/accounts/{rows[0]['account_id']}")
    for kind, sign in (("raises", "+"), ("lowers", "-")):
        for said in page.locator(f"table.drivers .points.{kind}").all_inner_texts():
            assert f"{kind} the risk by" in said
            assert said.split()[-1].startswith(sign)


def test_what_healthy_means_is_told_heaviest_first(page, url, document):
    page.goto(url)
    page.get_by_role("link", name="Health score").click()
    page.wait_for_url("**/health-score")
    weights_drawn = page.locator("table.weights tbody tr")
    told = [
        (explain.dimension_label(name), f"{document['dimensions'][name]['weight']:.1f}")
        for name, _ in weights.heaviest(document)
    ]
    seen = weights_drawn.evaluate_all(
        "rows => rows.map(row => row.innerText.split(/\\s*\\t\\s*|\\n/))"
    )
    assert [(row[0], row[1]) for row in seen] == told
    # bars are as long as weights are heavy
    drawn = weights_drawn.locator("rect.whole").evaluate_all(
        "bars => bars.map(bar => bar.getBoundingClientRect().width)"
    )
    heavy = [float(weight) for _, weight in told]
    assert drawn == pytest.approx([drawn[0] * each / heavy[0] for each in heavy], rel=0.1, abs=1)
    goals = page.locator("table.goals tbody tr:not(.dimension)")
    borne_out = [
        goal
        for each in document["metrics"].values()
        for goal in each["goals"]
        if goal["segment"] == "all" or goal["enough"]
    ]
    assert goals.count() == len(borne_out)
    assert weights.groups_said(document) in page.inner_text("main")


def test_the_keyboard_reaches_the_content_first(page, url):
    page.goto(url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.wait_for_url("**#main")


@pytest.mark.parametrize("path", ["/", "/accounts/", "/health-score"])
def test_everything_has_a_name_for_those_who_cannot_see(page, url, rows, path):
    page.goto(url + path + (rows[0]["account_id"] if path == "/accounts/" else ""))
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.locator("h1").count() == 1
    unnamed = "[...document.querySelectorAll('input, select')].filter(e => !e.labels.length).length"
    assert page.evaluate(unnamed) == 0
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("thead th:not([scope]), img:not([alt])").count() == 0


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_no_page_is_wider_than_the_window(page, url, rows, width):
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/", f"/accounts/{rows[0]['account_id']}", "/health-score"):
        page.goto(url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_dark_theme_is_dark(page, url):
    page.emulate_media(color_scheme="dark")
    page.goto(url)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, ground[4:-1].split(","))) < 150


def test_it_works_without_javascript(browser, url, rows):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{url}/?sort=renewal")
    lists(page, sorted(rows, key=lambda row: row["renewal_date"])[:PAGE_ROWS])
    context.close()
