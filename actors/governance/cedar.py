"""The bridge to Cedar (``cedarpy``): the schema, policies parsed once, decisions with their reasons. Plain.

Cedar's parser recurses, and a deeply nested text ends the process (measured: 1,000 parentheses); so a text is looked
through before Cedar sees it. Nothing here is a partial evaluation: what is evaluated is always a whole request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from memcube.actors.governance.verbs import GOVERNING, VERBS, group_of
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = [
    "ITEM_ATTRIBUTES",
    "PolicySet",
    "Ruling",
    "Statement",
    "check_text",
    "parsed",
    "schema_text",
    "statements_of",
]

MAX_TEXT_BYTES = 32 * 1024
MAX_STATEMENTS = 200
"""Of one text."""
MAX_DEPTH = 32
MAX_BRANCHES = 32
"""``if`` and ``else`` of one text."""
MAX_CHAIN = 64
"""Links of one chain ``a.b.c``."""

ITEM_ATTRIBUTES: dict[str, str] = {
    "memory_type": "String",
    "tags": "Set<String>",
    "sensitivity": "String",
    "visibility": "String",
    "status": "String",
    "user_id": "String",
    "agent_id": "String",
    "run_id": "String",
    "session_id": "String",
    "origin": "String",
    "trust": "String",
    "role": "String",
}
"""What policies may ask of a memory; a text that is not known is ""."""


def schema_text() -> str:
    """What policies may name, as a Cedar schema."""
    items = ", ".join(f"{name}: {kind}" for name, kind in ITEM_ATTRIBUTES.items())
    lines = [
        "entity Tenant;",
        "entity Role;",
        "entity Team;",
        "entity User in [Team, Role] { id: String };",
        "entity Agent in [Team, Role] { id: String };",
        'entity Cube in [Tenant] { id: String, kind: String };  // kind: "user", "agent", "run", else ""',
        "entity Topic in [Tenant] { id: String };",
        f"entity Item in [Cube] {{ {items} }};",
        'type Call = { credential: String, grant: String };  // "key", "oidc", "certificate", "grant", "local"',
        "action reads, writes, administers;",
    ]
    applies = "appliesTo { principal: [User, Agent], resource: [Tenant, Cube, Topic, Item], context: Call }"
    lines += [f"action {verb} in [{group_of(verb)}] {applies};" for verb in sorted(VERBS) if verb not in GOVERNING]
    return "\n".join(lines) + "\n"


@lru_cache(maxsize=1)
def _schema() -> Any:
    import cedarpy

    return cedarpy.Schema.from_str(schema_text())


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy of Cedar, by a name that is unique in its tenant, in Cedar's JSON form."""

    name: str
    body: Mapping[str, Any]

    @property
    def permits(self) -> bool:
        """Whether its effect is permit."""
        return bool(self.body["effect"] == "permit")

    @property
    def of_items(self) -> bool:
        """Whether it looks at single memories; the others decide the same for a cube and all that is in it."""
        return '"Item"' in json.dumps(self.body)

    @property
    def scope(self) -> dict[str, Any]:
        """The same without its conditions and its effect: whom, what verbs and which cubes it may concern."""
        resource = self.body["resource"]
        inside = resource.get("in") if resource["op"] == "is" else resource if resource["op"] == "in" else None
        about = {"op": "in", **{k: v for k, v in inside.items() if k != "op"}} if inside else {"op": "All"}
        return {**self.body, "effect": "permit", "conditions": [], "resource": about, "annotations": {}}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a set of policies says of a request: the names of those that matched, and what failed."""

    permits: tuple[str, ...] = ()
    forbids: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def forbidden(self) -> bool:
        """Whether a forbid matched, or something could not be evaluated: a forbid that fails may be no permission."""
        return bool(self.forbids or self.errors)


class PolicySet:
    """Policies, parsed once; empty ones cost nothing."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.statements = {statement.name: statement for statement in statements}
        self._parsed: Any = None
        if self.statements:
            import cedarpy

            self._parsed = cedarpy.PolicySet.from_json_str(self.to_json())

    def to_json(self) -> str:
        """The set in Cedar's JSON form, for ``from_json``."""
        bodies = {name: dict(one.body) for name, one in self.statements.items()}
        return json.dumps({"templates": {}, "staticPolicies": bodies, "templateLinks": []}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> PolicySet:
        """The set that ``to_json`` wrote."""
        bodies = json.loads(text)["staticPolicies"] if text else {}
        return cls(Statement(name, body) for name, body in bodies.items())

    def __bool__(self) -> bool:
        return bool(self.statements)

    def rule(self, request: Mapping[str, Any], entities: Sequence[Mapping[str, Any]]) -> Ruling:
        """What the policies say of one request; about 70 microseconds."""
        if not self.statements:
            return Ruling()
        import cedarpy

        result = cedarpy.is_authorized(dict(request), self._parsed, json.dumps(entities))
        names, errors = tuple(sorted(result.diagnostics.reasons)), tuple(result.diagnostics.errors)
        return Ruling(names, (), errors) if result.allowed else Ruling((), names, errors)


def check_text(text: str) -> None:
    """Refuse what Cedar's parser had better not see; raises TooLargeError, InvalidArgumentError("text")."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        raise TooLargeError("text", size, MAX_TEXT_BYTES)
    bare = _LITERALS.sub(" ", text)
    depth = 0
    for found in re.finditer(r"[(\[{)\]}]", bare):
        depth += 1 if found.group() in "([{" else -1
        if depth > MAX_DEPTH:
            raise InvalidArgumentError("text", f"is nested deeper than {MAX_DEPTH}")
    if len(re.findall(r"\b(?:if|else)\b", bare)) > MAX_BRANCHES:
        raise InvalidArgumentError("text", f"has more than {MAX_BRANCHES} branches of if and else")
    if re.search(rf"(?:[.\[][^.\[;&|()]*){{{MAX_CHAIN},}}", bare):
        raise InvalidArgumentError("text", f"has a chain of more than {MAX_CHAIN} attributes")


_LITERALS = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*')


def statements_of(name: str, text: str) -> list[Statement]:
    """The statements of a text that is good: it parses, and fits the schema.

    Raises InvalidArgumentError("text"), with the place where Cedar tells one.
    """
    import cedarpy

    statements = parsed(name, text)
    checked = cedarpy.validate_policies(text, _schema())
    if not checked.validation_passed:
        raise InvalidArgumentError("text", "; ".join(_told(one) for one in checked.errors[:3]))
    return statements


def parsed(name: str, text: str) -> list[Statement]:
    """The statements of a text that parses; raises as ``statements_of``."""
    check_text(text)
    import cedarpy

    try:
        found = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise InvalidArgumentError("text", f"{error}{_place(text, str(error))}") from error
    if found.get("templates"):
        raise InvalidArgumentError("text", "has a template (?principal, ?resource); name whom and what it is about")
    bodies = [found["staticPolicies"][key] for key in sorted(found["staticPolicies"], key=_number)]
    if not bodies:
        raise InvalidArgumentError("text", "has no policy")
    if len(bodies) > MAX_STATEMENTS:
        raise TooLargeError("text", len(bodies), MAX_STATEMENTS, "policies")
    return [Statement(name if not n else f"{name}#{n + 1}", body) for n, body in enumerate(bodies)]


def _number(key: str) -> int:
    return int(key.removeprefix("policy"))


def _told(error: Any) -> str:
    """One finding of the validator, by the statement's number."""
    problem = re.sub(r"^for policy `[^`]*`, ", "", error.error)
    where = f"statement {_number(error.policy_id) + 1}: " if error.policy_id.startswith("policy") else ""
    return where + problem


def _place(text: str, problem: str) -> str:
    """Where it went wrong: Cedar names the word, or that the text ended."""
    word = re.search(r"`([^`]+)`", problem) or re.search(r": (\S+)$", problem)
    if "end of input" in problem:
        at = len(text.rstrip())
    elif word is None or (at := text.find(word.group(1))) < 0:
        return ""
    line = text.count("\n", 0, at) + 1
    return f" (line {line}, column {at - text.rfind(chr(10), 0, at)})"
