// Compares stephttp's sealed values with those of the JS package. Needs the network once, for npm:
//
//   npm install @inngest/middleware-encryption@2.0.0 inngest@4 && node compat.mjs make > vectors.json
//   node compat.mjs open sealed_here.json      # written by the ignored test `values_for_the_js_package`
import { encryptionMiddleware } from "@inngest/middleware-encryption";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
const middleware = (options) => new (encryptionMiddleware(options))({ client: {} });
const seal = (options, value) => middleware(options).wrapStepHandler({ next: async () => value });
const open = (options, value) => middleware(options).wrapStep({ next: async () => value });
const openEventData = async (options, data) =>
  (await middleware(options).transformFunctionInput({ ctx: { event: { data } } })).ctx.event.data;
const sealEventData = async (options, data) =>
  (await middleware(options).transformSendEvent({ events: [{ data }] })).events[0].data;

const keys = [
  "correct horse battery staple", "k", " \t\n\u00a0\ufeff\u2028padded with spaces \u3000\r\n", "\u0085next line\u0085",
  "schlüssel 🔑 鍵", "q3hH2zZ0l8sT1mVb0uJ8r5yXc6Wn4KpD7eFgA9iRtUo=", "x".repeat(300),
];
const values = [
  { order: "o-1", lines: [{ sku: "a", n: 2 }, { sku: "b", n: null }], paid: true, note: "" }, {}, [], "", "a text",
  "ünï ☃ 🦀 \u0000 \"quoted\" \\ \n", "\ud800", 0, -1.5e-9, 9007199254740991, true, false, [[[[[{ deep: [null] }]]]]],
  { __ENCRYPTED__: true, data: "a value that only looks sealed" }, Array.from({ length: 900 }, (_, n) => n * n),
];

const make = async () => {
  const vectors = [];
  for (const [n, key] of keys.entries())
    for (const value of n ? values.slice(0, 3) : values)
      vectors.push({ key, json: JSON.stringify(value), sealed: await seal({ key }, value) });
  const version0 = [];
  for (const [n, key] of keys.entries())
    for (const value of n ? values.slice(0, 2) : values)
      version0.push({ key, json: JSON.stringify(value),
        sealed: await seal({ key, legacyV0Service: { forceEncryptWithV0: true } }, value) });
  const events = [];
  for (const [field, data] of [
    ["encrypted", { order: 1, encrypted: { card: "4242" }, after: [] }], ["encrypted", { encrypted: null }],
    ["encrypted", { order: 1, other: { encrypted: "not at the top" } }], ["secret", { secret: "s", encrypted: "as it is" }],
  ])
    events.push({ key: keys[0], field, json: JSON.stringify(data),
      sealed: await sealEventData({ key: keys[0], eventEncryptionField: field }, data) });
  const note = "Made by compat.mjs with the JS package; `json` is what was sealed.";
  const made_with = Object.fromEntries(["@inngest/middleware-encryption", "inngest", "crypto-js"].map((n) => [n, version(n)]));
  const rows = (list) => `[\n    ${list.map((row) => JSON.stringify(row)).join(",\n    ")}\n  ]`;
  console.log(`{
  "note": ${JSON.stringify(note)},
  "made_with": ${JSON.stringify(made_with)},
  "vectors": ${rows(vectors)},
  "version0": ${rows(version0)},
  "events": ${rows(events)}
}`);
};

const check = async (file) => {
  let failed = 0;
  const rows = JSON.parse(readFileSync(file, "utf8"));
  for (const { key, json, sealed, event } of rows) {
    const opened = await (event ? openEventData : open)({ key }, sealed).catch((error) => error);
    if (isDeepStrictEqual(opened, JSON.parse(json))) continue;
    failed += 1;
    console.error("not the same:", { key, json, opened });
  }
  console.log(`${rows.length - failed} of ${rows.length} opened by @inngest/middleware-encryption`);
  process.exitCode = failed || !rows.length ? 1 : 0;
};

await { make, open: check }[process.argv[2]](process.argv[3]);
