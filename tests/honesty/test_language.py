"""MemOS answers Chinese with English memories."""

from __future__ import annotations

import re
from typing import Any

CHINESE = re.compile(r"[\u4e00-\u9fff]")
SAID = "我住在里斯本，我喜欢喝绿茶。"


def test_130_chinese_in_is_chinese_out(mind: Any) -> None:
    """MemOS' reader made English memories of Chinese (#232 too); here the prompt and what is made are Chinese."""
    said = mind.say(SAID, session_id="s")
    task = mind.work(said.task_id)
    assert task.result_ids
    assert all(CHINESE.search(mind.get(item_id).memory) for item_id in task.result_ids)
    assert "记忆" in mind.endpoint.requests[0].text


def test_232_an_english_memory_of_chinese_is_sent_back_and_then_left_out(mind: Any, answered: Any) -> None:
    """A model that answers in English is asked once more; what is still English is no memory, and the task says so."""
    english = answered(
        facts=[{"text": "The user lives in Lisbon.", "title": "", "tags": [], "when": "", "sources": [1]}]
    )
    said = mind.say(SAID, session_id="s")
    task = mind.work(said.task_id, english, english)
    assert len(mind.endpoint.requests) == 2
    assert not task.result_ids
    assert any("language" in note for note in task.notes)
    assert mind.texts() == [SAID]
