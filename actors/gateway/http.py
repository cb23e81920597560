"""REST over the same verbs: FastAPI routes that turn JSON into the wire's requests and answers back into JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from google.protobuf.message import Message
from starlette.exceptions import HTTPException

from memcube.actors.gateway.add_body import AddBody
from memcube.actors.gateway.bodies import (
    BatchSearchBody,
    CreateCubeBody,
    EventsQuery,
    ListQuery,
    PageQuery,
    ScopeQuery,
    SearchBody,
    SelectQuery,
    UnderstandBody,
    UpdateBody,
    VersionQuery,
)
from memcube.actors.gateway.change_bodies import ArchiveAllBody, FeedbackBody, StatusBody, UpdateAllBody
from memcube.actors.gateway.docs import docs_page
from memcube.actors.gateway.door import Door
from memcube.actors.gateway.guard import Guard
from memcube.actors.gateway.metrics import CONTENT_TYPE
from memcube.actors.gateway.preferences_body import PreferencesBody
from memcube.actors.gateway.refusals import answer_refusal, error_body, of_http, of_validation
from memcube.actors.gateway.status import package_version
from memcube.actors.gateway.task_bodies import TasksQuery, WaitBody, WatchQuery
from memcube.model import answers
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import MemCubeError
from memcube.protos.memcube.v1 import event_pb2, task_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["make_app"]

Plain = dict[str, Any]
M = TypeVar("M", bound=Message)


class Routes:
    """The handlers; each is one call of ``Door.answer``."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def _ask(self, request: Request, verb: str, message: Message, answer: type[M]) -> M:
        body = await self._door.answer("http", verb, request.headers, message.SerializeToString(), None)
        return answer.FromString(body)

    async def add(self, request: Request, body: AddBody) -> Plain:
        """Take in messages. Acknowledged means durable, and findable by its words."""
        make = partial(body.request, _key(request.headers))
        # Decoding a document's bytes takes its time.
        message = await asyncio.to_thread(make) if any(one.large for one in body.messages) else make()
        return answers.added(await self._ask(request, "add", message, pb.AddResponse))

    async def search(self, request: Request, body: SearchBody) -> Plain:
        """The memories that answer a query, best first, each with the parts of its score."""
        return answers.found(await self._ask(request, "search", body.request(), pb.SearchResponse))

    async def batch_search(self, request: Request, body: BatchSearchBody) -> Plain:
        """Many searches at once, each answered or refused on its own."""
        message = pb.BatchSearchRequest(requests=[one.request() for one in body.requests])
        answer = await self._ask(request, "batch_search", message, pb.BatchSearchResponse)
        return {
            "results": [
                answers.found(one.found) if one.HasField("found") else error_body(detail_to_error(one.error))
                for one in answer.results
            ]
        }

    async def preferences(self, request: Request, body: PreferencesBody) -> Plain:
        """What the user prefers, as far as it matters for a question, with a block of text for a prompt."""
        return answers.preferences(await self._ask(request, "preferences", body.request(), pb.PreferencesResponse))

    async def understand(self, request: Request, body: UnderstandBody) -> Plain:
        """A request in words as an operation: intent, kinds, topics, people, times. Looks into no cube."""
        return answers.understood(await self._ask(request, "understand", body.request(), pb.UnderstandResponse))

    async def list_memories(self, request: Request, query: Annotated[ListQuery, Query()]) -> Plain:
        """A page of a cube's memories, newest first."""
        return answers.listed(await self._ask(request, "list", query.request(), pb.ListResponse))

    async def delete_all(self, request: Request, query: Annotated[SelectQuery, Query()]) -> Plain:
        """Delete what a filter selects in one cube; without a filter, all of its memories."""
        return answers.deleted_all(
            await self._ask(request, "delete_all", query.delete_all(_key(request.headers)), pb.DeleteAllResponse)
        )

    async def get(self, request: Request, memory_id: str) -> Plain:
        """One memory."""
        return answers.memory((await self._ask(request, "get", pb.GetRequest(id=memory_id), pb.GetResponse)).item)

    async def update(self, request: Request, memory_id: str, body: UpdateBody) -> Plain:
        """Change a memory: a new version under the same id."""
        return answers.updated(
            await self._ask(request, "update", body.request(memory_id, _key(request.headers)), pb.UpdateResponse)
        )

    async def delete(self, request: Request, memory_id: str, query: Annotated[VersionQuery, Query()]) -> Plain:
        """Delete a memory; its history stays."""
        message = pb.DeleteRequest(
            id=memory_id, expected_version=query.expected_version, idempotency_key=_key(request.headers)
        )
        return answers.deleted(await self._ask(request, "delete", message, pb.DeleteResponse))

    async def update_all(self, request: Request, body: UpdateAllBody) -> Plain:
        """Change what a filter selects in one cube, in the background: the task that does it."""
        message = body.request(_key(request.headers))
        return answers.task((await self._ask(request, "update_all", message, pb.UpdateAllResponse)).task)

    async def archive_all(self, request: Request, body: ArchiveAllBody) -> Plain:
        """Take what was not used for long out of searches, in the background: the task that does it."""
        message = body.request(_key(request.headers))
        return answers.task((await self._ask(request, "archive_all", message, pb.ArchiveAllResponse)).task)

    async def archive(self, request: Request, memory_id: str, body: StatusBody | None = None) -> Plain:
        """Take a memory out of searches, and keep it."""
        body = body or StatusBody()
        key = body.idempotency_key or _key(request.headers)
        message = pb.ArchiveRequest(id=memory_id, expected_version=body.expected_version, idempotency_key=key)
        return answers.memory((await self._ask(request, "archive", message, pb.ArchiveResponse)).item)

    async def restore(self, request: Request, memory_id: str, body: StatusBody | None = None) -> Plain:
        """Bring an archived memory back."""
        body = body or StatusBody()
        key = body.idempotency_key or _key(request.headers)
        message = pb.RestoreRequest(id=memory_id, expected_version=body.expected_version, idempotency_key=key)
        return answers.memory((await self._ask(request, "restore", message, pb.RestoreResponse)).item)

    async def feedback(self, request: Request, body: FeedbackBody) -> Plain:
        """What the user says of memories: that one is wrong, is right, is to be forgotten."""
        message = body.request(_key(request.headers))
        return answers.fed_back(await self._ask(request, "feedback", message, pb.FeedbackResponse))

    async def history(self, request: Request, memory_id: str) -> list[Plain]:
        """Every version of a memory, oldest first, also of a deleted one."""
        return answers.history(await self._ask(request, "history", pb.HistoryRequest(id=memory_id), pb.HistoryResponse))

    async def list_tasks(self, request: Request, query: Annotated[TasksQuery, Query()]) -> Plain:
        """A page of a cube's background tasks, newest first; those that ended are kept for 7 days."""
        return answers.tasks(await self._ask(request, "list_tasks", query.request(), pb.ListTasksResponse))

    async def get_task(self, request: Request, task_id: str) -> Plain:
        """One task."""
        message = pb.GetTaskRequest(id=task_id)
        return answers.task((await self._ask(request, "get_task", message, pb.GetTaskResponse)).task)

    async def cancel_task(self, request: Request, task_id: str) -> Plain:
        """End a task that has not ended; what it was about stays as it is."""
        message = pb.CancelTaskRequest(id=task_id, idempotency_key=_key(request.headers))
        return answers.task((await self._ask(request, "cancel_task", message, pb.CancelTaskResponse)).task)

    async def retry_task(self, request: Request, task_id: str) -> Plain:
        """Let a task that failed or was cancelled be tried anew."""
        message = pb.RetryTaskRequest(id=task_id, idempotency_key=_key(request.headers))
        return answers.task((await self._ask(request, "retry_task", message, pb.RetryTaskResponse)).task)

    async def wait_tasks(self, request: Request, body: WaitBody) -> Plain:
        """Answer when the tasks named, or all that have not ended, have ended, or when the time is over."""
        return answers.waited(await self._ask(request, "wait_tasks", body.request(), pb.WaitTasksResponse))

    async def watch_tasks(self, request: Request, query: Annotated[WatchQuery, Query()]) -> StreamingResponse:
        """The same as a stream: a task a line, each time that it changes; the last line may be an error."""
        return await self._lines(request, "watch_tasks", query.request(), _task_line)

    async def reset(self, request: Request) -> Plain:
        """Delete every cube of the caller's tenant."""
        message = pb.ResetRequest(idempotency_key=_key(request.headers))
        return answers.was_reset(await self._ask(request, "reset", message, pb.ResetResponse))

    async def create_cube(self, request: Request, body: CreateCubeBody) -> Plain:
        """Make a cube. Adding to a cube makes it too."""
        return answers.cube(
            (await self._ask(request, "create_cube", body.request(_key(request.headers)), pb.CreateCubeResponse)).cube
        )

    async def list_cubes(self, request: Request, query: Annotated[PageQuery, Query()]) -> Plain:
        """The cubes that the caller may see."""
        message = pb.ListCubesRequest(page_size=query.page_size, page_token=query.page_token)
        return answers.cubes(await self._ask(request, "list_cubes", message, pb.ListCubesResponse))

    async def get_cube(self, request: Request, cube_id: str) -> Plain:
        """One cube with its counters."""
        return answers.cube(
            (await self._ask(request, "get_cube", pb.GetCubeRequest(cube_id=cube_id), pb.GetCubeResponse)).cube
        )

    async def delete_cube(self, request: Request, cube_id: str) -> Plain:
        """Delete a cube with everything in it, history too."""
        message = pb.DeleteCubeRequest(cube_id=cube_id, idempotency_key=_key(request.headers))
        await self._ask(request, "delete_cube", message, pb.DeleteCubeResponse)
        return {}

    async def events(self, request: Request, query: Annotated[EventsQuery, Query()]) -> StreamingResponse:
        """A cube's events from a sequence number on, a JSON object a line; the last line may be an error."""
        message = pb.ReadEventsRequest(cube_id=query.cube_id, from_seq=query.from_seq)
        return await self._lines(request, "read_events", message, _event_line)

    async def _lines(
        self, request: Request, verb: str, message: Message, line: Callable[[bytes], bytes]
    ) -> StreamingResponse:
        bodies = self._door.stream("http", verb, request.headers, message.SerializeToString(), None)
        first = await anext(aiter(bodies), None)

        async def lines() -> AsyncIterator[bytes]:
            if first is None:
                return
            yield line(first)
            try:
                async for body in bodies:
                    yield line(body)
            except MemCubeError as error:
                yield _line(error_body(error))

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def status(self, request: Request, query: Annotated[ScopeQuery, Query()]) -> Plain:
        """How the system is; with a scope, how its cube is too."""
        return answers.status(
            await self._ask(request, "status", pb.StatusRequest(scope=query.scope()), pb.StatusResponse)
        )

    async def health(self) -> JSONResponse:
        """200 while cubes can be reached, else 503. Needs no key."""
        state = self._door.status
        plain = {"status": "serving" if state.serving else "not_serving", "detail": state.problem}
        return JSONResponse(plain, status_code=200 if state.serving else 503)

    async def metrics(self) -> Response:
        """Figures in Prometheus' text format. Needs no key; names no cube, tenant or caller."""
        return Response(self._door.metrics.text(), media_type=CONTENT_TYPE)


