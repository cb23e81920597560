"""Documents and images on their way through a real gateway to a real cube."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from memcube.actors.llm import Prompt, Reply
from memcube.actors.reader import convert
from memcube.model.errors import InvalidArgumentError, NotConfiguredError, TooLargeError, UnavailableError
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from ...support.documents import docx, pdf

pytestmark = pytest.mark.anyio

ALICE = pb.Scope(user_id="alice")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (64).to_bytes(4, "big") + (48).to_bytes(4, "big") + bytes(2000)


@pytest.fixture(scope="module", autouse=True)
def _reader() -> Iterator[None]:
    """The process's reader of documents ends with these tests."""
    yield
    convert.close()


def file(name: str, data: bytes, **more: Any) -> pb.Part:
    """A document as a part."""
    return pb.Part(file=pb.File(name=name, data=data, **more))


def add(*messages: pb.Message, **more: Any) -> pb.AddRequest:
    """An add for alice."""
    return pb.AddRequest(scope=ALICE, messages=messages, **more)


async def test_a_document_becomes_chunks_that_are_found(start: Any) -> None:
    """Of both transports; with offsets, neighbours, and its name."""
    lease = docx("# Lease", "The rent is 900 a month. " + "It is a flat. " * 40, "# Keys", "Two of them. " * 80)
    async with start() as running:
        caller = running.caller()
        added = await caller.call(
            "Add", add(pb.Message(content="my lease"), pb.Message(parts=[file("lease.docx", lease)]))
        )
        said, *chunks = added.items
        assert [chunk.key for chunk in chunks] == ["Lease", "Keys"]
        assert {chunk.memory_type for chunk in chunks} == {item_pb2.MEMORY_TYPE_RAW_FILE}
        assert [(c.sources[0].id, c.sources[0].kind, c.sources[0].position) for c in chunks] == [
            ("lease.docx", "document", 0), ("lease.docx", "document", 1),
        ]  # fmt: skip
        found = await caller.call("Search", pb.SearchRequest(scope=ALICE, query="what is the rent?"))
        assert found.hits[0].item.id == chunks[0].id
        part = {
            "type": "file",
            "file": {"filename": "b.pdf", "file_data": base64.b64encode(pdf([["hi there"]])).decode()},
        }
        body = {"user_id": "alice", "messages": [{"role": "user", "content": [part]}]}
        told = (await running.http.post("/v1/memories", json=body)).json()
        assert [one["memory"] for one in told["results"]] == ["# Page 1\n\nhi there"] and told["skipped"] == []
        assert said.session_id != chunks[0].session_id == chunks[1].session_id


async def test_what_cannot_be_read_is_told_and_the_rest_is_kept(start: Any) -> None:
    """A broken file among others is skipped; alone it is an error by its place, and no cube is made."""
    broken = pb.Message(parts=[file("a.pdf", b"junk")])
    async with start() as running:
        caller = running.caller()
        refusal = await running.refused(caller.call("Add", add(broken)))
        assert isinstance(refusal, InvalidArgumentError) and refusal.field == "messages[0].parts[0].file"
        large = await running.refused(
            caller.call("Add", add(pb.Message(parts=[file("a.html", b"<p>" + b"word " * 600_000)])))
        )
        assert isinstance(large, TooLargeError) and large.field == "messages[0].parts[0].file"
        assert (await caller.call("ListCubes", pb.ListCubesRequest())).cubes == []
        request = add(pb.Message(content="hello"), broken, idempotency_key="k")
        added = await caller.call("Add", request)
        assert [item.memory for item in added.items] == ["hello"]
        assert [(one.message, one.reason) for one in added.skipped] == [(1, "unreadable")]
        assert "a.pdf is no pdf file" in added.skipped[0].detail
        assert await caller.call("Add", request) == added


