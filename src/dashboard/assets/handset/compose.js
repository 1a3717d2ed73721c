// The line at the bottom of a conversation: a text, pictures, perhaps an answer to a certain text.

import { summary } from "./bubble.js";
import { ask } from "./sim.js";
import { button, element, foreign, icon, onSubmit, plain } from "./words.js";

const TYPING_EVERY_MILLIS = 3000;
const EMPTY = { body: "", files: [], parent: null, once: "" };

/** A word that no other text has. Unlike randomUUID, this is there on pages without https too. */
const newWord = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export class Compose {
  constructor(phone) {
    this.phone = phone;
    this.form = phone.find(".compose");
    this.text = phone.find("textarea");
    this.input = phone.find(".attach input");
    this.drafts = new Map(); // what was written and not sent yet, by thread
    this.unsent = new Set(); // what was sent and did not leave
    this.thread = "";
    this.files = [];
    this.parent = null; // the text that is answered
    this.once = ""; // under which word it was sent before and came back
    this.uploaded = new WeakMap(); // where files are that were put there
    this.toldTyping = 0;
    onSubmit(this.form, () => this.submit());
    this.text.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.parent) this.replyTo(null);
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.form.requestSubmit();
    });
    this.text.addEventListener("input", () => this.typed());
    this.text.addEventListener("paste", (event) => this.attach(event.clipboardData.files) && event.preventDefault());
    this.input.addEventListener("change", () => {
      this.attach(this.input.files);
      this.input.value = "";
    });
    phone.find(".quoting button").addEventListener("click", () => this.replyTo(null));
    this.letDrop(phone.find(".thread"));
  }

  letDrop(place) {
    place.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      place.classList.add("dropping");
    });
    for (const end of ["dragleave", "drop"]) place.addEventListener(end, () => place.classList.remove("dropping"));
    place.addEventListener("drop", (event) => this.attach(event.dataTransfer.files) && event.preventDefault());
  }

  focus() {
    this.text.focus({ preventScroll: true });
  }

  complain(text) {
    this.phone.find(".compose .problem").textContent = text;
  }

  /** Shows the draft of another thread. */
  turnTo(other) {
    if (other === this.thread) return;
    this.drafts.set(this.thread, { body: this.text.value, files: this.files, parent: this.parent, once: this.once });
    this.thread = other;
    this.complain("");
    this.fill(this.drafts.get(other) ?? EMPTY);
  }

  /** What the field says it takes, and whether this phone may write here at all. */
  drawPlace() {
    const { phone } = this;
    const isBlue = phone.channelOf(phone.open) === "imessage";
    const group = phone.threads.get(phone.open)?.group;
    const isOut = Boolean(group && !group.members.includes(phone.number));
    this.text.placeholder = isOut ? "You left this conversation" : isBlue ? "iMessage" : "Text Message";
    for (const part of this.form.elements) part.disabled = isOut;
  }

  write(text) {
    this.text.value = text;
    this.grow();
  }

  grow() {
    this.text.style.height = "";
    this.text.style.height = `${this.text.scrollHeight}px`;
    this.form.classList.toggle("ready", Boolean(this.text.value.trim() || this.files.length));
  }

  typed() {
    this.grow();
    const isWorth = this.text.value && this.phone.channelOf(this.thread) === "imessage";
    if (!isWorth || Date.now() - this.toldTyping < TYPING_EVERY_MILLIS) return;
    this.toldTyping = Date.now();
    ask("POST", `${this.phone.path}/typing`, { to: this.thread }).catch(() => {}); // a courtesy only
  }

  replyTo(bubble) {
    if (bubble && bubble.channel !== "imessage") return;
    this.parent = bubble;
    this.drawParent();
    this.focus();
  }

  drawParent() {
    const row = this.phone.find(".quoting");
    row.hidden = !this.parent;
    this.phone.find(".quoted").textContent = this.parent ? summary(this.parent) : "";
  }

  /** Adds files; whether there were any. */
  attach(files) {
    this.files = [...this.files, ...files];
    this.drawPicked();
    return files.length > 0;
  }

  drawPicked() {
    const list = this.phone.find(".picked");
    list.hidden = !this.files.length;
    for (const picture of list.querySelectorAll("img")) URL.revokeObjectURL(picture.src);
    list.replaceChildren(...this.files.map((file) => this.thumbnail(file)));
    this.grow();
  }

  thumbnail(file) {
    const isPicture = /^image\/(jpeg|png|gif|webp)$/.test(file.type);
    const shown = isPicture ? element("img") : element("span", "file", icon("file"), foreign(file.name));
    if (isPicture) {
      shown.src = URL.createObjectURL(file);
      shown.alt = file.name;
    }
    const drop = () => {
      this.files = this.files.filter((other) => other !== file);
      this.drawPicked();
      this.focus();
    };
    return element("li", "", shown, button("drop", `Remove ${plain(file.name)}`, drop, icon("close")));
  }

  /** What is in the field: a text, files, and the text that they answer. */
  fill({ body, files, parent, once }) {
    [this.files, this.parent, this.once] = [files, parent, once];
    this.write(body);
    this.drawPicked();
    this.drawParent();
  }

  submit() {
    const { text: { value: body }, files, parent, thread: to } = this;
    const text = { to, body, files, parent, once: this.once || newWord() };
    if (!text.body.trim() && !text.files.length) return;
    this.toldTyping = 0;
    this.fill(EMPTY);
    this.focus();
    this.send(text);
  }

  /** Off it goes; what could not be sent comes back into the field, or below the others where that is taken. */
  async send(text) {
    this.complain("");
    try {
      await this.post(text);
    } catch (error) {
      const isFree = this.thread === text.to && !this.text.value && !this.files.length && !this.parent;
      if (isFree) this.fill(text);
      else this.unsent.add(text);
      this.phone.thread.drawUnsent();
      this.complain(`Not sent: ${error.message}`);
    }
  }

  /** What did not leave from the open thread, each with what can be done about it. */
  drawUnsent() {
    const mine = [...this.unsent].filter(({ to }) => to === this.thread);
    return mine.map((text) => {
      const end = (act) => () => {
        this.unsent.delete(text);
        this.phone.thread.drawUnsent();
        act();
      };
      const content = element("div", "content", ...text.files.map(({ name }) => element("p", "body", foreign(name))));
      if (text.body) content.append(foreign(text.body, "body"));
      const acts = element("p", "marks", "Not delivered ", button("", "", end(() => this.send(text)), "Try again"), " ",
        button("", "", end(() => this.focus()), "Delete"));
      return element("li", `unsent mine ${this.phone.channelOf(text.to)}`, element("div", "bubble", content), acts);
    });
  }

  /**
   * Pictures are put where a server can fetch them, then the text names them. What is tried again may have left before,
   * and only its answer was lost: under the same word the same text leaves once.
   */
  async post({ to, body, files, parent, once }) {
    const media_urls = [];
    for (const file of files) media_urls.push(await this.upload(file));
    const reply = parent ? { reply_to: parent.id } : {};
    await ask("POST", `${this.phone.path}/messages`, { to, body, media_urls, once, ...reply });
  }

  /** Where the file can be fetched; put there once. */
  async upload(file) {
    if (!this.uploaded.has(file)) this.uploaded.set(file, (await ask("POST", "/sim/media", file)).url);
    return this.uploaded.get(file);
  }
}
