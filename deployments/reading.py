"""What readers are made of: the handlers of tasks, the language model's client, what reads documents. Each part is
loaded where it is first needed, inside the reader."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from functools import partial
from typing import Any

from memcube.actors.directory.actor import connect_router
from memcube.actors.directory.config import RouterConfig
from memcube.actors.llm import LLMConfig
from memcube.actors.reader.actor import ReaderRecipe
from memcube.actors.store.client import StoreClient
from memcube.actors.store.hints import HintingRouter, Hints
from memcube.model.task import MEM_FEEDBACK, MEM_ORGANIZE, MEM_READ
from memcube.protos.memcube.v1 import work_pb2

__all__ = ["KINDS_WITH_MODEL", "check_llm", "kinds_with_model", "reader_recipe"]

KINDS_WITH_MODEL = frozenset({MEM_READ, MEM_FEEDBACK})
"""Tasks that wait while the language model is down."""
KINDS_WITHOUT_FALLBACK = frozenset({MEM_READ})
"""Those of them that wait while none is configured too; what a user said of memories is carried out by rules then."""


def kinds_with_model(llm: LLMConfig) -> frozenset[str]:
    """The kinds of tasks that need the language model, in a system with this one."""
    return KINDS_WITH_MODEL if llm.configured else KINDS_WITHOUT_FALLBACK


def reader_recipe(router: RouterConfig, llm: LLMConfig) -> ReaderRecipe:
    """The recipe of this system's readers."""
    return ReaderRecipe(
        partial(_open_cubes, router),
        partial(_open_chat, llm) if llm.configured else None,
        {MEM_READ: _read_finely, MEM_ORGANIZE: _organize, MEM_FEEDBACK: _judge},
        _convert,
    )


def check_llm(llm: LLMConfig) -> None:
    """Refuse what no reader could make a client of, before anything starts: a key that can't be one, say."""
    if llm.configured:
        _open_chat(llm)


def _open_cubes(router: RouterConfig) -> HintingRouter:
    return HintingRouter(connect_router(router), Hints(StoreClient()).touched)


def _open_chat(llm: LLMConfig) -> Any:
    from memcube.actors.llm.client import ChatModel

    return ChatModel(llm, os.environ.get(llm.api_key_env, ""))


async def _read_finely(work: work_pb2.TakeTaskResponse, chat: Any, now: datetime) -> work_pb2.FinishTaskRequest:
    from memcube.actors.reader.fine import read_finely

    return await read_finely(work, chat, now)


async def _organize(work: work_pb2.TakeTaskResponse, chat: Any, now: datetime) -> work_pb2.FinishTaskRequest:
    from memcube.actors.reader.organize import organize

    return await asyncio.to_thread(organize, work)


async def _judge(work: work_pb2.TakeTaskResponse, chat: Any, now: datetime) -> work_pb2.FinishTaskRequest:
    from memcube.actors.feedback.judge import judge

    return await judge(work, chat, now)


def _convert(name: str, media_type: str, data: bytes, within_s: float) -> Any:
    from memcube.actors.reader.convert import convert

    return convert(name, media_type, data, within_s)
