// The line at the bottom of a thread: a text, pictures, and off they go.

import { ask } from "./sim.js";

const find = (name) => document.getElementById(name);
const [form, text, files, chosen, problem] = ["compose", "text", "files", "chosen", "problem"].map(find);
const drafts = new Map(); // what was written and not sent yet, by thread
let thread = "";

function grow() {
  text.style.height = "";
  text.style.height = `${text.scrollHeight + 2}px`;
}

function showChosen() {
  chosen.hidden = !files.files.length;
  chosen.firstElementChild.textContent = [...files.files].map((file) => file.name).join(", ");
}

function write(body) {
  text.value = body;
  drafts.set(thread, body);
  grow();
}

/** Pictures are put where a server can fetch them, then the text names them. */
async function send(phone, to, body, pictures) {
  const media_urls = [];
  for (const file of pictures) media_urls.push((await ask("POST", "/sim/media", file)).url);
  await ask("POST", `${phone}/messages`, { to, body, media_urls });
}

/** Shows the draft of another thread. */
export function turnTo(other) {
  if (other === thread) return;
  thread = other;
  files.value = "";
  showChosen();
  problem.textContent = "";
  write(drafts.get(other) ?? "");
}

/** Lets the phone under the path `phone` write. */
export function start(phone) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [to, body, pictures] = [thread, text.value, [...files.files]];
    if (!body.trim() && !pictures.length) return;
    problem.textContent = "";
    files.value = "";
    showChosen();
    write("");
    text.focus();
    try {
      await send(phone, to, body, pictures);
    } catch (error) {
      problem.textContent = `Not sent: ${error.message}`;
      if (thread === to && !text.value) write(body);
    }
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  text.addEventListener("input", () => write(text.value));
  files.addEventListener("change", showChosen);
  chosen.lastElementChild.addEventListener("click", () => {
    files.value = "";
    showChosen();
    text.focus();
  });
}
