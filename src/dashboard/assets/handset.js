// A phone: its threads, the open thread live, and what the person writes.

import { draw, keyOf, otherEnd, summary } from "./bubble.js";
import { start, turnTo } from "./compose.js";
import { ask, element, pathOf } from "./sim.js";

const find = (name) => document.getElementById(name);
const number = find("phone").dataset.number;
const path = pathOf(number);
const log = find("bubbles");
const NEWEST = 500;
const TYPING_MILLIS = 5000;

let bubbles = new Map(); // by key, oldest first
let items = new Map(); // what of the open thread is on the screen, by key
let missed = null; // what happens while the phone is being read
const [threads, unread, titles, typing] = [new Set(), new Set(), new Map(), new Map()];
const opened = () => decodeURIComponent(location.hash.slice(1));

const titleOf = (other) => titles.get(other) ?? other;

/** Groups are called by their name or their members. */
async function learnTitle(other) {
  if (titles.has(other) || !other.startsWith("grp_")) return;
  titles.set(other, "Group");
  const group = await ask("GET", `/sim/groups/${encodeURIComponent(other)}`);
  titles.set(other, group.name || group.members.filter((member) => member !== number).join(", "));
  drawThreads();
  find("with").textContent = titleOf(opened());
}

function drawThreads() {
  const latest = new Map();
  for (const bubble of bubbles.values()) latest.set(otherEnd(bubble, number), bubble);
  const others = new Set([...threads, ...latest.keys()]);
  if (opened()) others.add(opened());
  const at = (other) => latest.get(other)?.at ?? "";
  const rows = [...others].sort((a, b) => (at(a) < at(b) ? 1 : -1)).map((other) => {
    const link = element("a");
    link.href = `#${encodeURIComponent(other)}`;
    if (other === opened()) link.setAttribute("aria-current", "true");
    const name = element("strong", titleOf(other));
    name.dir = "auto";
    if (unread.has(other)) name.append(element("span", "new", "new"));
    const preview = element("span", latest.has(other) ? summary(latest.get(other)) : "No messages yet");
    preview.dir = "auto";
    link.append(name, preview);
    const item = element("li");
    item.append(link);
    learnTitle(other).catch(() => {});
    return item;
  });
  const focused = find("threads").contains(document.activeElement) && document.activeElement.hash;
  find("threads").replaceChildren(...rows);
  if (focused) find("threads").querySelector(`[href="#${CSS.escape(focused.slice(1))}"]`)?.focus();
}

const atBottom = () => log.scrollHeight - log.scrollTop - log.clientHeight < 150;
const toBottom = () => log.scrollTo(0, log.scrollHeight);

function put(key, bubble) {
  const stay = atBottom();
  const quoted = [...bubbles.values()].find(({ id }) => id === bubble.reply_to);
  const item = draw(bubble, number, quoted, () => stay && toBottom());
  if (items.has(key)) items.get(key).replaceWith(item);
  else log.append(item);
  items.set(key, item);
  if (stay || bubble.from === number) toBottom();
}

function drawThread() {
  const other = opened();
  find("thread").hidden = !other;
  find("none").hidden = Boolean(other);
  find("phone").classList.toggle("open", Boolean(other));
  find("with").textContent = titleOf(other);
  items = new Map();
  log.replaceChildren();
  for (const [key, bubble] of bubbles) if (otherEnd(bubble, number) === other) put(key, bubble);
  unread.delete(other);
  turnTo(other);
  showTyping();
  toBottom();
}

function showTyping() {
  find("typing").textContent = typing.has(opened()) ? "typing…" : "";
}

function setTyping(other, isTyping) {
  clearTimeout(typing.get(other));
  typing.delete(other);
  if (isTyping) typing.set(other, setTimeout(() => setTyping(other, false), TYPING_MILLIS));
  showTyping();
}

function take(bubble) {
  const [key, other] = [keyOf(bubble), otherEnd(bubble, number)];
  const isNew = !bubbles.has(key);
  bubbles.set(key, bubble);
  if (isNew && bubble.from !== number) {
    setTyping(other, false);
    if (other !== opened()) unread.add(other);
  }
  if (other === opened()) put(key, bubble);
  drawThreads();
}

function describe({ name, imessage }) {
  find("owner").textContent = name || number;
  find("about").textContent = `${name ? `${number} · ` : ""}${imessage ? "iMessage" : "SMS only"}`;
  document.title = `\u2068${name || number}\u2069 · AgentPhone`; // isolated: names may turn the direction
}

/** Reads the whole phone; what happens meanwhile is added afterwards. One reading follows the other. */
let reading = Promise.resolve();
const load = () => (reading = reading.then(read));

async function read() {
  missed = [];
  try {
    const [phones, screen] = await Promise.all([
      ask("GET", "/sim/handsets"),
      ask("GET", `${path}/messages?limit=${NEWEST}`),
    ]);
    describe(phones.data.find((phone) => phone.number === number) ?? {});
    bubbles = new Map(screen.data.map((bubble) => [keyOf(bubble), bubble]));
    for (const thread of screen.threads) threads.add(thread.with);
    drawThread();
    drawThreads();
  } catch (error) {
    find("state").textContent = error.message;
  }
  const late = missed;
  missed = null;
  late.forEach(take);
}

function watch() {
  const source = new EventSource(`${path}/events`);
  const on = (name, react) => source.addEventListener(name, (event) => react(JSON.parse(event.data)));
  on("message", (bubble) => (missed ? missed.push(bubble) : take(bubble)));
  on("handset", describe);
  on("lost", load);
  on("thread", (thread) => {
    threads.add(thread.with);
    setTyping(thread.with, thread.typing);
    drawThreads();
  });
  source.addEventListener("open", () => {
    find("state").textContent = "";
    load();
  });
  source.addEventListener("error", () => {
    const isOver = source.readyState === EventSource.CLOSED;
    find("state").textContent = isOver ? "This phone cannot be shown." : "Not connected. Trying again…";
    if (isOver) load();
  });
}

find("start").addEventListener("submit", (event) => {
  event.preventDefault();
  location.hash = encodeURIComponent(find("to").value);
  find("text").focus();
});
addEventListener("hashchange", () => {
  drawThread();
  drawThreads();
  if (opened()) find("text").focus();
});

start(path);
watch();
