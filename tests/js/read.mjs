// Reads a run's stream with Inngest's JS client, and prints what the client is told, a JSON a line.
//
//     node read.mjs FOLDER URL [FETCH_OPTIONS]
//
// FOLDER is where `install` has put the client.

import { createRequire } from "node:module";

const [folder, url, fetchOpts = "{}"] = process.argv.slice(2);
const { fetchWithStream } = createRequire(`${folder}/`)("inngest/experimental/durable-endpoints/client");
const print = line => console.log(JSON.stringify(line));

try {
  const response = await fetchWithStream(url, {
    fetch: (url, opts) => {
      print({ fetch: String(url) });
      return fetch(url, opts);
    },
    fetchOpts: JSON.parse(fetchOpts),
    onMetadata: ({ runId }) => print({ metadata: runId }),
    onData: ({ data, hashedStepId }) => print({ data, step: hashedStepId }),
    onCommit: ({ hashedStepId }) => print({ commit: hashedStepId }),
    onRollback: ({ hashedStepId }) => print({ rollback: hashedStepId }),
  });
  const { status, headers } = response;
  print({ status, headers: Object.fromEntries(headers), body: await response.text() });
} catch (error) {
  print({ error: error.message });
}
// Subscriptions are left open by Inngest, and would hold the process.
process.exit(0);
