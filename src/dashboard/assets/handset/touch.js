// Fingers and mice on the messages: press and hold, swipe to the right, the second button.

const HOLD_MILLIS = 450;
const SLACK = 10;
const FAR_ENOUGH = 56;

/** Calls `hold(item)` and `swipe(item)` for the list items in `log`. */
export function gestures(log, { hold, swipe }) {
  let press = null;

  const end = () => {
    if (!press) return;
    clearTimeout(press.timer);
    press.item.classList.remove("pressed", "swiped", "far");
    press.item.style.removeProperty("--swipe");
    press = null;
  };

  log.addEventListener("pointerdown", (event) => {
    const item = event.target.closest?.(".message");
    if (!item || event.button || !event.isPrimary || !event.target.closest(".bubble, .quote")) return;
    end();
    const timer = setTimeout(() => {
      end();
      swallowClick();
      hold(item);
    }, HOLD_MILLIS);
    const isSwipe = event.pointerType !== "mouse" && !event.target.closest(".strip");
    press = { item, timer, isSwipe, x: event.clientX, y: event.clientY, way: 0 };
    item.classList.add("pressed");
  });

  log.addEventListener("pointermove", (event) => {
    if (!press || !event.isPrimary) return;
    const [x, y] = [event.clientX - press.x, event.clientY - press.y];
    if (Math.hypot(x, y) > SLACK) {
      clearTimeout(press.timer);
      press.item.classList.remove("pressed");
    }
    if (!press.isSwipe || !press.item.classList.contains("imessage")) return;
    if (!press.way && (x < SLACK || Math.abs(y) > x)) return;
    press.way = Math.max(0, Math.min(x, FAR_ENOUGH * 1.4));
    press.item.classList.add("swiped");
    press.item.classList.toggle("far", press.way >= FAR_ENOUGH);
    press.item.style.setProperty("--swipe", `${press.way}px`);
  });

  log.addEventListener("pointerup", () => {
    const done = press && press.way >= FAR_ENOUGH ? press.item : null;
    if (press?.way) swallowClick();
    end();
    if (done) swipe(done);
  });
  log.addEventListener("pointercancel", end);
  log.addEventListener("contextmenu", (event) => {
    const item = event.target.closest?.(".message");
    if (!item || event.target.closest("a, video, audio")) return;
    event.preventDefault();
    end();
    hold(item);
  });
}

/** A click that only ends a press is none. */
function swallowClick() {
  const swallow = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  addEventListener("click", swallow, { capture: true, once: true });
  addEventListener("pointerup", () => setTimeout(() => removeEventListener("click", swallow, { capture: true })), {
    once: true,
  });
}
