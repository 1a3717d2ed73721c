// The official OpenAI client for Node, unmodified but for its base URL. `test_voice_node.py` starts this file and gives
// it the origin and a key.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { APIError, AuthenticationError, NotFoundError, toFile } from "openai";

const { ORIGIN, KEY, RECORDING } = process.env;
const connect = (apiKey) => new OpenAI({ baseURL: `${ORIGIN}/api/v1`, apiKey, maxRetries: 0 });
const ai = connect(KEY);
const MODEL = "Qwen3-Next-80B";
const messages = [{ role: "user", content: "We open at nine." }];
const recording = async () => toFile(Buffer.from(RECORDING, "base64"), "a.wav");

test("chat", async () => {
  const answer = await ai.chat.completions.create({ model: MODEL, messages });
  assert.equal(answer.choices[0].message.content, "We open at nine.");
  assert.deepEqual([answer.model, answer.object, answer.usage.completion_tokens], [MODEL, "chat.completion", 4]);
});

test("chat, streamed", async () => {
  const options = { model: MODEL, messages, stream: true, stream_options: { include_usage: true } };
  let text = "";
  let last;
  for await (const chunk of await ai.chat.completions.create(options)) {
    text += chunk.choices[0]?.delta?.content ?? "";
    last = chunk;
  }
  assert.equal(text, "We open at nine.");
  assert.deepEqual([last.choices.length, last.usage.completion_tokens], [0, 4]);
});

test("chat, left half-way", async () => {
  const stream = await ai.chat.completions.create({ model: MODEL, messages, stream: true });
  for await (const chunk of stream) {
    assert.equal(chunk.choices[0].delta.role, "assistant");
    break;
  }
  assert.ok(stream.controller.signal.aborted);
});

test("chat with tools", async () => {
  const tools = [{ type: "function", function: { name: "look_up", parameters: { type: "object", properties: {} } } }];
  const answer = await ai.chat.completions.create({ model: MODEL, messages, tools });
  assert.equal(answer.choices[0].message.tool_calls[0].function.name, "look_up");
});

test("transcription", async () => {
  const heard = await ai.audio.transcriptions.create({ model: "whisper-large-v3", file: await recording() });
  assert.equal(heard.text, "We open at nine. Please call back.");
});

test("transcription, streamed", async () => {
  const events = [];
  const options = { model: "whisper-large-v3", file: await recording(), stream: true };
  for await (const event of await ai.audio.transcriptions.create(options)) events.push(event);
  assert.deepEqual(events.map((event) => event.type), ["transcript.text.delta", "transcript.text.delta", "transcript.text.done"]);
  assert.equal(events.at(-1).text, "We open at nine. Please call back.");
});

test("speech", async () => {
  const said = await ai.audio.speech.create({ model: "orpheus", input: "Your bike is ready.", voice: "tara" });
  const sound = Buffer.from(await said.arrayBuffer());
  assert.equal(sound.subarray(0, 4).toString(), "RIFF");
  assert.equal(sound.length, 44 + 2 * 480 * "Your bike is ready.".length);
});

test("models", async () => {
  const ids = [];
  for await (const model of ai.models.list()) ids.push(model.id);
  assert.equal(ids[0], MODEL);
  assert.equal((await ai.models.retrieve("orpheus")).engine, "openai peer/orpheus");
});

test("a wrong key", async () => {
  const stranger = connect(`agp_${"x".repeat(38)}`);
  await assert.rejects(stranger.models.list(), (error) => {
    assert.ok(error instanceof AuthenticationError);
    assert.match(error.message, /Invalid or missing API key/);
    return true;
  });
});

test("an unknown model", async () => {
  await assert.rejects(ai.chat.completions.create({ model: "gpt-9", messages }), (error) => {
    assert.ok(error instanceof NotFoundError);
    assert.match(error.message, /gpt-9/);
    assert.equal(error.code, "model_not_found");
    return true;
  });
});

test("a bad request", async () => {
  await assert.rejects(ai.chat.completions.create({ model: MODEL, messages: [] }), (error) => {
    assert.ok(error instanceof APIError);
    assert.equal(error.status, 400);
    assert.match(error.message, /at least one/);
    return true;
  });
});
