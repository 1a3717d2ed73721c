"""Passwords of the dashboard: chosen at the first sign-in, its rules, signing in with it, and how often it may be guessed."""

import re

import pytest

from harness.account import Account, client
from harness.browser import COOKIE, SAME, Browser, new_link

PASSWORD = "a horse, a battery and a staple"


def sign_in(account: Account, password: str, project: str | None = None):
    return client(account.origin, None).post("/sign-in", data={"project": project or account.id, "password": password}, headers=SAME)


@pytest.fixture
def browser(account: Account) -> Browser:
    return Browser(account)


def test_the_first_sign_in_asks_for_a_password_that_then_signs_in(account, browser) -> None:
    assert "Choose a password" in browser.page("/")
    assert browser.submit("/password", {"password": PASSWORD}) == "/?done=password"
    assert 'action="/password"' not in browser.page("/") or "(done)" in browser.page("/")
    for project in (account.id, f" {account.id} "):
        answer = sign_in(account, PASSWORD, project)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert re.match(rf"{COOKIE}=[0-9a-z]{{26}}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax", answer.headers["set-cookie"])
    browser.submit("/settings", {"name": f"Bikes of {account.id}"})
    assert sign_in(account, PASSWORD, f"Bikes of {account.id}").status_code == 303


@pytest.mark.parametrize(("password", "why"), [("", "10 to 200"), ("short one", "10 to 200"), ("x" * 201, "10 to 200"), ("z" * 20, "over and over")])
def test_a_password_that_is_no_good_is_refused_and_none_is_set(password, why, account, browser) -> None:
    page = browser.refused("/password", {"password": password}, 422)
    assert why in page and (len(password) < 10 or password not in page), "it is not shown again"
    assert sign_in(account, password).status_code == 401


def test_a_wrong_password_and_an_unknown_project_are_told_alike(account, browser) -> None:
    browser.submit("/password", {"password": PASSWORD})
    wrong, unknown = sign_in(account, PASSWORD + "!"), sign_in(account, PASSWORD, "acct_nobody")
    assert wrong.status_code == unknown.status_code == 401
    told = re.compile(r'role="alert"[^>]*>([^<]+)')
    assert told.search(wrong.text)[1] == told.search(unknown.text)[1]
    assert "set-cookie" not in wrong.headers and PASSWORD not in wrong.text


def test_a_name_that_two_projects_share_signs_nobody_in(account, another_account, browser) -> None:
    other = Browser(another_account)
    for one in (browser, other):
        one.submit("/password", {"password": PASSWORD})
        one.submit("/settings", {"name": f"Twins of {account.id}"})
    assert sign_in(account, PASSWORD, f"Twins of {account.id}").status_code == 401
    assert sign_in(account, PASSWORD).status_code == 303


def test_guessing_has_to_wait_and_a_link_still_opens(account, browser) -> None:
    browser.submit("/password", {"password": PASSWORD})
    assert [sign_in(account, f"guess number {place}").status_code for place in range(5)] == [401] * 5
    for password in ("another guess", PASSWORD):
        answer = sign_in(account, password)
        assert answer.status_code == 429 and 0 < int(answer.headers["retry-after"]) <= 30, "even the right one waits"
        assert "sign-in link" in answer.text
    assert Browser(account).page("/settings")
    assert browser.page("/settings"), "who is signed in stays so"


def test_a_right_password_forgets_the_wrong_ones_before(account, browser) -> None:
    browser.submit("/password", {"password": PASSWORD})
    for _ in range(2):
        assert [sign_in(account, "a wrong guess").status_code for _ in range(4)] == [401] * 4
        assert sign_in(account, PASSWORD).status_code == 303


def test_changing_the_password_asks_for_the_one_before_unless_a_link_was_just_used(account, browser) -> None:
    browser.submit("/password", {"password": PASSWORD})
    browser.submit("/password", {"password": "second " + PASSWORD})
    by_password = client(account.origin, None)
    by_password.post("/sign-in", data={"project": account.id, "password": "second " + PASSWORD}, headers=SAME)
    page = by_password.get("/settings").text
    assert "Current password" in page and "by password" in page
    change = {"password": "third " + PASSWORD}
    for current in ("", PASSWORD):
        answer = by_password.post("/password", data=change | {"current": current}, headers=SAME)
        assert answer.status_code == 422 and "not the current password" in answer.text
    answer = by_password.post("/password", data=change | {"current": "second " + PASSWORD}, headers=SAME)
    assert answer.headers["location"] == "/settings?done=password"
    assert sign_in(account, "third " + PASSWORD).status_code == 303
    assert sign_in(account, "second " + PASSWORD).status_code == 401


def test_a_new_password_ends_all_other_sessions(account, browser) -> None:
    other = Browser(account)
    assert other.page("/settings").count("by link") == 2
    browser.submit("/password", {"password": PASSWORD})
    assert other.http.get("/settings").status_code == 303 and browser.page("/settings")


def test_other_sessions_can_be_ended(account, browser) -> None:
    other = Browser(account)
    assert "Sign out everywhere else" in browser.page("/settings")
    browser.submit("/settings/sessions")
    assert other.http.get("/settings").status_code == 303 and "everywhere else" not in browser.page("/settings")


def test_signing_in_by_link_and_password_opens_the_same_account_only(account, another_account, browser) -> None:
    browser.submit("/password", {"password": PASSWORD})
    assert sign_in(another_account, PASSWORD).status_code == 401, "it has none"
    assert account.id in browser.page("/settings") and another_account.id not in browser.page("/settings")
    link = new_link(account.server, another_account.id)
    answer = browser.http.get(link)
    assert answer.status_code == 303 and another_account.id in browser.page("/settings")
