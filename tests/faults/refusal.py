"""What a server that cannot store must answer: 503 in the contract's shape, in bounded time, and reads go on."""

import time

from harness.load import phone_number, through_v1


def shape_problem(answer, door=through_v1):
    """What is wrong with a refusal, or None: 503, `Retry-After`, and the error body of its door."""
    if answer.status != 503:
        return f"answered {answer.status} instead of 503: {answer.body}"
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if not headers.get("retry-after", "").isdigit():
        return "503 without Retry-After in seconds"
    if not isinstance(answer.body, dict) or not (is_triple if door is through_v1 else is_flat)(answer.body):
        return f"503 with another body than the contract's: {answer.body}"
    return None


def is_triple(body):
    """The error body of /v1: one sentence in three places, code and type."""
    error = body.get("error")
    return (isinstance(error, dict) and body.get("detail") == body.get("message") == error.get("message")
            and (error.get("code"), error.get("type")) == ("UNAVAILABLE", "api_error"))


def is_flat(body):
    """The error body of /api: a title and a sentence."""
    return set(body) == {"error", "message"} and body["error"] == "Service Unavailable"


def try_to_send(scene, count, name, round_number):
    """Sends `count` texts one after another; the answers (None for a connection closed without one) and their times."""
    api, tries = scene.api(time_limit=60), []
    for n in range(count):
        began = time.monotonic()
        try:
            answer = scene.send(api, f"{name}n{n:04d}", phone_number(900 + round_number, 0, n, 0), scene.numbers[n % 5])
        except ConnectionError:
            answer = None
        tries.append((answer, time.monotonic() - began))
    return tries


def await_recovery(scene, name, limit):
    """Seconds until a send is answered 200 again, or None after `limit`."""
    began, attempt = time.monotonic(), 0
    while time.monotonic() - began < limit:
        attempt += 1
        answer, _ = try_to_send(scene, 1, f"{name}a{attempt}", 50 + attempt % 40)[0]
        if answer and answer.status == 200:
            return time.monotonic() - began
        time.sleep(0.05)
    return None


def check_refusals(outcome, tries, longest, when):
    """Every try was refused in the right shape and in bounded time."""
    wrong = sorted({problem for answer, _ in tries if answer and (problem := shape_problem(answer))})
    outcome.require(not wrong, f"{when}: {wrong[:3]}")
    outcome.require(any(answer for answer, _ in tries), f"{when}: no try was answered at all")
    slowest = max(seconds for _, seconds in tries)
    outcome.require(slowest <= longest, f"{when}: an answer took {slowest:.1f} s")
    return slowest


def check_reads(outcome, scene, when):
    """Reading still works."""
    api = scene.api()
    for path in ("/v1/conversations", "/v1/numbers", f"/v1/numbers/{scene.numbers[0]['id']}/messages"):
        status = api.get(path).status
        outcome.require(status == 200, f"{when}: GET {path} answered {status}")
