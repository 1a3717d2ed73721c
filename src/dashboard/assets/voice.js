// Trying voice AI out over the endpoints that programs use, with the session instead of a key.
import { localise } from "/assets/page.js";

const REFUSALS = {
  NotAllowedError: "The microphone was refused. Allow it for this page in the browser, or choose a file.",
  NotFoundError: "There is no microphone. Connect one, or choose a file.",
  NotReadableError: "Another program uses the microphone. Close that, or choose a file.",
};
const REFRESH = 5000;

/** Posts to an endpoint; what it refuses becomes an error with its sentence. */
async function ask(path, body, signal) {
  const plain = body instanceof FormData ? { body } : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await fetch(`/api/v1/${path}`, { method: "POST", signal, ...plain });
  if (answer.ok) return answer;
  if (answer.status === 401) throw new Error("You are not signed in any more. Sign in in another tab, then try again.");
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.message ?? `The server answered ${answer.status}.`);
}

/** The objects of a stream of events, as they come. */
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: {")) continue;
      const event = JSON.parse(line.slice(6));
      if (event.error) throw new Error(event.error.message);
      yield event;
    }
  }
}

const engine = (answer) => answer.headers.get("x-agentphone-engine") ?? "";
const seconds = (since, until = performance.now()) => `${((until - since) / 1000).toFixed(2)} s`;

/** One section of the page: does one thing at a time and says how it went. */
class Trial {
  constructor(id) {
    this.root = document.getElementById(id);
    this.form = this.root?.querySelector("form");
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  say(text, isBad = false) {
    this.part("state").textContent = text;
    this.part("state").classList.toggle("bad", isBad);
  }

  /** Does `work`, which answers what is to be said of it. */
  async run(busy, work) {
    if (this.busy) return;
    this.busy = true;
    this.part("go").disabled = true;
    this.say(busy);
    try {
      this.say(await work(performance.now()));
    } catch (error) {
      const broken = error instanceof TypeError && "The connection to the server broke off. Try again.";
      if (error.name === "AbortError") this.say("Stopped.");
      else this.say(broken || error.message, true);
    } finally {
      this.busy = false;
      this.part("go").disabled = false;
      refresh();
    }
  }

  /** Keeps the code below the form the same as what is chosen in it: what `chosen()` names, `{ model: "…" }`. */
  follow(select, chosen) {
    const name = () => {
      for (const [setting, value] of Object.entries(chosen())) {
        const named = new RegExp(`\\b(${setting}"?[=:] ?)(["'])[^"']*\\2`, "g");
        const rename = (text) => text.replace(named, (_, before, quote) => before + quote + value + quote);
        for (const code of this.root.querySelectorAll("pre code")) code.textContent = rename(code.textContent);
        for (const { dataset } of this.root.querySelectorAll("button[data-copy]")) dataset.copy = rename(dataset.copy);
      }
    };
    select.addEventListener("change", name);
    // A browser may have kept what was chosen before the page was loaded again.
    name();
  }

  play(blob) {
    const audio = this.part("audio");
    URL.revokeObjectURL(audio.src);
    audio.src = URL.createObjectURL(blob);
    audio.hidden = false;
    return audio;
  }
}

function listening(trial) {
  const go = trial.part("go");
  const { model } = trial.form.elements;
  let recorder;

  trial.follow(model, () => ({ model: model.value }));

  const transcribe = (file, name) => trial.run("Listening…", async (began) => {
    const text = trial.part("heard");
    const form = new FormData(trial.form);
    form.append("stream", "true");
    form.append("file", file, name);
    text.textContent = "";
    trial.play(file);
    const answer = await ask("audio/transcriptions", form);
    for await (const event of events(answer)) {
      if (event.type === "transcript.text.delta") text.textContent += event.delta;
      if (event.type === "transcript.text.done") text.textContent = event.text || "(no speech was heard)";
    }
    return `${engine(answer)} · ${seconds(began)}`;
  });

  async function microphone() {
    if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
      throw new Error("Browsers lend the microphone only over https or on localhost. Choose a file instead.");
    }
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      throw new Error(REFUSALS[error.name] ?? error.message);
    }
  }

  async function record() {
    if (recorder) return recorder.stop();
    go.disabled = true;
    try {
      const stream = await microphone();
      const pieces = [];
      const began = performance.now();
      const count = () => (go.textContent = `Stop (${Math.floor((performance.now() - began) / 1000)} s)`);
      const clock = setInterval(count, 500);
      recorder = new MediaRecorder(stream);
      recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
      recorder.addEventListener("stop", () => {
        const type = recorder.mimeType;
        clearInterval(clock);
        for (const track of stream.getTracks()) track.stop();
        recorder = undefined;
        go.textContent = "Record";
        go.classList.remove("recording");
        transcribe(new Blob(pieces, { type }), type.includes("mp4") ? "recording.m4a" : "recording.webm");
      });
      recorder.start();
      count();
      go.classList.add("recording");
      trial.say("Recording…");
    } catch (error) {
      trial.say(error.message, true);
    }
    go.disabled = false;
  }

  go.addEventListener("click", record);
  trial.part("file").addEventListener("change", ({ target }) => {
    const [file] = target.files;
    if (file) transcribe(file, file.name);
    target.value = "";
  });
}

