"""Recall: the index of one cube, and what turns memories and questions into what it compares."""

from __future__ import annotations

from memcube.actors.recall.analysis import ENTRY_VERSION, analyze
from memcube.actors.recall.document import Document
from memcube.actors.recall.index import CubeIndex, Hit
from memcube.actors.recall.pack import pack, without_duplicates, without_sources
from memcube.actors.recall.query import Query, parse_query
from memcube.actors.recall.tokens import estimate_tokens

__all__ = [
    "ENTRY_VERSION",
    "CubeIndex",
    "Document",
    "Hit",
    "Query",
    "analyze",
    "estimate_tokens",
    "pack",
    "parse_query",
    "without_duplicates",
    "without_sources",
]
