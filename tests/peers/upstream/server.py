#!/usr/bin/env python3
"""An upstream for tests: it speaks the OpenAI protocol, notes what it received and whether the caller left, and behaves
as badly as it is told.

    server.py [--port N | --socket PATH]      prints `ready PORT`, serves until its standard input ends

    POST /_rules   a JSON list of rules: the first one answers the next request, and so on; the last one stays.
                   An empty list is good behaviour.
    POST /_step    {"count": n} lets n more pieces of stepped answers out
    GET  /_seen    what was received, in order: {id, path, headers, json | fields + files, outcome, sent}
                   outcome: "under way", "answered", "broke off", "gone" (the caller left first); sent: pieces so far
    POST /_forget  forgets rules, steps and what was seen

A rule is an object; what it does not say is good behaviour:

    wait: seconds before the head          hang: "head" | "body"   never answers, or nothing behind the head
    status, headers, body, content_type    answers with exactly this (body: text)
    drop: n    breaks off after n pieces   drop_head: true         closes before the head
    reset: true  breaks off with a reset   stepped: true           a piece goes out for each step
    gap: seconds between pieces            pieces: [text, ..]      instead of the good answer's pieces
    repeat: n    the good answer's pieces n times                  raw: true  speech as audio/pcm
    channels, bits, rate                   of speech
"""

import argparse
import asyncio
import json
import sys

import answers
from wire import Caller, Gone, Request


class Peer:
    def __init__(self):
        self.forget()

    def forget(self):
        self.rules: list[dict] = []
        self.seen: list[dict] = []
        self.steps = asyncio.Semaphore(0)

    def rule(self) -> dict:
        if len(self.rules) > 1:
            return self.rules.pop(0)
        return self.rules[0] if self.rules else {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        caller = Caller(reader, writer)
        try:
            while request := await caller.request():
                if request.path.startswith("/_"):
                    await self.control(caller, request)
                elif not await self.answer(caller, request):
                    return
        except (Gone, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            if caller.watch is not None:
                caller.watch.cancel()
            caller.close()

    async def control(self, caller: Caller, request: Request):
        said: object = {}
        match request.path:
            case "/_rules":
                self.rules = request.json()
            case "/_step":
                for _ in range(request.json().get("count", 1)):
                    self.steps.release()
            case "/_seen":
                said = self.seen
            case "/_forget":
                self.forget()
        await caller.answer(200, {"Content-Type": "application/json"}, json.dumps(said).encode())

    async def answer(self, caller: Caller, request: Request) -> bool:
        """Answers as the next rule says; whether the connection goes on."""
        rule, note = self.rule(), self.note(request)
        try:
            await self.behave(caller, request, rule, note)
        except Gone:
            note["outcome"] = "gone"
            return False
        except BrokeOff as broke_off:
            note["outcome"] = "broke off"
            caller.close(reset=broke_off.reset)
            return False
        note["outcome"] = "answered"
        return True

    def note(self, request: Request) -> dict:
        note = {"id": len(self.seen), "path": request.path, "headers": request.headers, "outcome": "under way", "sent": 0}
        if request.headers.get("content-type", "").startswith("multipart/"):
            fields, files = request.form()
            note["fields"] = fields
            note["files"] = {name: {"name": called, "size": len(content), "begins": content[:44].hex()}
                             for name, (called, content) in files.items()}
        elif request.body:
            note["json"] = request.json()
        self.seen.append(note)
        return note

    async def behave(self, caller: Caller, request: Request, rule: dict, note: dict):
        if "wait" in rule:
            await caller.while_there(asyncio.sleep(rule["wait"]))
        if rule.get("hang") == "head":
            await caller.while_there(asyncio.Event().wait())
        if rule.get("drop_head"):
            raise BrokeOff(rule)
        headers = {"x-request-id": f"req-{note['id']}", **rule.get("headers", {})}
        if "status" in rule or "body" in rule:
            kind = {"Content-Type": rule.get("content_type", "application/json")}
            await caller.answer(rule.get("status", 200), {**kind, **headers}, rule.get("body", "").encode())
            return
        content_type, pieces = good(request, rule)
        pieces = [piece.encode() for piece in rule["pieces"]] if "pieces" in rule else pieces
        pieces = pieces * rule.get("repeat", 1)
        headers = {"Content-Type": rule.get("content_type", content_type), **headers}
        if len(pieces) == 1 and not rule:
            note["sent"] = 1
            await caller.answer(200, headers, pieces[0])
            return
        await caller.head(200, {"Transfer-Encoding": "chunked", **headers})
        await self.stream(caller, pieces, rule, note)
        await caller.raw(b"0\r\n\r\n")

    async def stream(self, caller: Caller, pieces: list[bytes], rule: dict, note: dict):
        if rule.get("hang") == "body":
            await caller.while_there(asyncio.Event().wait())
        for piece in pieces:
            if note["sent"] == rule.get("drop"):
                raise BrokeOff(rule)
            if rule.get("stepped"):
                await caller.while_there(self.steps.acquire())
            if note["sent"] and "gap" in rule:
                await caller.while_there(asyncio.sleep(rule["gap"]))
            await caller.chunk(piece)
            note["sent"] += 1
        if note["sent"] == rule.get("drop"):
            raise BrokeOff(rule)


class BrokeOff(Exception):
    def __init__(self, rule: dict):
        self.reset = bool(rule.get("reset"))


def good(request: Request, rule: dict) -> tuple[str, list[bytes]]:
    """The good answer: its content type, and its pieces."""
    path = request.path.removeprefix("/v1")
    if path == "/chat/completions":
        body = request.json()
        if not body.get("stream"):
            return "application/json", [json.dumps(answers.completion(body), ensure_ascii=False).encode()]
        return "text/event-stream; charset=utf-8", [answers.event(it) for it in [*answers.chunks(body), b"[DONE]"]]
    if path == "/audio/transcriptions":
        fields, _ = request.form()
        if fields.get("stream") == ["true"]:
            return "text/event-stream", [answers.event(it) for it in answers.transcript_events()]
        said = answers.transcript(fields.get("response_format", ["json"])[0], fields.get("timestamp_granularities[]", []))
        return "application/json", [json.dumps(said).encode()]
    if path == "/audio/speech":
        samples = answers.sine(request.json()["input"])
        if rule.get("raw"):
            return "audio/pcm", cut(samples)
        form = {name: rule[name] for name in ("channels", "bits", "rate") if name in rule}
        return "audio/wav", cut(answers.wav(samples, **form))
    models = {"object": "list", "data": [{"id": "peer", "object": "model", "created": 0, "owned_by": "peer"}]}
    return "application/json", [json.dumps(models).encode()]


def cut(sound: bytes) -> list[bytes]:
    """Pieces of odd lengths, so that headers and samples are cut in the middle."""
    return [sound[at:at + 1501] for at in range(0, len(sound), 1501)]


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--socket")
    chosen = options.parse_args()
    peer = Peer()
    if chosen.socket:
        await asyncio.start_unix_server(peer.serve, chosen.socket)
        print("ready", chosen.socket, flush=True)
    else:
        server = await asyncio.start_server(peer.serve, "127.0.0.1", chosen.port, backlog=1024)
        print("ready", server.sockets[0].getsockname()[1], flush=True)
    # Whoever started it may die without a word.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
