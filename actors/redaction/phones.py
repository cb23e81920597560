"""Phone numbers: rows of digits that are written as such, or stand where a number to call would.

A row whose shape alone says it (``+46 8 928 571``, ``(602) 272-9781``, ``01.84.17.61.18``) is one; a row that could be
anything (``9472 7916``, ``5403926876``) is one only beside a word for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from memcube.actors.redaction.kinds import Kind, Span

__all__ = ["phones_in"]

_ROW = re.compile(
    r"(?<![A-Za-z0-9_./#$€£+-])(?<!\d,)"
    r"(?P<plus>\+|00[1-9])?"
    # Possessive: how a row of digits is cut is decided once, or a long one would be cut in thousands of ways.
    r"(?P<body>\(?\d{1,15}+\)?+(?:[ .\-/]{1,2}+\(?\d{1,10}+\)?|\(\d{1,5}+\)|(?<=\))\d{1,10}+){0,6}+)"
    r"(?P<extension>[ ]?(?:x|ext\.?|extension)[ ]?\d{1,6})?"
    r"(?![A-Za-z0-9_])(?!\.\d)(?![/%€$£])",
    re.IGNORECASE,
)
_CUE_BEFORE = re.compile(
    r"\b(?:phones?|tel|telephone|mobile|cell|fax|call(?:s|ed|ing)?|dial|ring|text|sms|whatsapp|desk|office|home|work"
    r"|contact|hotline|message(?:s)? (?:to|on)|messages? on my registered|answer(?:ing)? at|reach(?:ed)? (?:\w+ )?(?:at|on)"
    r"|registered|number|teléfono|téléphone|telefon|handy|móvil|cellulare|tél)\b[^\d]{0,24}$"
    r"|(?:电话|手机|手機|電話|传真|致电|拨打|号码)[^\d]{0,6}$",
    re.IGNORECASE,
)
_CUE_AFTER = re.compile(
    r"^[ \-,:()]{0,3}(?:office|fax|mobile|cell|home|work|desk|phone|tel|ext)\b|^[ ]?(?:电话|手机)", re.IGNORECASE
)
_OTHER_NUMBER = re.compile(
    r"\b(?:card|account|acct|invoice|order|ticket|case|ssn|security|license|licence|passport|zip|postal|postcode|isbn|issn"
    r"|doi|version|tracking|serial|model|part|flight|patent|vat|id|iban|box|suite|apt|unit|room)\b[^\d]{0,24}$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./](?:0?[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|[12]\d|3[01])[-./](?:19|20)?\d\d"
)
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d[ ]?[-/][ ]?(?:(?:1[5-9]|20)\d\d|\d\d)")
_LOOK_CHARS = 60
FEWEST_DIGITS, MOST_DIGITS = 7, 15
"""Of a number with its area; the most is E.164's."""


def phones_in(text: str) -> Iterator[Span]:
    """The phone numbers of a text, in order."""
    for row in _ROW.finditer(text):
        start, end = row.span()
        while end > start and not text[end - 1].isalnum():
            end -= 1
        digits = sum(one.isdigit() for one in row["body"])
        if not FEWEST_DIGITS <= digits + sum(one.isdigit() for one in row["plus"] or "") <= MOST_DIGITS:
            continue
        body = text[start:end]
        if _DATE.match(body) or _YEARS.fullmatch(body):
            continue
        before = text[max(0, start - _LOOK_CHARS) : start]
        if _OTHER_NUMBER.search(before):
            continue
        if _says_so(row) or _CUE_BEFORE.search(before) or _CUE_AFTER.match(text[end : end + 16]):
            yield Span(start, end, Kind.PHONE)


def _says_so(row: re.Match[str]) -> bool:
    """Whether its shape alone makes it a phone number."""
    body = row["body"]
    groups = re.findall(r"\d+", body)
    if row["plus"] or row["extension"]:
        return len(groups) > 1 or row["plus"] == "+"
    if re.match(r"\(\d{2,5}\)", body):
        return len(groups) > 1 and len(groups[-1]) >= 3
    if len(groups) < 3 or max(map(len, groups)) > 4:
        return False
    digits = len("".join(groups))
    if "-" in body or "." in body:
        # 541-714-1388, 71-33-52-22, 01.84.17.61.18; no version, address or measure: their groups are shorter or fewer.
        return digits >= 8 and min(map(len, groups)) >= 2 and (len(groups) > 3 or len(groups[-1]) == 4)
    thousands = len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
    return digits >= 9 and not thousands and min(map(len, groups)) >= 2 and body.startswith("0")
