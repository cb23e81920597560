"""What is found in a text, what is left alone, and in what time."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from memcube.actors.redaction import Kind, find

FOUND = [
    ("write to ann.smith+news@mail.example.co.uk, please", Kind.EMAIL, "ann.smith+news@mail.example.co.uk"),
    ("Schreib an jürgen@müller.de!", Kind.EMAIL, "jürgen@müller.de"),
    ("my iban is de89 3704 0044 0532 0130 00 thanks", Kind.IBAN, "de89 3704 0044 0532 0130 00"),
    ("pay to FR1420041010050500013M02606.", Kind.IBAN, "FR1420041010050500013M02606"),
    ("card 4111 1111 1111 1111 exp 12/29", Kind.CARD, "4111 1111 1111 1111"),
    ("amex 3782-822463-10005", Kind.CARD, "3782-822463-10005"),
    ("SSN: 078-05-1120", Kind.SSN, "078-05-1120"),
    ("his social security number is 078051120.", Kind.SSN, "078051120"),
    ("host 203.0.113.77 answers", Kind.IP, "203.0.113.77"),
    ("over 2001:db8::8a2e:370:7334 now", Kind.IP, "2001:db8::8a2e:370:7334"),
    ("see https://www.Example.org/a?b=1.", Kind.DOMAIN, "https://www.Example.org/a?b=1"),
    ("it is on example.com, page 3", Kind.DOMAIN, "example.com"),
    ("+49 (0)30 901820 is the office", Kind.PHONE, "+49 (0)30 901820"),
    ("call (555) 010-7788 x12 after six", Kind.PHONE, "(555) 010-7788 x12"),
    ("reach me at 5550107788", Kind.PHONE, "5550107788"),
    ("Fax 451 5986", Kind.PHONE, "451 5986"),
    ("01.84.17.61.18", Kind.PHONE, "01.84.17.61.18"),
    ("我的手机号码是13912345678。", Kind.PHONE, "13912345678"),
    ("AKIAIOSFODNN7ABCDEFG leaked", Kind.SECRET, "AKIAIOSFODNN7ABCDEFG"),
    (
        "token ghp_16C7e42F292c6912E7710c838347Ae178B4a in the log",
        Kind.SECRET,
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    ),
    ("my wifi password is hunter2.", Kind.SECRET, "hunter2"),
    ("password: 'correct horse'", Kind.SECRET, "correct horse"),
    ("postgres://app:s3cr3t-pw@db.local/x", Kind.SECRET, "s3cr3t-pw"),
    ("key Zm9vYmFyMTIzNDU2Nzg5MEFCQ0RFRkdISktMTU5Q ok", Kind.SECRET, "Zm9vYmFyMTIzNDU2Nzg5MEFCQ0RFRkdISktMTU5Q"),
]
LEFT_ALONE = [
    "we met on 2024-03-11, and again 11/03/2024 at 19:30",
    "from 1914-1918 and 1939/45",
    "it costs 1,234,567.89 or 12 345 678 dollars",
    "version 10.2.33.4444 of build 20240311.7",
    "order number 5550107788 has shipped",
    "4111 1111 1111 1112 fails its check digit",
    "DE89 3704 0044 0532 0130 01 fails too",
    "listening on 127.0.0.1 and 0.0.0.0",
    "10:20:30 on the clock, a::b in C++",
    "use @app.route in main.py, e.g. foo.bar(x)",
    "icon@2x.png and user@localhost",
    "the password is wrong, and your API key is missing",
    "password = get_password(user)",
    "apiKey: 'YOUR_API_KEY_HERE'",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b, id 123e4567-e89b-12d3-a456-426614174000",
    "12 Main St Apt 864, Springfield 64677",
    "",
]


@pytest.mark.parametrize(("text", "kind", "value"), FOUND)
def test_what_is_found(text: str, kind: Kind, value: str) -> None:
    """The whole of it, nothing more, as the right kind."""
    assert [(span.kind, text[span.start : span.end]) for span in find(text) if span.kind is kind] == [(kind, value)]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_is_left_alone(text: str) -> None:
    """Numbers, code and words that only look like it."""
    assert [text[span.start : span.end] for span in find(text)] == []


def test_spans_do_not_overlap_and_stand_in_order() -> None:
    """The mail of an address holds a domain; it is one span."""
    text = "a@b.com, call +1 541 714 1388 or https://u:pw12@h.io/x 4111111111111111"
    spans = find(text)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    assert spans[0].kind is Kind.EMAIL
    assert {span.kind for span in spans} >= {Kind.EMAIL, Kind.PHONE, Kind.CARD, Kind.SECRET}


@pytest.mark.parametrize(
    "piece",
    ["1", "1 ", "12-", "(12) ", "a.", "a@", ":", "a:b:", "http://", "password ", "-----BEGIN PRIVATE KEY-----",
     "GB82 WEST ", "ab@cd.com ", "eyJaaaaaaaa.", "1" * 60 + ",", "12345678:", "x://a:b"],
)  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    """Time grows with the length, whatever the text: four times as much takes no more than about four times as long."""

    def took_s(chars: int) -> float:
        text = (piece * (chars // len(piece) + 1))[:chars]
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            find(text)
            best = min(best, time.process_time() - began)
        return best

    assert took_s(40_000) < max(0.02, 8 * took_s(10_000))
    assert took_s(40_000) < 2.0
