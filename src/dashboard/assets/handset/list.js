// The list of conversations, the one with the latest text first.

import { otherEnd, summary } from "./bubble.js";
import { newSheet } from "./sheets.js";
import { briefly, element, face, foreign } from "./words.js";

export class List {
  constructor(phone) {
    this.phone = phone;
    this.view = phone.find(".list");
    this.rows = phone.find(".chats");
    this.isDue = false;
    phone.find(".write").addEventListener("click", () => newSheet(phone));
  }

  /** Soon, and once however often it is asked for. */
  draw() {
    if (this.isDue) return;
    this.isDue = true;
    setTimeout(() => {
      this.isDue = false;
      this.drawNow();
    });
  }

  drawNow() {
    const { phone } = this;
    const latest = new Map();
    for (const bubble of phone.bubbles.values()) latest.set(otherEnd(bubble, phone.number), bubble);
    const at = (other) => latest.get(other)?.at ?? "";
    const others = [...new Set([...phone.threads.keys(), ...latest.keys()])];
    others.sort((a, b) => (at(a) < at(b) ? 1 : -1));
    const focused = this.rows.contains(document.activeElement) && document.activeElement.dataset.thread;
    this.rows.replaceChildren(...others.map((other) => this.row(other, latest.get(other))));
    if (focused) this.rows.querySelector(`[data-thread="${CSS.escape(focused)}"]`)?.focus();
    phone.find(".list .empty").hidden = !phone.isRead || others.length > 0;
    const waiting = others.filter((other) => other !== phone.open && phone.unseen(other).length).length;
    phone.find(".back .count").textContent = waiting || "";
  }

  row(other, bubble) {
    const { phone } = this;
    const title = phone.titleOf(other);
    const unseen = phone.unseen(other).length;
    const link = element("a", unseen ? "row unread" : "row", face(title, other, other.startsWith("grp_")));
    phone.desk.lead(link, phone.number, other);
    const top = element("span", "line", foreign(title, "name"));
    if (bubble) top.append(element("time", "", briefly(bubble.at)));
    const preview = foreign(bubble ? summary(bubble) : "No messages yet", "preview");
    if (unseen) preview.prepend(element("span", "unseen", `${unseen} new. `));
    if ([...phone.compose.unsent].some(({ to }) => to === other)) preview.prepend(element("b", "problem", "Not delivered. "));
    link.append(element("span", "words", top, preview));
    return element("li", "", link);
  }
}
