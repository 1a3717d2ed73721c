// The open conversation: its messages, its picture on the wall, and what keys and fingers do there.

import { EFFECTS, draw, keyOf, otherEnd, redraw, separator } from "./bubble.js";
import { playEffect } from "./effects.js";
import { openMenu } from "./menu.js";
import { threadSheet } from "./sheets.js";
import { gestures } from "./touch.js";
import { drawTurns } from "./turns.js";
import { element, face, plain, timeOf } from "./words.js";

const PAUSE_MILLIS = 15 * 60_000;
const NEAR_END = 150;

export class Thread {
  constructor(phone) {
    this.phone = phone;
    this.view = phone.find(".thread");
    this.log = phone.find(".log");
    this.items = new Map(); // what is on the screen, by key
    this.last = null; // the newest text on the screen
    this.unsent = []; // below it, what did not leave
    this.marks = element("small", "marks");
    this.receipt = element("small", "marks");
    phone.find(".who").addEventListener("click", () => threadSheet(phone, phone.open));
    gestures(this.log, { hold: (item) => this.menu(item), swipe: (item) => phone.compose.replyTo(this.bubbleOf(item)) });
    this.log.addEventListener("keydown", (event) => this.key(event));
    this.log.addEventListener("focusin", ({ target }) => target.classList.contains("message") && this.step(target));
    new ResizeObserver(() => this.follow()).observe(this.log);
    this.log.addEventListener("scroll", () => (this.isFollowing = this.isNearEnd()), { passive: true });
    this.isFollowing = true;
  }

  isNearEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_END;
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  /** Stays at the end, for whoever is there. */
  follow() {
    if (this.isFollowing) this.toEnd();
  }

  bubbleOf(item) {
    return this.phone.bubbles.get(item.dataset.key);
  }

  /** Shows the thread that is open now, from its first text. */
  show() {
    const { phone } = this;
    const wasHidden = this.view.hidden;
    const focused = this.log.contains(document.activeElement) && document.activeElement.dataset.key;
    this.view.hidden = !phone.open;
    phone.element.classList.toggle("open", Boolean(phone.open));
    this.items = new Map();
    this.last = null;
    this.unsent = [];
    this.log.replaceChildren();
    for (const [key, bubble] of phone.bubbles) if (otherEnd(bubble, phone.number) === phone.open) this.put(key, bubble);
    this.drawTop();
    this.drawTurns();
    this.drawWall();
    this.drawTyping();
    phone.compose.turnTo(phone.open);
    this.drawUnsent();
    this.isFollowing = true;
    this.toEnd();
    if (focused) this.items.get(focused)?.focus({ preventScroll: true });
    else if (phone.open && wasHidden && matchMedia("(pointer: fine)").matches) phone.compose.focus();
    else if (!phone.open && !wasHidden) phone.find(".row, .write").focus({ preventScroll: true });
  }

  /** Adds a text at the end, or shows what changed about it. */
  put(key, bubble, isNew = false) {
    const known = this.items.get(key);
    if (known) redraw(known, bubble, this.phone);
    else this.append(key, bubble, isNew);
    this.mark();
    if (!known && (this.isFollowing || bubble.from === this.phone.number)) this.toEnd();
    this.drawTyping();
  }

  append(key, bubble, isNew) {
    const { phone } = this;
    const parent = bubble.reply_to && [...phone.bubbles.values()].find(({ id }) => id === bubble.reply_to);
    const item = draw(bubble, phone, parent, {
      find: (text) => this.find(text),
      reply: (text) => phone.compose.replyTo(text),
      menu: (one) => this.menu(one),
      replay: (one) => this.replay(one),
      whenShown: () => this.follow(),
    });
    item.dataset.key = key;
    const { last } = this;
    const isPause = !last || new Date(bubble.at) - new Date(last.at) > PAUSE_MILLIS;
    const isOtherWay = last && (last.channel === "imessage") !== (bubble.channel === "imessage");
    if (isPause || isOtherWay) this.log.append(separator(bubble));
    else if (last.from === bubble.from && !bubble.reply_to) {
      item.classList.add("follows");
      this.items.get(keyOf(last))?.classList.add("followed");
    }
    if (isNew) item.classList.add("fresh");
    this.log.append(item, ...this.unsent);
    this.items.set(key, item);
    this.last = bubble;
  }

