"""Turn a document into its index entry; runs once a memory, at add time, in the frame (or a reader)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from memcube.actors.operator.stating import states_preference
from memcube.actors.reader.timex import find_spans
from memcube.actors.recall import entry
from memcube.actors.recall.document import Document
from memcube.actors.recall.entry import ENTRY_VERSION
from memcube.actors.recall.words import digest, name_digests, words

__all__ = ["ENTRY_VERSION", "IS_QUESTION", "IS_USER", "STATES_PREFERENCE", "TELLS_TIME", "analyze", "minutes"]

IS_QUESTION = 1
"""Flag: the text ends with a question; such a turn seldom holds an answer."""
IS_USER = 2
"""Flag: the role is 'user': what 'I' and 'my' in a query speak of."""
TELLS_TIME = 4
"""Flag: the text has a time expression, resolved or not."""
STATES_PREFERENCE = 8
"""Flag: the user states a preference, a limit or a standing wish in it: a candidate of the verb ``preferences``."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_SPANS = 64
QUESTION_TAIL_CHARS = 512
"""How much of a text's end is looked at for a question mark: the pattern's time grows with the square of it."""
QUESTION_END = re.compile(r"[?？]\W*(?:\[[^\]]*\])?\s*$")


def minutes(at: datetime) -> int:
    """Whole minutes since 1970, floored, as spans are stored."""
    return (at - EPOCH) // timedelta(minutes=1)


def analyze(document: Document) -> bytes:
    """The document's entry, opaque to all but ``index``; the same document always gives the same bytes.

    A memory without ``said_at`` has its time expressions noted but not resolved. Beyond 64 expressions the rest are
    left out. Raises InvalidArgumentError("reference") where ``said_at`` has no zone.
    """
    terms: dict[int, int] = {}
    length = 0
    for term, _ in words(document.text):
        key = digest(term)
        terms[key] = terms.get(key, 0) + 1
        length += 1
    said_at = document.said_at
    spans = find_spans(document.text, said_at or EPOCH)[:MOST_SPANS]
    speaker, speaker_first = name_digests(document.speaker or "")
    flags = IS_QUESTION * bool(QUESTION_END.search(document.text[-QUESTION_TAIL_CHARS:])) | TELLS_TIME * bool(spans)
    flags |= STATES_PREFERENCE * states_preference(document.text, document.role or "")
    return entry.encode(
        {
            "flags": flags | IS_USER * (document.role == "user"),
            "length": length,
            "said_at": entry.NEVER if said_at is None else (said_at - EPOCH) // timedelta(seconds=1),
            "session": digest(document.session) if document.session else 0,
            "speaker": speaker,
            "speaker_first": speaker_first,
            "position": document.position,
        },
        [(minutes(span.start), minutes(span.end)) for span in spans] if said_at else [],
        terms,
    )
