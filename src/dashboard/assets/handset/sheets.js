// The sheets that slide over a phone: a new conversation, the details of one, the phone's own settings.

import { modal } from "./modal.js";
import { ask } from "./sim.js";
import { button, element, face, foreign, icon, onSubmit, plain, pretty } from "./words.js";

/** A sheet with a title and a way out; answers it with its body and its place for problems. */
function sheet(phone, title) {
  const problem = element("p", "problem");
  problem.role = "alert";
  const body = element("div", "inside");
  const done = button("done", "", () => close(), "Done");
  const card = element("div", "card-sheet", element("header", "", element("h4", "", title), done), problem, body);
  const made = element("div", "sheet", card);
  const close = modal(phone, made, title);
  const attempt = async (act) => {
    problem.textContent = "";
    try {
      return await act();
    } catch (error) {
      problem.textContent = error.message;
    }
  };
  return { body, close, attempt };
}

const input = (settings) => Object.assign(element("input"), settings);

/** A field by itself, with the button that does `act`. */
const single = (label, control, verb, act) =>
  onSubmit(element("form", "name-form", field(label, control), element("button", "save", verb)), act);

function field(label, control) {
  return element("label", "field-row", element("span", "", label), control);
}

function toggle(label, isOn, change) {
  const box = input({ type: "checkbox", role: "switch", checked: isOn });
  box.addEventListener("change", () => change(box.checked));
  return element("label", "switch", box, element("span", "", label));
}

function nameField(value, label, save) {
  const name = input({ value, maxLength: 100, autocomplete: "off", dir: "auto" });
  return single(label, name, "Save", () => save(name.value.trim()));
}

/** Other people's phones that can be in a group. */
const able = (phone, without = []) =>
  [...phone.desk.people.values()].filter((row) => row.imessage && row.number !== phone.number && !without.includes(row.number));

const person = (phone, number) =>
  element("span", "person", face(phone.desk.name(number), number), element("span", "names",
    foreign(phone.desk.name(number), "name"), element("span", "about", pretty(number))));

/** Write to a number, alone or with other people. */
export function newSheet(phone) {
  const { body, close, attempt } = sheet(phone, "New Message");
  if (!phone.desk.select.options.length) {
    return body.append(element("p", "about", "This project has no numbers yet. Get one first."));
  }
  const line = phone.desk.select.cloneNode(true);
  Object.assign(line, { hidden: false, id: "", className: "" });
  const people = able(phone).map(({ number }) => {
    return element("label", "pick", person(phone, number), input({ type: "checkbox", value: number }));
  });
  const name = input({ maxLength: 100, autocomplete: "off", placeholder: "Optional", dir: "auto" });
  const others = element("fieldset", "group", element("legend", "", "With other people, as a group"),
    ...(people.length ? people : [element("p", "about", "No other phone has iMessage.")]), field("Group name", name));
  const go = element("button", "main", "Start");
  const isBlue = () => phone.row.imessage && line.selectedOptions[0].dataset.kind === "iMessage";
  const adapt = () => (others.disabled = others.hidden = !isBlue());
  line.addEventListener("change", adapt);
  adapt();
  const start = () => {
    const chosen = [...others.querySelectorAll("input:checked")].map(({ value }) => value);
    attempt(async () => {
      const wish = { number: line.value, members: [phone.number, ...chosen], name: name.value.trim() || null };
      const thread = chosen.length && isBlue() ? (await ask("POST", "/sim/groups", wish)).group_id : line.value;
      close();
      phone.desk.open(phone.number, thread);
    });
  };
  body.append(onSubmit(element("form", "", field("To", line), others, go), start));
  line.focus();
}

/** Name and abilities of this phone. */
export function phoneSheet(phone) {
  const { body, attempt } = sheet(phone, "This Phone");
  const change = (what) => attempt(() => ask("PUT", phone.path, what));
  body.append(
    person(phone, phone.number),
    nameField(phone.row.name ?? "", "Name", (name) => change({ name })),
    toggle("iMessage", Boolean(phone.row.imessage), (imessage) => change({ imessage })),
    element("p", "about", "Without iMessage, what is sent to this phone falls back to green text messages."),
    toggle("Send read receipts", phone.sendsReceipts, (isOn) => (phone.sendsReceipts = isOn)),
    element("p", "about", "The agent's messages become “read” when their conversation is open here."),
  );
}

/** Who is in a conversation. */
export function threadSheet(phone, other) {
  const { body, close, attempt } = sheet(phone, "Details");
  const group = phone.threads.get(other)?.group;
  if (!group) {
    const isBlue = phone.channelOf(other) === "imessage";
    return body.append(person(phone, other), element("p", "about", isBlue ? "iMessage" : "Text messages: this number or this phone has no iMessage."));
  }
  const path = `/sim/groups/${encodeURIComponent(other)}`;
  const isIn = group.members.includes(phone.number);
  const change = (what) =>
    attempt(async () => {
      await ask("PATCH", path, { ...what, by: phone.number });
      close();
    });
  const list = element("ul", "members");
  list.ariaLabel = "Members";
  list.append(element("li", "", person(phone, group.number), element("span", "about", "Agent")));
  for (const member of group.members) {
    const members = group.members.filter((one) => one !== member);
    const who = plain(phone.desk.name(member));
    const remove = button("remove", `Remove ${who}`, () => change({ members }), icon("close"));
    list.append(element("li", "", person(phone, member), ...(isIn && member !== phone.number ? [remove] : [])));
  }
  body.append(nameField(group.name ?? "", "Group name", (name) => change({ name })), list);
  if (!isIn) {
    body.querySelector(".name-form").remove();
    return body.prepend(element("p", "about", "You left this conversation."));
  }
  const rest = able(phone, group.members);
  if (rest.length) body.append(adding(phone, rest, (number) => change({ members: [...group.members, number] })));
  body.append(button("leave", "", () => change({ members: group.members.filter((one) => one !== phone.number) }), "Leave this conversation"));
}

function adding(phone, rest, add) {
  const select = element("select");
  select.append(...rest.map(({ number }) => new Option(`${plain(phone.desk.name(number))} · ${number}`, number)));
  return single("Add a person", select, "Add", () => add(select.value));
}
