"""How many tokens a text takes in a language model's prompt: an estimate that needs no tokenizer and no download."""

from __future__ import annotations

import re

__all__ = ["estimate_tokens"]

PIECE = re.compile(
    r"(?P<wide>[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003134f])"
    r"|(?P<word>[A-Za-z]+)|(?P<number>\d+)|(?P<other>[^\W\d_]+)|(?P<mark>[^\s\w]|_)"
)
LETTERS_A_TOKEN = 7
DIGITS_A_TOKEN = 3
OTHER_LETTERS_A_TOKEN = 2.5


def estimate_tokens(text: str) -> int:
    """Tokens that current byte-pair tokenizers (100,000 to 250,000 pieces) make of ``text``, about.

    English: a token for each word of up to seven letters, each run of three digits and each mark. Han, Kana and
    Hangul: a token a character, on the high side. Other scripts: a token for 2.5 letters. Meant for budgets: rather
    over than under, by some percent for prose and more for code.
    """
    tokens = 0.0
    for piece in PIECE.finditer(text):
        length = piece.end() - piece.start()
        if piece.lastgroup == "word":
            tokens += -(-length // LETTERS_A_TOKEN)
        elif piece.lastgroup == "number":
            tokens += -(-length // DIGITS_A_TOKEN)
        elif piece.lastgroup == "other":
            tokens += max(1.0, length / OTHER_LETTERS_A_TOKEN)
        else:
            tokens += 1
    return round(tokens)
