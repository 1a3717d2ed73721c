"""Chat with real weights through our server and the official client: by a real OpenAI-compatible server, llama.cpp's, and
by the built-in engine. Both have the same weights and one place."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path

import openai
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.programs import Server, binary  # noqa: E402
from llama import CONTEXT, LlamaServer, weights  # noqa: E402

MODEL = "Qwen3-Next-80B"
HELLO = [{"role": "user", "content": "Say hello."}]
BUILT_IN, UPSTREAM = "built in", "llama.cpp's server"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}, "sunny": {"type": "boolean"}},
          "required": ["city", "sunny"], "additionalProperties": False}


@pytest.fixture(scope="module", params=[BUILT_IN, UPSTREAM])
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def client(engine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    with LlamaServer(weights()) if engine == UPSTREAM else nullcontext() as upstream:
        if upstream:
            model = f'engine = "openai"\nurl = ["{upstream.address}/v1"]\nmodel = "smollm2"\n'
        else:
            model = f'engine = "llama"\npath = "{weights()}"\nconcurrency = 1\ncontext = {CONTEXT}\n'
        settings = folder / "voice.toml"
        settings.write_text(f'[voice.models."{MODEL}"]\n{model}')
        server = Server(binary("debug"), folder / "server")
        server.arguments += ["--config", str(settings)]
        with server:
            yield openai.OpenAI(base_url=f"{server.address}/api/v1", api_key=server.key(), max_retries=0)


def test_an_answer(client):
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8, temperature=0)
    assert answer.model == MODEL
    assert answer.choices[0].message.content.strip()
    assert answer.usage.completion_tokens == 8 or answer.choices[0].finish_reason == "stop"


def test_a_stream_says_the_same_with_usage(client):
    options = {"model": MODEL, "messages": HELLO, "max_tokens": 8, "temperature": 0, "seed": 1}
    whole = client.chat.completions.create(**options)
    chunks = list(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len([chunk for chunk in chunks if chunk.choices]) > 3
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_what_does_not_fit_is_said_in_the_protocols_code(client):
    long = [{"role": "user", "content": "word " * (CONTEXT * 2)}]
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=long)
    assert refused.value.code == "context_length_exceeded"


def test_a_bad_schema_is_refused_with_a_reason(client):
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=HELLO, response_format=schema)
    assert refused.value.message


def test_an_answer_keeps_to_its_schema(client):
    form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True}}
    asked = [{"role": "user", "content": "How is the weather in Paris?"}]
    answer = client.chat.completions.create(model=MODEL, messages=asked, response_format=form, max_tokens=100, temperature=0)
    told = json.loads(answer.choices[0].message.content)
    assert set(told) == {"city", "sunny"} and isinstance(told["sunny"], bool)


# That server is started without the templates that tools need.
@pytest.mark.parametrize("engine", [BUILT_IN], indirect=True, scope="module")
def test_a_tool_that_must_be_called_is_called(client):
    tool = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
    must = {"type": "function", "function": {"name": "weather"}}
    asked = [{"role": "user", "content": "How is the weather in Paris?"}]
    options = {"model": MODEL, "messages": asked, "tools": [tool], "tool_choice": must, "max_tokens": 100, "temperature": 0}
    answer = client.chat.completions.create(**options).choices[0]
    [call] = answer.message.tool_calls
    assert call.function.name == "weather" and set(json.loads(call.function.arguments)) == {"city", "sunny"}
    chunks = [chunk.choices[0].delta for chunk in client.chat.completions.create(**options, stream=True) if chunk.choices]
    pieces = [piece.function for delta in chunks for piece in delta.tool_calls or []]
    assert pieces[0].name == "weather"
    assert json.loads("".join(piece.arguments or "" for piece in pieces)).keys() == {"city", "sunny"}


def test_who_leaves_in_the_middle_gives_the_only_place_back(client):
    """The server has one slot: it is free for the next request because it noticed that the caller left."""
    with client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=400, stream=True, temperature=1) as stream:
        next(iter(stream))
    answer = client.with_options(timeout=30).chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4)
    assert answer.choices
