"""Secrets: keys whose form is known, what is called a password, and rows of characters too random for words.

Forms are those that their issuers document (a prefix of their own, a length).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from memcube.actors.redaction.kinds import Kind, Span

__all__ = ["random_in", "secrets_in"]

_KNOWN = re.compile(
    r"""(?x)(?<![A-Za-z0-9])(?:
      (?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}                       # AWS access key
    | gh[pousr]_[A-Za-z0-9]{36,255} | github_pat_[A-Za-z0-9_]{22,255}
    | glpat-[A-Za-z0-9_-]{20,} | xox[abeoprs]-[A-Za-z0-9-]{10,} | xapp-[A-Za-z0-9-]{20,}
    | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}               # Stripe
    | sk-(?:ant-|proj-|svcacct-|or-)?[A-Za-z0-9_-]{20,}         # OpenAI, Anthropic, OpenRouter
    | AIza[A-Za-z0-9_-]{35} | ya29\.[A-Za-z0-9_-]{20,}          # Google
    | hf_[A-Za-z0-9]{30,} | npm_[A-Za-z0-9]{36} | pypi-[A-Za-z0-9_-]{50,} | dop_v1_[a-f0-9]{64}
    | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,} | mck_[a-z2-7]{32}
    | \d{8,10}:AA[A-Za-z0-9_-]{33}                              # Telegram bot
    | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}   # JSON Web Token
    )(?![A-Za-z0-9])
    """
)
_PEM_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_IN_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,100}:(?P<value>[^\s/@]{1,200})@", re.IGNORECASE)
_CALLED = re.compile(
    r"""(?xi)(?<![A-Za-z])(?:pass(?:word|phrase|wd|code)|pwd|secret(?:[ _-]?key)?|api[ _-]?key|access[ _-]?(?:key|token)
        |auth[ _-]?token|bearer[ _-]?token|client[ _-]?secret|private[ _-]?key|pin(?:[ ]code)?|密码|口令|密钥)
        (?:[ ]for[ ][\w .'-]{1,40}?)?(?P<said>["']?\s{0,3}(?:=>|:=|[=:：]|\bis\b|是|为)\s{0,3})
        (?:(?P<quote>["'`])(?P<quoted>[^"'`\n]{4,200})(?P=quote)|(?P<value>[^\s"'`,;，。；]{4,200}))"""
)
_RANDOM = re.compile(r"(?<![A-Za-z0-9+/_=.-])[A-Za-z0-9+/_-]{24,512}={0,2}(?![A-Za-z0-9+/_=-])")
_HEX = re.compile(r"[0-9a-fA-F]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MEMORY_ID = re.compile(r"[a-z2-7]{20}-[a-z2-7]{26}")
_STANDS_IN = re.compile(r"(?i)your|example|changeme|placeholder|redacted|x{4,}|\*{3,}|\.{3,}|^\[[A-Z]+")
"""Words for a secret that stand where one is to be put, and our own marks."""
BITS_A_CHARACTER = 4.0
"""Entropy above which a mixed row is no word, name or path: random base64 of 24 characters has 4.3 on average, English
words run together under 3.8."""


def secrets_in(text: str) -> Iterator[Span]:
    """What is a secret by its form or by what it is called, in no order; spans may overlap."""
    for match in _KNOWN.finditer(text):
        yield Span(*match.span(), Kind.SECRET)
    if "PRIVATE KEY" in text:
        start = 0
        while begins := _PEM_BEGINS.search(text, start):
            ends = _PEM_ENDS.search(text, begins.end())
            # One that was cut off is secret to the end.
            start = ends.end() if ends else len(text)
            yield Span(begins.start(), start, Kind.SECRET)
    if "://" in text:
        for match in _IN_URL.finditer(text):
            yield Span(*match.span("value"), Kind.SECRET)
    for match in _CALLED.finditer(text):
        start, end = match.span("quoted" if match["quote"] else "value")
        while not match["quote"] and end > start and text[end - 1] in ".!?)]}":
            end -= 1
        if end - start >= 4 and _is_a_value(text[start:end], match["said"], bool(match["quote"])):
            yield Span(start, end, Kind.SECRET)


def random_in(text: str) -> Iterator[Span]:
    """Rows of characters too random for words; those within an address of the web are the caller's to leave out."""
    for match in _RANDOM.finditer(text):
        if _is_random(match.group()):
            yield Span(*match.span(), Kind.SECRET)


def _is_a_value(value: str, said: str, quoted: bool) -> bool:
    """Whether what follows is a secret and no word of the sentence, no name or call of a program: 'the password is
    wrong' and ``password = form.get(…`` tell none."""
    if value.startswith(("$", "{", "<", "%", "[", "*")) or _STANDS_IN.search(value):
        return False
    if quoted or not said.isascii():
        return True
    if "(" in value or "[" in value:
        return False
    return any(one.isdigit() for one in value) or re.fullmatch(r"[A-Za-z_.-]+", value) is None


def _is_random(row: str) -> bool:
    if _UUID.fullmatch(row) or _MEMORY_ID.fullmatch(row) or _HEX.fullmatch(row):
        # Digests and ids are no secrets by their look; one that is called a key is found by its name.
        return False
    kinds = (any(map(str.isdigit, row)), any(map(str.islower, row)), any(map(str.isupper, row)))
    if sum(kinds) < 3 or row.count("/") > 2 or row.count("-") + row.count("_") > 4:
        return False
    counts = Counter(row)
    bits = -sum(n / len(row) * math.log2(n / len(row)) for n in counts.values())
    return bits >= BITS_A_CHARACTER
