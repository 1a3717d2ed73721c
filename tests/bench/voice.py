"""`script/bench voice`: voice AI beside its peers.

  script/bench voice gateway   a chat through us, through LiteLLM's proxy, and straight to a trivial upstream
"""

import sys

from bench import gateway

PARTS = {"gateway": gateway.main}


def main(arguments):
    if not arguments or arguments[0] not in PARTS:
        print(__doc__, file=sys.stderr)
        return 2
    return PARTS[arguments[0]](arguments[1:])
