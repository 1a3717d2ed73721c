// Tapbacks: the six of iMessage and any emoji, as badges on a bubble and as the bar to choose from.

import { button, element, foreign, icon, onSubmit, plain } from "./words.js";

const SIX = {
  love: ["Love", "loved"], like: ["Like", "liked"], dislike: ["Dislike", "disliked"],
  laugh: ["Laugh", "laughed at"], emphasize: ["Emphasize", "emphasized"], question: ["Question", "questioned"],
};
const SUGGESTED = ["🎉", "🔥", "😮", "🙏", "💯", "👀"];

const sign = (reaction) => (reaction in SIX ? icon(reaction) : foreign(reaction));

function told({ from, reaction }, phone) {
  const who = from === phone.number ? "You" : plain(phone.desk.name(from));
  return reaction in SIX ? `${who} ${SIX[reaction][1]} this` : `${who} reacted with ${plain(reaction)}`;
}

export function badges(reactions, phone) {
  const list = element("ul", "taps");
  list.ariaLabel = "Tapbacks";
  for (const reaction of reactions.slice(-5)) {
    const isMine = reaction.from === phone.number;
    const badge = element("li", isMine ? "tap own" : "tap", sign(reaction.reaction));
    badge.dataset.reaction = reaction.reaction;
    badge.title = told(reaction, phone);
    badge.append(element("span", "unseen", `${badge.title}. `));
    list.append(badge);
  }
  return list;
}

/** The bar with every tapback; the one that stands can be taken back. `choose` gets a reaction, or null. */
export function bar(bubble, phone, choose) {
  const standing = bubble.reactions.find(({ from }) => from === phone.number)?.reaction;
  const known = [...Object.keys(SIX), ...SUGGESTED];
  if (standing && !known.includes(standing)) known.push(standing);
  const buttons = known.map((reaction) => {
    const isOn = reaction === standing;
    const made = button("choice", SIX[reaction]?.[0] ?? reaction, () => choose(isOn ? null : reaction), sign(reaction));
    made.ariaPressed = isOn;
    return made;
  });
  const strip = element("div", "choices", ...buttons, own(choose));
  strip.role = "group";
  strip.ariaLabel = "Tapbacks";
  strip.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const at = buttons.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    buttons[(at + step + buttons.length) % buttons.length].focus();
  });
  return strip;
}

/** A field for any other emoji. */
function own(choose) {
  const field = element("input");
  const ariaLabel = "Another emoji, then Enter";
  Object.assign(field, { name: "emoji", autocomplete: "off", maxLength: 16, placeholder: "☺", ariaLabel });
  return onSubmit(element("form", "own", field), () => field.value.trim() && choose(field.value.trim()));
}
