"""What an add brings besides text, made text before the cube sees it: documents by a reader, images by what is known.

To the cube a file's data is its text. What can't be read of several things is skipped and told; where nothing else is
left of the request, it is refused. Nothing is fetched from anywhere.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from memcube.actors.cube.validate_add import check_add
from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.seam import Scheduler
from memcube.actors.llm import Prompt, Reply
from memcube.actors.llm.texts import language_of
from memcube.actors.reader import convert
from memcube.actors.reader.captions import Ask, captioned
from memcube.actors.reader.converted import Converted
from memcube.actors.reader.images import facts_of
from memcube.actors.reader.parts import image_name
from memcube.model.content import data_of_url
from memcube.model.errors import DeadlineError, InvalidArgumentError, TooLargeError
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["CAPTION_S", "CONVERT_S", "digest_of", "has_parts", "origin_of", "taken", "with_skipped"]

CONVERT_S, CAPTION_S = 60.0, 20.0
RESERVE_S = 2.0
"""Of the caller's time, kept for the cube."""
SMALL_BYTES = 64 * 1024
"""Up to here decoding and looking at bytes is done in the event loop."""
TEXT_MEDIA = "text/markdown"
_IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"})
_TITLE_CHARS = 200


def has_parts(request: pb.AddRequest) -> bool:
    """Whether there is anything for ``taken`` to do."""
    return any(part.WhichOneof("content") != "text" for message in request.messages for part in message.parts)


def digest_of(request: pb.AddRequest | pb.FeedbackRequest) -> bytes:
    """A digest of a request, its idempotency key apart."""
    key = request.idempotency_key
    request.ClearField("idempotency_key")
    digest = hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=16).digest()
    request.idempotency_key = key
    return digest


async def origin_of(request: pb.AddRequest) -> bytes:
    """A digest of a request as it came, its idempotency key apart: what makes a retry the same request."""
    large = request.ByteSize() > SMALL_BYTES
    return await asyncio.to_thread(digest_of, request) if large else digest_of(request)


async def taken(caller: Caller, request: pb.AddRequest, scheduler: Scheduler | None) -> list[pb.Skipped]:
    """Make text of all documents and images of a checked request, in place; what was left out, or is known in part.

    Raises InvalidArgumentError and TooLargeError where nothing that could be remembered is left, and what says that
    reading is not possible now (ExhaustedError, UnavailableError, DeadlineError, MissingExtraError).
    """
    skipped: list[pb.Skipped] = []
    problems: list[InvalidArgumentError] = []
    for place, message in enumerate(request.messages):
        kept: list[pb.Part] = []
        for number, part in enumerate(message.parts):
            field = f"messages[{place}].parts[{number}]"
            try:
                kept.append(await _part(caller, part, scheduler, partial(_note, skipped, place), _language(message)))
            except InvalidArgumentError as error:
                problems.append(_renamed(error, f"{field}.{part.WhichOneof('content')}"))
                _note(skipped, place, "unreadable", f"{_named(part)} {_problem(error)}")
        del message.parts[:]
        message.parts.extend(kept)
    if problems and not any(_left(request)):
        raise problems[0]
    check_add(request)
    return skipped


def with_skipped(answer: bytes, skipped: Sequence[pb.Skipped]) -> bytes:
    """A cube's serialized answer with what was left out before the cube saw the request."""
    if not skipped:
        return answer
    told = pb.AddResponse.FromString(answer)
    known = {one.message for one in skipped}
    # A message that came without anything readable is empty to the cube; here is why.
    kept = [one for one in told.skipped if one.reason != "empty" or one.message not in known]
    del told.skipped[:]
    told.skipped.extend((*kept, *skipped))
    return told.SerializeToString()


def _left(request: pb.AddRequest) -> Iterator[bool]:
    """What of a request is still there to be remembered."""
    yield bool(request.tool_schemas)
    for message in request.messages:
        yield bool(message.content.strip() or message.tool_calls or message.tool_call_id)
        yield from (part.WhichOneof("content") != "text" or bool(part.text.strip()) for part in message.parts)


