"""The official OpenAI client for Python on /api/v1, with only the base URL changed: synchronous and asynchronous."""

import asyncio
import base64
import inspect

import openai
import pytest

from harness.sound import wav

MODEL = "Qwen3-Next-80B"
ASKED = [{"role": "user", "content": "We open at nine."}]
HEARD = "We open at nine. Please call back."


class Calls:
    """One of the two clients; what it answers is waited for."""

    def __init__(self, kind: str, origin: str, key: str) -> None:
        self.loop = asyncio.new_event_loop()
        made = openai.OpenAI if kind == "sync" else openai.AsyncOpenAI
        self.client = made(base_url=f"{origin}/api/v1", api_key=key, max_retries=0)

    def wait(self, value):
        return self.loop.run_until_complete(value) if inspect.isawaitable(value) else value

    def all(self, stream) -> list:
        """Everything that a stream brings."""
        stream = self.wait(stream)
        if not hasattr(stream, "__aiter__"):
            return list(stream)

        async def collect() -> list:
            return [item async for item in stream]

        return self.wait(collect())

    def first(self, stream, count: int) -> list:
        """So many pieces of a stream, which is then closed."""
        if hasattr(stream, "__aiter__"):
            items = [self.wait(anext(stream.__aiter__())) for _ in range(count)]
        else:
            items = [next(stream) for _ in range(count)]
        self.wait(stream.close())
        return items

    def close(self) -> None:
        self.wait(self.client.close())
        self.loop.close()


@pytest.fixture(params=["sync", "async"])
def ai(request, account):
    calls = Calls(request.param, account.origin, account.key)
    yield calls
    calls.close()


@pytest.fixture
def stranger(request, server):
    calls = Calls("sync", server.origin, "agp_" + "x" * 38)
    yield calls
    calls.close()


def test_chat(ai, upstream) -> None:
    answer = ai.wait(ai.client.chat.completions.create(model=MODEL, messages=ASKED, temperature=0.2, seed=7, user="ada"))
    assert answer.choices[0].message.content == "We open at nine." and answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion" and answer.model == MODEL and answer.usage.completion_tokens == 4
    asked = upstream.last()["json"]
    assert asked == {"model": "peer/chat", "messages": ASKED, "temperature": 0.2, "seed": 7, "user": "ada"}


def test_chat_with_tools_and_a_schema(ai, upstream) -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object"}}}
    create = ai.client.chat.completions.create
    answer = ai.wait(create(model=MODEL, messages=ASKED, tools=tools, tool_choice="auto", response_format=schema))
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.tool_calls[0].function.name == "look_up"
    asked = upstream.last()["json"]
    assert (asked["tools"], asked["tool_choice"], asked["response_format"]) == (tools, "auto", schema)
    chunks = ai.all(create(model=MODEL, messages=ASKED, tools=tools, stream=True))
    called = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert called[0].function.name == "look_up" and chunks[-1].choices[0].finish_reason == "tool_calls"


