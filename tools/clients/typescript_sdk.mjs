// The official TypeScript SDK against a running server: typescript_sdk.mjs MODULES PROGRAM URL TOKEN.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, program, url, token] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const sdk = (path) => import(pathToFileURL(require.resolve(`@modelcontextprotocol/sdk/client/${path}`)).href);
const { Client } = await sdk("index.js");
const { StreamableHTTPClientTransport } = await sdk("streamableHttp.js");
const { SSEClientTransport } = await sdk("sse.js");
const { StdioClientTransport } = await sdk("stdio.js");

const release = "4.20.17";
const bearer = (shown) => ({ requestInit: { headers: { Authorization: `Bearer ${shown}` } } });
const transports = {
  http: (shown) => new StreamableHTTPClientTransport(new URL(`${url}/mcp`), bearer(shown)),
  sse: (shown) => new SSEClientTransport(new URL(`${url}/sse`), bearer(shown)),
  stdio: () => new StdioClientTransport({ command: program, args: ["mcp", "serve", "--stdio"], env: process.env }),
};

async function talk(transport) {
  const client = new Client({ name: "sdk-clients", version: "1" });
  await client.connect(transport);
  try {
    const { tools } = await client.listTools();
    for (const name of ["oar_create_test_report", "oar_plan_next_actions"]) {
      assert(tools.some((tool) => tool.name === name), `${name} is not listed`);
      // The SDK checks structured content against the tool's output schema.
      const answer = await client.callTool({ name, arguments: { release } });
      assert(!answer.isError, JSON.stringify(answer));
      assert.equal(answer.structuredContent.ok, true);
      assert(answer.content[0].text, "no text");
    }
    const wrong = await client.callTool({ name: "oar_plan_next_actions", arguments: { release: "not a release" } });
    assert(wrong.isError, "a wrong argument is no error");
    return `${tools.length} tools`;
  } finally {
    await client.close();
  }
}

async function refused(transport) {
  await assert.rejects(talk(transport), (why) => why.code === 401 || /401/.test(why.message));
  return "refused";
}

const checks = Object.entries(transports).map(([name, open]) => [name, () => talk(open(token))]);
for (const name of ["http", "sse"]) {
  checks.push([`${name}, wrong token`, () => refused(transports[name]("oar_wrong"))]);
}
let failed = 0;
for (const [name, work] of checks) {
  try {
    const late = new Promise((_, reject) => setTimeout(reject, 60_000, new Error("60 s passed")).unref());
    console.log(`PASS typescript ${name}: ${await Promise.race([work(), late])}`);
  } catch (why) {
    failed += 1;
    console.log(`FAIL typescript ${name}`);
    console.error(why);
  }
}
process.exit(failed ? 1 : 0);
