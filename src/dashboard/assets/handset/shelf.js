// The list of every phone: as buttons above the desk, as cards while it is empty, and the form for another one.

import { ask, pathOf } from "./sim.js";
import { bare, briefly, element, face, foreign, icon, isNumber, onSubmit, plain, pretty } from "./words.js";

const find = (name) => document.getElementById(name);

export class Shelf {
  constructor(desk) {
    this.desk = desk;
    this.form = find("add");
    this.problem = this.form.querySelector(".problem");
    find("new").addEventListener("click", () => this.show(this.form.hidden));
    this.form.addEventListener("keydown", (event) => event.key === "Escape" && this.show(false));
    onSubmit(this.form, () => this.add(new FormData(this.form)));
  }

  show(isShown) {
    this.form.hidden = !isShown;
    find("new").ariaExpanded = isShown;
    if (isShown) this.form.elements.number.focus();
    else find("new").focus();
  }

  async add(fields) {
    const number = bare(fields.get("number"));
    const change = { imessage: fields.has("imessage") };
    if (fields.get("name").trim()) change.name = fields.get("name").trim();
    this.problem.textContent = "";
    try {
      if (!isNumber(number)) throw new Error("A number looks like +14155550142.");
      await ask("PUT", pathOf(number), change);
      this.form.reset();
      this.show(false);
      if (!this.desk.isOnDesk(number)) this.desk.take(number);
    } catch (error) {
      this.problem.textContent = error.message;
      this.form.elements.number.focus();
    }
  }

  draw(people) {
    const rows = [...people.values()].sort((a, b) => ((a.last_at ?? "") < (b.last_at ?? "") ? 1 : -1));
    const steady = [...people.values()].sort((a, b) => (a.number < b.number ? -1 : 1));
    const focused = document.activeElement?.dataset?.number;
    find("shelf").replaceChildren(...steady.map((row) => this.chip(row)));
    if (focused) find("shelf").querySelector(`[data-number="${CSS.escape(focused)}"]`)?.focus();
    find("gallery").replaceChildren(...rows.map((row) => this.card(row)));
    if (!rows.length) find("gallery").append(element("li", "none", "There is no phone yet: make one above."));
  }

  chip({ number, name }) {
    const isOnDesk = this.desk.isOnDesk(number);
    const chip = element("button", "chip", face(name ?? "", number), foreign(name || pretty(number)));
    chip.type = "button";
    chip.dataset.number = number;
    chip.ariaPressed = isOnDesk;
    chip.title = plain(isOnDesk ? `Put ${name || number} away` : `Put ${name || number} on the desk`);
    chip.addEventListener("click", () => (isOnDesk ? this.desk.putAway(number) : this.desk.take(number)));
    return element("li", "", chip);
  }

  card({ number, name, imessage, last_at }) {
    const link = element("a", "card-link", face(name ?? "", number));
    this.desk.lead(link, number, "");
    const about = element("span", "about", name ? pretty(number) : "No name yet");
    about.dir = "ltr";
    link.append(
      element("span", "names", foreign(name || pretty(number), "name"), about),
      element("span", imessage ? "kind imessage" : "kind", imessage ? "iMessage" : "SMS"),
      element("span", "last", last_at ? briefly(last_at) : "No messages yet"),
      icon("next"),
    );
    return element("li", "", link);
  }
}
