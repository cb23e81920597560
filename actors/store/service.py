"""The gRPC service MemStore as a part of the gateway."""

from __future__ import annotations

from memcube.actors.gateway.part import Part
from memcube.actors.governance import Access
from memcube.actors.store.administering import Administrator
from memcube.actors.store.cube_feed import ReadsCubes
from memcube.actors.store.hub import Hub
from memcube.actors.store.opening import Opener
from memcube.actors.store.publishing import Publisher
from memcube.actors.store.subscribing import Subscriber
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["store_part"]


def store_part(hub: Hub, router: ReadsCubes, access: Access) -> Part:
    """MemStore over one store and the cubes."""
    opener = Opener(hub, router, access)
    admin, subscriber = Administrator(opener, router), Subscriber(opener)
    return Part(
        pb.DESCRIPTOR.services_by_name["MemStore"],
        answers={
            "create_topic": admin.create_topic,
            "get_topic": admin.get_topic,
            "list_topics": admin.list_topics,
            "delete_topic": admin.delete_topic,
            "fetch": subscriber.fetch,
            "acknowledge": subscriber.acknowledge,
            "list_groups": admin.list_groups,
            "delete_group": admin.delete_group,
            "seek": admin.seek,
            "list_dead": admin.list_dead,
            "redrive": admin.redrive,
            "mount": admin.mount,
            "unmount": admin.unmount,
            "list_mounts": admin.list_mounts,
        },
        dialogues={"publish": Publisher(hub.store, access).answers, "subscribe": subscriber.frames},
        long=frozenset({"fetch"}),
    )
