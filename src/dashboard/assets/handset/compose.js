// The line at the bottom of a conversation: a text, pictures, perhaps an answer to a certain text.

import { summary } from "./bubble.js";
import { ask } from "./sim.js";
import { button, element, foreign, icon, plain } from "./words.js";

const TYPING_EVERY_MILLIS = 3000;

export class Compose {
  constructor(phone) {
    this.phone = phone;
    this.form = phone.find(".compose");
    this.text = phone.find("textarea");
    this.input = phone.find(".attach input");
    this.drafts = new Map(); // what was written and not sent yet, by thread
    this.thread = "";
    this.files = [];
    this.parent = null; // the text that is answered
    this.toldTyping = 0;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
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
    this.drafts.set(this.thread, { text: this.text.value, files: this.files, parent: this.parent });
    this.thread = other;
    const { text, files, parent } = this.drafts.get(other) ?? { text: "", files: [], parent: null };
    [this.files, this.parent] = [files, parent];
    this.complain("");
    this.write(text);
    this.drawPicked();
    this.drawParent();
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

  /** Off it goes; what could not be sent comes back into the field. */
  async submit() {
    const [to, body, files, parent] = [this.thread, this.text.value, this.files, this.parent];
    if (!body.trim() && !files.length) return;
    this.complain("");
    [this.files, this.parent, this.toldTyping] = [[], null, 0];
    this.write("");
    this.drawPicked();
    this.drawParent();
    this.focus();
    try {
      await this.send(to, body, files, parent);
    } catch (error) {
      this.complain(`Not sent: ${error.message}`);
      if (this.thread !== to || this.text.value || this.files.length) return;
      [this.files, this.parent] = [files, parent];
      this.write(body);
      this.drawPicked();
      this.drawParent();
    }
  }

  /** Pictures are put where a server can fetch them, then the text names them. */
  async send(to, body, files, parent) {
    const media_urls = [];
    for (const file of files) media_urls.push((await ask("POST", "/sim/media", file)).url);
    const reply = parent ? { reply_to: parent.id } : {};
    await ask("POST", `${this.phone.path}/messages`, { to, body, media_urls, ...reply });
  }
}
