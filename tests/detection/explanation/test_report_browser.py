"""The report in a real Chromium: no error, no request, charts that draw, print, and life without scripts."""

import re
import zlib
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from stillwatch.detection.explanation.report import write_report

pytestmark = pytest.mark.browser


class Watched:
    """A page with everything it complained about or asked the network for."""

    def __init__(self, browser, path, **context):
        self.context = browser.new_context(viewport={"width": 1200, "height": 900}, **context)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("dialog", lambda d: (self.complaints.append(f"dialog: {d.message}"), d.dismiss()))
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.url = path.as_uri()
        self.page.goto(self.url)

    def quiet(self) -> bool:
        return self.complaints == [] and {r.split("#")[0] for r in self.requests} == {self.url}


@pytest.fixture(scope="module")
def few(stories, tmp_path_factory):
    path = tmp_path_factory.mktemp("browser") / "report.html"
    write_report(path, stories.few(), stories.examined())
    return path


@pytest.fixture
def open_page(chromium):
    opened = []

    def make(path, **context):
        opened.append(Watched(chromium, path, **context))
        return opened[-1]

    yield make
    for watched in opened:
        watched.context.close()


INKED = """canvas => {
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let inked = 0;
    for (let i = 3; i < data.length; i += 4) inked += data[i] > 0;
    return inked;
}"""


def inked(page, selector):
    """The most pixels that are painted on any one canvas under the selector."""
    return max(handle.evaluate(INKED) for handle in page.query_selector_all(f"{selector} canvas"))


def test_cards_open_and_draw_without_error_or_request(open_page, few):
    watched = open_page(few)
    page = watched.page
    card = page.locator(".card").nth(1)
    assert not card.locator("figure.timeline").is_visible()
    card.locator("details.evidence > summary").click()
    card.scroll_into_view_if_needed()
    page.wait_for_selector("#g2 figure.timeline.drawn .uplot")
    page.wait_for_selector("#g2 figure.graph.drawn canvas")
    assert inked(page, "#g2 figure.timeline") > 5_000
    assert inked(page, "#g2 figure.graph") > 1_000
    assert card.locator(".static").first.is_hidden()
    assert watched.quiet(), watched.complaints + watched.requests


def test_only_open_cards_near_the_window_are_drawn(open_page, few):
    page = open_page(few).page
    page.wait_for_timeout(300)
    assert page.locator("#g3 .drawn").count() == 0


def tapped(page, words):
    """Tap the first thing of the first card's graph as a person would, again where a busy machine was not ready."""
    for _ in range(40):
        # What is drawn late above the graph can push it out of the window again.
        page.evaluate(
            "document.querySelector('#g1 .canvas').scrollIntoView({block: 'center', behavior: 'instant'})"
        )
        box = page.locator("#g1 .canvas").bounding_box()
        at = page.evaluate("document.querySelector('#g1 .canvas')._cyreg.cy.$('#t0').renderedPosition()")
        page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])
        if ": joined to acct-" in words.inner_text():
            return
        page.wait_for_timeout(250)
    expect(words).to_contain_text(": joined to acct-")


def test_a_tap_on_a_thing_names_its_accounts(open_page, few):
    page = open_page(few).page
    page.locator("#g1 .canvas").scroll_into_view_if_needed()
    page.wait_for_selector("#g1 figure.graph.drawn canvas")
    words = page.locator("#g1 figcaption.words")
    assert "joined to" in words.inner_text()
    tapped(page, words)


def test_a_tap_hits_what_it_shows_after_the_graph_has_moved_without_a_scroll(open_page, few):
    page = open_page(few).page
    page.locator("#g1 .canvas").scroll_into_view_if_needed()
    page.wait_for_selector("#g1 figure.graph.drawn canvas")
    words = page.locator("#g1 figcaption.words")
    tapped(page, words)
    page.evaluate(
        "document.querySelector('#g1 figure.graph').style.cssText = 'position: relative; top: 60px'"
    )
    named = words.inner_text()
    box = page.locator("#g1 .canvas").bounding_box()
    at = page.evaluate("document.querySelector('#g1 .canvas')._cyreg.cy.$('#t0').renderedPosition()")
    page.mouse.click(box["x"] + 3, box["y"] + 3)
    expect(words).not_to_have_text(named)
    page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])
    expect(words).to_have_text(named)


