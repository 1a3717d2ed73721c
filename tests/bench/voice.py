"""`script/bench voice`: voice AI beside its peers.

  script/bench voice gateway   a chat through us, through LiteLLM's proxy, and straight to a trivial upstream
  script/bench voice engines   the built-in engines with real weights, beside faster-whisper, piper-tts and llama.cpp's server
"""

import sys

from bench import engines, gateway

PARTS = {"gateway": gateway.main, "engines": engines.main}


def main(arguments):
    if not arguments or arguments[0] not in PARTS:
        print(__doc__, file=sys.stderr)
        return 2
    return PARTS[arguments[0]](arguments[1:])