def test_chat_streamed(ai, upstream) -> None:
    chunks = ai.all(ai.client.chat.completions.create(model=MODEL, messages=ASKED, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "We open at nine."
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.model for chunk in chunks} == {MODEL} and {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert all(chunk.usage is None for chunk in chunks), "nobody asked for it"
    assert upstream.last()["json"]["stream_options"] == {"include_usage": True}, "but it is counted"


def test_chat_streamed_with_usage(ai, upstream) -> None:
    create = ai.client.chat.completions.create
    chunks = ai.all(create(model=MODEL, messages=ASKED, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 4
    assert all(chunk.usage is None for chunk in chunks[:-1]) and chunks[-2].choices[0].finish_reason == "stop"


def test_a_chat_that_is_left_half_way_is_cancelled(ai, rough) -> None:
    rough.rules({"stepped": True, "repeat": 100})
    rough.step(4)
    stream = ai.wait(ai.client.chat.completions.create(model="rough-chat", messages=ASKED, stream=True))
    assert [chunk.choices[0].delta.content for chunk in ai.first(stream, 3)] == ["", "We", " open"]
    assert rough.ended("gone")["sent"] <= 6, "the upstream was told at once"


def test_transcription(ai, upstream) -> None:
    heard = ai.wait(ai.client.audio.transcriptions.create(model="whisper-large-v3", file=("a.wav", wav()), language="en"))
    assert heard.text == HEARD
    assert upstream.last()["fields"]["model"] == ["peer/whisper"] and upstream.last()["fields"]["language"] == ["en"]


def test_transcription_with_times(ai, upstream) -> None:
    create = ai.client.audio.transcriptions.create
    wanted = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
    heard = ai.wait(create(model="whisper-large-v3", file=("a.wav", wav(4.0)), **wanted))
    assert (heard.text, heard.duration, heard.language) == (HEARD, 4.0, "english")
    assert [(it.id, it.start, it.end) for it in heard.segments] == [(0, 0.0, 1.8), (1, 2.0, 3.8)]
    assert heard.segments[0].avg_logprob == -0.25 and heard.segments[1].tokens == [1, 7]
    assert [it.word for it in heard.words] == HEARD.split()


@pytest.mark.parametrize(("written", "begins"), [("text", "We open"), ("srt", "1\n00:00:00,000 --> 00:00:01,800\nWe open"),
                                                 ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.800\nWe open")])
def test_transcription_as_text(written, begins, ai) -> None:
    create = ai.client.audio.transcriptions.create
    heard = ai.wait(create(model="whisper-large-v3", file=("a.wav", wav(4.0)), response_format=written))
    assert isinstance(heard, str) and heard.startswith(begins) and "Please call back." in heard


def test_transcription_streamed(ai) -> None:
    events = ai.all(ai.client.audio.transcriptions.create(model="whisper-large-v3", file=("a.wav", wav(2.0)), stream=True))
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.delta", "transcript.text.done"]
    assert "".join(event.delta for event in events[:-1]) == HEARD and events[-1].text == HEARD
    assert events[-1].usage.model_dump()["seconds"] == 2.0


def test_speech(ai, upstream) -> None:
    said = ai.wait(ai.client.audio.speech.create(model="orpheus", input="Your bike is ready.", voice="tara", speed=1.25))
    sound = said.content if isinstance(said.content, bytes) else ai.wait(said.aread())
    assert sound.startswith(b"RIFF") and len(sound) == 44 + 2 * 480 * len("Your bike is ready.")
    asked = upstream.last()["json"]
    assert (asked["model"], asked["input"], asked["voice"], asked["speed"]) == ("peer/orpheus", "Your bike is ready.", "tara", 1.25)


@pytest.mark.parametrize(("wanted", "begins"), [("pcm", b""), ("flac", b"fLaC"), ("opus", b"OggS"), ("mp3", b"")])
def test_speech_in_other_formats(wanted, begins, ai) -> None:
    said = ai.wait(ai.client.audio.speech.create(model="orpheus", input="Hello", voice="zoe", response_format=wanted))
    assert said.content.startswith(begins) and len(said.content) > 500


def test_speech_as_events(account, upstream) -> None:
    client = openai.OpenAI(base_url=f"{account.origin}/api/v1", api_key=account.key, max_retries=0)
    wish = {"model": "orpheus", "input": "Hello", "voice": "leah", "response_format": "pcm"}
    events = account.http.post("/api/v1/audio/speech", json=wish | {"stream_format": "sse"}).text
    assert events.count("speech.audio.done") == 1 and "[DONE]" not in events
    with client.audio.speech.with_streaming_response.create(**wish) as streamed:
        whole = b"".join(streamed.iter_bytes())
    pieces = [line.split('"audio":"')[1].split('"')[0] for line in events.splitlines() if "speech.audio.delta" in line]
    assert b"".join(base64.b64decode(piece) for piece in pieces) == whole and len(whole) == 2 * 480 * 5


def test_models(ai) -> None:
    listed = ai.all(ai.client.models.list())
    ids = [model.id for model in listed]
    assert ids[:3] == [MODEL, "whisper-large-v3", "orpheus"] and {"rough-chat", "gpt-laptop"} <= set(ids)
    assert {model.object for model in listed} == {"model"} and {model.owned_by for model in listed} == {"agentphone"}
    one = ai.wait(ai.client.models.retrieve("gpt-laptop"))
    assert one.stand_in == MODEL and one.engine == "openai peer/chat (stand-in for gpt-laptop)"
    with pytest.raises(openai.NotFoundError):
        ai.wait(ai.client.models.retrieve("gpt-9"))


def test_an_unknown_model(ai) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        ai.wait(ai.client.chat.completions.create(model="gpt-9", messages=ASKED))
    assert "gpt-9" in str(refused.value) and refused.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        ai.wait(ai.client.audio.speech.create(model=MODEL, input="Hello", voice="tara"))


def test_a_wrong_key(stranger) -> None:
    for call in [
        lambda: stranger.client.models.list(),
        lambda: stranger.client.chat.completions.create(model=MODEL, messages=ASKED, stream=True),
        lambda: stranger.client.audio.speech.create(model="orpheus", input="Hello", voice="tara"),
        lambda: stranger.client.audio.transcriptions.create(model="whisper-large-v3", file=("a.wav", wav())),
    ]:
        with pytest.raises(openai.AuthenticationError) as refused:
            call()
        assert "Invalid or missing API key" in str(refused.value) and refused.value.code == "invalid_api_key"


def test_an_engine_that_fails(ai, rough) -> None:
    rough.rules({"status": 500, "body": '{"error":{"message":"out of memory on gpu-7"}}'})
    with pytest.raises(openai.InternalServerError) as failed:
        ai.wait(ai.client.chat.completions.create(model="rough-chat", messages=ASKED))
    assert failed.value.code == "backend_error" and "gpu-7" not in str(failed.value)


def test_an_engine_that_breaks_off_half_way(ai, rough) -> None:
    rough.rules({"drop": 3})
    with pytest.raises(openai.APIError) as failed:
        ai.all(ai.client.chat.completions.create(model="rough-chat", messages=ASKED, stream=True))
    assert failed.value.code == "backend_error"
