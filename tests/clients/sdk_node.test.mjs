// The official npm client, unmodified, against the running server. `test_sdk_node.py` starts this file and gives it
// the origins and keys; the webhooks come to an HTTP server of this file's own.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { AgentPhone, AgentPhoneClient, AgentPhoneError, AgentPhoneTimeoutError } from "agentphone";

const { ORIGIN, KEY, SIM_KEY, LIMITED_ORIGIN, LIMITED_KEY, FIRST_LINE } = process.env;
const client = new AgentPhoneClient({ token: KEY, baseUrl: ORIGIN });
let line = Number(FIRST_LINE);
let hook;
const received = [];

before(async () => {
  hook = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method === "GET") return response.end("GIF89a");
      received.push({ path: request.url, headers: request.headers, event: JSON.parse(Buffer.concat(chunks).toString("utf8")) });
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await new Promise((ready) => hook.once("listening", ready));
});
after(() => hook.close());

const hookUrl = (name) => `http://127.0.0.1:${hook.address().port}/${name}`;

async function sim(method, path, body) {
  const headers = { authorization: `Bearer ${SIM_KEY}`, "content-type": "application/json" };
  const answer = await fetch(`${ORIGIN}/sim${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  const text = await answer.text();
  return text ? JSON.parse(text) : undefined;
}

async function handset(imessage = false) {
  const number = `+1628238${String(line++).padStart(4, "0")}`;
  const path = `/handsets/${encodeURIComponent(number)}`;
  await sim("PUT", path, { imessage, name: "Node person" });
  return {
    number,
    text: (to, body) => sim("POST", `${path}/messages`, { to, body, media_urls: [] }),
    shown: async () => (await sim("GET", `${path}/messages`)).data,
  };
}

async function eventually(look, what) {
  for (const deadline = Date.now() + 10_000; ; ) {
    const answer = await look();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, `did not happen: ${what}`);
    await new Promise((next) => setTimeout(next, 40));
  }
}

const statusOf = (status) => (error) => {
  assert.ok(error instanceof AgentPhoneError, String(error));
  assert.equal(error.statusCode, status);
  assert.equal(typeof error.body.message, "string");
  return true;
};

test("agents: create, list, get, update, delete", async () => {
  const made = await client.agents.createAgent({
    name: "Node desk", description: "Texts", voiceMode: "hosted", systemPrompt: "Be brief.", modelTier: "turbo", language: "fr-FR",
    voiceSpeed: 0.5, interruptionSensitivity: 1, maxSilenceMs: 10000, enableMessaging: false,
    customTools: [{ name: "look_up", description: "Looks up", url: "https://tools.example/look-up" }],
  });
  assert.match(made.id, /^agt_/);
  assert.deepEqual(
    [made.name, made.voiceMode, made.modelTier, made.language, made.voiceSpeed, made.interruptionSensitivity, made.maxSilenceMs],
    ["Node desk", "hosted", "turbo", "fr-FR", 0.5, 1, 10000],
  );
  assert.equal(made.enableMessaging, false);
  assert.equal(made.customTools[0].name, "look_up");
  assert.deepEqual(made.numbers, []);
  assert.deepEqual(await client.agents.getAgent({ agent_id: made.id }), made);
  const listed = await client.agents.listAgents({ offset: 0 });
  assert.ok(listed.data.some((agent) => agent.id === made.id) && listed.total >= 1);
  const changed = await client.agents.updateAgent({ agent_id: made.id, description: null, customTools: [] });
  assert.equal(changed.description, null);
  assert.equal(changed.systemPrompt, "Be brief.");
  assert.deepEqual(await client.agents.deleteAgent({ agent_id: made.id }), { success: true, id: made.id, name: "Node desk" });
  await assert.rejects(client.agents.getAgent({ agent_id: made.id }), statusOf(404));
});

test("numbers: create, list, get, attach, detach, delete", async () => {
  const agent = await client.agents.createAgent({ name: "Holder" });
  const bought = await client.numbers.createNumber({ country: "US", areaCode: "312", agentId: agent.id });
  assert.match(bought.phoneNumber, /^\+1312\d{7}$/);
  assert.deepEqual([bought.status, bought.type, bought.agentId], ["active", "sms", agent.id]);
  assert.equal((await client.numbers.createNumber()).country, "US", "an empty object is enough");
  assert.deepEqual(await client.numbers.getNumber({ number_id: bought.id }), bought);
  assert.ok((await client.numbers.listNumbers()).data.some((number) => number.id === bought.id));
  assert.deepEqual(await client.agents.detachNumberFromAgent({ agent_id: agent.id, number_id: bought.id }), { success: true });
  assert.deepEqual(await client.agents.attachNumberToAgent({ agent_id: agent.id, numberId: bought.id }), {
    agentId: agent.id, number: { id: bought.id, phoneNumber: bought.phoneNumber, status: "active", type: "sms" },
  });
  const released = await client.numbers.deleteNumber({ number_id: bought.id });
  assert.deepEqual([released.success, released.status, released.phoneNumber], [true, "released", bought.phoneNumber]);
  assert.ok(!(await client.numbers.listNumbers()).data.some((number) => number.id === bought.id));
});

test("messages and conversations: send, read, page, metadata", async () => {
  const phone = await handset();
  const agent = await client.agents.createAgent({ name: "Writer" });
  const number = await client.numbers.createNumber({ agentId: agent.id });
  const sent = await client.messages.sendMessage({ to_number: phone.number, body: "Hello 🚲", number_id: number.id });
  assert.deepEqual([sent.status, sent.channel, sent.from_number, sent.to_number], ["sent", "sms", number.phoneNumber, phone.number]);
  assert.deepEqual([sent.media_urls, sent.reply_to_message_id, sent.reply_parent_unresolved], [[], null, null]);
  await eventually(async () => (await phone.shown()).some((message) => message.body === "Hello 🚲"), "the text on the phone");
  await phone.text(number.phoneNumber, "Hello back");
  const conversation = await eventually(async () => {
    const page = await client.conversations.listConversations({ offset: 0 });
    return page.data.find((row) => row.id === sent.conversation_id && row.messageCount === 2);
  }, "both messages in the list");
  assert.deepEqual([conversation.participant, conversation.lastMessagePreview], [phone.number, "Hello back"]);
  assert.ok(!("isGroup" in conversation) && !("participants" in conversation));

  const whole = await client.conversations.getConversation({ conversation_id: conversation.id, message_limit: 50 });
  assert.deepEqual(whole.messages.map((message) => [message.direction, message.body]), [["outbound", "Hello 🚲"], ["inbound", "Hello back"]]);
  const last = await client.conversations.getConversationMessages({ conversation_id: conversation.id, limit: 1, before: null, after: null });
  assert.deepEqual([last.data.map((message) => message.body), last.hasMore], [["Hello back"], true]);
  const older = await client.conversations.getConversationMessages({ conversation_id: conversation.id, before: last.data[0].receivedAt });
  assert.deepEqual([older.data.map((message) => message.id), older.hasMore], [[sent.id], false]);

  const rows = await client.numbers.getMessages({ number_id: number.id, limit: 10 });
  assert.deepEqual(rows.data.map((row) => [row.from_, row.to]), [[number.phoneNumber, phone.number], [phone.number, number.phoneNumber]]);
  assert.equal(rows.hasMore, false);

  const metadata = { 10: "ten", 2: 2.5, nested: { list: [1, null, true], text: "é/\u2028" } };
  const updated = await client.conversations.updateConversation({ conversation_id: conversation.id, metadata });
  assert.equal(JSON.stringify(updated.metadata), JSON.stringify(metadata));
  const cleared = await client.conversations.updateConversation({ conversation_id: conversation.id, metadata: null });
  assert.equal(cleared.metadata, null);
  const ofAgent = await client.agents.listAgentConversations({ agent_id: agent.id, limit: 5, offset: 0 });
  assert.deepEqual([ofAgent.data.map((row) => row.id), ofAgent.hasMore, ofAgent.total], [[conversation.id], false, 1]);
});

test("messages: every sender, effects on an iMessage line, groups", async () => {
  const [ada, ben] = [await handset(true), await handset(true)];
  const agent = await client.agents.createAgent({ name: "Blue" });
  const { id } = await (await fetch(`${ORIGIN}/v1/numbers`, {
    method: "POST", headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ type: "imessage", agentId: agent.id }),
  })).json();
  const number = await client.numbers.getNumber({ number_id: id });
  for (const sender of [{ number_id: id }, { from_number: number.phoneNumber }, { agent_id: agent.id }]) {
    const sent = await client.messages.sendMessage({ to_number: ada.number, body: "Blue", send_style: "echo", ...sender });
    assert.deepEqual([sent.channel, sent.status, sent.from_number], ["imessage", "sent", number.phoneNumber]);
  }
  const group = await client.messages.sendMessage({ recipients: [ada.number, ben.number], body: "Both", number_id: id });
  assert.match(group.to_number, /^grp_/);
  const able = await client.contacts.getContactCapabilities({ phone_number: ada.number });
  assert.deepEqual([able.phoneNumber, able.capabilities], [ada.number, { imessage: true, sms: true }]);
});

test("iMessage: reactions, typing, backgrounds, a group's name", async () => {
  const [ada, ben] = [await handset(true), await handset(true)];
  const { id } = await (await fetch(`${ORIGIN}/v1/numbers`, {
    method: "POST", headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" }, body: JSON.stringify({ type: "imessage" }),
  })).json();
  const sent = await client.messages.sendMessage({ to_number: ada.number, body: "Nine?", number_id: id });
  const { conversation_id } = sent;
  const reaction = await client.messages.sendReaction({ message_id: sent.id, reaction: "👍🏽" });
  assert.deepEqual([reaction.reaction_type, reaction.message_id, reaction.channel], ["👍🏽", sent.id, "imessage"]);
  const [message] = (await client.conversations.getConversation({ conversation_id })).messages;
  assert.deepEqual(message.reactions.map((each) => [each.id, each.reactionType, each.direction]), [[reaction.id, "👍🏽", "outbound"]]);
  assert.deepEqual((await ada.shown())[0].reactions.map((each) => each.reaction), ["👍🏽"]);
  const nonsense = client.messages.sendReaction({ message_id: sent.id, reaction: "adore" });
  await assert.rejects(nonsense, (error) => statusOf(400)(error) && error.body.error.code === "REACTION_NOT_SUPPORTED");
  assert.deepEqual(await client.conversations.sendTypingIndicator({ conversation_id }), {
    conversationId: conversation_id, channel: "imessage", status: "typing indicator sent",
  });
  const image_url = `${hookUrl("sea.gif")}`;
  const background = await client.conversations.setChatBackground({ conversation_id, image_url });
  assert.deepEqual([background.hasBackground, background.backgroundVersion, background.changed], [true, 1, true]);
  assert.deepEqual(await client.conversations.setChatBackground({ conversation_id, image_url }), { ...background, changed: false });
  assert.equal(await client.conversations.removeChatBackground({ conversation_id }), undefined);
  const group = await client.messages.sendMessage({ recipients: [ada.number, ben.number], body: "Both", number_id: id });
  const named = await client.conversations.updateConversation({ conversation_id: group.conversation_id, group_name: "Saturday ride" });
  assert.deepEqual([named.groupName, named.groupId], ["Saturday ride", group.to_number]);
  const reply = await client.messages.sendMessage({ to_number: ada.number, body: "Ten", number_id: id, send_style: "spotlight", reply_to_message_id: sent.id });
  assert.equal(reply.reply_parent_unresolved, false);
});

test("webhooks: set, get, test, deliveries, statistics, delete", async () => {
  assert.equal(await client.webhooks.getWebhook(), null);
  const made = await client.webhooks.createOrUpdateWebhook({ body: { url: hookUrl("project"), contextLimit: 5, timeout: 10 } });
  assert.match(made.secret, /^whsec_/);
  assert.deepEqual([made.contextLimit, made.timeout, made.status], [5, 10, "active"]);
  assert.deepEqual(await client.webhooks.getWebhook(), made);
  const again = await client.webhooks.createOrUpdateWebhook({ body: { url: hookUrl("project"), contextLimit: null, timeout: null } });
  assert.deepEqual([again.contextLimit, again.timeout], [10, 30]);
  const result = await client.webhooks.testWebhook();
  assert.equal(result.success, true);
  const agent = await client.agents.createAgent({ name: "Tested" });
  assert.equal((await client.webhooks.testWebhook({ agentId: agent.id })).httpStatus, 200);
  assert.equal((await client.webhooks.testWebhook({ agentId: null })).success, true);
  const events = received.filter((request) => request.path === "/project").map((request) => request.event);
  assert.deepEqual(events.map((event) => event.test), [true, true, true]);
  assert.deepEqual(events.map((event) => event.agentId), [null, agent.id, null]);
  const page = await client.webhooks.listDeliveries({ limit: 2, offset: 0, hours: null });
  assert.equal(page.items.length, 2);
  assert.deepEqual([page.total, page.offset, page.limit], [3, 0, 2]);
  assert.deepEqual([page.items[0].status, page.items[0].httpStatus, page.items[0].eventType], ["success", 200, "agent.message"]);
  const stats = await client.webhooks.deliveryStats({ hours: 1 });
  assert.deepEqual([stats.total, stats.success, stats.successRate], [3, 3, 100]);
  assert.deepEqual(stats.byEventType["agent.message"], { success: 3, failed: 0, pending: 0 });
  assert.deepEqual(await client.webhooks.allTimeStats(), { total: 3, success: 3, failed: 0, successRate: 100 });
  assert.deepEqual(await client.webhooks.deleteWebhook(), { success: true });
  assert.equal(await client.webhooks.getWebhook(), null);
});

test("agent webhooks: the same for one agent, deliveries as a bare array", async () => {
  const agent = await client.agents.createAgent({ name: "Hooked" });
  const agent_id = agent.id;
  assert.equal(await client.agentWebhooks.getAgentWebhook({ agent_id }), null);
  const made = await client.agentWebhooks.createOrUpdateAgentWebhook({ agent_id, body: { url: hookUrl("agent") } });
  assert.deepEqual(await client.agentWebhooks.getAgentWebhook({ agent_id }), made);
  assert.equal((await client.agentWebhooks.testAgentWebhook({ agent_id })).success, true);
  const deliveries = await client.agentWebhooks.listAgentDeliveries({ agent_id, limit: 10 });
  assert.ok(Array.isArray(deliveries));
  assert.deepEqual(deliveries.map((delivery) => [delivery.status, delivery.attemptCount]), [["success", 1]]);
  assert.deepEqual(await client.agentWebhooks.deleteAgentWebhook({ agent_id }), { success: true });
});

test("a 422 is an UnprocessableEntityError with the fields", async () => {
  const number = await client.numbers.createNumber();
  for (const [request, field] of [
    [{ body: "No recipient", number_id: number.id }, "to_number"],
    [{ to_number: "+14155550142", body: "Hi", number_id: number.id, send_style: "wobble" }, "send_style"],
  ]) {
    await assert.rejects(client.messages.sendMessage(request), (error) => {
      assert.ok(error instanceof AgentPhone.UnprocessableEntityError, String(error));
      const [first] = error.body.detail;
      assert.deepEqual(first.loc, ["body", field]);
      assert.equal(typeof first.msg, "string");
      assert.equal(typeof first.type, "string");
      return true;
    });
  }
});

test("other errors carry our sentence", async () => {
  const stranger = new AgentPhoneClient({ token: "agp_wrong", baseUrl: ORIGIN });
  await assert.rejects(stranger.agents.listAgents(), statusOf(401));
  await assert.rejects(client.numbers.getNumber({ number_id: "num_nobody" }), statusOf(404));
  await assert.rejects(client.webhooks.testWebhook(), statusOf(404));
  await assert.rejects(client.agents.listVoices(), (error) => statusOf(404)(error) && error.body.error.code === "NOT_AVAILABLE");
  await assert.rejects(client.usage.getUsage(), (error) => statusOf(404)(error) && error.body.error.code === "NOT_AVAILABLE");
});

test("timeoutInSeconds gives up, and the message still goes out once", async () => {
  const phone = await handset();
  const number = await client.numbers.createNumber();
  await sim("PUT", "/faults", { accept_delay_ms: 4000 });
  try {
    await assert.rejects(
      client.messages.sendMessage({ to_number: phone.number, body: "Hung up", number_id: number.id }, { timeoutInSeconds: 1.5 }),
      // The client names its class for it only where an abort's reason is an Error; here it is the word "timeout".
      (error) => error instanceof AgentPhoneTimeoutError || (error instanceof AgentPhoneError && /timeout/i.test(error.message) && error.statusCode === undefined),
    );
    await eventually(async () => (await phone.shown()).length === 1, "the text although the client hung up");
  } finally {
    await sim("PUT", "/faults", { accept_delay_ms: 0 });
  }
  const rows = await client.numbers.getMessages({ number_id: number.id });
  assert.deepEqual(rows.data.map((row) => row.body), ["Hung up"]);
});

test("a 429 is waited out and the request succeeds", async () => {
  const hurried = new AgentPhoneClient({ token: LIMITED_KEY, baseUrl: LIMITED_ORIGIN });
  const status = async () => {
    const answer = await fetch(`${LIMITED_ORIGIN}/v1/agents`, { headers: { authorization: `Bearer ${LIMITED_KEY}` } });
    await answer.arrayBuffer();
    return answer.status;
  };
  while ((await status()) === 200);
  // The next token has just been spent: the one after it is a whole second away.
  await eventually(async () => (await status()) === 200, "a token");
  const started = Date.now();
  assert.ok(Array.isArray((await hurried.agents.listAgents()).data));
  assert.ok(Date.now() - started >= 900, "it waited for the time the server named");
});
