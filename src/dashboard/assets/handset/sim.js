// Asks the simulated network, with the session of this browser.

/** The path of a phone under /sim. */
export const pathOf = (number) => `/sim/handsets/${encodeURIComponent(number)}`;

/** Answers the JSON of the network; throws an Error with its sentence. `body` is a file or plain data. */
export async function ask(method, path, body) {
  const options = { method, headers: {} };
  if (body instanceof Blob) {
    options.headers["Content-Type"] = body.type || (/\.vcf$/i.test(body.name) ? "text/vcard" : "");
    options.body = body;
  } else if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options).catch(() => {
    throw new Error("The server does not answer. Is it running?");
  });
  // The page stays: leaving it would lose what is being written.
  if (response.status === 401) throw new Error("You are not signed in any more. Sign in in another tab, then try again.");
  const answer = await response.json().catch(() => ({}));
  if (response.status === 413) throw new Error("This file is too large: 16 MB at most.");
  if (!response.ok) throw new Error(answer.message ?? `The server answered ${response.status}.`);
  return answer;
}
