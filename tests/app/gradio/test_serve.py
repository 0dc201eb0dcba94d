"""The served front, as programs meet it: the API through gradio_client, the tools through an MCP client."""

import asyncio
import json
from concurrent.futures import FIRST_COMPLETED, wait
from urllib.parse import urlsplit

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from app.gradio.serve import GradioFront
from core.errors import ArtefactMissing, TesseraError
from core.workspace import Workspace
from tests.turns import taken

QUESTION = "Who drew the library maps?"


@pytest.fixture(scope="module")
def client(address):
    return Client(address, verbose=False)


def use(address, *calls):
    """Calls tools over MCP; returns the names of all tools and the results."""

    async def talk():
        async with (
            streamable_http_client(f"{address}gradio_api/mcp/") as (read, write, *_),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            return tools, [await session.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(talk())


def test_it_listens_on_this_machine_alone(address):
    assert urlsplit(address).hostname == "127.0.0.1"


def test_the_api_lists_searches_asks_and_compares(client):
    methods = {row["name"]: row for row in client.predict(api_name="/list_methods")}
    assert methods["rag"]["ready"] and not methods["memory"]["ready"]
    assert "train" in methods["memory"]["lacks"]
    found = client.predict("pears of the orchard", 2, api_name="/search_passages")
    assert len(found["passages"]) == 2 and found["passages"][0]["title"].startswith("Orchard")
    assert found["warnings"] == []
    (warning,) = client.predict("ใครสร้างประภาคาร", 1, api_name="/search_passages")["warnings"]
    assert "does not know this script" in warning
    asked = client.predict(QUESTION, "cag", 3, api_name="/ask")
    assert asked["method"] == "cag" and asked["trace"]["cached_tokens"] > 0
    compared = client.predict(QUESTION, "rag,cag,memory", 2, api_name="/compare")
    assert [answer["method"] for answer in compared["answers"]] == ["rag", "cag"]
    assert compared["failures"]["memory"]["remedy"]
    assert compared["model"] == "tiny"


def test_a_refusal_says_what_to_do(client):
    with pytest.raises(AppError, match="Choose one of"):
        client.predict(QUESTION, "magic", 3, api_name="/compare")
    with pytest.raises(AppError, match="train"):
        client.predict(QUESTION, "memory", 3, api_name="/ask")


def test_answers_stream_and_can_be_cancelled(client, tiny_models):
    job = client.submit(QUESTION, ["rag", "cag"], 3, api_name="/compare_stream")
    assert job.result(timeout=60)
    assert len(job.outputs()) > 3
    with tiny_models.lock:
        waiting = client.submit(QUESTION, ["rag"], 3, api_name="/compare_stream")
        while not waiting.outputs():
            pass
        waiting.cancel()
    done = client.predict(QUESTION, "rag", 3, api_name="/compare")
    assert done["answers"]


def test_many_at_once_do_not_mix_their_answers(client):
    questions = [f"Who drew the maps, number {number}?" for number in range(6)]
    jobs = [client.submit(question, "rag", 3, api_name="/ask") for question in questions]
    assert [job.result(timeout=120)["question"] for job in jobs] == questions


def test_a_full_queue_refuses(tiny_workspace, tiny_models):
    front = GradioFront(tiny_workspace, tiny_models, tiny_models.settings, port=0, waiting=1)
    try:
        client = Client(front.address, verbose=False)
        with taken(tiny_models.lock):
            jobs = [client.submit(QUESTION, "rag", 3, api_name="/ask") for _ in range(5)]
            first = wait([job.future for job in jobs], timeout=60, return_when=FIRST_COMPLETED).done
        assert first and "full" in str(first.pop().exception()).lower()
    finally:
        front.close()


def test_mcp_offers_typed_tools_with_their_descriptions(address):
    tools, _ = use(address)
    by_name = {tool.name: tool for tool in tools}
    assert {"compare", "ask", "list_methods", "search_passages"} <= {name.removeprefix("tessera_") for name in by_name}
    ask = next(tool for name, tool in by_name.items() if name.endswith("ask"))
    assert "one method" in ask.description
    assert ask.inputSchema["properties"]["question"]["type"] == "string"
    assert "documents" in ask.inputSchema["properties"]["question"]["description"]


def test_mcp_answers(address):
    tools, _ = use(address)
    name = next(tool.name for tool in tools if tool.name.endswith("ask"))
    find = next(tool.name for tool in tools if tool.name.endswith("search_passages"))
    _, (asked, found, refused) = use(
        address,
        (name, {"question": QUESTION, "method": "rag", "passages": 2}),
        (find, {"query": "pears", "k": 1}),
        (name, {"question": QUESTION, "method": "magic", "passages": 2}),
    )
    assert json.loads(asked.content[0].text)["method"] == "rag"
    assert "Orchard" in found.content[0].text
    assert refused.isError


def test_without_a_corpus_or_a_port_it_does_not_start(tmp_path, tiny_workspace, tiny_models, address):
    with pytest.raises(ArtefactMissing):
        GradioFront(Workspace(tmp_path / "empty"), tiny_models, tiny_models.settings)
    with pytest.raises(TesseraError, match="--port"):
        GradioFront(tiny_workspace, tiny_models, tiny_models.settings, port=urlsplit(address).port)
