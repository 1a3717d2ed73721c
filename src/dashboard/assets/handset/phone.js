// One phone: what it knows, and which of its two views is shown. It draws nothing itself.

import { ask, pathOf } from "./sim.js";
import { Compose } from "./compose.js";
import { List } from "./list.js";
import { phoneSheet } from "./sheets.js";
import { Thread } from "./thread.js";
import { element, face, foreign, plain, pretty } from "./words.js";
import { keyOf, otherEnd, summary } from "./bubble.js";

const NEWEST = 500;
const TYPING_MILLIS = 5000;
const BANNER_MILLIS = 4000;

export class Phone {
  constructor(number, desk) {
    Object.assign(this, { number, desk, path: pathOf(number) });
    this.element = document.getElementById("phone").content.firstElementChild.cloneNode(true);
    this.bubbles = new Map(); // by key, oldest first
    this.threads = new Map(); // by the number or group at the other end
    this.typing = new Map(); // timers, by thread
    this.fresh = new Set(); // keys of what came in since the page was opened and nobody has looked at
    this.missed = null; // what happens while the phone is being read
    this.isRead = false;
    this.reading = Promise.resolve();
    this.open = "";
    this.memory = `handset ${number}`;
    this.seen = JSON.parse(localStorage.getItem(this.memory) ?? "{}"); // per thread, up to when
    this.list = new List(this);
    this.compose = new Compose(this);
    this.thread = new Thread(this);
    this.find(".put-away").addEventListener("click", () => desk.putAway(number));
    this.find(".settings").addEventListener("click", () => phoneSheet(this));
    this.tick();
    this.peopleChanged();
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  get row() {
    return this.desk.people.get(this.number) ?? {};
  }

  get sendsReceipts() {
    return this.seen["read receipts"] !== "off";
  }

  set sendsReceipts(isOn) {
    this.remember("read receipts", isOn ? "on" : "off");
  }

  remember(name, value) {
    this.seen[name] = value;
    localStorage.setItem(this.memory, JSON.stringify(this.seen));
  }

  tick() {
    const now = new Date();
    this.find(".clock").textContent = `${now.getHours()}:${String(now.getMinutes()).padStart(2, "0")}`;
    setTimeout(() => this.element.isConnected && this.tick(), 60_000 - (now % 60_000));
  }

  /** What a thread is called here. */
  titleOf(other) {
    const group = this.threads.get(other)?.group;
    if (!group) return other.startsWith("grp_") ? "Group" : this.desk.name(other);
    const others = [...group.members.filter((member) => member !== this.number), group.number];
    return group.name || others.map((member) => this.desk.name(member)).join(", ");
  }

  /** By which channel this phone would write in a thread. */
  channelOf(other) {
    if (other.startsWith("grp_")) return "imessage";
    const kind = this.desk.lines.get(other)?.kind;
    const last = [...this.bubbles.values()].findLast((bubble) => otherEnd(bubble, this.number) === other);
    const line = kind ? kind === "iMessage" : last?.channel === "imessage";
    return this.row.imessage && line ? "imessage" : "sms";
  }

  /** Somebody's row in the list of phones changed, perhaps their name. */
  peopleChanged(isRenamed = false) {
    const { name, imessage } = this.row;
    this.find(".owner").textContent = name || pretty(this.number);
    this.find(".about").textContent = `${name ? `${pretty(this.number)} · ` : ""}${imessage ? "iMessage" : "SMS only"}`;
    this.element.ariaLabel = `Phone of ${plain(name || this.number)}`;
    this.find(".put-away").ariaLabel = `Put the phone of ${plain(name || this.number)} away`;
    this.find(".settings").replaceChildren(face(name ?? "", this.number));
    this.list.draw();
    this.thread.drawTop();
    if (isRenamed && this.open.startsWith("grp_")) this.thread.show();
  }

  turnTo(other) {
    if (other === this.open) return;
    this.open = other;
    this.banner?.remove();
    this.thread.show();
    this.list.draw();
    this.attend();
  }

  /** Reads the whole phone; what happens meanwhile is added afterwards. One reading follows the other. */
  load() {
    this.reading = this.reading.then(() => this.readAll());
    return this.reading;
  }

  async readAll() {
    this.missed = [];
    try {
      const screen = await ask("GET", `${this.path}/messages?limit=${NEWEST}`);
      this.bubbles = new Map(screen.data.map((bubble) => [keyOf(bubble), bubble]));
      this.threads = new Map(screen.threads.map((thread) => [thread.with, thread]));
      this.isRead = true;
      this.list.draw();
      this.thread.show();
      this.attend();
    } catch (error) {
      this.compose.complain(error.message);
    }
    const late = this.missed;
    this.missed = null;
    late.forEach((bubble) => this.take(bubble));
  }

  /** A text came, went, or changed. */
  take(bubble) {
    if (this.missed) return this.missed.push(bubble);
    const [key, other] = [keyOf(bubble), otherEnd(bubble, this.number)];
    const isNew = !this.bubbles.has(key);
    this.bubbles.set(key, bubble);
    if (!this.threads.has(other)) this.threads.set(other, { with: other, background: null, typing: false });
    if (isNew && bubble.from !== this.number) this.arrived(bubble, other);
    if (other === this.open) this.thread.put(key, bubble, isNew);
    this.list.draw();
    if (isNew) this.attend();
  }

  arrived(bubble, other) {
    this.fresh.add(keyOf(bubble));
    this.setTyping(other, false);
    const text = `${plain(this.desk.name(bubble.from))}: ${plain(summary(bubble))}`;
    this.say(text);
    if (other !== this.open) this.notify(bubble, other);
  }

  /** The banner that slides in for a text of another thread. */
  notify(bubble, other) {
    this.banner?.remove();
    const link = element("a", "banner", face(this.desk.name(bubble.from), bubble.from));
    this.desk.lead(link, this.number, other);
    link.append(element("span", "names", foreign(this.titleOf(other), "name"), foreign(summary(bubble), "preview")));
    this.banner = link;
    if (this.open) this.find(".screen").append(link);
    setTimeout(() => link.remove(), BANNER_MILLIS);
  }

  takeThread(thread) {
    this.threads.set(thread.with, thread);
    this.setTyping(thread.with, thread.typing);
    if (thread.with === this.open) {
      this.thread.drawTop();
      this.thread.drawTurns();
      this.thread.drawWall();
    }
    this.list.draw();
  }

  setTyping(other, isTyping) {
    clearTimeout(this.typing.get(other));
    this.typing.delete(other);
    if (isTyping) this.typing.set(other, setTimeout(() => this.setTyping(other, false), TYPING_MILLIS));
    if (other === this.open) this.thread.drawTyping();
  }

  /** Texts of others that nobody has looked at yet. */
  unseen(other) {
    const since = this.seen[other] ?? "";
    const rows = [...this.bubbles].filter(([, bubble]) => otherEnd(bubble, this.number) === other);
    const isUnseen = ([key, bubble]) => bubble.from !== this.number && (bubble.at > since || this.fresh.has(key));
    return rows.filter(isUnseen).map(([, bubble]) => bubble);
  }

  /** Whoever looks at a thread has seen what is in it; effects play then, and the network may be told. */
  attend() {
    if (!this.open || document.hidden || !this.isRead) return;
    const unseen = this.unseen(this.open);
    if (!unseen.length) return;
    for (const bubble of unseen) this.fresh.delete(keyOf(bubble));
    this.remember(this.open, unseen.at(-1).at);
    this.list.draw();
    this.thread.play(unseen);
    if (!this.sendsReceipts) return;
    const told = unseen.filter((one) => one.channel === "imessage" && one.direction === "out").map(({ id }) => id);
    for (const id of [...new Set(told)].slice(-20)) this.post("read", { message_id: id });
  }

  tap(bubble, reaction) {
    return this.post("reactions", { message_id: bubble.id, reaction });
  }

  /** Does something on the network; what goes wrong is shown where one writes. */
  post(verb, wish) {
    return ask("POST", `${this.path}/${verb}`, wish).catch((error) => this.compose.complain(error.message));
  }

  /** Tells those who do not see the screen. */
  say(text) {
    this.find(".spoken").textContent = text;
  }
}
