"""Calls of the SDK that concern topics, subscriptions and mounts; beside ``prepare``, whose rules hold here too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memcube.client.checks import count, memory_types, text, texts, time
from memcube.client.prepare import Prepared
from memcube.client.scope import filter_of, scope_of
from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import cube_id_of_scope, new_idempotency_key
from memcube.model.topics import (
    event_to_plain,
    gap_to_plain,
    group_to_plain,
    letter_to_plain,
    mount_to_plain,
    topic_to_plain,
)
from memcube.protos.memcube.v1 import event_pb2
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["open_of", "source_of"]

Plain = dict[str, Any]
MAX_BATCH = 512
STARTS: dict[str, int] = {
    "latest": pb.START_LATEST,
    "earliest": pb.START_EARLIEST,
}


def number(field: str, value: object, *, least: float = 0.0) -> float:
    """``value`` as a number of ``least`` or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
        raise InvalidArgumentError(field, f"{value!r} is not a number of {least:g} or more")
    return float(value)


def key_of(idempotency_key: str | None) -> str:
    """The caller's key, or a new one."""
    return text("idempotency_key", idempotency_key) or new_idempotency_key()


def create(
    name: str,
    *,
    description: str,
    max_age_s: float,
    max_bytes: int,
    max_events: int,
    idempotency_key: str | None,
) -> Prepared[Plain]:
    """Make a topic."""
    request = pb.CreateTopicRequest(
        name=text("name", name, empty=False),
        description=text("description", description),
        retention=pb.Retention(
            max_age_s=number("max_age_s", max_age_s),
            max_bytes=int(number("max_bytes", max_bytes)),
            max_events=int(number("max_events", max_events)),
        ),
        idempotency_key=key_of(idempotency_key),
    )
    return Prepared("CreateTopic", request, lambda answer: topic_to_plain(answer.topic))


def get(name: str) -> Prepared[Plain]:
    """One topic."""
    request = pb.GetTopicRequest(name=text("name", name, empty=False))
    return Prepared("GetTopic", request, lambda answer: topic_to_plain(answer.topic))


def list_page(*, limit: int, page_token: str | None) -> Prepared[Plain]:
    """A page of topics."""
    request = pb.ListTopicsRequest(page_size=count("limit", limit, least=1), page_token=text("page_token", page_token))
    kept = ("name", "description", "owner", "created_at")
    return Prepared(
        "ListTopics",
        request,
        lambda answer: {
            "results": [{name: topic_to_plain(one)[name] for name in kept} for one in answer.topics],
            "next": answer.next_page_token or None,
        },
    )


def delete(name: str, *, idempotency_key: str | None) -> Prepared[Plain]:
    """Delete a topic."""
    request = pb.DeleteTopicRequest(name=text("name", name, empty=False), idempotency_key=key_of(idempotency_key))
    return Prepared("DeleteTopic", request, lambda _: {})


def source_of(
    topic: str | None, cube_id: str | None, user_id: str | None, agent_id: str | None, run_id: str | None
) -> dict[str, Any]:
    """The source that arguments name: a topic, or a cube as in ``search``."""
    if topic is not None:
        if cube_id or user_id or agent_id or run_id:
            raise InvalidArgumentError("topic", "is given beside a cube; a subscription has one source")
        return {"topic": text("topic", topic, empty=False)}
    ids = [text(name, value) for name, value in (
        ("cube_id", cube_id), ("user_id", user_id), ("agent_id", agent_id), ("run_id", run_id)
    )]  # fmt: skip
    if not any(ids):
        raise InvalidArgumentError("topic", "is missing: name a topic, or a cube")
    return {"cube_id": cube_id_of_scope(*ids)}


def selection_of(select: Mapping[str, Any] | None) -> pb.Selection:
    """What of a source is wanted: ``types``, ``subjects``, ``sources``, ``attributes``; of a cube also ``kinds``
    ("item_added", …), ``memory_types``, ``tags`` and ``filters``."""
    given = dict(select or {})
    selection = pb.Selection(
        types=texts("select.types", given.pop("types", None)),
        subjects=texts("select.subjects", given.pop("subjects", None)),
        sources=texts("select.sources", given.pop("sources", None)),
        kinds=[_kind(one) for one in texts("select.kinds", given.pop("kinds", None))],  # type: ignore[misc]
        memory_types=memory_types(given.pop("memory_types", None)),  # type: ignore[arg-type]
        tags=texts("select.tags", given.pop("tags", None)),
        filter=filter_of(given.pop("filters", None)),
    )
    for name, value in dict(given.pop("attributes", None) or {}).items():
        selection.attributes[text("select.attributes", name)] = text(f"select.attributes.{name}", value)
    if given:
        raise InvalidArgumentError(f"select.{min(map(str, given))}", "is nothing that events can be selected by")
    return selection


