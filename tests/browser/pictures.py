"""Small pictures without any package: each is a landscape of its own, painted from the name it is asked by."""

import functools
import math
import struct
import zlib

WIDTH, HEIGHT = 240, 300
PALETTES = (
    ((255, 183, 120), (250, 110, 108), (92, 53, 102)), ((150, 208, 255), (226, 240, 250), (64, 120, 96)),
    ((38, 50, 96), (130, 92, 160), (20, 24, 44)), ((255, 224, 140), (255, 160, 90), (122, 66, 50)),
    ((168, 230, 207), (220, 237, 193), (46, 110, 120)),
)


def _mix(one, other, share):
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other))


@functools.cache
def painted(name: str) -> bytes:
    """A PNG with a sky, a sun and three ranges of hills."""
    seed = zlib.crc32(name.encode())
    top, low, ground = PALETTES[seed % len(PALETTES)]
    sun = (60 + seed // 7 % 120, 60 + seed // 11 % 60)
    rows = []
    for y in range(HEIGHT):
        row = bytearray(b"\0")
        for x in range(WIDTH):
            colour = _mix(top, low, min(1, y / (HEIGHT * 0.7)))
            if math.hypot(x - sun[0], y - sun[1]) < 26:
                colour = (255, 246, 220)
            for hill in range(3):
                edge = HEIGHT * (0.52 + hill * 0.14) + 18 * math.sin(x / (34 - hill * 6) + seed % (17 + hill) + hill * 2)
                if y > edge:
                    colour = _mix(low, ground, 0.35 + hill * 0.3)
            row += bytes(colour)
        rows.append(bytes(row))
    return _png(b"".join(rows))


def _png(rows: bytes) -> bytes:
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
