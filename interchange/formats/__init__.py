"""The foreign formats: which there are, and which one a document is of, by what it says."""

from __future__ import annotations

from memcube.interchange.formats.base import Format
from memcube.interchange.formats.chats import CHATGPT, CLAUDE, CLAUDE_MEMORIES
from memcube.interchange.formats.letta import LETTA
from memcube.interchange.formats.markdown import MARKDOWN
from memcube.interchange.formats.mcp import MCP
from memcube.interchange.formats.mem0 import MEM0
from memcube.interchange.formats.memos import MEMOS, MEMOS_LIST
from memcube.interchange.formats.oamp import OAMP, OAMP_ENTRY, OAMP_USER
from memcube.interchange.formats.pam import PAM, PAM_CONVERSATION, PAM_EMBEDDINGS
from memcube.interchange.formats.skim import Skim
from memcube.model.errors import InvalidArgumentError

__all__ = ["FORMATS", "WRITTEN", "format_named", "format_of"]

FORMATS: tuple[Format, ...] = (
    PAM,
    PAM_CONVERSATION,
    PAM_EMBEDDINGS,
    OAMP,
    OAMP_ENTRY,
    OAMP_USER,
    LETTA,
    MEMOS,
    MEMOS_LIST,
    MCP,
    CHATGPT,
    CLAUDE,
    CLAUDE_MEMORIES,
    MEM0,
    MARKDOWN,
)
"""In the order in which they are asked; Markdown takes any text."""
WRITTEN = ("mem0", "pam", "oamp", "af", "mcp", "memos", "chatgpt", "claude", "markdown")
"""Those that memories of anywhere can be written in. The others only take back what came from them."""


def format_of(seen: Skim) -> Format | None:
    """The format of a document that looks like this; None if it is of none that is known."""
    return next((one for one in FORMATS if one.recognizes(seen)), None)


def format_named(name: str, field: str = "format") -> Format:
    """The format of this name. Raises InvalidArgumentError(field)."""
    for one in FORMATS:
        if one.name == name:
            return one
    raise InvalidArgumentError(field, f"{name[:64]!r} is none of {', '.join(one.name for one in FORMATS)}")
