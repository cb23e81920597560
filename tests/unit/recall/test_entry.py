"""The index entry: what is kept of a document, and that damaged or foreign bytes are refused."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
import pytest

from memcube.actors.recall import Document, analyze
from memcube.actors.recall.analysis import IS_QUESTION, IS_USER, TELLS_TIME, minutes
from memcube.actors.recall.entry import HEADER, NEVER, decode
from memcube.actors.recall.words import digest
from memcube.model.errors import InvalidArgumentError

SAID = datetime(2023, 5, 10, 12, tzinfo=UTC)


def test_keeps_all_the_index_needs() -> None:
    """Terms with counts, length, speaker, session, position, time, spans and flags survive the bytes."""
    document = Document("a", "Yesterday tea, tea and coffee?", "Ann Lee", "s1", 7, SAID, "user")
    decoded = decode([analyze(Document("b", "other")), analyze(document)])
    head = decoded.heads[1]
    assert (head["length"], head["position"], head["said_at"]) == (4, 7, int(SAID.timestamp()))
    assert (head["session"], head["speaker"], head["speaker_first"]) == (digest("s1"), digest("ann lee"), digest("ann"))
    assert head["flags"] == IS_QUESTION | IS_USER | TELLS_TIME
    mine = decoded.term_of == 1
    counts = dict(zip(decoded.terms[mine].tolist(), decoded.counts[mine].tolist(), strict=True))
    assert counts == {digest("tea") >> 8: 2, digest("coffe") >> 8: 1, digest("yesterday") >> 8: 1}
    day = (minutes(datetime(2023, 5, 9, tzinfo=UTC)), minutes(datetime(2023, 5, 10, tzinfo=UTC)))
    assert (decoded.span_of.tolist(), decoded.spans.tolist()) == ([1], [list(day)])


def test_unknown_time_notes_but_does_not_resolve() -> None:
    """Without the time it was said, 'yesterday' is noted but has no span."""
    decoded = decode([analyze(Document("a", "yesterday"))])
    assert decoded.heads[0]["flags"] == TELLS_TIME
    assert (decoded.heads[0]["said_at"], len(decoded.spans)) == (NEVER, 0)


def test_counts_saturate() -> None:
    """A word said a thousand times fits its byte; long texts fit their header."""
    decoded = decode([analyze(Document("a", "tea " * 1000))])
    assert (decoded.counts.tolist(), decoded.heads[0]["length"]) == ([255.0], 1000)


def test_question_before_an_image_note() -> None:
    """The note of an image after the question mark does not hide that it is a question."""
    asks = analyze(Document("a", "What is this? [image: a dog]"))
    tells = analyze(Document("a", "This? It is a dog."))
    assert decode([asks, tells]).heads["flags"].tolist() == [IS_QUESTION, 0]


@pytest.mark.parametrize("cut", [b"", b"1234", bytes(HEADER.itemsize)])
def test_foreign_bytes_are_refused(cut: bytes) -> None:
    """Bytes that this version did not write are an error, never an empty memory."""
    with pytest.raises(InvalidArgumentError, match="entry"):
        decode([analyze(Document("a", "fine")), cut])


def test_cut_entry_is_refused() -> None:
    """An entry that lost its last word does not match its header."""
    with pytest.raises(InvalidArgumentError, match="entry"):
        decode([analyze(Document("a", "tea"))[:-8]])


def test_decodes_none() -> None:
    """An empty cube has no entries."""
    assert len(decode([]).heads) == 0
    assert decode([]).terms.dtype == np.uint64


def test_no_text_takes_long() -> None:
    """A frame that is busy with one text answers nobody: its directory would end it, and give the text to the next."""
    began_s = time.process_time()
    for text in ("?" + " " * 200_000 + "x", "? " * 100_000 + "x", "? [" * 60_000, "(" * 200_000):
        analyze(Document("a", text))
    assert time.process_time() - began_s < 5