def test_the_summary_sorts_by_keyboard_and_links_open_their_group(open_page, few):
    watched = open_page(few)
    page = watched.page
    button = page.get_by_role("button", name="Accounts", exact=True)
    column = "table.sortable tbody tr td:nth-child(6)"
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator(column).all_inner_texts() == ["412", "75", "18", "9", "6"]
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Accounts")
    page.keyboard.press("Enter")
    assert page.locator(column).all_inner_texts() == ["6", "9", "18", "75", "412"]
    page.get_by_role("link", name="c-00003").click()
    page.wait_for_selector("#g3 details.evidence[open]")
    page.get_by_role("link", name="c-00004").click()
    page.wait_for_selector("details#g4[open]")
    assert watched.quiet(), watched.complaints + watched.requests


def test_it_is_whole_without_scripts(open_page, few):
    watched = open_page(few, java_script_enabled=False)
    page = watched.page
    assert page.locator("table.sortable tbody tr").count() == 5
    assert page.locator("#g1 figure.timeline .static svg").is_visible()
    assert page.locator("#g1 figure.graph .static svg").is_visible()
    page.locator("#g2 details.evidence > summary").click()
    assert page.locator("#g2").get_by_text("Counter-evidence").is_visible()
    assert watched.quiet(), watched.complaints + watched.requests