/** A stream does not know its length at the beginning; a player wants to. */
function measured(wav) {
  const view = new DataView(wav);
  view.setUint32(4, wav.byteLength - 8, true);
  view.setUint32(40, wav.byteLength - 44, true);
  return new Blob([wav], { type: "audio/wav" });
}

function speaking(trial) {
  const voice = trial.form.elements.voice;
  const tell = () => (trial.part("who").textContent = voice.selectedOptions[0]?.dataset.engine ?? "");
  voice.addEventListener("change", tell);
  tell();
  trial.follow(voice, () => ({ model: voice.selectedOptions[0].dataset.model, voice: voice.value }));
  trial.form.addEventListener("submit", (event) => {
    event.preventDefault();
    trial.run("Speaking…", async (began) => {
      const model = voice.selectedOptions[0].dataset.model;
      const answer = await ask("audio/speech", { model, voice: voice.value, input: trial.form.elements.input.value });
      const first = seconds(began);
      const audio = trial.play(measured(await answer.arrayBuffer()));
      // Where the browser plays nothing by itself, there is the button.
      audio.play().catch(() => {});
      return `${engine(answer)} · first sound after ${first}, all of it after ${seconds(began)}`;
    });
  });
}

function chatting(trial) {
  const { model, question } = trial.form.elements;
  const [stop, talk] = [trial.part("stop"), trial.part("talk")];
  let messages = [];
  let leaving;

  trial.follow(model, () => ({ model: model.value }));

  function bubble(side, content) {
    const row = talk.appendChild(document.createElement("li"));
    const text = row.appendChild(document.createElement("p"));
    row.className = side;
    return Object.assign(text, { className: "text", dir: "auto", textContent: content });
  }

  async function answer(began, shown) {
    const wish = { model: model.value, messages, stream: true, stream_options: { include_usage: true } };
    const answer = await ask("chat/completions", wish, leaving.signal);
    let first, tokens;
    for await (const event of events(answer)) {
      const piece = event.choices?.[0]?.delta?.content ?? "";
      if (piece) first ??= performance.now();
      shown.textContent += piece;
      talk.scrollTo(0, talk.scrollHeight);
      tokens = event.usage?.completion_tokens ?? tokens;
    }
    const took = (performance.now() - (first ?? began)) / 1000;
    const speed = tokens > 1 ? ` · ${tokens} tokens, ${((tokens - 1) / took).toFixed(1)} a second` : "";
    return `${engine(answer)} · first word after ${seconds(began, first)}${speed}`;
  }

  trial.form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (trial.busy) return;
    const [content, asked] = [question.value, messages];
    asked.push({ role: "user", content });
    bubble("ours imessage", content);
    question.value = "";
    trial.run("Thinking…", async (began) => {
      const shown = bubble("theirs", "");
      leaving = new AbortController();
      stop.hidden = false;
      try {
        return await answer(began, shown);
      } finally {
        stop.hidden = true;
        // What was not answered may be asked again.
        if (shown.textContent) asked.push({ role: "assistant", content: shown.textContent });
        else {
          asked.pop();
          shown.parentElement.remove();
          if (asked === messages) question.value ||= content;
        }
      }
    });
  });
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    trial.form.requestSubmit();
  });
  stop.addEventListener("click", () => leaving?.abort());
  trial.part("anew").addEventListener("click", () => {
    leaving?.abort();
    messages = [];
    talk.replaceChildren();
    question.focus();
  });
}

/** Shows how the engines are now, unless somebody is reading there by keyboard. */
async function refresh() {
  const shown = document.getElementById("engines");
  const answer = await fetch("/voice").catch(() => undefined);
  const page = new DOMParser().parseFromString((await answer?.text().catch(() => "")) ?? "", "text/html");
  const fresh = page.getElementById("engines");
  if (!fresh || !shown.isConnected || shown.contains(document.activeElement)) return;
  localise(fresh);
  shown.replaceWith(document.adoptNode(fresh));
}

for (const [id, start] of Object.entries({ listening, speaking, chatting })) {
  const trial = new Trial(id);
  if (trial.form) start(trial);
}
setInterval(() => document.hidden || refresh(), REFRESH);
