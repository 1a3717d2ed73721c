"""The page on which voice AI is tried: the microphone, a voice, a chat, and what is said where something is missing. The
engine is the upstream of tests/peers, the microphone Chromium's own, which beeps."""

import re
import subprocess
import sys
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from harness.api import Api
from harness.machine import ROOT
from harness.programs import Server, binary
from stage import desk, eventually, sign_in_path
from test_access import serious

SAID = "We open at nine. Please call back."
MODELS = """{{ "Qwen3-Next-80B" = {{ engine = "openai", url = ["{url}"], model = "peer/chat" }},
 "small" = {{ engine = "openai", task = "chat", url = ["{url}"], model = "peer/small" }},
 "whisper-large-v3" = {{ engine = "openai", url = ["{url}"], model = "peer/whisper" }},
 "orpheus" = {{ engine = "openai", url = ["{url}"], model = "peer/orpheus", voices = ["tara", "jana"] }} }}"""


@pytest.fixture(scope="module")
def upstream():
    """The control of an upstream that speaks the protocol."""
    program = ROOT / "tests" / "peers" / "upstream" / "server.py"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-B", str(program)], **pipes) as process:
        yield Api(f"http://127.0.0.1:{process.stdout.readline().split()[1]}")
        process.stdin.close()


@pytest.fixture(scope="module")
def voiced(upstream, browser, tmp_path_factory):
    """A server whose models are behind it, and the state of a browser that is signed in there."""
    settings = {"AGENTPHONE_VOICE_MODELS": MODELS.format(url=f"http://{upstream.place.netloc}/v1").replace("\n", "")}
    with Server(binary("debug"), tmp_path_factory.mktemp("voiced") / "data", environment=settings) as running:
        context = browser.new_context(base_url=running.address)
        context.new_page().goto(sign_in_path(running))
        state = context.storage_state()
        context.close()
        yield running, state


@pytest.fixture
def show(browser, voiced, upstream):
    """Opens the page: `show(permissions=["microphone"])`."""
    upstream.post("/_forget")
    running, state = voiced
    with ExitStack() as opened:
        pages = []

        def open_page(**options):
            page = opened.enter_context(desk(browser, running.address, state, [], **options))
            page.goto("/voice")
            pages.append(page)
            return page

        yield open_page
        for page in pages:
            assert page.problems == [], "the page complained"


def part(page, section, name):
    return page.locator(f"#{section} [data-part={name}]")


def test_a_recording_becomes_text(show, upstream) -> None:
    page = show(permissions=["microphone"])
    page.get_by_role("button", name="Record").click()
    page.get_by_role("button", name=re.compile(r"^Stop \([1-9]\d* s\)$")).click()
    expect(part(page, "listening", "heard")).to_have_text(SAID)
    expect(part(page, "listening", "state")).to_contain_text("openai peer/whisper")
    expect(page.get_by_role("button", name="Record")).to_be_enabled()
    asked = upstream.get("/_seen").body[-1]
    assert asked["files"]["file"]["begins"].startswith("1a45dfa3") and asked["files"]["file"]["size"] > 1000, "what was recorded"
    assert asked["fields"]["model"] == ["peer/whisper"]


def test_a_file_becomes_text_and_what_is_no_sound_is_refused(show) -> None:
    page = show()
    part(page, "listening", "file").set_input_files(ROOT / "tests" / "data" / "sound" / "clip.mp3")
    expect(part(page, "listening", "heard")).to_have_text(SAID)
    part(page, "listening", "file").set_input_files(ROOT / "tests" / "data" / "voice" / "tone.onnx.json")
    expect(part(page, "listening", "state")).to_have_class(re.compile("bad"))
    expect(part(page, "listening", "state")).not_to_be_empty()
    page.problems = [problem for problem in page.problems if "400" not in problem]


@pytest.mark.parametrize(("error", "said"), [("NotAllowedError", "was refused"), ("NotFoundError", "There is no microphone")])
def test_without_a_microphone_it_is_said_why(error, said, show) -> None:
    page = show()
    page.evaluate("name => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name); }; }", error)
    page.get_by_role("button", name="Record").click()
    expect(part(page, "listening", "state")).to_contain_text(said)
    expect(page.get_by_role("button", name="Record")).to_be_enabled()