  /** What did not leave stands below all others. */
  drawUnsent() {
    for (const item of this.unsent) item.remove();
    this.unsent = this.phone.compose.drawUnsent();
    this.log.append(...this.unsent);
    this.phone.list.draw();
    this.follow();
  }

  /** Under the last text of each side: whether it arrived, whether it was read. */
  mark() {
    const shown = [...this.items.keys()].map((key) => this.phone.bubbles.get(key)).filter(Boolean);
    const mine = shown.findLast((bubble) => bubble.from === this.phone.number);
    const theirs = shown.findLast((bubble) => bubble.from !== this.phone.number);
    this.marks.textContent = mine?.message_id ? "Delivered" : "Sending…";
    if (mine) this.items.get(keyOf(mine)).append(this.marks);
    this.receipt.textContent = theirs?.read_at ? `Read ${timeOf(theirs.read_at)}` : "";
    if (theirs) this.items.get(keyOf(theirs)).append(this.receipt);
  }

  /** Who came to the group, and who went. */
  drawTurns() {
    drawTurns(this.log, this.items, this.phone);
    this.follow();
  }

  drawTop() {
    const { phone } = this;
    const title = phone.titleOf(phone.open);
    phone.find(".who .name").textContent = title;
    phone.find(".who .face").replaceWith(face(title, phone.open, phone.open.startsWith("grp_")));
    phone.find(".who").ariaLabel = `${plain(title)}, details`;
    phone.desk.lead(phone.find(".back"), phone.number, "");
    this.view.ariaLabel = `Conversation with ${plain(title)}`;
    this.view.dataset.channel = phone.channelOf(phone.open);
    phone.compose.drawPlace();
  }

  drawWall() {
    const { phone } = this;
    const [picture, wanted] = [phone.find(".backdrop"), phone.threads.get(phone.open)?.background ?? ""];
    this.view.classList.toggle("papered", Boolean(wanted));
    picture.hidden = !wanted;
    if (picture.dataset.of === wanted) return;
    picture.dataset.of = wanted;
    picture.referrerPolicy = "no-referrer";
    if (/^https?:/i.test(wanted)) picture.src = wanted;
    else picture.removeAttribute("src");
  }

  drawTyping() {
    const { phone } = this;
    phone.find(".typing").hidden = !phone.typing.has(phone.open);
    this.follow();
  }

  /** Plays the effects of texts that are seen for the first time: the last of them. */
  play(bubbles) {
    const last = bubbles.findLast(({ effect }) => effect in EFFECTS);
    const item = last && this.items.get(keyOf(last));
    if (item) this.replay(item);
  }

  replay(item) {
    playEffect(item.dataset.effect, item, this.phone);
  }

  menu(item) {
    if (!this.phone.find(".modal")) openMenu(this, item, this.bubbleOf(item));
  }

  /** Leads to a text further up. */
  find(bubble) {
    const item = this.items.get(keyOf(bubble));
    if (!item) return;
    item.scrollIntoView({ block: "center" });
    this.step(item);
    item.focus({ preventScroll: true });
    item.classList.add("found");
    setTimeout(() => item.classList.remove("found"), 1600);
  }

  /** One text at a time can be reached by Tab; arrows lead to the others. */
  step(item) {
    for (const stop of this.log.querySelectorAll('.message[tabindex="0"]')) stop.tabIndex = -1;
    this.log.tabIndex = -1;
    item.tabIndex = 0;
  }

  key(event) {
    const items = [...this.items.values()];
    if (!items.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = items.indexOf(event.target.closest(".message"));
    const to = { ArrowUp: Math.max(0, (at < 0 ? items.length : at) - 1), ArrowDown: Math.min(items.length - 1, at + 1),
      Home: 0, End: items.length - 1 }[event.key];
    const item = items[at];
    if (to !== undefined) items[to].focus();
    else if (event.target !== item) return;
    else if (["Enter", " ", "ContextMenu"].includes(event.key)) this.menu(item);
    else if (event.key === "r" && item.classList.contains("imessage")) this.phone.compose.replyTo(this.bubbleOf(item));
    else if (event.key === "Escape") this.phone.compose.focus();
    else return;
    event.preventDefault();
  }
}