def _kind(name: str) -> int:
    try:
        return event_pb2.EventKind.Value(f"EVENT_KIND_{name.upper()}")
    except ValueError:
        known = ", ".join(one.removeprefix("EVENT_KIND_").lower() for one in event_pb2.EventKind.keys()[1:])
        raise InvalidArgumentError("select.kinds", f"{name!r} is none of {known}") from None


def open_of(
    source: Mapping[str, Any],
    *,
    group: str = "",
    start: object = None,
    select: Mapping[str, Any] | None = None,
    max_events: int = 0,
    settings: pb.GroupSettings | None = None,
) -> pb.SubscribeRequest.Open:
    """How a subscription begins. ``start``: "latest", "earliest", a time, or None for the server's choice."""
    opened = pb.SubscribeRequest.Open(
        **source,
        group=text("group", group),
        selection=selection_of(select),
        max_events=count("max_events", max_events),
        settings=settings,
    )
    if opened.max_events > MAX_BATCH:
        raise InvalidArgumentError("max_events", f"{opened.max_events} is over {MAX_BATCH}")
    if isinstance(start, str) and start in STARTS:
        opened.start = STARTS[start]  # type: ignore[assignment]
    elif start is not None:
        opened.start = pb.START_TIME
        opened.start_time.CopyFrom(time("start", start))
    return opened


def settings_of(
    ack_wait_s: float | None, max_deliver: int | None, backoff_s: Sequence[float] | None
) -> pb.GroupSettings | None:
    """A group's settings where any is given."""
    if ack_wait_s is None and max_deliver is None and backoff_s is None:
        return None
    return pb.GroupSettings(
        ack_wait_s=number("ack_wait_s", ack_wait_s or 0.0),
        max_deliver=count("max_deliver", max_deliver or 0),
        backoff_s=[number(f"backoff_s[{place}]", one) for place, one in enumerate(backoff_s or ())],
    )


def fetch(opened: pb.SubscribeRequest.Open, *, cursor: str | None, wait_s: float) -> Prepared[Plain]:
    """One batch."""
    request = pb.FetchRequest(
        topic=opened.topic,
        cube_id=opened.cube_id,
        group=opened.group,
        start=opened.start,
        start_time=opened.start_time if opened.HasField("start_time") else None,
        selection=opened.selection,
        max_events=opened.max_events,
        settings=opened.settings if opened.HasField("settings") else None,
        wait_s=number("wait_s", wait_s),
    )
    if cursor:
        request.start, request.cursor = pb.START_CURSOR, text("cursor", cursor)
        request.ClearField("start_time")
    return Prepared(
        "Fetch",
        request,
        lambda answer: {
            "results": [event_to_plain(event) for event in answer.events],
            "cursor": answer.cursor or None,
            "gaps": [gap_to_plain(gap)["gap"] for gap in answer.gaps],
        },
    )


def deliveries_of(events: object) -> list[pb.Delivery]:
    """Events of a group as they came, for ``ack`` and the like."""
    several = [events] if isinstance(events, Mapping) else list(events)  # type: ignore[call-overload]
    try:
        return [pb.Delivery(seq=one["seq"], attempt=one["attempt"]) for one in several]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidArgumentError("events", "are to be those that a group delivered, with seq and attempt") from error