def test_a_voice_is_heard_and_only_those_that_speak_can_be_chosen(show, upstream) -> None:
    page = show()
    voice = page.get_by_role("combobox", name="Voice")
    assert voice.locator("option:not([disabled])").evaluate_all("all => all.map(one => one.value)") == ["tara", "jana"]
    expect(voice.locator("option[value=zoe]")).to_have_text("zoe — nothing speaks with it")
    voice.select_option("jana")
    page.get_by_role("textbox", name="Text").fill("Guten Morgen")
    page.get_by_role("button", name="Speak").click()
    expect(part(page, "speaking", "state")).to_contain_text("openai peer/orpheus · first sound after")
    length = eventually(lambda: part(page, "speaking", "audio").evaluate("audio => audio.duration || 0"), "a sound that can be played")
    assert length == pytest.approx(12 * 0.02), "20 ms a letter"
    asked = upstream.get("/_seen").body[-1]["json"]
    assert (asked["voice"], asked["input"]) == ("jana", "Guten Morgen")
    expect(page.locator("#engines").get_by_text("healthy")).to_be_visible()


def test_an_answer_comes_word_by_word_and_can_be_stopped(show, upstream) -> None:
    page = show()
    upstream.post("/_rules", [{"stepped": True}])
    question = page.get_by_role("textbox", name="Message")
    question.fill("one two three four")
    question.press("Enter")
    answer = page.locator(".theirs .text").last
    for shown in ("one", "one two"):
        upstream.post("/_step", {"count": 2 if shown == "one" else 1})
        expect(answer).to_have_text(shown)
    page.get_by_role("button", name="Stop").click()
    expect(part(page, "chatting", "state")).to_have_text("Stopped.")
    eventually(lambda: upstream.get("/_seen").body[-1]["outcome"] == "gone", "an upstream whose caller left")
    upstream.post("/_rules", [])
    question.fill("And again")
    question.press("Enter")
    expect(answer).to_have_text("And again")
    expect(part(page, "chatting", "state")).to_contain_text(re.compile(r"openai peer/chat · first word after .*2 tokens"))
    said = [message["content"] for message in upstream.get("/_seen").body[-1]["json"]["messages"]]
    assert said == ["one two three four", "one two", "And again"], "it remembers"


def test_the_code_names_what_is_chosen(show) -> None:
    page = show()

    def named(section, setting):
        """What the code of a section, as it is shown and as it is copied, says for a setting."""
        shown = page.locator(f"#{section} pre code").all_text_contents()
        copied = page.locator(f"#{section} [data-copy]").evaluate_all("all => all.map(one => one.dataset.copy)")
        assert shown == copied and len(shown) == 3
        return [re.search(rf"""\b{setting}"?[=:] ?["']([^"']+)""", code).group(1) for code in shown]

    assert named("chatting", "model") == ["Qwen3-Next-80B"] * 3
    page.locator("#chatting-model").select_option("small")
    assert named("chatting", "model") == ["small"] * 3
    assert named("listening", "model") == ["whisper-large-v3"] * 3, "another section's stay"
    assert (named("speaking", "model"), named("speaking", "voice")) == (["orpheus"] * 3, ["tara"] * 3)
    page.get_by_role("combobox", name="Voice").select_option("jana")
    assert (named("speaking", "model"), named("speaking", "voice")) == (["orpheus"] * 3, ["jana"] * 3)


def test_a_failure_is_told_and_the_question_stays(show, upstream) -> None:
    page = show()
    upstream.post("/_rules", [{"status": 400, "body": '{"error": {"message": "Too long for me"}}'}])
    page.get_by_role("textbox", name="Message").fill("<b>Hello</b>")
    page.get_by_role("button", name="Send").click()
    expect(part(page, "chatting", "state")).to_contain_text("Too long for me")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("<b>Hello</b>")
    expect(page.locator(".ours .text")).to_have_text("<b>Hello</b>")
    page.problems = [problem for problem in page.problems if "400" not in problem]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious(scheme, width, show) -> None:
    page = show(color_scheme=scheme, viewport={"width": width, "height": 860})
    page.get_by_role("textbox", name="Message").fill("When do you open?")
    page.get_by_role("button", name="Send").click()
    expect(part(page, "chatting", "state")).to_contain_text("first word after")
    page.get_by_role("button", name="Speak").click()
    expect(part(page, "speaking", "state")).to_contain_text("first sound after")
    for summary in page.get_by_text("The same with code").all():
        summary.click()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"


def test_where_nothing_answers_the_page_says_what_to_do(browser, server, signed_in) -> None:
    with desk(browser, server.address, signed_in, []) as page:
        page.goto("/voice")
        expect(page.get_by_role("heading", name="No model answers yet")).to_be_visible()
        expect(page.get_by_role("button", name="Record")).to_have_count(0)
        assert serious(page) == [] and page.problems == []
