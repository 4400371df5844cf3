"""The built book in a real browser, as a reader meets it."""

import gzip
import http.server
import json
import re
import shutil
import threading
from functools import partial

import explorer
import numpy as np
import pandas as pd
import printing
import pytest
import run
import sliders
from playground_requests import asked_of_pytorch

import playground
from talo_mini import load_benchmark

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
KINDS = (
    *("book/index", "book/playground", "book/explorer", "book/paper_vs_ours", "book/use_it"),
    *("book/summary", "book/reference", "book/glossary", "notebooks/05_talo", "search"),
)
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium"
)
READY = "[data-ready=true][data-answer]"
FAST = 20_000  # milliseconds: far more than a page takes


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address(html):
    handler = partial(Quiet, directory=html)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport=dict(width=1280, height=900))
    found = context.new_page()
    found.set_default_timeout(FAST)
    found.wrong = []

    def told(message):
        if message.type == "error":
            found.wrong.append(message.text)

    def lost(request):
        if request.failure != "net::ERR_ABORTED":  # by going on to the next page
            found.wrong.append(f"failed: {request.url}")

    found.on("console", told)
    found.on("pageerror", lambda error: found.wrong.append(str(error)))
    found.on("requestfailed", lost)
    found.on("response", lambda answer: answer.status >= 400 and found.wrong.append(answer.url))
    found.on("request", lambda request: found.asked.append(request.url))
    found.asked = []
    yield found
    context.close()


def pages(html):
    found = sorted(path.relative_to(html) for path in html.rglob("*.html"))
    own = [path.as_posix() for path in found if not {"playground", "_static"} & {*path.parts}]
    return [name for name in own if name != "index.html"]  # it leads to the first page


def test_a_first_visit(page, address):
    """Flip the switch, see the answer change; open the playground, run 200; open a chapter, follow
    the link to Colab to its file.
    """
    page.goto(f"{address}/book/index.html")
    page.wait_for_selector(READY)
    root = page.locator("#talo-switch")
    assert root.get_attribute("data-right") == "false"
    before = root.get_attribute("data-answer")
    page.click(".pg-toggle")
    page.wait_for_selector("#talo-switch[data-right=true]")
    assert root.get_attribute("data-answer") != before
    assert page.locator(".pg-toggle").get_attribute("aria-pressed") == "false"
    page.locator(".sd-card").first.click()
    page.wait_for_selector(f"#talo-playground{READY}")
    page.click("text=A head in the way")
    page.wait_for_selector("[data-part='head 3'][data-layer='0'][aria-pressed=false]")
    page.click("[data-action=run]")
    page.wait_for_selector("[data-asked='200']", timeout=120_000)
    counted = page.locator("[data-asked='200']")
    published = pd.read_parquet(playground.TABLE).query("task == 'map_west' and form == 'direct'")
    assert int(counted.get_attribute("data-base")) == published.base.sum()
    assert int(counted.get_attribute("data-now")) == published["head 3, 0"].sum()
    page.click("nav a[href$='05_talo.html']")
    page.wait_for_selector("text=In short")
    link = page.locator("article a[href*='colab.research.google.com']").first.get_attribute("href")
    assert (run.ROOT / link.split("/blob/main/")[1]).is_file()
    assert not page.wrong