def _note(skipped: list[pb.Skipped], place: int, reason: str, detail: str) -> None:
    skipped.append(pb.Skipped(message=place, reason=reason, detail=detail[:1000]))


async def _part(caller: Caller, part: pb.Part, scheduler: Scheduler | None, note: Any, language: str) -> pb.Part:
    kind = part.WhichOneof("content")
    if kind == "text":
        return part
    if kind == "image":
        return pb.Part(file=await _image(caller, part.image, scheduler, note, language))
    file = part.file
    if file.media_type.lower().startswith("image/") or PurePosixPath(file.name).suffix.lower() in _IMAGE_SUFFIXES:
        image = pb.Image(data=file.data, name=file.name or file.id, media_type=file.media_type)
        return pb.Part(file=await _image(caller, image, scheduler, note, language))
    return pb.Part(file=await _document(caller, file, scheduler, note))


async def _document(caller: Caller, file: pb.File, scheduler: Scheduler | None, note: Any) -> pb.File:
    within_s = _within_s(caller, CONVERT_S)
    data = bytes(file.data)
    if scheduler is None:
        done: Converted = await convert.converted(file.name, file.media_type, data, within_s)
    else:
        done = await scheduler.convert(caller.principal, file.name, file.media_type, data, within_s)
    for told in done.notes:
        note("partly", f"{file.name or 'a file'}: {told}")
    text = done.text
    title = " ".join(done.title.split())[:_TITLE_CHARS]
    if title and title not in text[: 2 * _TITLE_CHARS]:
        text = f"# {title}\n\n{text}"
    return pb.File(data=text.encode(), name=file.name, media_type=TEXT_MEDIA, id=file.id)


async def _image(caller: Caller, image: pb.Image, scheduler: Scheduler | None, note: Any, language: str) -> pb.File:
    if image.url[:5].lower() == "data:":
        large = len(image.url) > SMALL_BYTES
        decode = partial(data_of_url, "url", image.url)
        kind, data = await asyncio.to_thread(decode) if large else decode()
        image = pb.Image(data=data, media_type=image.media_type or kind, name=image.name)
    if image.data:
        facts = facts_of(image.data)
        if facts is None:
            raise InvalidArgumentError("image", "is no image of a kind that is known (png, jpeg, gif, webp, bmp, tiff)")
        media_type = facts.media_type
    elif not image.url:
        raise InvalidArgumentError("image", "is empty")
    else:
        media_type = image.media_type if image.media_type.lower().startswith("image/") else "image/unknown"
    ask = None if scheduler is None or not image.data else _ask(caller, scheduler)
    done = await captioned(image, ask, language)
    # Without a model that sees nothing has failed, and nobody is told of it with each image.
    if done.note and ask is not None and done.set_up:
        note("caption", f"{image_name(image) or 'an image'}: {done.note}")
    return pb.File(data=done.text.encode(), name=image_name(image)[:256], media_type=media_type)


def _ask(caller: Caller, scheduler: Scheduler) -> Ask:
    async def ask(prompt: Prompt) -> Reply:
        return await scheduler.ask(caller.principal, prompt, _within_s(caller, CAPTION_S))

    return ask


def _within_s(caller: Caller, most_s: float) -> float:
    left_s = caller.left_s - RESERVE_S
    if left_s <= 0:
        raise DeadlineError("reading the request", 0.0)
    return min(most_s, left_s)


def _language(message: pb.Message) -> str:
    said = message.content or " ".join(part.text for part in message.parts if part.WhichOneof("content") == "text")
    return language_of(said[:1000])


def _named(part: pb.Part) -> str:
    if part.WhichOneof("content") == "image":
        return image_name(part.image) or "an image"
    return part.file.name or part.file.id or "a file"


def _problem(error: InvalidArgumentError) -> str:
    return f"has {error.problem}" if isinstance(error, TooLargeError) else error.problem


def _renamed(error: InvalidArgumentError, field: str) -> InvalidArgumentError:
    if isinstance(error, TooLargeError):
        return TooLargeError(field, error.size, error.limit, error.unit)
    return InvalidArgumentError(field, error.problem)
