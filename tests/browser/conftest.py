"""One server and one Chromium for all browser tests; a fresh page for each of them."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import harness

# What a page shows next may wait for other work of a busy machine; what is there already is seen at once.
expect.set_options(timeout=20_000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder, before `-m "not browser"` chooses, and let it run first.

    Of two workers the first then has all of it, with one Chromium and one server of each kind, and the second steals
    quick tests from behind it.
    """

    def is_elsewhere(item: pytest.Item) -> bool:
        return Path(__file__).parent not in item.path.parents

    for item in items:
        if not is_elsewhere(item):
            item.add_marker(pytest.mark.browser)
    items.sort(key=is_elsewhere)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a picture of what the browser showed when a test failed."""
    report = yield
    page = item.funcargs.get("page") if isinstance(item, pytest.Function) else None
    if report.when == "call" and report.failed and isinstance(page, Page) and not page.is_closed():
        picture = harness.ROOT / "shots" / "failed" / f"{item.name}.png"
        page.screenshot(path=picture)
        report.sections.append(("Picture of the page", str(picture)))
    return report


# The scope is the folder and not the session: Playwright keeps an event loop running, which tests elsewhere trip over.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; where none is installed its tests are skipped, unless REQUIRE_BROWSER is set, as in CI."""
    harness.need_chromium()
    with harness.chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def server(browser: Browser) -> Iterator[harness.Server]:
    """The app itself; it starts after the browser, so that nothing starts where there is no browser."""
    with harness.serve() as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: harness.Server) -> Iterator[Page]:
    """A fresh page, light, 1280 x 800; the test fails if a script or JavaScript fails in it."""
    with harness.watched_page(browser, server) as page:
        yield page
