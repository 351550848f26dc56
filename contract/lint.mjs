// Reads the two committed documents with the libraries that others read them with, and says what is wrong.
// Usage: node lint.mjs [openapi.json asyncapi.json]. Exits with 1 at the first kind of trouble, warnings included.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { createConfig, lint } from "@redocly/openapi-core";
import { Parser } from "@asyncapi/parser";

const reference = (name) => fileURLToPath(new URL(`../docs/reference/${name}`, import.meta.url));
const [openapi = reference("openapi.json"), asyncapi = reference("asyncapi.json")] = process.argv.slice(2);

// Every rule of the strictest set that is meant for everybody.
const config = await createConfig({
  extends: ["recommended-strict"],
  rules: { "no-invalid-schema-examples": "error" },
});

let count = 0;
const say = (file, severity, rule, where, text) => {
  count += 1;
  console.log(`${file}: ${severity} ${rule} at ${where}: ${text}`);
};

// Places where a rule does not hold, each with its reason.
const excepted = [
  // A socket's opening answers 101, which is no 2xx.
  ["operation-2xx-response", "#/paths/~1api~1v1~1realtime/get/responses"],
];
for (const problem of await lint({ ref: openapi, config })) {
  const where = problem.location.map((location) => location.pointer ?? "#").join(", ");
  if (excepted.some(([rule, place]) => rule === problem.ruleId && place === where)) continue;
  say("openapi.json", problem.severity, problem.ruleId, where, problem.message);
}

const names = ["error", "warn", "info", "hint"];
const { document, diagnostics } = await new Parser().parse(await readFile(asyncapi, "utf8"), { source: asyncapi });
for (const problem of diagnostics) {
  // Nothing of 3.1 is used, and more tools read 3.0.
  if (problem.code === "asyncapi-latest-version") continue;
  say("asyncapi.json", names[problem.severity], problem.code, problem.path.join("/"), problem.message);
}

const operations = Object.values(JSON.parse(await readFile(openapi, "utf8")).paths).flatMap(Object.keys).length;
const messages = document?.allMessages().length ?? 0;
if (operations === 0 || messages === 0) {
  say("both", "error", "empty", "#", "nothing was checked");
}
console.log(`${operations} operations, ${messages} frames, ${count} problems`);
process.exit(count === 0 ? 0 : 1);
