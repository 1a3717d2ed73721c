// What can be done with a text: the menu of press-and-hold, with the text lifted out of the blurred conversation.

import { bar } from "./tapbacks.js";
import { modal } from "./modal.js";
import { button, element, icon, isVisible } from "./words.js";

const MARGIN = 12;

/** Opens the menu for the list item `item`, which shows `bubble`. */
export function openMenu(thread, item, bubble) {
  const { phone } = thread;
  const act = (name, label, then) =>
    button("act", "", () => {
      close();
      then();
    }, element("span", "", label), icon(name));
  const acts = element("div", "acts");
  const isBlue = bubble.channel === "imessage";
  if (isBlue) acts.append(act("reply", "Reply", () => phone.compose.replyTo(bubble)));
  if (isVisible(bubble.body) && bubble.effect !== "invisible") {
    acts.append(act("copy", "Copy", () => navigator.clipboard?.writeText(bubble.body)));
  }
  if (item.dataset.effect) acts.append(act("again", "Play the effect again", () => thread.replay(item)));
  const lifted = item.querySelector(".line").cloneNode(true);
  lifted.querySelector(".handles")?.remove();
  lifted.inert = true;
  lifted.ariaHidden = true;
  const holder = element("div", item.className.replace("message", "lifted"), lifted);
  const choose = (reaction) => {
    close();
    phone.tap(bubble, reaction);
  };
  const sheet = element("div", "menu", ...(isBlue ? [bar(bubble, phone, choose)] : []), holder, acts);
  if (!isBlue && !acts.children.length) acts.append(element("p", "about", "Nothing can be done with this one."));
  const close = modal(phone, sheet, "Message actions", () => item.focus({ preventScroll: true }));
  place(sheet, holder, item, phone);
}

/** Keeps the lifted text where it was, as far as bar and actions leave room. */
function place(sheet, holder, item, phone) {
  const screen = phone.find(".screen").getBoundingClientRect();
  const box = item.querySelector(".bubble").getBoundingClientRect();
  const [over, under] = [sheet.querySelector(".choices"), sheet.querySelector(".acts")];
  const room = [over ? over.offsetHeight + MARGIN : 0, under.offsetHeight + MARGIN];
  const height = Math.min(box.height, screen.height - room[0] - room[1] - 8 * MARGIN);
  const top = Math.min(
    Math.max(box.top - screen.top, room[0] + 4 * MARGIN),
    screen.height - height - room[1] - 2 * MARGIN,
  );
  holder.style.maxHeight = `${height}px`;
  holder.style.top = `${top}px`;
  if (over) over.style.top = `${top - room[0]}px`;
  under.style.top = `${top + height + MARGIN}px`;
  for (const part of [over, under]) part?.classList.toggle("right", item.classList.contains("mine"));
}
