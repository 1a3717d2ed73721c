"""`script/bench voice engines`: the built-in engines with real weights, beside their peers, round by round.

  speech to text    Whisper base int8 beside faster-whisper 1.2.1 int8: ten clips of 3 to 25 seconds, two threads
  text to speech    Piper joe beside piper-tts: a sentence of 60 characters
  chat              SmolLM2 through our server beside llama.cpp's own server out of a wheel: tokens a second, and four
                    streams at a time
  memory            of the engines' process with all three models loaded

Needs the program and two examples built with the engines:
  script/engines build --release
  cargo build --release -p voice-whisper --example transcribe -p voice-piper --example say
and the weights: `target/release/agentphone models pull`, `… models import`, AGENTPHONE_TEST_MODELS naming their folder.
The peers are installed from PyPI when they are first needed.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from harness.machine import ROOT, keep_result, median, work_folder
from harness.programs import Server, binary
from voice.llama import LlamaServer

PEERS = ["faster-whisper==1.2.1", "piper-tts==1.8.0", "scipy", "xllamacpp==2026.10.11549"]
THREADS = 2
STREAMS = 4
TOKENS = 120
# Of the peer, for all streams together.
CONTEXT = 4096
PROMPT = [{"role": "user", "content": "Write a long story about a dog who learns to sail a boat."}]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench voice engines", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("sound", "chat"))
    return parser.parse_args(arguments)


def peers():
    """The Python that the peers are installed for."""
    folder = ROOT / ".cache" / "venv-peers"
    stamp = folder / ".stamp"
    if not stamp.exists() or stamp.read_text() != repr(PEERS):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *PEERS], check=True)
        stamp.write_text(repr(PEERS))
    return folder / "bin/python"


class Engines(Server):
    """Our server with the three models in its child process."""

    def __init__(self, executable, folder, models):
        super().__init__(executable, folder)
        path = folder.parent / "engines.toml"
        path.write_text(
            f"[voice.engines]\nthreads = {THREADS}\npreload = true\n"
            f'[voice.models.whisper-large-v3]\nengine = "whisper"\npath = "{models}/whisper-base"\n'
            f'[voice.models.orpheus]\nengine = "piper"\npath = "{models}/piper-joe/en_US-joe-medium.onnx"\n'
            f'[voice.models.Qwen3-Next-80B]\nengine = "llama"\npath = "{models}/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"\n')
        self.arguments += ["--config", str(path)]


class Story:
    """One streamed answer: when each piece of text came."""

    def __init__(self, address, route, key):
        self.place, self.route, self.key = urlsplit(address), route, key
        self.at, self.tokens = [], 0

    def run(self):
        body = json.dumps({"model": "Qwen3-Next-80B", "messages": PROMPT, "stream": True, "max_tokens": TOKENS,
                           "temperature": 0, "stream_options": {"include_usage": True}})
        line = HTTPConnection(self.place.hostname, self.place.port, timeout=300)
        line.request("POST", self.route, body, {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        answer = line.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {answer.read()[:500]}")
        for event in answer:
            if not event.startswith(b"data: {"):
                continue
            said = json.loads(event[6:])
            if any(choice["delta"].get("content") for choice in said["choices"]):
                self.at.append(time.perf_counter())
            self.tokens = (said.get("usage") or {}).get("completion_tokens", self.tokens)
        line.close()
        return self

    @property
    def rate(self):
        """Tokens a second, once it speaks."""
        return (self.tokens - 1) / (self.at[-1] - self.at[0])


def together(stories):
    """Runs them at the same time: tokens a second of all, and the share of the slowest in an even part when the first ended."""
    began = time.perf_counter()
    threads = [threading.Thread(target=story.run) for story in stories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = max(story.at[-1] for story in stories) - began
    first = min(story.at[-1] for story in stories)
    pieces = [sum(at <= first for at in story.at) for story in stories]
    return {"per_second": sum(story.tokens for story in stories) / took, "fairness": min(pieces) * len(pieces) / sum(pieces)}


def chat(options, models, python):
    weights = next((models / "smollm2").glob("*.gguf"))
    cells = {"ours": [], "peer": [], "ours_streams": [], "peer_streams": []}
    with work_folder("engines") as folder, ExitStack() as stack:
        server = stack.enter_context(Engines(binary("release"), folder / "server", models))
        peer = stack.enter_context(LlamaServer(weights, python, STREAMS, CONTEXT))
        ways = {"ours": (server.address, "/api/v1/chat/completions", server.key()),
                "peer": (peer.address, "/v1/chat/completions", "none")}
        for way in ways.values():
            Story(*way).run()
        for number in range(options.rounds):
            for name, way in ways.items():
                cells[name].append(Story(*way).run().rate)
                cells[f"{name}_streams"].append(together([Story(*way) for _ in range(STREAMS)]))
            print(f"chat, round {number + 1}: {cells['ours'][-1]:.1f} and the peer {cells['peer'][-1]:.1f} tokens/s; "
                  f"{STREAMS} streams {cells['ours_streams'][-1]} and {cells['peer_streams'][-1]}", flush=True)
        memory = engines_memory(server)
    figures = {"chat_tokens_per_second": median(cells["ours"]), "chat_peer_tokens_per_second": median(cells["peer"]),
               "memory_three_models_mb": memory}
    figures["chat_by_peer"] = median([one / other for one, other in zip(cells["ours"], cells["peer"])])
    for name in ("ours", "peer"):
        for key in ("per_second", "fairness"):
            figures[f"chat_{STREAMS}_streams_{name}_{key}"] = median([one[key] for one in cells[f"{name}_streams"]])
    return figures


def engines_memory(server):
    """Megabytes that the server and its engines hold, with each model used once."""
    line = HTTPConnection(urlsplit(server.address).netloc, timeout=300)
    head = {"Authorization": f"Bearer {server.key()}", "Content-Type": "application/json"}
    text = "The train to Boston leaves at half past seven in the morning."
    line.request("POST", "/api/v1/audio/speech", json.dumps({"model": "orpheus", "input": text, "voice": "tara"}), head)
    sound = line.getresponse().read()
    mark = "b0undary"
    body = (f'--{mark}\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-large-v3\r\n--{mark}\r\n'
            'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n').encode() + sound + f"\r\n--{mark}--\r\n".encode()
    head["Content-Type"] = f"multipart/form-data; boundary={mark}"
    line.request("POST", "/api/v1/audio/transcriptions", body, head)
    heard = line.getresponse().read()
    if b"Boston" not in heard:
        raise RuntimeError(f"not understood: {heard[:300]}")
    threads = Path(f"/proc/{server.process.pid}/task").iterdir()
    children = [pid for thread in threads for pid in (thread / "children").read_text().split()]
    if len(children) != 1:
        raise RuntimeError(f"the engines are one process, not {children}")
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in [server.process.pid, *children]]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def sound(options, models, python):
    command = [python, "-B", ROOT / "tests/bench/voice_engines.py", models, "--rounds", str(options.rounds)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(output, end="", flush=True)
    rows = [json.loads(line) for line in output.splitlines()]
    return {f"{row['what'].replace(' ', '_')}_{key}": value for row in rows for key, value in row.items() if key != "what"}


def main(arguments):
    options = parse(arguments)
    models = Path(os.environ.get("AGENTPHONE_TEST_MODELS") or sys.exit("AGENTPHONE_TEST_MODELS names no folder")).resolve()
    python = peers()
    figures = {}
    if options.only != "chat":
        figures |= sound(options, models, python)
    if options.only != "sound":
        figures |= chat(options, models, python)
    figures["goal"] = ("STT real-time factor <= 1.0 x the peer, errors not above; TTS >= 1.5 x as fast, first sound <= 150 ms; "
                       "chat >= 0.95 x tokens/s, streams served evenly; memory < 900 MB")
    keep_result("voice-engines", 0, figures)
    return 0
