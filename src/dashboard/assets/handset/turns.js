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

function draw({ at, by, event, who, name }, phone) {
  const called = (number) => (number === phone.number ? "You" : foreign(phone.desk.name(number)));
  const object = (number) => (number === phone.number ? "you" : foreign(phone.desk.name(number)));
  const isOwn = !by || by === who;
  const words = {
    joined: isOwn ? [called(who), " joined the conversation"] : [called(by), " added ", object(who), " to the conversation"],
    left: isOwn ? [called(who), " left the conversation"] : [called(by), " removed ", object(who), " from the conversation"],
    named: [...(by ? [called(by), " named the conversation "] : ["The conversation was named "]), foreign(`“${name}”`)],
    unnamed: [...(by ? [called(by), " removed the name of the conversation"] : ["The name of the conversation was removed"])],
  };
  const item = element("li", "turn", ...words[event === "named" && !name ? "unnamed" : event]);
  item.dataset.at = at;
  return item;
}

/** Puts the lines of the open group where they belong: before the first text that is later. */
export function drawTurns(log, items, phone) {
  for (const old of log.querySelectorAll(".turn")) old.remove();
  const texts = [...items].map(([key, item]) => ({ item, at: phone.bubbles.get(key)?.at ?? "" }));
  for (const turn of seen(phone.threads.get(phone.open)?.group?.log ?? [], phone.number)) {
    const later = texts.find(({ at }) => at > turn.at)?.item;
    const head = later?.previousElementSibling;
    log.insertBefore(draw(turn, phone), (head?.classList.contains("when") ? head : later) ?? null);
  }
}
