"""The bridge to Cedar: what it takes, what it refuses before Cedar sees it, and that the table of roles is Cedar's too."""

from __future__ import annotations

import itertools

import pytest

from memcube.actors.governance.access import Access
from memcube.actors.governance.builtin import BUILTIN_TEXT, builtin_roles
from memcube.actors.governance.cedar import MAX_TEXT_BYTES, PolicySet, parsed, schema_text, statements_of
from memcube.actors.governance.decision import Target, decide
from memcube.actors.governance.rule import Judge, Rule, attributes_of
from memcube.actors.governance.state import TenantState
from memcube.actors.governance.verbs import GOVERNING, VERBS
from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import ROLES, CubeRef, Principal
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import item_pb2


def test_the_built_in_text_says_what_the_table_says() -> None:
    """Roles x verbs: the policies that are shown for the built-in roles decide as the table does."""
    policies = PolicySet(statements_of("builtin", BUILTIN_TEXT))
    governed = sorted(set(VERBS) - GOVERNING)
    differences = []
    for role, verb in itertools.product((*ROLES, "other"), governed):
        group = "reads" if "reader" in VERBS[verb] else "writes" if "writer" in VERBS[verb] else "administers"
        who, what, where = (
            {"type": kind, "id": name} for kind, name in (("User", "u"), ("Action", verb), ("Cube", "c"))
        )
        entities = [
            {"uid": who, "attrs": {"id": "u"}, "parents": [{"type": "Role", "id": role}]},
            {"uid": what, "attrs": {}, "parents": [{"type": "Action", "id": group}]},
        ]
        context = {"credential": "key", "grant": ""}
        asked = {"principal": who, "action": what, "resource": where, "context": context}
        ruling = policies.rule(asked, entities)
        if bool(ruling.permits) != (role in VERBS[verb]) or ruling.errors:
            differences.append((role, verb))
    assert not differences
    assert {role.id for role in builtin_roles()} == {*ROLES}


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000,
        "permit(principal,action,resource) when { " + "[" * 500 + "]" * 500 + " == 1 };",
        "permit(principal,action,resource) when { " + "{a:" * 500 + "1" + "}" * 500 + " == 1 };",
        "permit(principal,action,resource) when { " + "if true then " * 900 + "true" + " else false" * 900 + " };",
        "permit(principal,action,resource) when { context" + ".a" * 5000 + " == 1 };",
        'permit(principal,action,resource) when { context["a"]' + '["a"]' * 3000 + " == 1 };",
        "permit(principal,action,resource) when { " + "!" * 500 + "true };",
        "permit(principal,action,resource) when { " + 'ip("' * 500 + '")' * 500 + " };",
        "permit(principal,action,resource);" * 900,
        "x" * (MAX_TEXT_BYTES + 1),
        "é" * 20_000,
        "\x00permit(principal,action,resource);",
        "permit(principal,action,resource) when { " + "1 + " * 9000 + "1 == 1 };",
        '@id("' + "(" * 20_000 + '") permit(principal, action',
    ],
    ids=range(14),
)
def test_texts_that_would_end_the_process_are_refused(text: str) -> None:
    """Nested, chained and huge texts: a typed error, in a fraction of a second."""
    with pytest.raises(InvalidArgumentError):
        statements_of("p", text)


def test_statements_are_named_and_told_apart() -> None:
    """A text of two is two; those that look at memories are known; a template is refused."""
    text = """
    // who may read
    permit(principal == User::"a", action in Action::"reads", resource in Cube::"c");
    forbid(principal, action, resource is Item) when { resource.tags.contains("(((") };
    """
    first, second = statements_of("p", text)
    assert (first.name, first.permits, first.of_items) == ("p", True, False)
    assert (second.name, second.permits, second.of_items) == ("p#2", False, True)
    assert second.scope["conditions"] == []
    with pytest.raises(InvalidArgumentError, match="template"):
        parsed("p", "permit(principal == ?principal, action, resource);")
    assert all(f"action {verb} in" in schema_text() for verb in VERBS if verb not in GOVERNING)


