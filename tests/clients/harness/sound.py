"""Recordings for tests: tones, written as WAV by Python's own module."""

import io
import math
import struct
import wave


def wav(seconds: float = 1.0, rate: int = 16_000) -> bytes:
    """A tone of this length, one channel of 16 bits."""
    samples = [int(9000 * math.sin(at * 0.17)) for at in range(int(seconds * rate))]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return out.getvalue()


def padded(sound: bytes, length: int) -> bytes:
    """The WAV file with a chunk at its end that means nothing, so that it has exactly this length."""
    rest = length - len(sound) - 8
    whole = sound + b"junk" + struct.pack("<I", rest) + bytes(rest)
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]
