"""The server under test, one browser for all tests, a page for each. A page that complains fails its test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from harness.api import Api
from harness.programs import Server, binary
from stage import PATIENCE, Endpoint, Line, Person, desk, launch, sign_in_path


expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(binary("debug"), tmp_path_factory.mktemp("server") / "data") as running:
        yield running
        assert running.running, f"the server died during the tests, see {running.log}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = launch(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def signed_in(browser: Browser, server: Server) -> dict:
    """The cookie of a browser that used the printed link."""
    context = browser.new_context(base_url=server.address)
    context.new_page().goto(sign_in_path(server))
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def api(server: Server) -> Api:
    return server.api()


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as running:
        yield running


@pytest.fixture
def shop(api: Api) -> Line:
    """An iMessage number of an agent of this test's own."""
    return Line(api, agent="Front Desk")


@pytest.fixture
def ada(api: Api) -> Person:
    return Person(api, "Ada")


@pytest.fixture
def show(browser: Browser, server: Server, signed_in: dict) -> Iterator[Callable[..., Page]]:
    """Opens the desk with some phones on it: `show(ada, thread=number)`, or `show(ada, ben, threads={ada: number})`."""
    with ExitStack() as opened:
        pages = []

        def open_desk(*people, thread=None, threads=None, **options) -> Page:
            threads = threads or ({people[0]: thread} if thread else {})
            pages.append(opened.enter_context(desk(browser, server.address, signed_in, people, threads, **options)))
            return pages[-1]

        yield open_desk
        for page in pages:
            assert page.problems == [], "the page complained"
