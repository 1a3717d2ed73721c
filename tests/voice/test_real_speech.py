"""Speech and hearing with real weights through the official client: what Piper says, Whisper writes down. The models are
in the folder AGENTPHONE_TEST_MODELS, as `agentphone models import` leaves them; the program is built with its engines."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import openai
import pytest
from sound import CONTAINERS, RATE, contained, noise, samples, silence, wav

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.programs import Server, binary  # noqa: E402

# Numbers, money, dates, names, a question; spelled as they are usually written.
SENTENCES = [
    "The train to Boston leaves at half past seven in the morning.",
    "Your order of 3 books costs $24.",
    "Elizabeth Warren and Michael Johnson met in Chicago last Thursday.",
    "Could you please tell me where the nearest pharmacy is?",
    "The invoice of March 14th is for 350 dollars.",
    "The meeting was moved from Monday to Wednesday afternoon.",
    "There were 12 people in the room, and 5 of them were asleep.",
    "Nobody expected the small village to win the competition.",
    "Although it was raining, the children played outside until dinner.",
    "In November 2024 the company opened its third office in Denver.",
]
# One sentence each, said by espeak-ng, with Whisper's name of the language.
FOREIGN = {
    "de": ("german", "Guten Morgen, heute ist Montag und die Sonne scheint über der ganzen Stadt."),
    "es": ("spanish", "Buenos días. Me llamo María y vivo en Madrid con mi familia."),
}


def words(text):
    return re.sub(r"[^\w' $]", " ", text.lower()).split()


def overlap(said, heard):
    """The part of what was said that was heard, word by word, in any order."""
    left, found = words(heard), 0
    for word in words(said):
        if word in left:
            left.remove(word)
            found += 1
    return found / len(words(said))


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    models = Path(os.environ["AGENTPHONE_TEST_MODELS"])
    folder = tmp_path_factory.mktemp("speech")
    settings = folder / "voice.toml"
    settings.write_text(
        f'[voice.models.whisper-large-v3]\nengine = "whisper"\npath = "{models}/whisper-base"\n'
        f'[voice.models.orpheus]\nengine = "piper"\npath = "{models}/piper-joe/en_US-joe-medium.onnx"\n')
    server = Server(binary("debug"), folder / "server")
    server.arguments += ["--config", str(settings)]
    with server:
        yield openai.OpenAI(base_url=f"{server.address}/api/v1", api_key=server.key(), max_retries=0, timeout=1200)


def say(client, text, **options):
    return client.audio.speech.create(model="orpheus", voice="tara", input=text, **{"response_format": "wav"} | options).content


def hear(client, sound, name="clip.wav", **options):
    return client.audio.transcriptions.create(model="whisper-large-v3", file=(name, sound), **options)


@pytest.fixture(scope="module")
def spoken(client):
    """Each sentence as a WAV file, said once."""
    return {sentence: say(client, sentence) for sentence in SENTENCES}


def test_ten_sentences_come_back(client, spoken):
    heard = {sentence: hear(client, sound).text for sentence, sound in spoken.items()}
    shares = {sentence: overlap(sentence, text) for sentence, text in heard.items()}
    assert sum(shares.values()) / len(shares) >= 0.9, heard
    assert min(shares.values()) >= 0.6, heard


def test_every_container_gives_the_same_text(client, spoken):
    sound = wav(samples(spoken[SENTENCES[2]]))
    heard = {ending: hear(client, contained(sound, ending), f"clip.{ending}").text for ending in CONTAINERS}
    assert len(set(heard.values())) == 1, heard


def test_every_format_of_speech_holds_the_same_sound(client):
    text = SENTENCES[3]
    length = len(samples(say(client, text)))
    for form in ("opus", "flac", "mp3"):
        sound = say(client, text, response_format=form)
        assert abs(len(samples(sound)) - length) < RATE / 4, form
        assert overlap(text, hear(client, sound, f"clip.{form}").text) >= 0.8, form
    faster = len(samples(say(client, text, speed=2.0)))
    assert 0.4 < faster / length < 0.75


@pytest.mark.timeout(1500)
def test_ten_minutes(client, spoken):
    """Nothing is lost and nothing said twice at the seams of the windows."""
    joined = silence(0)
    said = []
    while len(joined) < 600 * RATE:
        for sentence, sound in spoken.items():
            joined += samples(sound) + silence(0.5)
            said.append(sentence)
    sound = contained(wav(joined), "ogg")
    answer = hear(client, sound, "long.ogg", response_format="verbose_json", timestamp_granularities=["segment", "word"])
    assert abs(answer.duration - len(joined) / RATE) < 1
    expected, count = words(" ".join(said)), len(words(answer.text))
    assert 0.95 < count / len(expected) < 1.05, (count, len(expected))
    assert overlap(" ".join(said), answer.text) >= 0.9
    starts = [segment.start for segment in answer.segments]
    assert starts == sorted(starts) and answer.segments[-1].end > 590
    times = [word.start for word in answer.words]
    assert times == sorted(times) and len(times) > 0.9 * len(expected)


@pytest.mark.parametrize("name", ["silence", "a hiss", "loud noise"])
def test_where_nobody_speaks_no_words_are_heard(client, name):
    made = {"silence": silence(20), "a hiss": noise(20, 200, 1), "loud noise": noise(20, 20_000, 2)}[name]
    assert hear(client, wav(made)).text == ""


@pytest.mark.parametrize("language", FOREIGN)
def test_other_languages_are_recognised_and_written(client, language, tmp_path):
    program = shutil.which("espeak-ng") or pytest.fail("needs espeak-ng")
    name, sentence = FOREIGN[language]
    path = tmp_path / "clip.wav"
    subprocess.run([program, "-v", language, "-s", "140", "-w", path, sentence], check=True)
    answer = hear(client, path.read_bytes(), response_format="verbose_json")
    assert answer.language == name
    assert overlap(sentence, answer.text) >= 0.7, answer.text
    told = hear(client, path.read_bytes(), language=language)
    assert overlap(sentence, told.text) >= 0.7, told.text


def test_a_stream_says_what_the_whole_answer_says(client, spoken):
    sound = wav(sum((samples(spoken[sentence]) + silence(1) for sentence in SENTENCES[:4]), silence(0)))
    whole = hear(client, sound).text
    events = list(hear(client, sound, stream=True))
    assert events[-1].type == "transcript.text.done" and events[-1].text == whole
    assert "".join(event.delta for event in events[:-1]).strip() == whole
    assert len(events) > 2


def test_speech_begins_before_it_is_whole(client):
    """The first piece is there while most is still to be said."""
    text = " ".join(SENTENCES)
    began, arrived = time.monotonic(), []
    with client.audio.speech.with_streaming_response.create(model="orpheus", voice="tara", input=text,
                                                             response_format="wav") as answer:
        for _ in answer.iter_bytes():
            arrived.append(time.monotonic() - began)
    assert arrived[0] < arrived[-1] / 2 and len(arrived) > 5, arrived
