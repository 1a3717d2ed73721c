// The list of phones, and the form for another one.

import { ask, element, pathOf } from "./sim.js";

const list = document.querySelector("#phones");
const form = document.querySelector("#add");
const problem = document.querySelector("#problem");

const pageOf = (number) => `/handset/${encodeURIComponent(number)}`;

function row(phone) {
  const link = element("a");
  link.href = pageOf(phone.number);
  const name = element("strong", phone.name || phone.number);
  name.dir = "auto";
  link.append(name, element("span", `${phone.number} · ${phone.imessage ? "iMessage" : "SMS"}`));
  const item = element("li");
  item.append(link);
  return item;
}

/** The number without the spaces, dots, dashes and brackets that people write. */
const bare = (number) => (number.includes("@") ? number.trim() : number.replace(/[\s().\-–]/g, ""));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  const number = bare(fields.get("number"));
  const change = { imessage: fields.has("imessage") };
  if (fields.get("name").trim()) change.name = fields.get("name").trim();
  try {
    await ask("PUT", pathOf(number), change);
    location.assign(pageOf(number));
  } catch (error) {
    problem.textContent = error.message;
    form.elements.number.focus();
  }
});

try {
  const phones = (await ask("GET", "/sim/handsets")).data;
  list.replaceChildren(...phones.map(row));
  if (!phones.length) list.append(element("li", "No phones yet.", "about"));
} catch (error) {
  problem.textContent = error.message;
}
