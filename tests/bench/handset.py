"""`script/bench handset`: from the API's answer to a text until phones in a browser show it."""

import argparse
import os
import random
import sys
import time

from harness.machine import ROOT, chosen_seed, keep_result, percentile, work_folder
from harness.programs import Server, binary

GOAL_MS = 150

# Notes the moment when a text has been painted: the frame after the one in which it came into the document.
WATCH = """() => {
  window.shown = {};
  const note = text => requestAnimationFrame(() => setTimeout(() => {
    window.shown[text] ??= performance.timeOrigin + performance.now();
  }));
  for (const log of document.querySelectorAll('.log')) {
    new MutationObserver(changes => {
      for (const { addedNodes } of changes) for (const node of addedNodes) {
        const body = node.querySelector?.('.body');
        if (body) note(body.textContent);
      }
    }).observe(log, { childList: true });
  }
}"""


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench handset", description=__doc__)
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--phones", type=int, default=3, help="phones side by side on the page, each with a conversation open")
    parser.add_argument("--seed", type=int, help="the pauses between the texts")
    return parser.parse_args(arguments)


def measured(options, folder, seed):
    from playwright.sync_api import sync_playwright

    from stage import Line, Person, desk, eventually, launch, sign_in_path

    pauses = random.Random(seed)
    with Server(binary("release"), folder / "server") as server, sync_playwright() as playwright:
        api = server.api()
        shop = Line(api, agent="Front Desk")
        people = [Person(api, f"Person {index}") for index in range(options.phones)]
        browser = launch(playwright)
        context = browser.new_context(base_url=server.address)
        context.new_page().goto(sign_in_path(server))
        threads = {person: shop.number for person in people}
        with desk(browser, server.address, context.storage_state(), people, threads, viewport={"width": 1400, "height": 900}) as page:
            for person in people:
                shop.send(person.number, "ready?")
            eventually(lambda: page.locator(".message").count() == len(people), "every phone is live")
            page.evaluate(WATCH)
            answered = {}
            for index in range(options.texts):
                body = f"text {index}"
                shop.send(people[index % len(people)].number, body)
                answered[body] = time.time() * 1e3
                time.sleep(pauses.uniform(0.02, 0.18))
            shown = eventually(lambda: (seen := page.evaluate("window.shown")) and len(seen) == len(answered) and seen, "every text is shown")
        browser.close()
    return figures(options, [shown[body] - at for body, at in answered.items()])


def figures(options, waits):
    return {"texts": options.texts, "phones": options.phones, "p50_ms": percentile(waits, 50), "p95_ms": percentile(waits, 95),
            "p99_ms": percentile(waits, 99), "slowest_ms": max(waits), "goal": f"p95 <= {GOAL_MS} ms",
            "reached": percentile(waits, 95) <= GOAL_MS}


def main(arguments):
    options = parse(arguments)
    try:
        import playwright  # noqa: F401
    except ImportError:  # its environment is the one of the browser tests
        run = ROOT / "tests" / "browser" / "run"
        os.execve(run, [str(run), "handset", *arguments], os.environ | {"BROWSER_MODULE": "bench.handset"})
    seed = chosen_seed(options.seed)
    print(f"seed {seed}", flush=True)
    with work_folder("handset") as folder:
        result = measured(options, folder, seed)
    keep_result("handset", seed, result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:]))