def state_of(**texts: str) -> TenantState:
    """A tenant with these policies."""
    return TenantState(
        "acme", 1, policies={name: gov.AccessPolicy(name=name, text=text) for name, text in texts.items()}
    )


class States:
    """One tenant's state."""

    def __init__(self, state: TenantState) -> None:
        self._state = state

    def of(self, tenant: str) -> TenantState | None:
        """See ``access.States``."""
        return self._state if tenant == "acme" else None

    def look(self) -> None:
        """See ``access.States``."""


def test_what_fails_while_it_is_evaluated_allows_nothing() -> None:
    """An overflow in a policy: Cedar would leave it out, and a forbid left out is an open door."""
    state = state_of(p="forbid(principal, action, resource) when { 9223372036854775807 + 1 == 0 };")
    found = decide(state, Principal("acme", "a", ("admin",)), "search", Target("c"), 0.0)
    assert not found.allowed
    assert found.errors


def test_topics_are_matched_as_such() -> None:
    """By patterns "topic:NAME" and by policies on Topic, of verbs that may be used on them."""
    access = Access(States(state_of(t='permit(principal == User::"bob", action, resource == Topic::"news");')))
    wide, narrow = Principal("acme", "a", ("reader",)), Principal("acme", "b", ("reader",), ("user:*",))
    named = Principal("acme", "c", ("reader",), ("topic:ne*",))
    bob = Principal("acme", "bob", (), ())
    assert [access.allows_topic(one, "search", "news") for one in (wide, narrow, named, bob)] == [
        True, False, True, True,
    ]  # fmt: skip
    assert not access.allows_topic(bob, "search", "other")
    assert not access.allows(bob, "search", CubeRef("acme", "news"))


def test_who_may_touch_single_memories_only_may_not_do_what_takes_them_all() -> None:
    """Deleting a cube, or a verb that does not ask the rule: denied, rather than done to what is hidden."""
    access = Access(
        States(state_of(f='forbid(principal, action, resource is Item) when { resource.tags.contains("x") };'))
    )
    admin = Principal("acme", "a", ("admin",))
    ref = CubeRef("acme", "c")
    assert access.allows(admin, "search", ref)
    assert access.rule(admin, "search", ref)
    assert not access.allows(admin, "delete_cube", ref)
    assert access.allows(admin, "status", ref)
    assert access.judge(admin, "search", ref)(item_pb2.Item()) is True  # type: ignore[misc]
    assert access.judge(admin, "search", ref)(item_pb2.Item(tags=["x"])) is False  # type: ignore[misc]


def test_a_rule_travels_and_is_asked_once_a_combination() -> None:
    """As bytes and back; ten thousand memories of two kinds are two decisions."""
    state = state_of(f='forbid(principal, action, resource is Item) when { resource.sensitivity == "secret" };')
    found = decide(state, Principal("acme", "a", ("reader",)), "search", Target("c"), 0.0)
    assert found.rule is not None
    rule = Rule.from_bytes(found.body)
    assert rule.to_bytes() == found.body
    judge = Judge(rule)
    asked = []
    real = judge.ruling
    judge.ruling = lambda item: asked.append(item) or real(item)  # type: ignore[method-assign, func-returns-value]
    items = [item_pb2.Item(id=str(n), tags=[str(n)], sensitivity="secret" if n % 2 else "") for n in range(10_000)]
    assert sum(map(judge, items)) == 5_000
    assert len(asked) == 2
    assert attributes_of(item_pb2.Item())["tags"] == []


def test_a_policy_may_name_one_memory() -> None:
    """By its id, which no memo may mix up."""
    state = state_of(f='forbid(principal, action, resource == Item::"m1");')
    found = decide(state, Principal("acme", "a", ("reader",)), "search", Target("c"), 0.0)
    judge = Judge(found.rule)  # type: ignore[arg-type]
    assert [judge(item_pb2.Item(id=name)) for name in ("m0", "m1", "m2")] == [True, False, True]
