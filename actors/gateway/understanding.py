"""A request in words as an operation: by rules, bettered by a language model where one is wanted and there. No cube."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.fine import ASKED_SHARE
from memcube.actors.gateway.seam import Scheduler
from memcube.actors.llm import Bill
from memcube.actors.llm.bill import spending_of
from memcube.actors.reader.understand import Intent, Understanding, understand
from memcube.actors.reader.understand_llm import read_answer, understand_prompt
from memcube.model.errors import NotConfiguredError
from memcube.model.times import from_timestamp, to_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["answer_understand"]

SHARE = 0.8
"""Part of the call's time that the model may take before the answer is that of the rules."""
WORDS = {Intent.HOWTO: "skill", Intent.CHAT: "none"}
"""Intents as the protocol spells them, where that is not their own name."""


async def answer_understand(
    scheduler: Scheduler | None, caller: Caller, request: pb.UnderstandRequest
) -> pb.UnderstandResponse:
    """What the request asks for. Never fails for the model: ``degraded`` says what kept it from being asked."""
    given = request.HasField("reference_time")
    reference = from_timestamp("reference_time", request.reference_time) if given else datetime.now(UTC)
    # The first Chinese request of a process loads a dictionary: a second that no other call shall wait for.
    read = await asyncio.to_thread(understand, request.query, reference)
    if not request.fine:
        return _response(read)
    within_s = caller.left_s * SHARE
    bill, problem = Bill(), ""
    try:
        if scheduler is None:
            raise NotConfiguredError("a language model")
        async with asyncio.timeout(within_s):
            prompt = understand_prompt(read, reference)
            reply = await scheduler.ask(caller.principal, prompt, within_s * ASKED_SHARE, bill)
        read = read_answer(reply, read, reference)
    except TimeoutError:
        problem = f"no answer within {within_s:.1f} s"
    except Exception as failure:  # noqa: BLE001 - the rules' answer stands, whatever became of the model's
        problem = as_error(failure, "the language model").message
    answer = _response(read)
    answer.spent.CopyFrom(spending_of(bill.spent))
    if problem:
        answer.degraded.append(f"language model: {problem}; understood by rules")
    return answer


def _response(read: Understanding) -> pb.UnderstandResponse:
    times = [pb.TimeSpan(start=to_timestamp(span.start), end=to_timestamp(span.end)) for span in read.spans]
    return pb.UnderstandResponse(
        intent=WORDS.get(read.intent, read.intent.value),
        memory_types=[int(kind) for kind in read.memory_types],  # type: ignore[misc]
        topics=read.topics,
        people=read.people,
        times=times,
        rewritten=read.query,
        sub_questions=read.sub_questions,
        language=read.language,
        confidence=read.confidence,
        by=read.by,
    )
