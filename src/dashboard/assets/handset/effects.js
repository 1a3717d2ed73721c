// The twelve send effects. Four move the bubble, eight fill the screen. With less motion wished for, a still picture of
// the effect stands on the screen for a moment and nothing moves.

import { EFFECTS } from "./bubble.js";
import { SCENES, perform } from "./particles.js";
import { element, icon, isStill } from "./words.js";

const STILL_MILLIS = 2000;
const REST = { transform: "none" };

const BUBBLE = { slam, loud, gentle, invisible: () => Promise.resolve() };
const SCREEN = { spotlight, echo, love };

/** Plays `effect` for the text in `item`; ends what still plays on this phone. */
export async function playEffect(effect, item, phone) {
  if (!(effect in EFFECTS)) return;
  const stage = phone.find(".stage");
  stage.replaceChildren();
  const box = item.querySelector(".bubble");
  const place = element("div", "effect");
  place.dataset.effect = effect;
  item.dataset.playing = effect;
  stage.append(place);
  try {
    if (isStill()) await stand(place, effect);
    else if (effect in BUBBLE) await BUBBLE[effect](box, item);
    else if (effect in SCREEN) await SCREEN[effect](place, box, stage);
    else await screenful(place, effect);
  } finally {
    place.remove();
    if (item.dataset.playing === effect) delete item.dataset.playing;
  }
}

const over = (animation) => animation.finished.catch(() => {}); // cut short is over too
const pause = (millis) => new Promise((done) => setTimeout(done, millis));

/** What stands for the effect where nothing is to move. */
async function stand(place, effect) {
  place.classList.add("still");
  place.append(element("p", "", ...(effect === "love" ? [icon("love")] : []), EFFECTS[effect]));
  await pause(STILL_MILLIS);
}

async function screenful(place, effect) {
  const canvas = element("canvas");
  place.append(canvas);
  await perform(canvas, SCENES[effect]);
}

async function slam(box, item) {
  const others = [...item.parentElement.children].filter((other) => other !== item).slice(-8);
  const fall = box.animate(
    [
      { transform: "scale(5) rotate(-8deg)", opacity: 0 },
      { transform: "scale(.92)", opacity: 1, offset: 0.55 },
      { transform: "scale(1.04)", offset: 0.75 },
      REST,
    ],
    { duration: 700, easing: "cubic-bezier(.5,0,.8,.4)" },
  );
  const jolt = [REST, { transform: "translateY(-7px) rotate(.6deg)" }, { transform: "translateY(3px)" }, REST];
  for (const other of others) other.animate(jolt, { duration: 320, delay: 360, easing: "ease-out" });
  await over(fall);
}

async function loud(box) {
  const shake = [-4, 4, -4, 4, -3, 3].map((turn) => ({ transform: `scale(1.7) rotate(${turn}deg)` }));
  await over(box.animate([{ transform: "scale(.6)" }, ...shake, REST], { duration: 1100, easing: "ease-in-out" }));
}

async function gentle(box) {
  const frames = [{ transform: "scale(.45)", opacity: 0.2 }, { transform: "scale(.45)", opacity: 0.8, offset: 0.4 }, { transform: "none", opacity: 1 }];
  await over(box.animate(frames, { duration: 2400, easing: "ease-out" }));
}

/** Where the bubble is on the stage. */
function middle(box, stage) {
  const [inner, outer] = [box.getBoundingClientRect(), stage.getBoundingClientRect()];
  return { x: inner.left - outer.left + inner.width / 2, y: inner.top - outer.top + inner.height / 2, width: inner.width };
}

async function spotlight(place, box, stage) {
  const { x, y, width } = middle(box, stage);
  const beam = element("div", "beam");
  beam.style.setProperty("--x", `${x}px`);
  beam.style.setProperty("--y", `${y}px`);
  beam.style.setProperty("--r", `${width / 2 + 46}px`);
  place.append(beam);
  const frames = [
    { opacity: 0, transform: "translate(-60%, -30%)" }, { opacity: 1, transform: "translate(18%, 4%)", offset: 0.25 },
    { opacity: 1, ...REST, offset: 0.4 }, { opacity: 1, ...REST, offset: 0.85 }, { opacity: 0, transform: "none" },
  ];
  await over(beam.animate(frames, { duration: 3600, easing: "ease-in-out" }));
}

async function echo(place, box, stage) {
  const { x, y } = middle(box, stage);
  const flights = Array.from({ length: 26 }, (_, index) => {
    const copy = box.querySelector(".content").cloneNode(true);
    const holder = element("div", `${box.closest(".message").className} copy`, element("div", "bubble", copy));
    Object.assign(holder.style, { left: `${x}px`, top: `${y}px` });
    place.append(holder);
    const aside = (Math.random() - 0.5) * stage.clientWidth * 1.1;
    const up = -(0.2 + Math.random()) * stage.clientHeight * 0.8;
    const far = `translate(calc(-50% + ${aside}px), calc(-50% + ${up}px)) scale(${0.3 + Math.random() * 0.9})`;
    const frames = [{ transform: "translate(-50%, -50%)", opacity: 0 }, { opacity: 0.9, offset: 0.15 }, { transform: far, opacity: 0 }];
    return over(holder.animate(frames, { duration: 1900, delay: index * 55, easing: "cubic-bezier(.2,.6,.4,1)", fill: "both" }));
  });
  await Promise.all(flights);
}

async function love(place, box, stage) {
  const { x, y } = middle(box, stage);
  const heart = element("div", "heart", icon("love"));
  Object.assign(heart.style, { left: `${x}px`, top: `${y}px` });
  place.append(heart);
  const at = (aside, up, scale) => `translate(calc(-50% + ${aside}px), calc(-50% + ${up}px)) scale(${scale})`;
  const frames = [
    { transform: at(0, 0, 0), opacity: 1 }, { transform: at(0, -40, 1), offset: 0.25 }, { transform: at(0, -40, 0.88), offset: 0.35 },
    { transform: at(0, -40, 1.08), offset: 0.45 }, { transform: at(0, -40, 1), offset: 0.55 },
    { transform: at(24, -stage.clientHeight * 0.75, 0.7), opacity: 0 },
  ];
  await over(heart.animate(frames, { duration: 3600, easing: "ease-in-out" }));
}
