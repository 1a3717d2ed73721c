"""Voice AI on /api/v1 over plain HTTP: what is refused and how, what the answers' heads say, what is passed on."""

import json

import httpx
import pytest

from harness.account import Account, client
from harness.errors import assert_api, assert_nested
from harness.phone import eventually
from harness.sound import padded, wav

CHAT, SPEECH, TRANSCRIPTIONS = "/api/v1/chat/completions", "/api/v1/audio/speech", "/api/v1/audio/transcriptions"
ASKED = {"messages": [{"role": "user", "content": "We open at nine."}]}
SAID = {"input": "Your bike is ready.", "voice": "tara"}
SDK = {"X-Stainless-Lang": "python"}
MIB = 1 << 20


def transcribe(account, file: bytes | None = None, headers: dict | None = None, **fields):
    files = {"file": ("a.wav", wav() if file is None else file)}
    return account.http.post(TRANSCRIPTIONS, files=files, data=fields, headers=headers)


def events(answer) -> list:
    return [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]


def test_nothing_but_messages_is_needed(account, upstream) -> None:
    answer = account.http.post(CHAT, json=ASKED)
    assert answer.status_code == 200 and answer.json()["model"] == "Qwen3-Next-80B"
    assert answer.headers["x-agentphone-engine"] == "openai peer/chat"
    assert answer.headers["content-type"] == "application/json" and answer.headers["x-request-id"].startswith("req_")
    assert account.http.post(SPEECH, json=SAID).content.startswith(b"RIFF"), "the model is optional for speech"
    heard = transcribe(account)
    assert heard.json() == {"text": "We open at nine. Please call back."}
    assert heard.headers["x-agentphone-engine"] == "openai peer/whisper"


