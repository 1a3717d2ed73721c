// The desk: which phones stand on it is in the address (/handset/A,B and #A=thread). One stream keeps them all live.

import { ask } from "./sim.js";
import { Phone } from "./phone.js";
import { Shelf } from "./shelf.js";
import { isNumber, plain, pretty } from "./words.js";

const find = (name) => document.getElementById(name);
const state = find("state");
const phones = new Map(); // on the desk, by number
const people = new Map(); // every phone of the network, by number
const lines = new Map([...find("lines").options].map(({ value, dataset }) => [value, dataset]));
let stream = null;

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const asked = () => [...new Set((location.pathname.split("/")[2] ?? "").split(",").filter(Boolean).map(decoded))];
const opened = () => new URLSearchParams(location.hash.slice(1));

function address(numbers, threads) {
  const path = numbers.length ? `/handset/${numbers.map(encodeURIComponent).join(",")}` : "/handset";
  const kept = [...threads].filter(([number, thread]) => thread && numbers.includes(number));
  return kept.length ? `${path}#${new URLSearchParams(kept)}` : path;
}

/** What the phones may ask of the desk. */
export const desk = {
  people,
  lines,
  /** What somebody is called: a person, one of our numbers, or just the number. */
  name: (identifier) => people.get(identifier)?.name || lines.get(identifier)?.name || pretty(identifier),
  /** The address of the desk with another thread open on the phone `number`; none with "". */
  linkTo(number, thread) {
    const threads = opened();
    threads.set(number, thread);
    return address([...new Set([...phones.keys(), number])], threads);
  },
  /** Makes `link` lead there, from wherever the other phones are by the time it is followed. */
  lead(link, number, thread) {
    link.href = desk.linkTo(number, thread);
    Object.assign(link.dataset, { desk: number, thread });
  },
  open: (number, thread) => go(desk.linkTo(number, thread)),
  putAway: (number) => put([...phones.keys()].filter((other) => other !== number)),
  select: find("lines"),
};

function go(where) {
  history.pushState(null, "", where);
  arrange();
}

const put = (numbers) => go(address(numbers, opened()));

const shelf = new Shelf({
  isOnDesk: (number) => phones.has(number),
  take: (number) => put([...phones.keys(), number]),
  putAway: desk.putAway,
  lead: desk.lead,
});

/** Makes the desk what the address says. */
function arrange() {
  const wanted = asked().filter(isNumber);
  const before = [...phones.keys()].join();
  state.textContent = asked().every(isNumber) ? "" : "The address of this page names something that is no phone.";
  for (const [number, phone] of phones) {
    if (wanted.includes(number)) continue;
    phone.element.remove();
    phones.delete(number);
  }
  for (const number of wanted) {
    if (phones.has(number)) continue;
    const phone = new Phone(number, desk);
    phones.set(number, phone);
    find("phones").append(phone.element);
  }
  const threads = opened();
  for (const [number, phone] of phones) phone.turnTo(threads.get(number) ?? "");
  find("phones").dataset.count = phones.size;
  find("nobody").hidden = phones.size > 0;
  title();
  shelf.draw(people);
  if (!stream || before !== [...phones.keys()].join()) connect();
}

function title() {
  const names = [...phones.keys()].map((number) => plain(desk.name(number)));
  document.title = `${names.join(", ") || "Phones"} · AgentPhone`;
}

function describe(row) {
  const isRenamed = people.get(row.number)?.name !== row.name;
  people.set(row.number, row);
  shelf.draw(people);
  for (const phone of phones.values()) phone.peopleChanged(isRenamed);
  title();
}

async function readShelf() {
  try {
    for (const row of (await ask("GET", "/sim/handsets")).data) people.set(row.number, row);
    for (const phone of phones.values()) phone.peopleChanged();
  } catch (error) {
    state.textContent = error.message;
  }
  shelf.draw(people);
  title();
}

function connect() {
  stream?.close();
  const source = new EventSource(`/sim/events?${new URLSearchParams({ handsets: [...phones.keys()].join() })}`);
  stream = source;
  const on = (name, react) =>
    source.addEventListener(name, (event) => {
      const { handset, data } = JSON.parse(event.data);
      react(handset, data);
    });
  on("message", (number, bubble) => phones.get(number)?.take(bubble));
  on("thread", (number, thread) => phones.get(number)?.takeThread(thread));
  on("handset", (_, row) => describe(row));
  on("lost", (number) => (number ? phones.get(number)?.load() : readShelf()));
  source.addEventListener("open", async () => {
    if (asked().every(isNumber)) state.textContent = "";
    await readShelf(); // names first: messages show them
    for (const phone of phones.values()) phone.load();
  });
  source.addEventListener("error", () => {
    const isOver = source.readyState === EventSource.CLOSED;
    state.textContent = isOver ? "These phones cannot be shown." : "Not connected. Trying again…";
    if (isOver) readShelf(); // says it, if nobody is signed in any more
  });
}

addEventListener("popstate", arrange);
addEventListener("hashchange", arrange);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && stream.readyState === EventSource.CLOSED) connect();
  phones.forEach((phone) => phone.attend());
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-desk]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const { desk: number, thread } = link.dataset;
  if (phones.has(number)) desk.open(number, thread);
  else put([...phones.keys(), number]);
});
arrange();
