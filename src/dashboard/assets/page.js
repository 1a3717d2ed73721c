// What scripts add to every page: times in the reader's zone, copying, and the way to the current section. Pages work
// without it.

const said = document.getElementById("said");
const sameDay = (one, other) => one.toDateString() === other.toDateString();

/** Shows each moment in the reader's zone; the exact one stands in the title. */
export function localise(root) {
  const now = new Date();
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.valueOf())) continue;
    const full = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    const clock = { hour: "numeric", minute: "2-digit" };
    const day = { month: "short", day: "numeric", ...(at.getFullYear() !== now.getFullYear() && { year: "numeric" }) };
    const short = at.toLocaleString(undefined, sameDay(at, now) ? clock : { ...day, ...clock });
    element.textContent = "short" in element.dataset ? short : full;
    element.title = `${full} (${element.dateTime})`;
  }
}

/** Days and hours of charts are cut on the server, by the reader's clocks. */
function tellOffset() {
  const offset = `agentphone_offset=${-new Date().getTimezoneOffset()}`;
  if (!document.cookie.split("; ").includes(offset)) {
    document.cookie = `${offset}; Path=/; Max-Age=31536000; SameSite=Lax`;
  }
}

async function copy(button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    said.textContent = "Copied";
  } catch {
    button.textContent = "Press Ctrl+C";
    const field = document.createElement("textarea");
    field.value = button.dataset.copy;
    field.className = "unseen";
    button.after(field);
    field.select();
    field.addEventListener("blur", () => field.remove());
  }
  setTimeout(() => {
    button.textContent = label;
    said.textContent = "";
  }, 1500);
}

localise(document);
tellOffset();
for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-copy]");
  if (button) copy(button);
});
// The server lets a form act once; this spares it the second click.
addEventListener("submit", ({ defaultPrevented, submitter, target }) => {
  if (defaultPrevented || target.method !== "post" || !submitter) return;
  setTimeout(() => (submitter.disabled = true));
  setTimeout(() => (submitter.disabled = false), 5000);
});
document.querySelector("nav [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });
// The newest of a conversation is at its end; a message that was looked for is somewhere before.
const sought = document.querySelector(".bubbles :target");
if (sought) sought.scrollIntoView({ block: "center" });
else document.querySelector(".bubbles")?.scrollTo(0, Number.MAX_SAFE_INTEGER);