def test_a_stream_is_not_buffered_on_its_way(account, upstream) -> None:
    answer = account.http.post(CHAT, json=ASKED | {"stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-cache", "no")
    assert answer.headers["x-agentphone-engine"] == "openai peer/chat"
    seen = events(answer)
    assert seen[-1] == "[DONE]" and all(json.loads(it)["model"] == "Qwen3-Next-80B" for it in seen[:-1])
    assert answer.text == "".join(f"data: {it}\n\n" for it in seen), "one line each, and an empty one"


def test_each_event_leaves_when_it_comes(account, rough) -> None:
    rough.rules({"stepped": True})
    rough.step()
    with account.http.stream("POST", CHAT, json=ASKED | {"stream": True, "model": "rough-chat"}) as answer:
        lines = (line for line in answer.iter_lines() if line)
        for _ in range(6):
            assert next(lines).startswith("data: {"), "it came before the upstream was allowed another"
            rough.step()
        rough.step()
        assert next(lines) == "data: [DONE]", "what was used lay between, for the meter alone"


def test_what_the_protocol_does_not_know_is_passed_on(account, upstream) -> None:
    odd = {"top_k": 5, "messages": [{"role": "user", "content": [{"type": "text", "text": "é\u2028"}], "x": [1.50, None]}]}
    assert account.http.post(CHAT, json=odd, headers={"Idempotency-Key": "same"}).status_code == 200
    assert upstream.last()["json"] == odd | {"model": "peer/chat"}
    assert account.http.post(CHAT, json=ASKED, headers={"Idempotency-Key": "same"}).status_code == 200
    assert len(upstream.seen()) == 2, "an Idempotency-Key has no effect"


def test_ten_thousand_messages_and_several_megabytes_are_for_the_engine_to_judge(account, upstream) -> None:
    messages = [{"role": "user", "content": f"{number} " + "x" * 400} for number in range(10_000)]
    assert account.http.post(CHAT, json={"messages": messages}).status_code == 200
    assert len(upstream.last()["json"]["messages"]) == 10_000
    too_much = {"messages": [{"role": "user", "content": "x" * (17 * MIB)}]}
    assert "larger" in assert_api(account.http.post(CHAT, json=too_much), 400)["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "JSON"), (b"[]", "object"), (b"", "JSON"), (b"null", "object"), (b"\xff\xfe", "JSON"), (b"{}", "messages"),
        (b'{"messages": []}', "at least one"), (b'{"messages": "Hi"}', "array"), (b'{"messages": ["Hi"]}', "messages[0]"),
        (b'{"messages": [{"content": "Hi"}]}', "role"), (b'{"messages": [{"role": "user"}], "stream": "yes"}', "stream"),
        (b'{"messages": [{"role": "user"}], "temperature": 3}', "temperature"),
        (b'{"messages": [{"role": "user"}], "max_tokens": -1}', "max_tokens"),
        (b'{"messages": [{"role": "user"}], "model": 5}', "model"), (b'{"messages": [{"role": "user"}], "tools": "x"}', "tools"),
        (b'{"messages": [{"role": "user"}], "response_format": {"type": "json_schema"}}', "json_schema"),
        (b'{"messages": [{"role": "user"}], "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": []}}}', "schema"),
        (b'{"messages": [{"role": "user"}], "stream_options": {"include_usage": true}}', "stream_options"),
    ],
)
def test_a_question_that_is_none(body, said, account, upstream) -> None:
    send = lambda headers: account.http.post(CHAT, content=body, headers={"content-type": "application/json"} | headers)
    assert said in assert_api(send({}), 400)["message"]
    assert_nested(send(SDK), 400, "invalid_request_error", "invalid_request")
    assert upstream.seen() == [], "no engine was asked"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input": ""}, "empty"), ({"input": "  \n"}, "empty"), ({"input": None}, "input"), ({"input": 5}, "input"),
        ({"input": "x" * 4097}, "4096"), ({"voice": None}, "voice"), ({"speed": 0.2}, "speed"), ({"speed": 4.1}, "speed"),
        ({"speed": "fast"}, "speed"), ({"response_format": "midi"}, "wav"), ({"stream_format": "chunks"}, "sse"),
        ({"response_format": "aac"}, "wav, mp3, opus, flac, pcm"),
    ],
)
def test_a_speech_that_cannot_be(change, said, account, upstream) -> None:
    assert said in assert_api(account.http.post(SPEECH, json=SAID | change), 400)["message"]
    answer = account.http.post(SPEECH, json=SAID | change, headers=SDK)
    assert_nested(answer, 400, "invalid_request_error", "invalid_request")
    assert upstream.seen() == []


def test_the_length_of_a_text_is_counted_in_characters(account) -> None:
    assert account.http.post(SPEECH, json=SAID | {"input": "😀" * 4096}).status_code == 200
    assert_api(account.http.post(SPEECH, json=SAID | {"input": "😀" * 4097}), 400)


def test_voices_and_models(account) -> None:
    voices = account.ok("GET", "/api/v1/voices")["voices"]
    assert [voice["id"] for voice in voices[:3]] == ["tara", "leah", "jess"] and len(voices) == 25
    assert voices[0] == {"id": "tara", "name": "Tara", "language": "en", "engine": "openai peer/orpheus", "available": True}
    assert voices[24] == {"id": "gravel", "name": "Gravel", "language": None, "engine": "openai rough-voice", "available": True}
    models = account.ok("GET", "/api/v1/models")
    assert models["object"] == "list" and list(models["data"][0])[:4] == ["id", "object", "created", "owned_by"]
    assert account.ok("GET", "/api/v1/models/orpheus")["engine"] == "openai peer/orpheus"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (CHAT, ASKED | {"model": "gpt-9"}, 404, "model_not_found"), (CHAT, ASKED | {"model": "orpheus"}, 404, "model_not_found"),
        (SPEECH, SAID | {"model": "gpt-9"}, 404, "model_not_found"), (SPEECH, SAID | {"voice": "nobody"}, 400, "voice_not_found"),
        (SPEECH, SAID | {"voice": "gravel"}, 400, "voice_not_available"),
        (SPEECH, SAID | {"voice": "zoe", "model": "rough-voice"}, 400, "voice_not_available"),
        ("/api/v1/models/gpt-9", None, 404, "model_not_found"), ("/api/v1/nothing", None, 404, "not_found"),
        (CHAT, None, 400, "invalid_request"), ("/api/v1/images", {}, 404, "not_found"),
    ],
)
def test_what_is_not_there(path, body, status, code, account) -> None:
    send = lambda headers: account.http.request("POST" if body is not None else "GET", path, json=body, headers=headers)
    assert_api(send({}), status)
    assert_nested(send(SDK), status, "invalid_request_error", code)


