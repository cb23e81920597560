"""What the test endpoint answers when it is well: by rules, plausible enough for whole-system tests.

It reads what our prompts show: numbered lines of messages or memories. Other prompts get the least value that fits
their schema.
"""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any

LINE = re.compile(
    r"^\[(?P<n>\d+)\] (?P<day>\d{4}-\d\d-\d\d)?[^,]*, (?P<role>\w+)(?: (?P<speaker>\"(?:[^\"\\]|\\.)*\"))?: (?P<text>\".*\")$",
    re.MULTILINE,
)
EVIDENCE = re.compile(r"^\[(?P<n>\d+)\] [^\n]*?: (?P<text>\"(?:[^\"\\]|\\.)*\")$", re.MULTILINE)
SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]?")
LIKES = re.compile(r"\b(?:love|like|prefer|hate|can't stand|allergic|vegetarian|vegan)\b|喜欢|讨厌|过敏|素食")
FIRST_PERSON = re.compile(r"\bI\b|\bI'm\b|\b[Mm]y\b|我")
TO_THIRD = ((r"\bI'm\b|\bI am\b", "{} is"), (r"\bI've\b|\bI have\b", "{} has"), (r"\bI was\b", "{} was"), (r"\bI\b", "{}"),
            (r"\b[Mm]y\b", "{}'s"), (r"\bme\b", "{}"), ("我的", "{}的"), ("我", "{}"))  # fmt: skip


def answer_of(asked: dict[str, Any]) -> str:
    """The answer to a chat-completions request, as text."""
    texts = [one if isinstance(one, str) else one[0]["text"] for one in (m["content"] for m in asked["messages"])]
    given = asked.get("response_format", {}).get("json_schema", {})
    schema = given.get("schema") or _schema_in("\n".join(texts))
    fields = set(schema.get("properties", {}))
    user = next((text for text, m in zip(texts, asked["messages"], strict=True) if m["role"] == "user"), "")
    if "facts" in fields:
        value: Any = read_finely(user)
    elif "sub_questions" in fields and len(fields) == 1:
        question = json.loads(user)
        parts = [part.strip(" ?？") + "?" for part in re.split(r"\band\b|和", question) if part.strip(" ?？")]
        value = {"sub_questions": parts[:4] or [question]}
    elif "operations" in fields:
        value = fed_back(user)
    elif "cited" in fields:
        value = answered(user)
    elif schema:
        value = least(schema)
    else:
        return "A picture of a cat on a sofa." if "image" in json.dumps(asked) else "Yes."
    return json.dumps(value, ensure_ascii=False)


def fed_back(user: str) -> dict[str, Any]:
    """The first memory that was shown says what the feedback says now; where none was shown, it is a new one."""
    said = json.loads(user.rpartition("\nFeedback, ")[2].partition(": ")[2])
    claim = re.sub(r"^.*?(?:wrong|no|actually)\b[\s,.:]*", "", said, flags=re.IGNORECASE) or said
    shown = re.search(r"^\[(\d+)\]\*", user, re.MULTILINE)
    operation = {
        "op": "update" if shown else "add",
        "memory": int(shown[1]) if shown else 0,
        "text": claim,
        "reason": "said",
    }
    return {"operations": [operation]}


def read_finely(user: str) -> dict[str, Any]:
    """One fact for each first-person sentence, a preference for each that says so, experience of each tool answer."""
    found: dict[str, Any] = {"facts": [], "preferences": [], "experiences": [], "skills": [], "summary": ""}
    last_call = ""
    lines = list(LINE.finditer(user))
    for line in lines:
        text = json.loads(line["text"])
        number = int(line["n"])
        speaker = json.loads(line["speaker"]) if line["speaker"] else ""
        who = speaker or ("用户" if re.search(r"[\u4e00-\u9fff]", text) else "The user")
        if line["role"] == "tool":
            good = not re.search(r"error|fail", text, re.IGNORECASE)
            found["experiences"].append({
                "when": f"asked for {last_call or 'it'}", "then": text[:200], "tool": "tool", "success": good,
                "sources": [number],
            })  # fmt: skip
            continue
        last_call = text[:80]
        if line["role"] != "user" and not speaker:
            continue
        for sentence in SENTENCE.findall(text):
            if not FIRST_PERSON.search(sentence) or "?" in sentence:
                continue
            said, when = _dated(_third(sentence.strip(), who), line["day"])
            found["facts"].append({"text": said, "title": " ".join(said.split()[:4])[:40], "tags": ["test"],
                                   "when": when, "sources": [number]})  # fmt: skip
            if LIKES.search(sentence):
                found["preferences"].append({"text": _third(sentence.strip(), who), "explicit": True, "reasoning": "",
                                             "topic": "taste", "sources": [number]})  # fmt: skip
    if len(lines) >= 4:
        found["summary"] = " ".join(fact["text"] for fact in found["facts"][:3])
    return found


def answered(user: str) -> dict[str, Any]:
    """The memory that shares most words with the question."""
    question = set(re.findall(r"\w+", user.splitlines()[0].lower())) - {"question"}
    best = (0, 0, "")
    for line in EVIDENCE.finditer(user):
        text = json.loads(line["text"])
        best = max(best, (len(question & set(re.findall(r"\w+", text.lower()))), -int(line["n"]), text))
    if not best[0]:
        return {"known": False, "answer": "", "cited": []}
    return {"known": True, "answer": best[2], "cited": [-best[1]]}


def least(schema: dict[str, Any]) -> Any:
    """The least value that fits a schema without bounds."""
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {name: least(schema["properties"][name]) for name in schema.get("required", ())}
    return {"array": [], "string": "", "integer": 0, "number": 0, "boolean": False}.get(str(kind))


def _third(sentence: str, who: str) -> str:
    for pattern, name in TO_THIRD:
        sentence = re.sub(pattern, name.format(who), sentence)
    return sentence


def _dated(sentence: str, day: str | None) -> tuple[str, str]:
    if not day or not re.search(r"yesterday|昨天", sentence):
        return sentence, ""
    before = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    return re.sub(r"yesterday", f"on {before}", sentence).replace("昨天", before), before


def _schema_in(text: str) -> dict[str, Any]:
    found = re.search(r"JSON Schema[^\n]*\n(\{.*\})", text)
    return json.loads(found[1]) if found else {}
