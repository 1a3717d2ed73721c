// Something in front of a phone's screen. The rest of that phone waits; other phones do not.

const STOPS = "button, input, select, textarea, a[href]";

/** Puts `sheet` in front and answers how to close it. Escape and a press beside it close it too. */
export function modal(phone, sheet, label, whenClosed = () => {}) {
  const screen = phone.find(".screen");
  const before = document.activeElement;
  const waiting = [...screen.children].filter((child) => !child.inert && !child.matches(".spoken, .stage"));
  for (const child of waiting) child.inert = true;
  sheet.classList.add("modal");
  sheet.role = "dialog";
  sheet.ariaModal = true;
  sheet.ariaLabel = label;
  sheet.tabIndex = -1;
  screen.append(sheet);
  let isOpen = true;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    sheet.remove();
    for (const child of waiting) child.inert = false;
    if (before?.isConnected) before.focus({ preventScroll: true });
    whenClosed();
  };
  sheet.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Tab") {
      keepInside(event, sheet);
    }
  });
  sheet.addEventListener("click", (event) => event.target === sheet && close());
  (sheet.querySelector(`[autofocus], ${STOPS}`) ?? sheet).focus({ preventScroll: true });
  return close;
}

/** Tab goes round within `sheet`. */
function keepInside(event, sheet) {
  const stops = [...sheet.querySelectorAll(STOPS)].filter(
    (stop) => !stop.disabled && stop.tabIndex >= 0 && stop.offsetParent,
  );
  const [first, last] = event.shiftKey ? [stops.at(-1), stops[0]] : [stops[0], stops.at(-1)];
  if (document.activeElement !== last && sheet !== document.activeElement) return;
  event.preventDefault();
  first?.focus();
}