def test_without_a_key(server) -> None:
    nobody = client(server.origin, None)
    for path in (CHAT, SPEECH, TRANSCRIPTIONS):
        assert_api(nobody.post(path, json={}), 401)
        assert_nested(nobody.post(path, json={}, headers=SDK), 401, "authentication_error", "invalid_api_key")
    assert_nested(nobody.get("/api/v1/nothing", headers=SDK), 401, "authentication_error", "invalid_api_key")


def test_where_nothing_is_configured_the_setting_is_named(limited) -> None:
    customer = Account(limited, "unheard")
    for path, body, setting in [(CHAT, ASKED, "Qwen3-Next-80B"), (SPEECH, SAID, "orpheus")]:
        assert f'voice.models."{setting}"' in assert_api(customer.http.post(path, json=body), 500)["message"]
    assert 'voice.models."whisper-large-v3"' in assert_api(transcribe(customer), 500)["message"]
    assert_nested(customer.http.post(CHAT, json=ASKED, headers=SDK), 500, "server_error", "backend_error")
    assert_api(customer.http.post(CHAT, json={}), 400)
    assert_api(transcribe(customer, b"no sound"), 400)
    assert_api(customer.http.post(SPEECH, json=SAID | {"voice": "nobody"}), 400)
    voices = customer.ok("GET", "/api/v1/voices")["voices"]
    assert len(voices) == 24 and not any(voice["available"] or voice["engine"] for voice in voices)
    models = customer.ok("GET", "/api/v1/models")["data"]
    assert [(model["id"], model["engine"]) for model in models] == [("Qwen3-Next-80B", None), ("whisper-large-v3", None), ("orpheus", None)]


def test_too_many_requests(limited) -> None:
    customer = Account(limited, "chatty")
    answers = [customer.http.get("/api/v1/models", headers=SDK) for _ in range(80)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert_nested(refused[0], 429, "rate_limit_error", "rate_limit_exceeded")
    assert int(refused[0].headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"response_format": "docx"}, "response_format"), ({"temperature": "hot"}, "temperature"), ({"temperature": "1.5"}, "temperature"),
        ({"language": "english, please"}, "language"), ({"timestamp_granularities[]": "word"}, "verbose_json"),
        ({"timestamp_granularities[]": "letter", "response_format": "verbose_json"}, "word or segment"),
        ({"stream": "perhaps"}, "stream"), ({"stream": "true", "response_format": "srt"}, "json"),
    ],
)
def test_a_transcription_that_cannot_be(fields, said, account, upstream) -> None:
    assert said in assert_api(transcribe(account, **fields), 400)["message"]
    assert_nested(transcribe(account, headers=SDK, **fields), 400, "invalid_request_error", "invalid_request")
    assert upstream.seen() == []


LYING = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\xff\xff\xff\xff"


@pytest.mark.parametrize("file", [b"", b"not audio at all", wav(0.0), wav()[:30], LYING, b"PK\x03\x04" + bytes(4000), bytes(10_000)],
                         ids=["empty", "text", "0 s", "cut off", "header only", "zip", "zeros"])
def test_what_is_no_recording(file, account, upstream) -> None:
    assert_api(transcribe(account, file), 400)
    assert_nested(transcribe(account, file, SDK), 400, "invalid_request_error", "invalid_audio")
    assert upstream.seen() == []