def _key(headers: Mapping[str, str]) -> str:
    return headers.get("idempotency-key", "")


def _event_line(body: bytes) -> bytes:
    return _line(answers.event(event_pb2.Event.FromString(body)))


def _task_line(body: bytes) -> bytes:
    return _line(answers.task(task_pb2.Task.FromString(body)))


def _line(plain: Plain) -> bytes:
    return json.dumps(plain, ensure_ascii=False).encode() + b"\n"


def make_app(door: Door) -> FastAPI:
    """The HTTP side of a gateway. /docs is a page of its own, without scripts or outside resources."""
    app = FastAPI(
        title="MemCube",
        version=package_version(),
        summary="Memory for agents: the verbs of memcube.v1.MemCubeService as REST.",
        description="Every error is {error: {type, facts, message, retryable, retry_after_s}}. Mutating calls take an "
        "Idempotency-Key header (or idempotency_key in the body). Keys go in 'Authorization: Bearer KEY' or 'X-API-Key'.",
        docs_url=None,
        redoc_url=None,
    )
    routes = Routes(door)
    for method, path, handler in (
        ("POST", "/v1/memories", routes.add),
        ("GET", "/v1/memories", routes.list_memories),
        ("DELETE", "/v1/memories", routes.delete_all),
        ("GET", "/v1/memories/{memory_id}", routes.get),
        ("PUT", "/v1/memories/{memory_id}", routes.update),
        ("DELETE", "/v1/memories/{memory_id}", routes.delete),
        ("GET", "/v1/memories/{memory_id}/history", routes.history),
        ("POST", "/v1/memories/update-all", routes.update_all),
        ("POST", "/v1/memories/archive-all", routes.archive_all),
        ("POST", "/v1/memories/{memory_id}/archive", routes.archive),
        ("POST", "/v1/memories/{memory_id}/restore", routes.restore),
        ("POST", "/v1/feedback", routes.feedback),
        ("POST", "/v1/search", routes.search),
        ("POST", "/v1/search/batch", routes.batch_search),
        ("POST", "/v1/preferences", routes.preferences),
        ("POST", "/v1/understand", routes.understand),
        ("GET", "/v1/tasks", routes.list_tasks),
        ("GET", "/v1/tasks/watch", routes.watch_tasks),
        ("POST", "/v1/tasks/wait", routes.wait_tasks),
        ("GET", "/v1/tasks/{task_id}", routes.get_task),
        ("POST", "/v1/tasks/{task_id}/cancel", routes.cancel_task),
        ("POST", "/v1/tasks/{task_id}/retry", routes.retry_task),
        ("POST", "/v1/reset", routes.reset),
        ("POST", "/v1/cubes", routes.create_cube),
        ("GET", "/v1/cubes", routes.list_cubes),
        ("GET", "/v1/cubes/{cube_id:path}", routes.get_cube),
        ("DELETE", "/v1/cubes/{cube_id:path}", routes.delete_cube),
        ("GET", "/v1/events", routes.events),
        ("GET", "/v1/status", routes.status),
        ("GET", "/health", routes.health),
        ("GET", "/metrics", routes.metrics),
    ):
        app.add_api_route(path, handler, methods=[method], name=handler.__name__, response_model=None)

    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))

    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)

    async def refuse(request: Request, failure: Exception) -> JSONResponse:
        return answer_refusal(failure)

    async def refuse_invalid(request: Request, failure: Exception) -> JSONResponse:
        assert isinstance(failure, RequestValidationError)
        return answer_refusal(of_validation(failure))

    async def refuse_http(request: Request, failure: Exception) -> JSONResponse:
        assert isinstance(failure, HTTPException)
        return of_http(request, failure)

    app.add_exception_handler(MemCubeError, refuse)
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    app.add_exception_handler(HTTPException, refuse_http)
    app.add_middleware(Guard, door=door)
    return app
