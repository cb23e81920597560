"""Parts of messages: which text a message says, and what stands beside it.

To a cube the data of a file is text: the gateway took it from the document (``actors.gateway.intake``), or it is a
text file. An image comes as a file too by then: of its media type, with what is known of it in words as data.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from memcube.actors.reader.images import describe, facts_of
from memcube.model.errors import InvalidArgumentError
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["TEXT_SUFFIXES", "URL_ONLY", "image_name", "image_text", "is_image", "is_text", "text_of", "text_of_file"]

TEXT_SUFFIXES = frozenset({".txt", ".md", ".markdown", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".log"})
"""Files that are text by their names."""
TEXT_MEDIA = frozenset({"application/json", "application/x-ndjson"})
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
"""First bytes that name an encoding; without them it is UTF-8."""
URL_ONLY = re.compile(r"\s*(https?://\S{1,2000})\s*", re.IGNORECASE)
"""A message that is an address and nothing else. What stands there is never fetched."""


def text_of(message: pb.Message) -> str:
    """What a message says in words: its content, and its text parts, a line each."""
    if not message.parts:
        return message.content
    texts = [part.text for part in message.parts if part.WhichOneof("content") == "text"]
    return "\n".join(([message.content] if message.content else []) + texts)


def is_text(file: pb.File) -> bool:
    """Whether a file says that it is text, so that nothing has to be taken from it."""
    if PurePosixPath(file.name).suffix.lower() in TEXT_SUFFIXES:
        return True
    kind = file.media_type.partition(";")[0].strip().lower()
    return kind in TEXT_MEDIA or (kind.startswith("text/") and kind != "text/html")


def is_image(file: pb.File) -> bool:
    """Whether a file says that it is an image."""
    return file.media_type.lower().startswith("image/")


def text_of_file(field: str, data: bytes) -> str:
    """The text in a file's bytes; raises InvalidArgumentError(field) for what is none."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(field, f"is not {encoding.upper()} text at byte {error.start}") from error
    if "\0" in text:
        raise InvalidArgumentError(field, f"is no text: it has a zero at character {text.index(chr(0))}")
    if not text.strip():
        raise InvalidArgumentError(field, "has no text in it")
    return text


def image_name(image: pb.Image) -> str:
    """How an image is called as a source: its name, else its address."""
    return image.name or (image.url if not image.url.startswith("data:") else "")


def image_text(image: pb.Image, caption: str = "") -> str:
    """An image in words, from its bytes where there are any."""
    return describe(image_name(image), image.media_type, len(image.data), facts_of(image.data), caption)
