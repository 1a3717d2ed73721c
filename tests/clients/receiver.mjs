// A customer's Express application, written the way the documentation's Node example is: the JSON body parser,
// `JSON.stringify(req.body)`, an HMAC and a comparison in constant time. It never looks at the raw bytes to verify;
// they are kept only so that a failing test can show the difference.
//
// PUT  /control/:name  {"secret", "reply"?}   prepares a hook
// POST /hook/:name                            receives webhooks
// GET  /seen/:name                            what came, each with its verdicts
import { createHmac, timingSafeEqual } from "node:crypto";
import express from "express";

const hooks = new Map();
const app = express();
app.use(express.json({ verify: (request, _response, bytes) => { request.rawText = bytes.toString("utf8"); } }));

function same(expected, given) {
  const [left, right] = [Buffer.from(expected), Buffer.from(given ?? "")];
  return left.length === right.length && timingSafeEqual(left, right);
}

app.put("/control/:name", (request, response) => {
  hooks.set(request.params.name, { ...request.body, seen: [] });
  response.json({});
});

app.get("/seen/:name", (request, response) => response.json(hooks.get(request.params.name).seen));

app.post("/hook/:name", (request, response) => {
  const hook = hooks.get(request.params.name);
  const text = JSON.stringify(request.body);
  const timestamp = request.get("x-webhook-timestamp");
  const hmac = (content) => createHmac("sha256", hook.secret).update(content).digest("hex");
  hook.seen.push({
    body: request.body,
    raw: request.rawText,
    identical: text === request.rawText,
    numberSignature: same(hmac(text), request.get("x-agentphone-signature")),
    projectSignature: same(`sha256=${hmac(`${timestamp}.${text}`)}`, request.get("x-webhook-signature")),
  });
  response.json(hook.reply ? { reply: hook.reply, action: "respond" } : { action: "ignore" });
});

const server = app.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
