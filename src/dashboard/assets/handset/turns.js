// What happened to a group, told between its texts: who came, who went, what it was called.

import { element, foreign } from "./words.js";

/** The lines that the phone saw: not those from before its owner came or after they had gone. */
function seen(log, number) {
  const own = log.filter(({ who }) => who === number);
  let isIn = own[0]?.event !== "joined";
  return log.filter((turn) => {
    const was = isIn;
    if (turn.who === number) isIn = turn.event === "joined";
    return was || isIn;
  });
}

/** What is read: as a group tells it, with "you" for whose phone it is. */
function words({ by, event, who, name }, phone) {
  const called = (number, own) => (number === phone.number ? own : foreign(phone.desk.name(number)));
  const isOwn = !by || by === who;
  switch (event) {
    case "joined":
      if (isOwn) return [called(who, "You"), " joined the conversation"];
      return [called(by, "You"), " added ", called(who, "you"), " to the conversation"];
    case "left":
      if (isOwn) return [called(who, "You"), " left the conversation"];
      return [called(by, "You"), " removed ", called(who, "you"), " from the conversation"];
    case "named":
      if (!name) return [...(by ? [called(by, "You")] : ["Somebody"]), " removed the name of the conversation"];
      return [...(by ? [called(by, "You"), " named the conversation "] : ["The conversation was named "]), foreign(`“${name}”`)];
    default:
      return [];
  }
}

function draw(turn, phone) {
  const item = element("li", "happening", ...words(turn, phone));
  item.dataset.at = turn.at;
  return item;
}

/** Puts the lines of the open group where they belong: before the first text that is later. */
export function drawTurns(log, items, phone) {
  for (const old of log.querySelectorAll(".happening")) old.remove();
  const texts = [...items].map(([key, item]) => ({ item, at: phone.bubbles.get(key)?.at ?? "" }));
  for (const turn of seen(phone.threads.get(phone.open)?.group?.log ?? [], phone.number)) {
    const later = texts.find(({ at }) => at > turn.at)?.item;
    const head = later?.previousElementSibling;
    log.insertBefore(draw(turn, phone), (head?.classList.contains("when") ? head : later) ?? null);
  }
}
