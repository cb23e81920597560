"""What of a text is personal or secret: by form and check digits, without a model.

Names, street addresses and dates have no form and are not looked for; ``benchmarks/governance.py`` says how much of
each kind is found in Presidio's synthetic sentences.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from memcube.actors.redaction.checksums import iban_holds, luhn_holds
from memcube.actors.redaction.kinds import Kind, Span
from memcube.actors.redaction.phones import phones_in
from memcube.actors.redaction.secrets import random_in, secrets_in

__all__ = ["find"]

_EMAIL = re.compile(r"(?<![\w.+-])[^\W_][\w.+'%-]{0,63}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_FILE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".js", ".css", ".py", ".html", ".json", ".md")
_GENERIC = r"com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|cloud|online|shop|site|xyz|tech|me|tv|eu"
_DOMAIN = re.compile(
    r"(?<![\w@.-])(?:(?:https?|ftp|wss?)://(?:[^\s/@:]{1,100}(?::[^\s/@]{1,200})?@)?|www\.)"
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){0,8}[^\W\d_][\w-]{0,61}(?::\d{2,5})?(?:/[^\s<>\"'`）」]{0,2000})?"
    rf"|(?<![\w@./\\-])(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.){{1,4}}(?:{_GENERIC}|co\.uk|com\.[a-z]{{2}})(?![\w@-]|\.\w)",
    re.IGNORECASE,
)
_CARD = re.compile(
    r"(?<![A-Za-z0-9_.+-])(?:\d{12,19}|\d{4}(?:[ -]\d{4}){2,3}(?:[ -]\d{1,4})?|\d{4}[ -]\d{6}[ -]\d{4,5})(?![A-Za-z0-9_-]|\.\d)"
)
_CARD_FIRST = {
    12: ("50", "56", "57", "58", "6"),
    13: ("4", "50", "56", "57", "58", "6"),
    14: ("30", "36", "38", "39", "50", "6"),
    15: ("34", "37", "2131", "1800", "50", "6"),
    16: ("4", "5", "6", "35", "2"),
    17: ("50", "56", "57", "58", "6"),
    18: ("50", "56", "57", "58", "6"),
    19: ("4", "50", "56", "57", "58", "6"),
}
"""Issuers' first digits by the number's length: Visa, Mastercard and Maestro, American Express, Diners, JCB, Discover,
UnionPay (ISO/IEC 7812 as the issuers publish it)."""
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{1,4}){3,9}(?![A-Za-z0-9])")
_SSN = re.compile(
    r"(?<![A-Za-z0-9_.-])(?!000|666)(?:[0-8]\d{2}|9\d{2})[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![A-Za-z0-9_]|[-.]\d)"
)
_SSN_CUE = re.compile(r"(?:\bssn\b|social security)[^\d]{0,40}$", re.IGNORECASE)
_SSN_SOLID = re.compile(r"(?<![A-Za-z0-9_.-])\d{9}(?![A-Za-z0-9_]|[-.]\d)")
_IPV4 = re.compile(r"(?<![A-Za-z0-9_.-])(?:\d{1,3}\.){3}\d{1,3}(?![A-Za-z0-9_-]|\.\d)")
_IPV6 = re.compile(
    r"(?<![A-Za-z0-9_:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![A-Za-z0-9_:])"
)
_TRAILING = ".,;:!?)]}'\"»”’、。，；："


def find(text: str) -> list[Span]:
    """What is personal or secret in ``text``, in order, none overlapping. Linear in its length; called by the reader
    for each text that is stored, and where memories leave."""
    found: list[Span] = []
    taken = bytearray(len(text))
    # In order of certainty: what an earlier one holds is not looked at again.
    for span in _all(text):
        if span.end > span.start and taken.find(1, span.start, span.end) < 0:
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
            found.append(span)
    return sorted(found)


def _all(text: str) -> Iterator[Span]:
    yield from sorted(secrets_in(text), key=lambda span: span.start - span.end)
    if "@" in text:
        for match in _EMAIL.finditer(text):
            # icon@2x.png is a picture for screens of twice the density.
            if not match.group().lower().endswith(_FILE_ENDINGS):
                yield Span(*match.span(), Kind.EMAIL)
    if "." in text:
        for match in _DOMAIN.finditer(text):
            start, end = match.span()
            while text[end - 1] in _TRAILING:
                end -= 1
            yield Span(start, end, Kind.DOMAIN)
    yield from random_in(text)
    if any(map(str.isdigit, text)):
        yield from _numbers(text)


def _numbers(text: str) -> Iterator[Span]:
    for match in _IBAN.finditer(text):
        # Groups of letters after it may be the sentence's next words: the longest beginning that holds is it.
        for end in range(match.end(), match.start() + 14, -1):
            if end < len(text) and text[end].isalnum():
                continue
            if iban_holds(re.sub(r"[ -]", "", text[match.start() : end])):
                yield Span(match.start(), end, Kind.IBAN)
                break
    for match in _CARD.finditer(text):
        digits = re.sub(r"[ -]", "", match.group())
        if digits.startswith(_CARD_FIRST.get(len(digits), ())) and luhn_holds(digits):
            yield Span(*match.span(), Kind.CARD)
    for match in _SSN.finditer(text):
        yield Span(*match.span(), Kind.SSN)
    for match in _SSN_SOLID.finditer(text):
        if _SSN_CUE.search(text[max(0, match.start() - 60) : match.start()]):
            yield Span(*match.span(), Kind.SSN)
    for form in (_IPV4, _IPV6):
        for match in form.finditer(text):
            if _is_address(match.group()):
                yield Span(*match.span(), Kind.IP)
    yield from phones_in(text)


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 6 and re.search(r"[0-9A-Fa-f]{3}", text) is None:
        return False  # a::b is C++
    return not (address.is_loopback or address.is_unspecified or address.is_link_local)
