"""The built-in engines against their peers from PyPI, interleaved on the same machine.

    voice_engines.py MODELS [--rounds N] [--threads N]      run by `script/bench voice engines`, which installs the peers

MODELS is a folder into which `agentphone models import` has put `whisper-base` and `piper-joe`. The peers run in this
process; ours are the examples `transcribe` and `say`.

Speech to text: ten clips of 3 to 25 seconds, spoken by the peer's own voice, to each engine in turn, round by round; the
real-time factor is the time taken over the length of the sound, the median of the rounds, and errors are counted in words
against what was spoken. Text to speech: a sentence of 60 characters. A line of JSON for each row.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SENTENCES = [
    "The train to Boston leaves at half past seven in the morning.",
    "Your order came to forty dollars, and it will arrive on Tuesday.",
    "Elizabeth Warren and Michael Johnson met in Chicago last Thursday.",
    "Could you please tell me where the nearest pharmacy is?",
    "They sold many more bicycles in October than in September.",
    "The meeting was moved from Monday to Wednesday afternoon.",
    "The temperature dropped in the evening, so take a warm coat.",
    "Nobody expected the small village to win the competition.",
    "Although it was raining, the children played outside until dinner.",
    "In November the company opened its third office in Denver.",
]
SIXTY = "The children played outside until their dinner was prepared."
LENGTHS = [1, 2, 2, 3, 1, 4, 5, 1, 6, 3]


def words(text):
    return re.sub(r"[^\w' ]", " ", text.lower()).split()


def errors(expected, heard):
    """The fewest words to change, add or leave out."""
    row = list(range(len(heard) + 1))
    for i, one in enumerate(expected, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def clips(voice, folder):
    """Ten WAV files of 16 kHz, with what is said in them."""
    from scipy.signal import resample_poly  # comes with what faster-whisper needs or is installed beside it

    import numpy

    made = []
    for number, many in enumerate(LENGTHS):
        text = " ".join(SENTENCES[(number + k) % len(SENTENCES)] for k in range(many))
        sound = numpy.concatenate([chunk.audio_int16_array for chunk in voice.synthesize(text)])
        sound = resample_poly(sound.astype(numpy.float64), 320, 441).clip(-32768, 32767).astype("<i2")
        path = folder / f"{number}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(sound.tobytes())
        made.append((path, text, len(sound) / 16_000))
    return made


def row(name, **figures):
    print(json.dumps({"what": name, **figures}), flush=True)


def listen(models, voice, rounds, threads):
    from faster_whisper import WhisperModel

    peer = WhisperModel(str(models / "whisper-base"), device="cpu", compute_type="int8", cpu_threads=threads)
    ours = ROOT / "target/release/examples/transcribe"
    took = {"ours": [], "peer": []}
    wrong = {"ours": 0, "peer": 0}
    with tempfile.TemporaryDirectory() as folder:
        made = clips(voice, Path(folder))
        expected = sum(len(words(text)) for _, text, _ in made)
        for turn in range(rounds):
            output = subprocess.run(
                [ours, models / "whisper-base", *(path for path, _, _ in made)],
                check=True, capture_output=True, text=True,
            ).stdout
            heard = [json.loads(line) for line in output.splitlines()]
            took["ours"].append(sum(one["took"] for one in heard))
            begin = time.perf_counter()
            theirs = ["".join(s.text for s in peer.transcribe(str(path))[0]) for path, _, _ in made]
            took["peer"].append(time.perf_counter() - begin)
            if turn == 0:
                for (_, text, _), one, other in zip(made, heard, theirs):
                    wrong["ours"] += errors(words(text), words(one["text"]))
                    wrong["peer"] += errors(words(text), words(other))
        seconds = sum(length for _, _, length in made)
    for name in took:
        row(f"STT {name}", rtf=statistics.median(took[name]) / seconds, wrong=wrong[name], words=expected)
    row("STT ratio", ours_to_peer=statistics.median(took["ours"]) / statistics.median(took["peer"]))


def speak(models, voice, rounds):
    ours = ROOT / "target/release/examples/say"
    theirs, first, whole = [], [], []
    list(voice.synthesize(SIXTY))
    for _ in range(rounds):
        begin = time.perf_counter()
        length = sum(len(chunk.audio_int16_array) for chunk in voice.synthesize(SIXTY)) / 22_050
        theirs.append((time.perf_counter() - begin) / length)
        output = subprocess.run(
            [ours, models / "piper-joe/en_US-joe-medium.onnx", SIXTY], check=True, capture_output=True, text=True
        ).stdout
        # The last of its rounds, when everything is warm.
        heard = json.loads(output.splitlines()[-2])
        first.append(heard["first_ms"])
        whole.append(heard["took"] / heard["seconds"])
    row("TTS peer", rtf=statistics.median(theirs))
    row("TTS ours", rtf=statistics.median(whole), first_ms=statistics.median(first))
    row("TTS ratio", times_as_fast=statistics.median(theirs) / statistics.median(whole))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    try:
        from piper import PiperVoice
    except ImportError:
        sys.exit("needs: pip install faster-whisper==1.2.1 piper-tts scipy")
    voice = PiperVoice.load(str(arguments.models / "piper-joe/en_US-joe-medium.onnx"))
    speak(arguments.models, voice, arguments.rounds)
    listen(arguments.models, voice, arguments.rounds, arguments.threads)


if __name__ == "__main__":
    main()