def test_every_page_is_without_errors_and_asks_no_other_host(page, html, address):
    found = pages(html)
    assert len(found) > 40
    for name in found:
        page.goto(f"{address}/{name}")
        images = page.evaluate(
            "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        )
        own = [image for image in images if image.startswith(address)]
        assert not own, (name, own)
    strange = {url for url in page.asked if not url.startswith((address, "data:", "blob:"))}
    assert not strange
    assert not page.wrong


def test_the_switches_of_a_question(page, address):
    """The address keeps them, the keyboard reaches them, a sweep colours them."""
    page.goto(f"{address}/book/playground.html#task=map_west&form=direct&n=1")
    page.wait_for_selector(READY)
    root = page.locator("#talo-playground")
    assert "wrong" in page.locator(".pg-verdict").inner_text()
    switch = page.locator("[data-part='head 3'][data-layer='0']")
    switch.focus()
    page.keyboard.press("Space")
    page.wait_for_selector("[data-part='head 3'][data-layer='0'][aria-pressed=false]")
    page.wait_for_function("location.hash.includes('off=h0-3')")
    page.wait_for_function("document.querySelector('.pg-verdict').innerText.includes('right')")
    focused = page.evaluate("document.activeElement.dataset.part")
    assert focused == "head 3"  # the board is drawn anew, the focus stays
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    where = page.evaluate("({ ...document.activeElement.dataset })")
    assert where == {"part": "head 2", "layer": "1"}
    answer, kept = root.get_attribute("data-answer"), page.url
    page.goto("about:blank")
    page.goto(kept)
    page.wait_for_selector(f"#talo-playground[data-answer='{answer}']")
    page.click("[data-action=sweep]")
    page.wait_for_selector("[data-part=mlp][data-layer='11'][title*=points]")
    assert page.locator(".pg-result li").count() == 3
    page.evaluate("location.hash = 'what-you-see'")  # a heading is no state
    page.wait_for_timeout(300)
    assert switch.get_attribute("aria-pressed") == "false"
    page.click("text=Draw a new picture")
    page.wait_for_function("document.querySelector('.pg-question').innerText.includes('colour')")
    page.click("summary")
    assert page.locator(".pg-lens tbody tr").count() == 12
    assert not page.wrong


ANSWERING = """async (requests) => {
    const { answering } = await import("/playground/answering.js");
    const { read } = await import("/playground/client.js");
    const answer = await answering(read);
    const found = [];
    for (const request of requests) found.push(await answer(request));
    return found;
}"""


def test_the_browser_answers_as_pytorch_does(page, address):
    """Of every task and form a question, with the modules and files that the page loads."""
    source = (playground.HERE / "tests" / "answering.js").read_text(encoding="utf-8")
    page.route(
        "**/answering.js",
        lambda route: route.fulfill(
            body=source.replace("../src/", "./"), content_type="text/javascript"
        ),
    )
    page.goto(f"{address}/book/playground.html")
    requests, expected = asked_of_pytorch(per_task=1, seed=1)
    found = page.evaluate(ANSWERING, requests)
    assert len(found) == len(expected) == 42 * 2
    for own, wanted in zip(found, expected, strict=True):
        assert np.allclose(np.exp(own), np.exp(wanted), atol=1e-3)
        assert np.argmax(own) == np.argmax(wanted)


def test_the_page_shows_what_was_published(page, address):
    """Of two tasks and forms, by the recorded outcomes."""
    table = pd.read_parquet(playground.TABLE)
    for task, form in (("object_colour", "direct"), ("map_name", "choice")):
        own = table[(table.task == task) & (table.form == form)]
        for number in (0, 7):
            page.goto("about:blank")
            page.goto(f"{address}/book/playground.html#task={task}&form={form}&n={number}&off=a0")
            page.wait_for_selector(READY)
            right = "right (" in page.locator(".pg-verdict").inner_text()
            assert right == bool(own["self-attention, 0"].iloc[number])


def test_without_webassembly_it_says_so_and_answers_the_same(page, address):
    where = f"{address}/book/playground.html#task=map_name&form=choice&n=3&off=h0-3"
    told = []
    for broken in (False, True):
        if broken:
            page.route("**/kernel.wasm", lambda route: route.fulfill(body="no kernel"))
        page.goto("about:blank")
        page.goto(where)
        page.wait_for_selector(READY)
        assert page.locator("text=has no WebAssembly").count() == broken
        told.append(page.locator(".pg-verdict").inner_text())
    assert told[0] == told[1]


def test_every_preset_shows_something(page, address):
    page.goto(f"{address}/book/playground.html")
    page.wait_for_selector(READY)
    for label, told in (
        ("A head in the way", "right (before, it was wrong)"),
        ("A head that helps one task", "right (before, it was wrong)"),
        ("... and is needed by another", "wrong (before, it was right)"),
        ("A layer that is needed", "wrong (before, it was right)"),
        ("A planted fault", "with every part on: wrong."),
        ("... and its cure", "right (before, it was wrong)"),
    ):
        page.click(f"text='{label}'")
        page.wait_for_function(
            "told => document.querySelector('.pg-verdict').innerText.includes(told)", arg=told
        )
    # a planted fault and its cure stand beside the model as it was before
    for label, shown in (
        ("... and its cure", ["before the fault", "every part on", "with these switches"]),
        ("A planted fault", ["before the fault", "with the fault"]),
    ):
        page.click(f"text='{label}'")
        page.wait_for_function("document.querySelector('.pg-result').innerText === ''")
        page.click("[data-action=run]")
        # a count stands for a frame only: waiting for one number would miss it now and then
        page.wait_for_function("document.querySelector('[data-asked]')?.dataset.asked >= 10")
        assert page.locator(".pg-result .pg-name").all_inner_texts() == shown


def test_a_run_that_another_overtakes_stops(page, address):
    page.goto(f"{address}/book/playground.html#task=map_west&form=direct&n=1&off=h0-3")
    page.wait_for_selector(READY)
    page.click("[data-action=run]")
    page.wait_for_selector("[data-asked]")
    page.click("[data-action=sweep-task]")
    page.wait_for_function("document.querySelector('.pg-result').innerText.includes('of 40')")
    page.wait_for_timeout(700)
    assert page.locator("[data-asked]").count() == 0
    page.click("[data-action=stop]")
    page.wait_for_selector("text=Stopped.")
    page.click("[data-action=run]")
    page.wait_for_selector("[data-asked]")
    page.click("text=Next →")
    page.wait_for_function("document.querySelector('.pg-result').innerText === ''")


def test_a_sweep_is_of_the_question_that_was_just_chosen(page, address):
    """However long the question is on its way."""
    page.goto(f"{address}/book/playground.html#task=map_west&form=direct&n=0&off=")
    page.wait_for_selector(READY)
    wanted = []

    def slowly(route):
        page.wait_for_timeout(500)
        route.continue_()

    page.route("**/object_colour.pack", slowly)
    page.select_option("label:has-text('Task') select", "object_colour")
    for _ in range(2):
        page.click("[data-action=sweep]")
        page.wait_for_selector(".pg-result li")
        wanted.append(page.locator(".pg-result li").all_inner_texts())
        page.evaluate("document.querySelector('.pg-result').replaceChildren()")
    assert "what colour" in page.locator(".pg-question").inner_text()
    assert wanted[0] == wanted[1] and len(wanted[0]) == 3


def test_a_task_that_could_not_be_loaded_is_told_and_tried_again(page, address):
    page.goto(f"{address}/book/playground.html")
    page.wait_for_selector(READY)
    page.route("**/map_name.pack", lambda route: route.abort())
    page.select_option("label:has-text('Task') select", "map_name")
    page.wait_for_selector(".pg-result [role=alert]")
    page.unroute("**/map_name.pack")
    page.select_option("label:has-text('Task') select", "map_east")
    page.select_option("label:has-text('Task') select", "map_name")
    page.wait_for_function(
        "document.querySelector('.pg-question').innerText.startsWith('which state')"
    )


def test_the_game_keeps_a_score(page, address):
    page.goto(f"{address}/book/playground.html")
    page.wait_for_selector("#talo-luck[data-round='1']")
    page.wait_for_selector("#talo-luck figcaption")
    probes = page.locator("#talo-luck figcaption").all_inner_texts()
    told = page.locator("#talo-luck p").first.inner_text()
    right = sum(text.endswith("(answered right)") for text in probes)
    assert len(probes) == 10 and f" {right} of ten probe questions are right" in told
    page.click("#talo-luck >> text=Let TaLo choose")
    page.wait_for_selector("#talo-luck[data-told='1']")
    rows = page.locator("#talo-luck tbody tr")
    assert (
        rows.nth(0).locator("td").all_inner_texts() == rows.nth(1).locator("td").all_inner_texts()
    )
    page.click("#talo-luck >> text=Next round")
    page.wait_for_selector("#talo-luck[data-round='2']")


def test_search_finds_a_term_and_how_to_install(page, address):
    for word, wanted in (("winner", "Glossary"), ("install", "Use it on your model")):
        page.goto(f"{address}/search.html?q={word}")
        page.wait_for_selector("#search-results li a")
        assert wanted in " ".join(page.locator("#search-results li a").all_inner_texts())


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_phones_and_desktops(browser, address, html, theme, width):
    """Nothing scrolls sideways; the pictures are kept in _build/looks for somebody to look at."""
    context = browser.new_context(viewport=dict(width=width, height=900), color_scheme=theme)
    page = context.new_page()
    looks = run.ROOT / "_build" / "looks"
    looks.mkdir(parents=True, exist_ok=True)
    chapter = "notebooks/23_the_head_that_interferes"
    for name in ("book/index", "book/playground", "book/explorer", chapter):
        page.goto(f"{address}/{name}.html")
        page.wait_for_timeout(1500)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.screenshot(path=looks / f"{name.split('/')[1]}-{theme}-{width}.png")
    context.close()


def test_the_findings_fill_one_sheet_of_paper(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/book/summary.html")
    sheets = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))
    page.close()
    assert len(sheets) == 1


