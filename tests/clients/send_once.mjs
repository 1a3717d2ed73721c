// Sends one message through the npm client with its own repetitions, and prints the answer or the error's status.
import { AgentPhoneClient } from "agentphone";

const { ORIGIN, KEY, REQUEST } = process.env;
const client = new AgentPhoneClient({ token: KEY, baseUrl: ORIGIN });
try {
  console.log(JSON.stringify(await client.messages.sendMessage(JSON.parse(REQUEST))));
} catch (error) {
  console.log(JSON.stringify({ failed: error.statusCode ?? String(error) }));
}
