"""Small documents of each format, written for these tests, with the corners that real exports have."""

from __future__ import annotations

import json
from typing import Any

MEM0: Any = {
    "results": [
        {
            "id": "0f8fad5b-d9cb-469f-a165-70867728950e",
            "memory": "Nour drinks her coffee without sugar",
            "hash": "8a1f6b8e4c3d2b1a0f9e8d7c6b5a4938",
            "metadata": {"channel": "web", "score": 0.5, "nested": {"deep": [1, True, None]}},
            "categories": ["food", "preferences"],
            "created_at": "2025-03-01T10:00:00.123456-07:00",
            "updated_at": "2025-03-02T10:00:00Z",
            "user_id": "nour",
            "expiration_date": "2099-01-01",
            "score": 0.80,
            "structured_attributes": {"hour": 10},
        },
        {"id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "memory": "Nour works in Lyon ", "metadata": None,
         "created_at": "2025-03-01T10:00:00", "updated_at": None, "user_id": "nour", "agent_id": "a1"},
        {"id": "00000000-0000-0000-0000-000000000000", "memory": "", "user_id": "nour"},
    ],
    "relations": [{"source": "nour", "relationship": "works_in", "target": "lyon"}],
}  # fmt: skip

MCP = "\n".join(
    [
        json.dumps(
            {"type": "entity", "name": "Nour", "entityType": "person", "observations": ["drinks tea", "", "is 34"]}
        ),
        json.dumps({"type": "relation", "from": "Nour", "to": "Lyon", "relationType": "lives_in"}),
        json.dumps({"type": "entity", "name": "Lyon", "entityType": "city", "observations": []}),
        "{this line is broken",
        json.dumps(
            {"type": "entity", "name": "Café", "entityType": "place", "observations": ["öffnet um 7"], "extra": 1}
        ),
    ]
)

MEMOS: Any = {
    "nodes": [
        {
            "id": "3b9d2f6e-0c57-4a5d-9a50-5c3f7a1b2c3d",
            "memory": "The project uses Postgres 16.",
            "metadata": {
                "memory_type": "LongTermMemory", "status": "activated", "key": "database", "tags": ["infra"],
                "confidence": 97.5, "created_at": "2025-05-01T08:00:00.000001", "updated_at": "2025-05-02T08:00:00",
                "user_id": "u1", "session_id": "s1", "sources": [{"type": "chat", "role": "user", "content": "…"}],
                "embedding": [0.1, -0.25, 1e-07], "usage": [], "background": "said in planning", "visibility": "session",
            },
        },
        {
            "id": "3b9d2f6e-0c57-4a5d-9a50-5c3f7a1b2c3e", "memory": "It used MySQL.",
            "metadata": {"memory_type": "UserMemory", "status": "archived", "sources": None, "confidence": 99},
        },
    ],
    "edges": [{"source": "3b9d2f6e-0c57-4a5d-9a50-5c3f7a1b2c3d", "target": "x", "type": "PARENT"}],
}  # fmt: skip

CHATGPT: Any = [
    {
        "title": "Tyres",
        "create_time": 1714585031.148505,
        "mapping": {
            "root": {"id": "root", "message": None, "parent": None, "children": ["n1"]},
            "n1": {
                "id": "n1", "parent": "root", "children": ["n2"],
                "message": {
                    "id": "n1", "author": {"role": "user", "name": None, "metadata": {}}, "create_time": 1714585031.25,
                    "content": {"content_type": "text", "parts": ["Which tyres fit a 28-inch wheel?"]}, "weight": 1.0,
                },
            },
            "n2": {
                "id": "n2", "parent": "n1", "children": [],
                "message": {
                    "id": "n2", "author": {"role": "assistant", "name": None}, "create_time": 1714585040,
                    "content": {"content_type": "multimodal_text", "parts": [{"asset_pointer": "f"}, "ISO 622 ones.\n"]},
                },
            },
        },
        "current_node": "n2", "conversation_id": "c0ffee", "id": "c0ffee", "moderation_results": [],
    },
    {"title": "Empty", "mapping": {}, "conversation_id": "c0ffef"},
]  # fmt: skip

CLAUDE: Any = [
    {
        "uuid": "conv-1", "name": "Sourdough", "created_at": "2025-06-01T07:00:00.000000Z",
        "chat_messages": [
            {
                "uuid": "m1", "text": "My starter smells of apples.", "sender": "human",
                "content": [{"start_timestamp": None, "type": "text", "text": "My starter smells of apples.", "citations": []}],
                "created_at": "2025-06-01T07:00:00.500000Z", "updated_at": "2025-06-01T07:00:00.500000Z",
                "attachments": [], "files": [{"file_name": "a.png"}],
            },
            {
                "uuid": "m2", "text": "", "sender": "assistant", "created_at": "2025-06-01T07:00:05Z",
                "content": [{"type": "text", "text": "That is healthy."}, {"type": "tool_use", "name": "x", "input": {}}],
            },
        ],
        "account": {"uuid": "acc"},
    }
]  # fmt: skip

MARKDOWN = {
    "people/nour.md": '---\ntitle: Nour\ntags: [friend, "lyon"]\ncreated: 2025-01-05T10:00:00Z\nrating: 5\n---\n# Nour\n\nLikes hiking.\n',
    "plain.md": "Just a text\r\nwith Windows line ends.\r\n",
    "odd.md": "---\nnested:\n  key: value\ntitle: 'It''s odd'\n---\nBody.\n",
    "empty.md": "\n",
}
