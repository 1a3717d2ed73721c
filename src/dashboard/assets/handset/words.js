// Words on the screen. Text of people and agents is only ever text, and cannot turn the direction of what is around it.

/** A new element; strings among the children become text. */
export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** Somebody's text in a box of its own: its direction ends where the box ends. */
export function foreign(text, className = "") {
  const made = element("bdi", className, text);
  made.dir = "auto";
  return made;
}

/** A button that does `act`. */
export function button(className, label, act, ...children) {
  const made = element("button", className, ...children);
  made.type = "button";
  if (label) made.ariaLabel = label;
  made.addEventListener("click", act);
  return made;
}

/** Does `act` instead of sending the form. */
export function onSubmit(form, act) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
  return form;
}

export function icon(name) {
  const [drawing, use] = ["svg", "use"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  use.setAttribute("href", `#icon-${name}`);
  drawing.setAttribute("class", "icon");
  drawing.ariaHidden = true;
  drawing.append(use);
  return drawing;
}

const TURNING = /[\u0590-\u08ff\ufb1d-\ufefc\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Somebody's text where only a plain string can stand: titles and labels. */
export const plain = (text) =>
  TURNING.test(text) ? `\u2068${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "")}\u2069` : text;

/** Whether there is anything to see in a text: not spaces, zero-width or control characters alone. */
export const isVisible = (text) => /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}]/u.test(text);

/** One to three emoji and nothing else. */
export const isEmoji = (text) => /^(?:\p{RGI_Emoji}\s*){1,3}$/v.test(text);

export const pretty = (number) => number.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "+1 ($1) $2-$3");

/** Whether a phone could have this number: E.164, a short code or an e-mail address. */
export const isNumber = (text) => /^(\+[1-9]\d{6,14}|\d{3,6}|[^/,\s]+@[^/,\s]+)$/.test(text);

/** The number without the spaces, dots, dashes and brackets that people write. */
export const bare = (number) => (number.includes("@") ? number.trim() : number.replace(/[\s().\-–]/g, ""));

/** A round picture of somebody: initials, or the outline of a person or of a group. */
export function face(name, identifier, isGroup = false) {
  const hue = [...identifier].reduce((sum, sign) => (sum * 31 + sign.codePointAt(0)) % 997, 7) % 8;
  const words = name.split(/\s+/).filter((word) => /^\p{Letter}/u.test(word));
  const initials = [words[0], words.at(-1)].slice(0, words.length).map((word) => [...word][0].toUpperCase());
  const outline = icon(isGroup ? "people" : "person");
  const made = element("span", "face", ...(words.length && !isGroup ? [foreign(initials.join(""))] : [outline]));
  made.style.setProperty("--hue", hue * 45);
  made.ariaHidden = true;
  return made;
}

/** Whether somebody wishes that little moves. */
export const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const clock = new Intl.DateTimeFormat([], { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat([], { weekday: "long" });
const date = new Intl.DateTimeFormat([], { day: "numeric", month: "short", year: "numeric" });

const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0);

/** The day in the reader's zone, as people say it. */
function day(moment) {
  const ago = Math.round((midnight(Date.now()) - midnight(moment)) / 86_400_000);
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  return ago > 1 && ago < 7 ? weekday.format(moment) : date.format(moment);
}

export const timeOf = (at) => clock.format(new Date(at));
export const dayAndTime = (at) => `${day(new Date(at))} ${timeOf(at)}`;
export const briefly = (at) => (day(new Date(at)) === "Today" ? timeOf(at) : day(new Date(at)));
