"""The official Python SDK against a running server: python_sdk.py PROGRAM URL TOKEN."""

import asyncio
import os
import sys
import traceback

from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

program, url, token = sys.argv[1:4]
RELEASE = {"release": "4.20.17"}
failed = 0


def http(bearer: str):
    headers = {"Authorization": f"Bearer {bearer}"}
    return streamable_http_client(f"{url}/mcp", http_client=create_mcp_http_client(headers=headers))


def sse(bearer: str):
    return sse_client(f"{url}/sse", headers={"Authorization": f"Bearer {bearer}"})


def stdio(_bearer: str):
    return StdioServerParameters(command=program, args=["mcp", "serve", "--stdio"], env=dict(os.environ))


async def talk(server, mode: str) -> str:
    async with Client(server, mode=mode) as client:
        tools = (await client.list_tools()).tools
        names = {tool.name for tool in tools}
        for name in ("oar_create_test_report", "oar_plan_next_actions"):
            assert name in names, f"{name} is not listed"
            # The SDK checks structured content against the tool's output schema.
            answer = await client.call_tool(name, RELEASE)
            assert not answer.is_error, answer.content
            assert answer.structured_content["ok"] is True, answer.structured_content
            assert answer.content[0].text, "no text"
        refused = await client.call_tool("oar_plan_next_actions", {"release": "not a release"})
        assert refused.is_error, "a wrong argument is no error"
        return f"revision {client.protocol_version}, {len(tools)} tools"


async def check(name: str, work) -> None:
    global failed
    try:
        print(f"PASS python {name}: {await asyncio.wait_for(work, 60)}", flush=True)
    except BaseException:  # Task groups raise groups of their own.
        failed += 1
        print(f"FAIL python {name}", flush=True)
        traceback.print_exc()


async def refused(server) -> str:
    try:
        await talk(server, "legacy")
    except BaseException as why:
        # Over streamable HTTP the SDK keeps the status to itself.
        text = "".join(traceback.format_exception(why))
        assert "401" in text or "Server returned an error response" in text, text
        return "refused"
    raise AssertionError("a wrong token was let in")


async def main() -> int:
    for name, transport in (("http", http), ("sse", sse), ("stdio", stdio)):
        for mode in ("auto", "legacy"):
            await check(f"{name} {mode}", talk(transport(token), mode))
    await check("http, wrong token", refused(http("oar_wrong")))
    await check("sse, wrong token", refused(sse("oar_wrong")))
    return failed


sys.exit(1 if asyncio.run(main()) else 0)