def test_a_header_that_lies_about_the_length(account, upstream) -> None:
    heard = transcribe(account, LYING + wav(2.0)[44:], response_format="verbose_json").json()
    assert heard["duration"] == 2.0 and heard["task"] == "transcribe" and "words" not in heard


def test_25_mib_and_not_a_byte_more(account) -> None:
    assert transcribe(account, padded(wav(), 25 * MIB)).status_code == 200
    assert "25 MiB" in assert_api(transcribe(account, padded(wav(), 25 * MIB + 1)), 400)["message"]
    assert_api(transcribe(account, padded(wav(), 30 * MIB)), 400)
    assert account.http.get("/api/v1/models").status_code == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"), ("multipart/form-data", b"x"), ("multipart/form-data; boundary=a", b"no form"),
        ("multipart/form-data; boundary=a", b""), ("multipart/form-data; boundary=a", b"--a--\r\n"),
        ("multipart/form-data; boundary=a", b'--a\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'),
        ("multipart/form-data; boundary=a", b'--a\r\nContent-Disposition: form-data; name="model"\r\n\r\norpheus\r\n--a--\r\n'),
    ],
)
def test_a_form_that_is_none(kind, body, account) -> None:
    assert_api(account.http.post(TRANSCRIPTIONS, content=body, headers={"content-type": kind}), 400)


def test_a_fallback_answers_and_says_so(account) -> None:
    answer = account.http.post(CHAT, json=ASKED | {"model": "backed"})
    assert answer.status_code == 200 and answer.json()["model"] == "backed"
    assert answer.headers["x-agentphone-engine"] == "openai peer/chat (fallback of backed)"
    alone = account.http.post(CHAT, json=ASKED | {"model": "alone"}, headers=SDK)
    assert_nested(alone, 500, "server_error", "backend_error")
    assert "127.0.0.1" not in alone.text


@pytest.mark.parametrize(
    ("rule", "status", "kind", "code"),
    [
        ({"status": 400, "body": '{"error":{"message":"too long","code":"context_length_exceeded"}}'}, 400, "invalid_request_error", "context_length_exceeded"),
        ({"status": 400, "body": '{"error":{"message":"no such tool"}}'}, 400, "invalid_request_error", "invalid_request"),
        ({"status": 500, "body": "<html>"}, 500, "server_error", "backend_error"),
        ({"status": 429, "body": "{}", "headers": {"Retry-After": "1"}}, 429, "rate_limit_error", "rate_limit_exceeded"),
        ({"status": 200, "body": "nonsense"}, 500, "server_error", "backend_error"),
        ({"status": 200, "body": "[]"}, 500, "server_error", "backend_error"),
        ({"drop_head": True}, 500, "server_error", "backend_error"),
        ({"hang": "head"}, 500, "server_error", "backend_error"),
    ],
)
def test_an_engine_that_refuses_or_fails(rule, status, kind, code, account, rough) -> None:
    rough.rules(rule)
    answer = account.http.post(CHAT, json=ASKED | {"model": "rough-chat"}, headers=SDK)
    assert_nested(answer, status, kind, code)
    if status == 429:
        assert int(answer.headers["retry-after"]) >= 1


def test_an_engine_that_is_gone_after_the_first_byte(account, rough) -> None:
    rough.rules({"drop": 3})
    answer = account.http.post(CHAT, json=ASKED | {"model": "rough-chat", "stream": True})
    seen = [json.loads(it) for it in events(answer)]
    assert answer.status_code == 200 and len(seen) == 4 and "[DONE]" not in answer.text
    assert list(seen[-1]["error"]) == ["message", "type", "code", "param"] and seen[-1]["error"]["code"] == "backend_error"
    assert account.http.post(CHAT, json=ASKED).json()["choices"][0]["message"]["content"] == "We open at nine.", "others go on"


