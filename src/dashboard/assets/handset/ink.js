// Invisible ink: a cover of drifting dust over a text or a picture. A pointer, a click or a key blows it away for a while.

import { button, element, isStill } from "./words.js";

const SHOWN_MILLIS = 8000;
const DUST_PER_PIXEL = 1 / 14;
const FRAME_MILLIS = 50;

/** The cover for `content`, which lies in `box`. */
export function cover(box, content) {
  const dust = element("canvas");
  const made = button("ink", "", () => set(!box.classList.contains("covered")), dust);
  let timer = null;

  const set = (isHidden) => {
    clearTimeout(timer);
    box.classList.toggle("covered", isHidden);
    content.ariaHidden = isHidden || null;
    content.inert = isHidden;
    made.ariaLabel = isHidden ? "Invisible ink: show the message" : "Cover the message again";
    if (isHidden) drift(made, dust, box);
    else timer = setTimeout(() => set(true), SHOWN_MILLIS);
  };

  made.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && set(false));
  set(true);
  return made;
}

/** Lets the dust drift while the cover is on; with less motion it lies still. */
function drift(made, canvas, box) {
  const grains = [];
  let before = 0;
  const frame = (now) => {
    if (!box.classList.contains("covered")) return;
    if (made.isConnected && now - before >= FRAME_MILLIS) {
      before = now;
      if (!grains.length || canvas.width !== made.offsetWidth) scatter(grains, canvas, made);
      paint(grains, canvas, getComputedStyle(box).color);
      if (isStill()) return;
    }
    if (made.isConnected || !before) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function scatter(grains, canvas, made) {
  [canvas.width, canvas.height] = [made.offsetWidth, made.offsetHeight];
  const count = Math.min(2500, canvas.width * canvas.height * DUST_PER_PIXEL);
  grains.length = 0;
  for (let index = 0; index < count; index += 1) {
    grains.push({ x: Math.random() * canvas.width, y: Math.random() * canvas.height, phase: Math.random() * 6.28 });
  }
}

function paint(grains, canvas, colour) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = colour;
  for (const grain of grains) {
    grain.phase += 0.22;
    grain.x = (grain.x + Math.sin(grain.phase) * 0.5 + canvas.width) % canvas.width;
    grain.y = (grain.y + Math.cos(grain.phase * 0.7) * 0.5 + canvas.height) % canvas.height;
    pen.globalAlpha = 0.25 + 0.6 * Math.abs(Math.sin(grain.phase));
    pen.fillRect(grain.x, grain.y, 1.4, 1.4);
  }
}
