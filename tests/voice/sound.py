"""Sound for the tests: what the server spoke, in other containers, joined and repeated, and what nobody spoke."""

import array
import io
import random
import wave

import av

# Container and codec, by the file name's ending.
CONTAINERS = {"wav": ("wav", "pcm_s16le"), "mp3": ("mp3", "libmp3lame"), "m4a": ("ipod", "aac"),
              "webm": ("webm", "libopus"), "ogg": ("ogg", "libopus"), "flac": ("flac", "flac")}
RATE = 16_000


def samples(sound: bytes, rate: int = RATE) -> array.array:
    """What any container holds, as 16-bit mono."""
    out = array.array("h")
    with av.open(io.BytesIO(sound)) as source:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        for frame in [*source.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                out.frombytes(bytes(piece.planes[0])[:piece.samples * 2])
    return out


def wav(values: array.array, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(values.tobytes())
    return file.getvalue()


def contained(sound: bytes, ending: str) -> bytes:
    """The same sound in another container, by FFmpeg's codecs."""
    container, codec = CONTAINERS[ending]
    out = io.BytesIO()
    with av.open(io.BytesIO(sound)) as source, av.open(out, "w", format=container) as target:
        stream = target.add_stream(codec, rate=48_000 if codec == "libopus" else source.streams.audio[0].rate)
        stream.layout = "mono"
        for frame in source.decode(audio=0):
            frame.pts = None
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def silence(seconds: float) -> array.array:
    return array.array("h", bytes(2 * int(seconds * RATE)))


def noise(seconds: float, loudness: int, seed: int) -> array.array:
    choice = random.Random(seed)
    return array.array("h", (choice.randint(-loudness, loudness) for _ in range(int(seconds * RATE))))