def streamed(text: str, **error) -> dict:
    """A rule: these words, if there are any, and then an error, all in one stream."""
    chunk = json.dumps({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
    return {"pieces": [f"data: {it}\n\n" for it in ([chunk] if text else []) + [json.dumps({"error": error}), "[DONE]"]]}


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ({"message": "out of luck at http://10.0.0.7:8000 with sk-secret"}, "server_error", "backend_error"),
        ({"message": "too long", "code": "context_length_exceeded"}, "invalid_request_error", "context_length_exceeded"),
        ({"message": "too many", "code": 429}, "rate_limit_error", "rate_limit_exceeded"),
    ],
)
def test_an_engine_that_tells_an_error_within_its_stream(error, kind, code, account, rough) -> None:
    rough.rules(streamed("a", **error))
    answer = account.http.post(CHAT, json=ASKED | {"model": "rough-chat", "stream": True})
    first, last = (json.loads(it) for it in events(answer))
    assert answer.status_code == 200 and first["choices"][0]["delta"]["content"] == "a"
    assert list(last["error"]) == ["message", "type", "code", "param"]
    assert (last["error"]["type"], last["error"]["code"]) == (kind, code)
    assert "10.0.0.7" not in answer.text and "sk-secret" not in answer.text


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        ({"message": "too long", "code": "context_length_exceeded"}, 400, "invalid_request_error", "context_length_exceeded"),
        ({"message": "no such tool", "code": 400}, 400, "invalid_request_error", "invalid_request"),
        ({"message": "too many", "type": "rate_limit_error"}, 429, "rate_limit_error", "rate_limit_exceeded"),
        ({"message": "out of luck at 10.0.0.7"}, 500, "server_error", "backend_error"),
    ],
)
def test_an_error_in_place_of_the_first_event_is_an_answer_like_any_other(error, status, kind, code, account, rough) -> None:
    rough.rules(streamed("", **error))
    answer = account.http.post(CHAT, json=ASKED | {"model": "rough-chat", "stream": True}, headers=SDK)
    assert_nested(answer, status, kind, code)
    assert "10.0.0.7" not in answer.text


def test_a_stream_that_has_told_why_it_ends_gets_the_end_it_left_out(account, rough) -> None:
    chunk = lambda delta, reason: "data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}) + "\n\n"
    rough.rules({"pieces": [chunk({"content": "a"}, None), chunk({}, "stop")]})
    for _ in range(6):
        seen = events(account.http.post(CHAT, json=ASKED | {"model": "rough-chat", "stream": True}))
        assert len(seen) == 3 and seen[-1] == "[DONE]", "six in a row: none of them counts as a failure"


def test_speech_that_breaks_off_is_no_whole_file(account, rough) -> None:
    rough.rules({"drop": 3})
    with pytest.raises(httpx.RemoteProtocolError):
        account.http.post(SPEECH, json=SAID | {"model": "rough-voice"})


def test_the_first_sound_comes_early_and_who_leaves_ends_it(account, rough) -> None:
    rough.rules({"stepped": True})
    rough.step(2)
    with account.http.stream("POST", SPEECH, json=SAID | {"model": "rough-voice"}) as answer:
        assert answer.headers["transfer-encoding"] == "chunked" and answer.headers["content-type"] == "audio/wav"
        assert next(answer.iter_raw()).startswith(b"RIFF")
    assert rough.ended("gone")["sent"] <= 4


def test_who_leaves_before_the_first_byte_is_not_worked_for(account, rough) -> None:
    rough.rules({"hang": "head"})
    with pytest.raises(httpx.TimeoutException):
        account.http.post(CHAT, json=ASKED | {"model": "rough-chat"}, timeout=2)
    assert eventually(lambda: rough.last()["outcome"] == "gone", what="the upstream to be left")


def test_methods_that_a_path_does_not_know(account) -> None:
    answer = account.http.get(CHAT, headers=SDK)
    assert_nested(answer, 400, "invalid_request_error", "invalid_request")
    assert answer.headers["allow"] == "POST"
