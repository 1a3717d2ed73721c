"""Both Python clients behind one blocking face, so that one test body runs through either."""

import asyncio
import inspect
from typing import Any

from agentphone import AgentPhone, AsyncAgentPhone


class Blocking:
    """Runs the coroutines of the asynchronous client on a loop of its own."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if inspect.iscoroutinefunction(value):
            return lambda *positional, **named: self._loop.run_until_complete(value(*positional, **named))
        return Blocking(value, self._loop) if hasattr(value, "_client") else value


class Clients:
    """Makes clients of one kind and closes them at the end."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._loop = asyncio.new_event_loop()
        self._made: list[Any] = []

    def make(self, origin: str, key: str) -> Any:
        if self.kind == "sync":
            client = AgentPhone(api_key=key, base_url=origin)
        else:
            client = Blocking(AsyncAgentPhone(api_key=key, base_url=origin), self._loop)
        self._made.append(client)
        return client

    def close(self) -> None:
        for client in self._made:
            client.close()
        self._loop.close()