def settle(
    source: Mapping[str, Any],
    group: str,
    *,
    acks: object = (),
    nacks: object = (),
    extends: object = (),
    delay_s: float | None = None,
    reason: str = "",
    for_s: float = 0.0,
) -> Prepared[Plain]:
    """Answers to deliveries."""
    request = pb.AcknowledgeRequest(
        **source,
        group=text("group", group, empty=False),
        acks=deliveries_of(acks),
        nacks=deliveries_of(nacks),
        extends=deliveries_of(extends),
        reason=text("reason", reason),
        for_s=number("for_s", for_s),
        idempotency_key=new_idempotency_key(),
    )
    if delay_s is not None:
        request.delay_s = number("delay_s", delay_s)
    return Prepared(
        "Acknowledge",
        request,
        lambda answer: {
            "settled": answer.settled,
            "stale": [{"seq": one.seq, "attempt": one.attempt} for one in answer.stale],
        },
    )


def groups(source: Mapping[str, Any]) -> Prepared[Plain]:
    """The groups of a source."""
    return Prepared(
        "ListGroups",
        pb.ListGroupsRequest(**source),
        lambda answer: {"results": [group_to_plain(one) for one in answer.groups]},
    )


def delete_group(source: Mapping[str, Any], group: str, *, idempotency_key: str | None) -> Prepared[Plain]:
    """Forget a group."""
    request = pb.DeleteGroupRequest(
        **source, group=text("group", group, empty=False), idempotency_key=key_of(idempotency_key)
    )
    return Prepared("DeleteGroup", request, lambda _: {})


def seek(source: Mapping[str, Any], group: str, to: object, *, idempotency_key: str | None) -> Prepared[Plain]:
    """Move a group: to "earliest", "latest", an event's number, or a time."""
    request = pb.SeekRequest(**source, group=text("group", group, empty=False), idempotency_key=key_of(idempotency_key))
    if isinstance(to, int) and not isinstance(to, bool):
        request.seq = count("to", to, least=1)
    else:
        opened = open_of(source, start=to)
        request.start = opened.start
        if opened.HasField("start_time"):
            request.start_time.CopyFrom(opened.start_time)
    return Prepared("Seek", request, lambda answer: group_to_plain(answer.group))


def dead(source: Mapping[str, Any], group: str, *, limit: int, after_seq: int) -> Prepared[Plain]:
    """A page of dead letters."""
    request = pb.ListDeadRequest(
        **source,
        group=text("group", group, empty=False),
        page_size=count("limit", limit, least=1),
        after_seq=count("after_seq", after_seq),
    )
    return Prepared(
        "ListDead",
        request,
        lambda answer: {
            "results": [letter_to_plain(one) for one in answer.letters],
            "total": answer.total,
            "next": answer.next_after_seq or None,
        },
    )


def redrive(
    source: Mapping[str, Any], group: str, seqs: Sequence[int] | None, *, idempotency_key: str | None
) -> Prepared[Plain]:
    """Deliver dead letters anew."""
    request = pb.RedriveRequest(
        **source,
        group=text("group", group, empty=False),
        seqs=[count(f"seqs[{place}]", one, least=1) for place, one in enumerate(seqs or ())],
        idempotency_key=key_of(idempotency_key),
    )
    return Prepared("Redrive", request, lambda answer: {"redriven": answer.redriven})


def mount(source_cube_id: str, *, expires: object, idempotency_key: str | None, **ids: str | None) -> Prepared[Plain]:
    """Have a cube's searches look into another one too."""
    scope, _ = scope_of(None, ids.get("user_id"), ids.get("agent_id"), ids.get("run_id"), ids.get("cube_id"))
    request = pb.MountRequest(
        scope=scope,
        source_cube_id=text("source_cube_id", source_cube_id, empty=False),
        expires_at=time("expires", expires),
        idempotency_key=key_of(idempotency_key),
    )
    return Prepared("Mount", request, lambda answer: mount_to_plain(answer.mount))


def unmount(mount_id: str, *, idempotency_key: str | None) -> Prepared[Plain]:
    """End a mount."""
    request = pb.UnmountRequest(id=text("mount_id", mount_id, empty=False), idempotency_key=key_of(idempotency_key))
    return Prepared("Unmount", request, lambda _: {})


def mounts(**ids: str | None) -> Prepared[Plain]:
    """The mounts of a cube."""
    scope, _ = scope_of(None, ids.get("user_id"), ids.get("agent_id"), ids.get("run_id"), ids.get("cube_id"))
    return Prepared(
        "ListMounts",
        pb.ListMountsRequest(scope=scope),
        lambda answer: {"results": [mount_to_plain(one) for one in answer.mounts]},
    )