def test_without_scripts_answers_are_recorded(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/book/index.html")
    told = page.locator("#talo-switch").inner_text()
    assert "Recorded answers" in told and "farthest west" in told
    context.close()


def test_page_weights(html):
    """What a page loads at first, and the model's files, stay small."""
    for name in pages(html):
        most = 2_500_000 if name == printing.NAME else 700_000  # that one is all of them
        assert (html / name).stat().st_size < most, name
    own = html / "playground"
    chosen = {own / "evidence", own / "pictures"}  # loaded when a reader chooses them
    loaded = [
        path
        for path in own.rglob("*")
        if path.is_file()
        and path.suffix != ".pack"
        and path.name != "vega.js"
        and not chosen & {*path.parents}
    ]
    assert sum(path.stat().st_size for path in loaded) < 8_000_000
    assert (own / "kernel.wasm").stat().st_size < 2_000
    first = own / "evidence" / "tables.json", own / "evidence" / "llava-mini.pack"
    assert sum(path.stat().st_size for path in first) < 150_000
    for path in (*own.glob("evidence/*.pack"), *own.glob("pictures/*/*.webp")):
        assert path.stat().st_size < 400_000, path
    for folder in own.glob("pictures/*"):
        assert sum(path.stat().st_size for path in folder.iterdir()) < 16_000_000, folder
    tasks = json.loads((own / "questions" / "tasks.json").read_text())
    assert len(list((own / "questions").glob("*.pack"))) == len(tasks) == 42


def wait_for_map(page, ready):
    page.wait_for_selector(f"#talo-explorer[data-ready='{ready}'] svg")


def test_the_explorer_sorts_filters_and_shows_the_questions_behind_a_cell(page, address):
    page.goto(f"{address}/book/explorer.html")
    root = page.locator("#talo-explorer")
    wait_for_map(page, "llava-mini, head 3, direct, ability, false")
    page.select_option("label:has-text('Order') select", "best")
    wait_for_map(page, "llava-mini, head 3, direct, best, false")
    assert root.get_attribute("data-first") == "map_west"
    page.locator("#talo-explorer .mark-symbol path").first.click()
    page.wait_for_selector("#talo-explorer[data-told='map_west, head 3, 0'] canvas")
    table = pd.read_parquet(playground.TABLE).query("task == 'map_west' and form == 'direct'")
    gained = int((table["head 3, 0"] & ~table.base).sum())
    assert f"Right only without it: {gained}" in root.inner_text()
    told = root.inner_text()
    assert "chance 2.5% for a blind guess, 25% for one that looks; no room to gain" in told
    # the same for those who cannot point at a cell
    for place, value in enumerate(("map east", "2")):
        page.locator(".pg-one select").nth(place).select_option(value)
    page.locator(".pg-one button").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#talo-explorer[data-told='map_east, head 3, 2']")
    page.check("label:has-text('room to gain') input")
    wait_for_map(page, "llava-mini, head 3, direct, best, true")
    assert "map_west" not in root.get_attribute("data-first")
    assert not page.wrong


def test_the_explorer_shows_another_model_and_the_address_keeps_it(page, address):
    page.goto(f"{address}/book/explorer.html")
    root = page.locator("#talo-explorer")
    wait_for_map(page, "llava-mini, head 3, direct, ability, false")
    packs = [url for url in page.asked if "/evidence/" in url and url.endswith(".pack")]
    assert [url.rpartition("/")[2] for url in packs] == ["llava-mini.pack"]
    page.select_option("label:has-text('Model') select", "smollm-mini-half")
    wait_for_map(page, "smollm-mini-half, head 3, direct, ability, false")
    parts = page.locator("#talo-explorer label:has-text('Part') option").all_inner_texts()
    assert parts == ["attention", *(f"head {head}" for head in range(9))]
    assert "over all 8,400 cells of this model and testbed" in root.inner_text()
    page.select_option("#talo-explorer label:has-text('Part') select", "self-attention")
    page.select_option("label:has-text('Order') select", "best")
    ready = "smollm-mini-half, self-attention, direct, best, false"
    wait_for_map(page, ready)
    page.locator("#talo-explorer .mark-symbol path").first.click()
    page.wait_for_selector("#talo-explorer[data-told] canvas")
    task, part, layer = root.get_attribute("data-told").split(", ")
    table = pd.read_parquet(explorer.FOLDER / "smollm-mini-half.parquet")
    own = table[(table.task == task) & (table.form == "direct")]
    lost = int((own.base & ~own[f"{part}, {layer}"]).sum())
    assert f"Right only with it: {lost}" in root.inner_text()
    assert root.locator("figure a").count() == 0  # the playground runs another model
    kept = page.url
    page.goto("about:blank")
    page.goto(kept)
    wait_for_map(page, ready)
    page.select_option("label:has-text('Model') select", "llava-mini, seed 1, 300 steps")
    page.wait_for_selector("#talo-explorer[data-ready^='llava-mini-seed-1-step-300']")
    assert not page.wrong


def test_the_explorer_shows_the_pictures_of_another_testbed(page, address, html, tmp_path):
    """Of noisy pictures, which stand on a sheet a task, whether or not a table of them ships."""
    name, testbed = "llava-mini-on-mini-worlds-noisy", "mini-worlds-noisy"
    explorer.write_pictures(testbed, ["map_west"], 200, tmp_path / testbed)
    told = dict(name=name, group="The minis", model="llava-mini", live=False)
    told |= dict(testbed="mini worlds, noisy", pictures=testbed)
    folder = html / "playground" / "evidence"
    known = json.loads((folder / "tables.json").read_text())
    tables = [one for one in known if one["name"] != name] + [told]
    page.route("**/evidence/tables.json", lambda route: route.fulfill(json=tables))
    pack = folder / "llava-mini.pack"
    page.route(f"**/evidence/{name}.pack", lambda route: route.fulfill(path=pack))

    def sheet(route):
        route.fulfill(path=tmp_path / testbed / route.request.url.rpartition("/")[2])

    page.route(f"**/{testbed}/map_west.*", sheet)
    page.goto(f"{address}/book/explorer.html#table={name}&part=head 3&form=direct&sort=best")
    wait_for_map(page, f"{name}, head 3, direct, best, false")
    page.locator("#talo-explorer .mark-symbol path").first.click()
    page.wait_for_selector("#talo-explorer[data-told='map_west, head 3, 0'] canvas")
    shown = page.evaluate(
        """() => [...document.querySelector("#talo-explorer canvas").getContext("2d")
        .getImageData(0, 0, 64, 64).data]"""
    )
    table = pd.read_parquet(playground.TABLE).query("task == 'map_west' and form == 'direct'")
    number = int(np.flatnonzero(table["head 3, 0"] & ~table.base)[0])
    pixels = np.array(shown).reshape(64, 64, 4)[..., :3].ravel()
    asked = load_benchmark(testbed, ["map_west"], 2 * number + 2, form="direct").questions
    alike = [np.corrcoef(pixels, np.asarray(one.image).ravel())[0, 1] for one in asked]
    assert np.argmax(alike) == number and max(alike) > 0.5  # a sheet is compressed
    assert page.locator("label:has-text('Testbed') option").count() >= 2
    page.select_option("label:has-text('Testbed') select", "mini worlds")
    wait_for_map(page, "llava-mini, head 3, direct, best, false")
    assert not page.wrong


def test_what_is_told_of_a_cell_goes_with_what_is_chosen(page, address):
    page.goto(f"{address}/book/explorer.html#table=llava-mini&part=head 3&form=direct&sort=best")
    wait_for_map(page, "llava-mini, head 3, direct, best, false")
    page.click(".pg-one button")
    page.wait_for_selector("#talo-explorer[data-told]")
    assert "asked in its own words" in page.locator("#talo-explorer").inner_text()
    page.click("#talo-explorer >> text=Close")
    assert page.evaluate("document.activeElement.innerText").startswith("Show its numbers")
    page.keyboard.press("Enter")
    page.wait_for_selector("#talo-explorer[data-told]")
    page.select_option("label:has-text('Form') select", "choice")
    wait_for_map(page, "llava-mini, head 3, choice, best, false")
    assert page.locator("#talo-explorer[data-told]").count() == 0
    assert page.locator("#talo-explorer h3").count() == 0


def test_the_last_cell_that_was_chosen_is_told_of(page, address):
    page.goto(f"{address}/book/explorer.html#table=llava-mini&part=head 3&form=direct&sort=best")
    wait_for_map(page, "llava-mini, head 3, direct, best, false")

    def slowly(route):
        page.wait_for_timeout(700)
        route.continue_()

    page.route("**/map_east.pack", slowly)
    for task in ("map east", "map south"):
        page.locator(".pg-one select").first.select_option(task)
        page.click(".pg-one button")
    page.wait_for_selector("#talo-explorer[data-told^='map_south']")
    page.wait_for_timeout(1000)
    assert page.locator("#talo-explorer h3").inner_text().startswith("map south")


def test_a_table_of_one_form_is_shown_in_it(page, address, html):
    packed = (html / "playground" / "evidence" / "llava-mini.pack").read_bytes()
    evidence = json.loads(gzip.decompress(packed))
    evidence["cells"] = [cell for cell in evidence["cells"] if cell["form"] == "direct"]
    body = gzip.compress(json.dumps(evidence).encode())
    page.route("**/evidence/llava-mini.pack", lambda route: route.fulfill(body=body))
    page.goto(f"{address}/book/explorer.html#table=llava-mini&part=head 3&form=choice&sort=best")
    wait_for_map(page, "llava-mini, head 3, direct, best, false")
    assert page.locator("#talo-explorer label:has-text('Form') option").all_inner_texts() == [
        "in its own words"
    ]
    assert not page.wrong


def test_a_table_that_could_not_be_loaded_is_told(page, address):
    page.goto(f"{address}/book/explorer.html")
    wait_for_map(page, "llava-mini, head 3, direct, ability, false")
    page.route("**/smollm-mini-half.pack", lambda route: route.abort())
    page.select_option("label:has-text('Model') select", "smollm-mini-half")
    page.wait_for_selector("#talo-explorer [role=alert]")
    assert page.locator("label:has-text('Model') select").input_value() == "llava-mini"
    page.unroute("**/smollm-mini-half.pack")
    page.select_option("label:has-text('Model') select", "smollm-mini-half")
    page.wait_for_selector("#talo-explorer[data-ready^='smollm-mini-half']")


def test_a_slider_moves_what_planted_interference_and_power_show(page, address):
    page.goto(f"{address}/book/explorer.html")
    planted, power = page.locator("#talo-planted"), page.locator("#talo-power")
    page.wait_for_selector("#talo-power[data-ready] svg")
    before = planted.get_attribute("data-ready")
    planted.locator("label:has-text('Shots') input").press("End")
    page.wait_for_selector(f"#talo-planted:not([data-ready='{before}'])")
    marks = [row for row in sliders.planted() if row["rule"] == "best"]
    last = max(marks, key=lambda row: (row["strength"], row["shots"]))
    told = planted.get_attribute("data-ready")
    assert f"With {last['shots']} shots" in told
    behind = " of draws" if last["found_low"] is None else " ["  # none where all plants are alike
    assert f"in {100 * last['found']:.0f}%{behind}" in told
    planted.locator("select").select_option("cautious")
    page.wait_for_selector("#talo-planted[data-ready*='the cautious rule']")
    told = planted.get_attribute("data-ready")
    same = {field: last[field] for field in ("strength", "shots")} | dict(rule="cautious")
    (cautious,) = (row for row in sliders.planted() if row == row | same)
    assert f"in {100 * cautious['found']:.0f}% [" in told  # plants differ, and an interval tells
    assert "200 questions find a true gain of 10 points in 88%" in power.inner_text()
    compared = power.locator("select")
    assert compared.locator("option").all_inner_texts() == list(sliders.CORRECTIONS)
    compared.select_option("12 layers of a task")
    page.wait_for_selector("#talo-power[data-ready*='of 10 points in 59%']")
    power.locator("label:has-text('True gain') input").press("Home")
    page.wait_for_selector("#talo-power[data-ready*='a true gain of 1 point in']")
    assert not page.wrong


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_keeps_somebody_out(browser, address, theme):
    """axe finds no serious fault on each kind of page."""
    for name in KINDS:
        context = browser.new_context(color_scheme=theme)
        page = context.new_page()
        page.goto(f"{address}/{name}.html")
        page.wait_for_timeout(1500)
        found = axe.Axe().run(page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        told = [(one["id"], one["nodes"][0]["html"][:120]) for one in serious]
        assert not told, (name, theme, told)
        context.close()
