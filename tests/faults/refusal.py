"""What a server that cannot store must answer: 503 in the contract's shape, in bounded time, and reads go on."""

import time

from harness.load import phone_number

ENVELOPE = ("detail", "message", "error")


def shape_problem(answer):
    """What is wrong with a refusal, or None: 503, `Retry-After`, and the triple error body of /v1."""
    if answer.status != 503:
        return f"answered {answer.status} instead of 503: {answer.body}"
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if not headers.get("retry-after", "").isdigit():
        return "503 without Retry-After in seconds"
    body = answer.body
    if not isinstance(body, dict) or any(key not in body for key in ENVELOPE):
        return f"503 with another body than the contract's: {body}"
    error = body["error"]
    if (error.get("code"), error.get("type")) != ("UNAVAILABLE", "api_error") or body["detail"] != body["message"]:
        return f"503 with another error than the contract's: {body}"
    return None


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
