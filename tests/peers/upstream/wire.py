"""HTTP/1.1 as the peer needs it: a request read whole, an answer written piece by piece, and a look at whether the
caller is still there. Plain asyncio, so that an answer can also be broken off or be nonsense."""

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, field
from email import message_from_bytes


class Gone(Exception):
    """The caller has left."""


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)

    def form(self) -> tuple[dict[str, list[str]], dict[str, tuple[str, bytes]]]:
        """The fields and the files of a multipart body."""
        head = f"Content-Type: {self.headers.get('content-type', '')}\r\n\r\n".encode()
        message = message_from_bytes(head + self.body)
        fields: dict[str, list[str]] = {}
        files: dict[str, tuple[str, bytes]] = {}
        for part in message.get_payload() if message.is_multipart() else []:
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            if part.get_filename() is not None:
                files[name] = (part.get_filename(), content)
            else:
                fields.setdefault(name, []).append(content.decode())
        return fields, files


@dataclass
class Caller:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ahead: bytes = b""
    watch: asyncio.Task | None = field(default=None, repr=False)

    def __post_init__(self):
        raw = self.writer.get_extra_info("socket")
        if raw is not None and raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def request(self) -> Request | None:
        """The next request; None if the caller closed instead."""
        if self.watch is not None:
            self.ahead, self.watch = await self.watch, None
            if not self.ahead:
                return None
        try:
            head = self.ahead + await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self.ahead = b""
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        self.watch = asyncio.ensure_future(self._look())
        return Request(method, path, headers, body)

    async def _look(self) -> bytes:
        try:
            return await self.reader.read(1)
        except ConnectionError:
            return b""

    async def while_there(self, work):
        """Awaits `work`; raises Gone as soon as the caller leaves."""
        task = asyncio.ensure_future(work)
        await asyncio.wait({task, self.watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and not self.watch.result():
            task.cancel()
            raise Gone
        return await task

    async def head(self, status: int, headers: dict[str, str]):
        lines = [f"HTTP/1.1 {status} So", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        await self.raw("\r\n".join(lines).encode())

    async def raw(self, data: bytes):
        self.writer.write(data)
        try:
            await self.while_there(self.writer.drain())
        except ConnectionError as gone:
            raise Gone from gone

    async def answer(self, status: int, headers: dict[str, str], body: bytes):
        await self.head(status, {"Content-Length": str(len(body)), **headers})
        await self.raw(body)

    async def chunk(self, data: bytes):
        await self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def close(self, *, reset: bool = False):
        raw = self.writer.get_extra_info("socket")
        if reset and raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort() if reset else self.writer.close()
