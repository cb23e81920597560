"""MemReader's fine stage: what was taken in fast is read again by a language model, a window of messages a call.

Runs in reader processes, for tasks of kind mem_read. It only adds: the fast items stay as they are, whatever comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from memcube.actors.llm.bill import Bill, spending_of
from memcube.actors.llm.client import ChatModel
from memcube.actors.llm.texts import language_of
from memcube.actors.reader.failing import failed
from memcube.actors.reader.fine_checks import Seen
from memcube.actors.reader.fine_drafts import Drafting, language_problem, when_of
from memcube.actors.reader.fine_prompt import Said, finely_prompt, said_of, windows
from memcube.model.errors import MemCubeError
from memcube.protos.memcube.v1 import item_pb2, work_pb2

__all__ = ["read_finely"]

MOST_NOTES = 15
"""Of one attempt; a task keeps some of the last ones."""
CONTEXT_BETWEEN = 6
"""Last messages of a window that the next one is understood by."""
READ = frozenset(
    {
        item_pb2.MEMORY_TYPE_UNSPECIFIED,
        item_pb2.MEMORY_TYPE_WORKING,
        item_pb2.MEMORY_TYPE_LONG_TERM,
        item_pb2.MEMORY_TYPE_USER,
        item_pb2.MEMORY_TYPE_OUTER,
        item_pb2.MEMORY_TYPE_RAW_FILE,
        item_pb2.MEMORY_TYPE_TOOL_TRAJECTORY,
        item_pb2.MEMORY_TYPE_PREFERENCE,
    }
)
"""Kinds of items that say something; a tool's schema does not."""


async def read_finely(work: work_pb2.TakeTaskResponse, chat: ChatModel, now: datetime) -> work_pb2.FinishTaskRequest:
    """What becomes of a mem_read task: drafts with their sources, notes on what was left out, and what it cost.

    Never raises for the model's sake: a failure is in ``error``, whether of the service (down, busy, silent: to be
    tried again) or of the answer (unusable also when asked once more: given up), always with what was spent. The
    caller sets the idempotency key.
    """
    bill = Bill()
    said = [said_of(item) for item in work.items if item.memory_type in READ and not item.derived_from]
    if not said:
        return _done(work, bill, Drafting("en", Seen()), ["nothing is left to be read"])
    seen = Seen()
    ids = {item.id for item in work.items}
    known = [item for item in work.known if item.id not in ids]
    seen.add((item.memory, when_of(item)) for item in known)
    drafting = Drafting(language_of(" ".join(one.text for one in said)), seen)
    context = [said_of(item) for item in work.context]
    try:
        for window in windows(said):
            prompt = finely_prompt(window, context, [item.memory for item in known], now)
            reply = await chat.ask(prompt, chat.config.timeout_s, _once(window), bill)
            drafting.take(reply.data, window, context)
            if reply.repaired:
                drafting.notes.append("the model's first answer was unusable, its second one is taken")
            context = window[-CONTEXT_BETWEEN:]
    except MemCubeError as error:
        return failed(work, error, bill)
    return _done(work, bill, drafting, drafting.notes)


def _once(window: Sequence[Said]) -> Callable[[Mapping[str, Any]], str]:
    """A check that sends an answer in the wrong language back once; after that, texts go one by one."""
    asked = False

    def check(data: Mapping[str, Any]) -> str:
        nonlocal asked
        problem = "" if asked else language_problem(data, window)
        asked = True
        return problem

    return check


def _done(
    work: work_pb2.TakeTaskResponse, bill: Bill, drafting: Drafting, notes: Sequence[str]
) -> work_pb2.FinishTaskRequest:
    request = _ended(work, bill)
    request.drafts.extend(drafting.drafts)
    request.notes.extend(notes[:MOST_NOTES])
    if len(notes) > MOST_NOTES:
        request.notes.append(f"and {len(notes) - MOST_NOTES} more of the kind")
    return request


def _ended(work: work_pb2.TakeTaskResponse, bill: Bill) -> work_pb2.FinishTaskRequest:
    spent = spending_of(bill.spent)
    return work_pb2.FinishTaskRequest(id=work.task.id, attempt=work.task.attempts, spent=spent)