async def test_an_image_is_kept_as_what_is_known_of_it(start: Any) -> None:
    """From its bytes, an address of its own or elsewhere; what is no image is told."""
    data = "data:image/png;base64," + base64.b64encode(PNG).decode()
    parts = [
        pb.Part(text="my cat"), pb.Part(image=pb.Image(url=data, name="cat.png")), file("dog.png", PNG),
        pb.Part(image=pb.Image(url="https://169.254.169.254/latest.png")), pb.Part(image=pb.Image(data=b"junk")),
    ]  # fmt: skip
    async with start() as running:
        added = await running.caller().call("Add", add(pb.Message(parts=parts)))
        assert [item.memory for item in added.items] == [
            "my cat", "Image cat.png (PNG, 64×48, 2 KB)", "Image dog.png (PNG, 64×48, 2 KB)",
            "Image https://169.254.169.254/latest.png",
        ]  # fmt: skip
        assert [item.sources[0].kind for item in added.items] == ["message", "image", "image", "image"]
        assert [one.reason for one in added.skipped] == ["unreadable"]


class Seeing:
    """A scheduler with a model that says another thing each time, or is down."""

    def __init__(self) -> None:
        self.asked = 0
        self.down: Exception | None = None

    async def ask(self, principal: Any, prompt: Prompt, within_s: float, bill: Any = None) -> Reply:
        """The next caption."""
        if self.down is not None:
            raise self.down
        assert prompt.sees and prompt.messages[0].image.startswith("data:image/png") and 0 < within_s <= 20
        self.asked += 1
        return Reply(f"A cat, number {self.asked}.")

    async def convert(self, principal: Any, name: str, media_type: str, data: bytes, within_s: float) -> Any:
        """As reader processes do."""
        return convert.convert(name, media_type, data, within_s)

    async def status(self, tenant: str) -> pb.SchedulerStatus:
        """Fine."""
        return pb.SchedulerStatus()


async def test_a_caption_comes_from_the_model_that_sees(start: Any) -> None:
    """A retry is the same request though the model would say another thing; without the model what is known stays."""
    model = Seeing()
    image = pb.Message(parts=[pb.Part(image=pb.Image(data=PNG, name="cat.png"))])
    async with start(scheduler=model) as running:
        caller = running.caller()
        first = await caller.call("Add", add(image, idempotency_key="k"))
        assert first.items[0].memory == "Image cat.png (PNG, 64×48, 2 KB): A cat, number 1."
        assert await caller.call("Add", add(image, idempotency_key="k")) == first
        model.down = UnavailableError("the model")
        known = await caller.call("Add", add(image))
        assert known.items[0].memory == "Image cat.png (PNG, 64×48, 2 KB)"
        assert known.skipped[0].reason == "caption" and "not available" in known.skipped[0].detail
        model.down = NotConfiguredError("the model that sees")
        assert not (await caller.call("Add", add(image))).skipped
        document = await caller.call("Add", add(pb.Message(parts=[file("a.md", b"# Rent\n\n900")])))
        assert document.items[0].key == "Rent"


async def test_documents_that_take_long_keep_no_other_tenants_call_waiting(
    start: Any, keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of them wait: they are read in threads of their own, not in those that a request in words needs."""
    held = threading.Event()

    def slow(*_: Any) -> convert.Converted:
        held.wait(20)
        return convert.Converted("", "read", "pdf")

    monkeypatch.setattr(convert, "convert", slow)
    async with start(keys=keys) as running:
        mallory = running.caller("mck_mallory")
        parts = [file("a.pdf", b"%PDF-")]
        adds = [asyncio.create_task(mallory.call("Add", add(pb.Message(parts=parts)))) for _ in range(40)]
        try:
            await asyncio.sleep(0.2)
            began_s = monotonic()
            await running.caller("mck_alice").call("Understand", pb.UnderstandRequest(query="what did we decide?"))
            assert monotonic() - began_s < 2
        finally:
            held.set()
            await asyncio.gather(*adds, return_exceptions=True)
