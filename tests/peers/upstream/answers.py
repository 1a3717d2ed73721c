"""What a well-behaved upstream answers: deterministic, so that a test can say what must come back."""

import json
import math
import struct
import uuid

RATE = 24_000


def words_of(prompt: str) -> list[str]:
    """The tokens of the answer to `prompt`: it is said again, word by word."""
    words = prompt.split(" ")
    return [words[0], *(" " + word for word in words[1:])]


def last_words(body: dict) -> str:
    content = (body.get("messages") or [{"content": ""}])[-1].get("content") or ""
    return content if isinstance(content, str) else json.dumps(content)


def usage(body: dict) -> dict:
    prompt, answer = len(json.dumps(body.get("messages", []))) // 4, len(words_of(last_words(body)))
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def completion(body: dict) -> dict:
    message: dict = {"role": "assistant", "content": last_words(body)}
    finish = "stop"
    tools = [tool["function"] for tool in body.get("tools") or [] if isinstance(tool, dict) and "function" in tool]
    if tools and isinstance(tools[0], dict) and body.get("tool_choice") != "none":
        function = {"name": tools[0].get("name"), "arguments": "{}"}
        message = {"role": "assistant", "content": None,
                   "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
        finish = "tool_calls"
    return {"id": f"chatcmpl-{uuid.uuid4().hex[:12]}", "object": "chat.completion", "created": 1_772_442_847,
            "model": body.get("model"), "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": usage(body)}


def chunks(body: dict) -> list[dict]:
    """The events of a streamed answer, without the last one."""
    whole = completion(body)
    base = {"id": whole["id"], "object": "chat.completion.chunk", "created": whole["created"], "model": whole["model"]}
    with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    extra = {"usage": None} if with_usage else {}

    def chunk(delta, finish=None):
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **extra}

    message, finish = whole["choices"][0]["message"], whole["choices"][0]["finish_reason"]
    events = [chunk({"role": "assistant", "content": ""})]
    if "tool_calls" in message:
        events.append(chunk({"tool_calls": [{"index": 0, **message["tool_calls"][0]}]}))
    else:
        events += [chunk({"content": word}) for word in words_of(last_words(body))]
    events.append(chunk({}, finish))
    if with_usage:
        events.append({**base, "choices": [], "usage": whole["usage"]})
    return events


def event(data) -> bytes:
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()) + b"\n\n"


TRANSCRIPT = ["We open at nine.", " Please call back."]


def transcript(response_format: str, granularities: list[str]) -> dict:
    text = "".join(TRANSCRIPT)
    if response_format != "verbose_json":
        return {"text": text}
    segments = [
        {"id": at, "seek": 0, "start": 2.0 * at, "end": 2.0 * at + 1.8, "text": said, "tokens": [at, 7], "temperature": 0.0,
         "avg_logprob": -0.25, "compression_ratio": 0.9, "no_speech_prob": 0.01}
        for at, said in enumerate(TRANSCRIPT)]
    whole = {"task": "transcribe", "language": "english", "duration": 4.0, "text": text, "segments": segments}
    if "word" in granularities:
        whole["words"] = [
            {"word": word, "start": 2.0 * at + 0.4 * place, "end": 2.0 * at + 0.4 * place + 0.3}
            for at, said in enumerate(TRANSCRIPT) for place, word in enumerate(said.split())]
    return whole


def transcript_events() -> list[dict]:
    deltas = [{"type": "transcript.text.delta", "delta": said} for said in TRANSCRIPT]
    return [*deltas, {"type": "transcript.text.done", "text": "".join(TRANSCRIPT)}]


def sine(text: str) -> bytes:
    """A tone of 16 bits, 20 ms a letter."""
    return b"".join(struct.pack("<h", int(8000 * math.sin(at * 0.1))) for at in range(RATE // 50 * max(len(text), 1)))


def wav(samples: bytes, *, channels: int = 1, bits: int = 16, rate: int = RATE) -> bytes:
    """A header as servers write it that stream: its lengths are lies."""
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    return b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\xff" + samples