def text_of(pdf: bytes) -> str:
    """The letters of a PDF by Chromium, by way of its fonts' maps to Unicode; spaces are left out."""
    objects = {
        int(number): body
        for number, body in re.findall(rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", pdf, re.DOTALL)
    }

    def stream(body: bytes) -> bytes:
        raw = body.split(b"stream\n", 1)[1].rsplit(b"\nendstream", 1)[0]
        return zlib.decompress(raw) if b"FlateDecode" in body else raw

    maps: dict[int, dict[int, str]] = {}
    for number, body in objects.items():
        found = re.search(rb"/ToUnicode (\d+) 0 R", body)
        if not found:
            continue
        cmap = stream(objects[int(found.group(1))]).decode("latin-1")
        letters: dict[int, str] = {}
        for block in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
            for code, to in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
                letters[int(code, 16)] = bytes.fromhex(to).decode("utf-16-be", "replace")
        for block in re.findall(r"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
            for low, high, to in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
                for code in range(int(low, 16), int(high, 16) + 1):
                    letters[code] = chr(int(to, 16) + code - int(low, 16))
        maps[number] = letters
    out = []
    for body in objects.values():
        page = re.search(rb"/Type /Page\b.*?/Contents (\d+) 0 R", body, re.DOTALL)
        if not page:
            continue
        fonts = {name: int(number) for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body)}
        current: dict[int, str] = {}
        content = stream(objects[int(page.group(1))])
        for font, codes in re.findall(rb"/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>", content):
            if font:
                current = maps.get(fonts.get(font, 0), {})
            else:
                text = codes.decode()
                out += [current.get(int(text[i : i + 4], 16), "") for i in range(0, len(text), 4)]
    return re.sub(r"\s+", "", "".join(out))


@pytest.mark.parametrize("scripts", [True, False])
def test_print_shows_every_card_whole(open_page, few, stories, scripts):
    watched = open_page(few, java_script_enabled=scripts, color_scheme="dark")
    printed = text_of(watched.page.pdf(format="A4"))
    for words in ("c-00001", "c-00002", "c-00003", "c-00004", "c-00005"):
        assert words in printed
    assert printed.count("Counter-evidence") == 3
    assert printed.count("Rivalexplanations") == 3
    assert printed.count("AgreementA-17allows") == 5
    assert "Whyitwascleared" in printed
    assert "acct-0001-000199" in printed  # the last member row of the largest card
    assert watched.quiet(), watched.complaints + watched.requests


def test_print_is_dark_on_white_even_from_a_dark_screen(open_page, few):
    page = open_page(few, color_scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.locator("#g1 figure.timeline .static svg").is_visible()
    assert page.locator("#g1 figure.timeline .plot").is_hidden()


CONTRAST = """() => {
    const rgb = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const poor = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest("script")) continue;
        const style = getComputedStyle(element);
        const ink = element.closest("svg") ? style.fill : style.color;
        let behind = element;
        while (behind && rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
        const paper = getComputedStyle(behind ?? document.body).backgroundColor;
        const [high, low] = [light(rgb(ink)), light(rgb(paper))].sort((a, b) => b - a);
        const ratio = (high + 0.05) / (low + 0.05);
        if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${walker.currentNode.textContent.trim().slice(0, 40)}`);
    }
    return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(open_page, few, scheme):
    page = open_page(few, color_scheme=scheme).page
    page.wait_for_selector("#g1 .drawn")
    assert page.evaluate(CONTRAST) == []


def test_names_and_headings_for_those_who_cannot_see_it(open_page, few):
    page = open_page(few).page
    page.wait_for_selector("#g1 .drawn")
    levels = [int(h.evaluate("h => h.tagName[1]")) for h in page.query_selector_all("h1, h2, h3, h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for image in page.query_selector_all("[role=img]"):
        assert image.get_attribute("aria-label")
    for region in page.query_selector_all("[role=region]"):
        assert region.get_attribute("aria-label")
        assert region.get_attribute("tabindex") == "0"
    assert all(table.query_selector("caption") for table in page.query_selector_all("table:not(.u-legend)"))


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_never_scrolls_sideways(open_page, few, stories, tmp_path, width):
    path = tmp_path / "long.html"
    write_report(path, *stories.hostile("unbroken" * 40))
    for report in (few, path):
        watched = open_page(report)
        watched.page.set_viewport_size({"width": width, "height": 800})
        watched.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        watched.page.wait_for_timeout(400)
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    "text",
    [
        "</script><script>alert(1)</script><img src=x onerror=alert(2)>",
        "\"' onmouseover=alert(3) x='",
        "</style></svg><svg onload=alert(4)>",
        "<a href=https://example.org/x><link rel=stylesheet href=//example.org/y>",
    ],
)
def test_hostile_text_does_nothing(open_page, stories, tmp_path, text):
    path = tmp_path / "hostile.html"
    write_report(path, *stories.hostile(text))
    watched = open_page(path)
    page = watched.page
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.evaluate("document.querySelector('figure.graph').scrollIntoView()")
    page.wait_for_selector("figure.graph.drawn canvas")
    assert text.split(">")[0] in page.locator(".statement").first.inner_text()
    assert watched.quiet(), watched.complaints + watched.requests


def test_a_script_that_is_not_ours_would_be_refused(open_page, few, tmp_path):
    """The policy itself, apart from escaping: the second wall must stand when the first one falls."""
    path = tmp_path / "injected.html"
    injected = "<script>document.title = 'owned'</script><img src='https://example.org/x'></main>"
    path.write_text(few.read_text("utf-8").replace("</main>", injected), "utf-8")
    watched = open_page(path)
    watched.page.wait_for_timeout(200)
    assert watched.page.title() == "Stillwatch scan report"
    assert sum("Content Security Policy" in complaint for complaint in watched.complaints) == 2


def test_five_hundred_groups_open_and_stay_quiet(open_page, stories, tmp_path):
    path = tmp_path / "many.html"
    write_report(path, [stories.story(i, accounts=60) for i in range(1, 501)], stories.examined())
    watched = open_page(path)
    watched.page.get_by_role("button", name="Open all evidence").click()
    watched.page.wait_for_selector("#g1 figure.graph.drawn canvas")
    assert watched.page.locator("details.evidence[open]").count() == 500
    assert watched.page.locator("figure.drawn").count() < 50
    assert watched.quiet(), watched.complaints + watched.requests
