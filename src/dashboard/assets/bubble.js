// One text as the phone shows it.

import { element } from "./sim.js";

const REACTIONS = { love: "❤️", like: "👍", dislike: "👎", laugh: "😂", emphasize: "‼️", question: "❓" };
const NO_PICTURE = /\.(mp4|mov|mp3|m4a|amr|pdf|vcf)$/i;

/** The number or the group at the other end of the phone `number`. */
export const otherEnd = (bubble, number) =>
  bubble.group_id ?? (bubble.from === number ? bubble.to : bubble.from);

/** Texts in parts share an id; their content tells them apart. */
export const keyOf = (bubble) => JSON.stringify([bubble.id, bubble.body, bubble.media_urls]);

export const summary = (bubble) => bubble.body || (bubble.media_urls.length ? "Attachment" : "");

function address(text) {
  const url = URL.parse(text);
  return url && ["http:", "https:"].includes(url.protocol) ? url : null;
}

function attachment(text, whenShown) {
  const url = address(text);
  if (!url) return element("span", text);
  const name = decodeURIComponent(url.pathname.split("/").pop()) || url.host;
  const link = element("a", "", "attachment");
  Object.assign(link, { href: url.href, target: "_blank", rel: "noopener noreferrer" });
  if (NO_PICTURE.test(url.pathname)) {
    link.textContent = name;
    return link;
  }
  const picture = document.createElement("img");
  picture.alt = "Picture";
  picture.referrerPolicy = "no-referrer";
  picture.addEventListener("load", whenShown);
  picture.addEventListener("error", () => link.replaceChildren(name));
  picture.src = url.href;
  link.append(picture);
  return link;
}

function marks(bubble, isMine) {
  const time = new Date(bubble.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const words = [time, { imessage: "iMessage", sms: "SMS", mms: "MMS" }[bubble.channel]];
  if (bubble.effect) words.push(`with ${bubble.effect}`);
  if (isMine) words.push(bubble.message_id ? "Delivered" : "Sending");
  return words.join(" · ");
}

/** The list item for `bubble` on the phone `number`; `quoted` is the text it answers, if it is known. */
export function draw(bubble, number, quoted, whenShown) {
  const isMine = bubble.from === number;
  const item = element("li", "", isMine ? `mine ${bubble.channel}` : "theirs");
  item.append(element("span", isMine ? "You:" : `${bubble.from}:`, isMine || !bubble.group_id ? "unseen" : "from"));
  if (bubble.reply_to) {
    const quote = element("blockquote", quoted ? summary(quoted) : "An earlier message");
    quote.dir = "auto";
    item.append(quote);
  }
  for (const url of bubble.media_urls) item.append(attachment(url, whenShown));
  if (bubble.body) {
    const body = element("p", bubble.body, "body");
    body.dir = "auto";
    item.append(body);
  }
  const reactions = bubble.reactions.map(({ from, reaction }) => {
    const sign = element("span", REACTIONS[reaction] ?? reaction);
    sign.title = `${from === number ? "You" : from}: ${reaction}`;
    return sign;
  });
  if (reactions.length) {
    const row = element("span", "", "reactions");
    row.append(...reactions);
    item.append(row);
  }
  item.append(element("small", marks(bubble, isMine), "marks"));
  return item;
}
