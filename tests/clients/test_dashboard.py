"""Signing in to the dashboard by link, and what its session opens: its pages and the phones, and nothing else."""

import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from harness.account import client
from harness.browser import COOKIE, CROSS, SAME
from harness.phone import eventually, fresh_number
from harness.server import Server

LINK = re.compile(r"http://\S+(/sign-in\?token=[0-9a-z]{26})\s")


@pytest.fixture
def started(tmp_path) -> Iterator[Server]:
    """A server of this test's own: each start prints one link, and a link works once."""
    running = Server(tmp_path, own_database=True)
    yield running
    running.stop()


def link(server: Server) -> str:
    return eventually(lambda: LINK.search("".join(server.lines)), what="a printed link")[1]


def signed_in(server: Server) -> httpx.Client:
    browser = client(server.origin, None)
    assert browser.get(link(server)).status_code == 303
    return browser


def test_a_link_signs_in_once_with_a_cookie_that_scripts_cannot_read(started) -> None:
    browser, path = client(started.origin, None), link(started)
    assert browser.head(path).status_code == 204, "looking at the link does not use it up"
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    first, *flags = answer.headers["set-cookie"].split("; ")
    assert re.fullmatch(rf"{COOKIE}=[0-9a-z]{{26}}", first) and first.split("=")[1] not in path
    assert set(flags) == {"Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Lax"}, "Secure would need https"
    assert "Choose a password" in browser.get("/").text, "the first thing to do"
    assert browser.get("/handset").status_code == 200
    stranger = client(started.origin, None)
    again = stranger.get(path)
    assert again.status_code == 403 and "set-cookie" not in again.headers
    assert "agentphone dev" in again.text, "the page says what to do"
    assert stranger.get("/handset").headers["location"] == "/"


class BehindHttps(Server):
    """A server that the outside reaches by another address than this test does."""

    def _address(self) -> str:
        eventually(lambda: "/sign-in?" in "".join(self.lines), what="a printed link")
        return "http://" + self.environment["AGENTPHONE_LISTEN"]


def test_over_https_the_cookie_is_secure_and_the_link_is_the_public_one(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {"AGENTPHONE_LISTEN": listen, "AGENTPHONE_PUBLIC_URL": "https://phone.example"}
    running = BehindHttps(tmp_path, settings, own_database=True)
    try:
        path = re.search(r"https://phone\.example(/sign-in\S+)\s", "".join(running.lines))[1]
        browser = client(running.origin, None)
        assert "; Secure" in browser.get(path).headers["set-cookie"]
    finally:
        running.stop()


@pytest.mark.parametrize("query", ["", "?token=", "?token=nonsense", "?token=" + "0" * 26])
def test_a_wrong_link_signs_nobody_in(query, server) -> None:
    answer = client(server.origin, None).get(f"/sign-in{query}")
    assert answer.status_code == 403 and "set-cookie" not in answer.headers and "agentphone dev" in answer.text


def test_without_a_session_pages_explain_how_to_sign_in(server) -> None:
    browser = client(server.origin, None)
    page = browser.get("/")
    assert page.status_code == 200 and "agentphone dev" in page.text
    for path in ("/handset", "/handset/+14155550142", "/conversations", "/keys", "/settings"):
        answer = browser.get(path, headers={"Cookie": f"{COOKIE}={'0' * 26}"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_pages_run_no_inline_script_and_show_names_as_text(started) -> None:
    browser = signed_in(started)
    for path in ("/handset", "/handset/+14155550142", "/handset/%3Cscript%3Ealert(1)%3C%2Fscript%3E"):
        page = browser.get(path)
        assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=\"/assets/)|https?://", page.text)
        for asset in re.findall(r"/assets/[\w./]+", page.text):
            assert browser.get(asset).status_code == 200


def test_the_page_of_a_phone_offers_the_numbers_of_the_account(started) -> None:
    numbers = client(started.origin, started.key).get("/v1/numbers").json()["data"]
    page = signed_in(started).get("/handset/+14155550142").text
    assert numbers and all(number["phoneNumber"] in page for number in numbers)


def test_the_session_opens_the_network_to_pages_of_this_server_only(started) -> None:
    browser, path = signed_in(started), f"/sim/handsets/{fresh_number()}"
    assert browser.get("/sim/handsets").status_code == 200
    own, other = {"Origin": started.origin}, {"Origin": "http://evil.example"}
    for headers in (CROSS, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {}, other, {"Origin": "null"}, CROSS | own):
        assert browser.put(path, json={"name": "Mallory"}, headers=headers).status_code == 401, headers
    assert all(phone["name"] != "Mallory" for phone in browser.get("/sim/handsets").json()["data"])
    for headers in (SAME, own):
        assert browser.put(path, json={"name": "Ada"}, headers=headers).status_code == 200, headers
    assert browser.get("/sim/handsets", headers={"Authorization": "Bearer agp_wrong"}).status_code == 401, "a key counts"
    assert browser.get("/v1/numbers", headers=SAME).status_code == 401, "the session opens nothing else"


def test_signing_out_ends_the_session_unless_another_site_asks(started) -> None:
    browser = signed_in(started)
    token = browser.cookies[COOKIE]
    assert browser.post("/sign-out", headers=CROSS).status_code == 403
    assert browser.get("/handset").status_code == 200
    answer = browser.post("/sign-out", headers=SAME)
    assert answer.status_code == 303 and "Max-Age=0" in answer.headers["set-cookie"]
    kept = client(started.origin, None)
    kept.cookies.set(COOKIE, token)
    assert kept.get("/handset").status_code == 303, "a kept copy of the cookie is worth nothing"
    assert kept.get("/sim/handsets").status_code == 401
