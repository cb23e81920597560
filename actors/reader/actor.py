"""The Ray shell of a reader: the detached actors ``reader-0``, ``reader-1``, … of the namespace ``memcube``.

The scheduler starts and ends them. Imports neither torch nor ray.serve; the client of the language model and what
reads documents are loaded inside, by the recipe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util import list_named_actors
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from memcube.actors.directory.ray_wire import RayWire
from memcube.actors.directory.wire import NAMESPACE
from memcube.actors.llm import Prompt
from memcube.actors.reader import reader
from memcube.actors.reader.reader import Asked, Converted, Cubes, Handler, TaskJob
from memcube.actors.scheduler.job import Outcome
from memcube.model.errors import UnavailableError

__all__ = ["RayCrew", "ReaderActor", "ReaderRecipe"]

PREFIX = "reader-"
CALLS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class ReaderRecipe:
    """What a reader is made of, as callables that make it inside its process: module-level functions or partials."""

    open_cubes: Callable[[], Cubes]
    open_chat: Callable[[], Any] | None = None
    """The client of the language model; None where none is configured."""
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    """Who does tasks of a kind."""
    convert: Callable[..., Any] | None = None
    """Makes text of a document's bytes; blocking."""


class Reader(reader.Reader):
    """The reader, as an actor."""

    def __init__(self, name: str, recipe: ReaderRecipe) -> None:
        chat = recipe.open_chat() if recipe.open_chat is not None else None
        # Ray ships this class by value, where the cell behind a bare super() is another class.
        reader.Reader.__init__(self, name, recipe.open_cubes(), chat, recipe.handlers, recipe.convert)

    async def tasks(self) -> list[str]:
        """See ``reader.Reader.tasks``."""
        return await reader.Reader.tasks(self)

    async def perform(self, job: TaskJob) -> Outcome:
        """See ``reader.Reader.perform``."""
        return await reader.Reader.perform(self, job)

    async def ask(self, prompt: Prompt, within_s: float) -> Asked:
        """See ``reader.Reader.ask``."""
        return await reader.Reader.ask(self, prompt, within_s)

    async def convert(self, name: str, media_type: str, data: Any, within_s: float) -> Converted:
        """See ``reader.Reader.convert``; ``data`` is a list with the reference of the bytes."""
        (reference,) = data
        try:
            async with asyncio.timeout(within_s):
                content: bytes = await reference
        except (RayError, TimeoutError):
            return Converted(None, UnavailableError("the document's bytes (their sender is gone)"))
        return await reader.Reader.convert(self, name, media_type, content, within_s)

    async def stop(self) -> None:
        """See ``reader.Reader.stop``."""
        await reader.Reader.stop(self)


ReaderActor = ray.remote(Reader)


class RayCrew(RayWire):
    """See ``scheduler.desk.Crew``: readers on the scheduler's own node, where the frames are."""

    def __init__(self, recipe: ReaderRecipe) -> None:
        super().__init__()
        self._recipe = recipe

    async def running(self) -> list[str]:
        """See ``Crew.running``."""
        try:
            named = await asyncio.to_thread(list_named_actors, all_namespaces=True)
        except RayError as error:
            raise UnavailableError("Ray") from error
        return sorted(row["name"] for row in named if row["namespace"] == NAMESPACE and row["name"].startswith(PREFIX))

    async def start(self, name: str) -> None:
        """See ``Crew.start``. Detached: a scheduler that is killed leaves its readers at their work."""
        node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        options = ReaderActor.options(
            name=name,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=CALLS_AT_ONCE,
            num_cpus=0,
            scheduling_strategy=node,
        )
        try:
            self._handles[name] = await asyncio.to_thread(options.remote, name, self._recipe)
        except RayError as error:
            raise UnavailableError(name) from error

    async def end(self, name: str) -> None:
        """See ``Crew.end``."""
        handle = self._handles.pop(name, None)
        with suppress(RayError, ValueError):
            handle = handle or await asyncio.to_thread(ray.get_actor, name, NAMESPACE)
            await asyncio.to_thread(ray.kill, handle, no_restart=True)
