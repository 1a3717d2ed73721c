// One text as the phone shows it.

import { cover } from "./ink.js";
import { media, preview } from "./media.js";
import { badges } from "./tapbacks.js";
import { button, dayAndTime, element, foreign, icon, isEmoji, isVisible, plain, timeOf } from "./words.js";

export const EFFECTS = {
  slam: "Slam", loud: "Loud", gentle: "Gentle", invisible: "Invisible Ink", confetti: "Confetti", balloons: "Balloons",
  fireworks: "Fireworks", celebration: "Celebration", lasers: "Lasers", spotlight: "Spotlight", echo: "Echo", love: "Love",
};
const CHANNELS = { imessage: "iMessage", sms: "Text Message", mms: "Text Message" };

/** The number or the group at the other end of the phone `number`. */
export const otherEnd = (bubble, number) => bubble.group_id ?? (bubble.from === number ? bubble.to : bubble.from);

/** Texts in parts share an id; their content tells them apart. */
export const keyOf = (bubble) => JSON.stringify([bubble.id, bubble.body, bubble.media_urls]);

function counted(urls) {
  if (!urls.length) return "";
  return urls.length === 1 ? "Attachment" : `${urls.length} attachments`;
}

/** A text in one line. Invisible ink does not tell in a list what it hides. */
export function summary(bubble) {
  if (bubble.effect === "invisible") return "Message sent with Invisible Ink";
  return isVisible(bubble.body) ? bubble.body : counted(bubble.media_urls) || "Message without visible characters";
}

function body(text) {
  if (!isVisible(text)) {
    const count = [...text].length;
    return element("p", "body blank", `${count} invisible character${count === 1 ? "" : "s"}`);
  }
  const made = element("p", isEmoji(text) ? "body emoji" : "body", text);
  made.dir = "auto";
  return made;
}

/** The line between two times of day, or between two channels. */
export const separator = (bubble) =>
  element("li", "when", element("b", "", CHANNELS[bubble.channel]), ` ${dayAndTime(bubble.at)}`);

/** The quoted text above a reply; a click leads to it. */
function quote(parent, phone, find) {
  if (!parent) return element("p", "quote", "Reply to an earlier message");
  const who = parent.from === phone.number ? "you" : plain(phone.desk.name(parent.from));
  const text = foreign(summary(parent), parent.from === phone.number ? "quoted mine" : "quoted");
  if (parent.media_urls.length && !parent.body) text.replaceChildren(...preview(parent.media_urls[0]), text.textContent);
  const made = button("quote", "", () => find(parent), element("span", "unseen", `In reply to ${who}: `), text);
  made.tabIndex = -1;
  if (parent.channel === "imessage") text.classList.add("imessage");
  return made;
}

/**
 * The list item for `bubble` on `phone`. `parent` is the text it answers, if it is known; `acts` are what can be done:
 * `find` a text, `reply` to it, open the `menu`, `replay` its effect; `whenShown` runs when a picture has come.
 */
export function draw(bubble, phone, parent, acts) {
  const isMine = bubble.from === phone.number;
  const item = element("li", `message ${isMine ? "mine" : "theirs"} ${bubble.channel}`);
  item.tabIndex = -1;
  const who = isMine ? "You" : phone.desk.name(bubble.from);
  item.append(element("span", bubble.group_id && !isMine ? "from" : "unseen", foreign(who), element("span", "unseen", ", ")));
  if (bubble.reply_to) item.append(quote(parent, phone, acts.find));
  const content = element("div", "content", ...media(bubble.media_urls, phone, acts.whenShown));
  if (bubble.body) content.append(body(bubble.body));
  const box = element("div", "bubble", content);
  if (bubble.effect === "invisible") box.append(cover(box, content));
  const handles = element("div", "handles");
  if (bubble.channel === "imessage") {
    handles.append(
      button("handle", "Reply", () => acts.reply(bubble), icon("reply")),
      button("handle", "Tapback", () => acts.menu(item), icon("smile")),
    );
    for (const handle of handles.children) handle.tabIndex = -1;
  }
  const time = element("time", "at", timeOf(bubble.at));
  time.dateTime = bubble.at;
  item.append(element("div", "line", box, handles, time));
  if (bubble.effect in EFFECTS) {
    item.dataset.effect = bubble.effect;
    const replay = button("replay", "", () => acts.replay(item), icon("again"), `Sent with ${EFFECTS[bubble.effect]}`);
    replay.title = "Play it again";
    replay.tabIndex = -1;
    item.append(replay);
  }
  redraw(item, bubble, phone);
  return item;
}

/** Shows what can change about a text: its tapbacks. */
export function redraw(item, bubble, phone) {
  const box = item.querySelector(".bubble");
  box.querySelector(".taps")?.remove();
  if (bubble.reactions.length) box.append(badges(bubble.reactions, phone));
}
