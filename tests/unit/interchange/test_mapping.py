"""Items of bundles as items of cubes: ids that stay or become new, and what no item has kept with it."""

from __future__ import annotations

from dataclasses import replace

from memcube.actors.interchange.mapping import KEPT, NewIds, kept_of, local_item
from memcube.interchange.mip import BundleItem, RawItem
from memcube.model.ids import CubeRef, key_of_memory, new_memory_id
from memcube.model.item import Item, Source
from memcube.model.times import utc_now

HOME, AWAY = CubeRef("acme", "user:alice"), CubeRef("other", "user:alice")


def made(item_id: str, **more: object) -> BundleItem:
    """A bundle's item with this id."""
    item = replace(Item(item_id, 2, "c", "text", utc_now(), utc_now()), **more)  # type: ignore[arg-type]
    return BundleItem(item, RawItem(item_id, b"{}", ()))


def test_ids_are_a_function_of_the_old_one() -> None:
    """In another cube they are its own, keep their order in time, and refer to each other as before."""
    olds = [new_memory_id(HOME.key, now_s=1_700_000_000 + 10 * number) for number in range(50)]
    ids = NewIds(AWAY.key, keep=True)
    news = [ids.of(old) for old in olds]
    assert all(key_of_memory(new) == AWAY.key for new in news)
    assert news == sorted(set(news))
    assert news == [NewIds(AWAY.key, keep=False).of(old) for old in olds]
    one = local_item(made(olds[1], derived_from=(olds[0],), merged_into=olds[2], superseded_by=olds[3]), ids, "key")
    assert (one.derived_from, one.merged_into, one.superseded_by) == ((news[0],), news[2], news[3])
    assert one.sources == (Source("mip", olds[1], "key"),)
    foreign = ids.of("their id / of any kind")
    assert key_of_memory(foreign) == AWAY.key
    assert foreign < min(news)


def test_ids_of_the_very_cube_stay_where_that_is_trusted() -> None:
    """With ``keep`` they are as they were, without it even they become new: nobody overwrites by naming an id."""
    old = new_memory_id(HOME.key)
    one = made(old)
    assert local_item(one, NewIds(HOME.key, keep=True), "key") == one.item
    assert NewIds(HOME.key, keep=False).of(old) != old


def test_what_no_item_has_comes_back_as_it_was() -> None:
    """Unknown fields and members of headers, through the item's info and out of it again."""
    fields, header = {"x.a": {"deep": [1, 2.0, None, "ü"]}}, {"x.b": 3}
    one = replace(made("their", info={"mine": "y"}), extra=fields, header_extra=header)
    taken = local_item(one, NewIds(HOME.key, keep=True), "key")
    assert set(taken.info) == {"mine", KEPT}
    item, kept_fields, kept_header = kept_of(taken)
    assert (kept_fields, kept_header, item.info) == (fields, header, {"mine": "y"})
    assert repr(kept_fields) == repr(fields)
    own = replace(taken, info={KEPT: "a word of somebody's own"})
    assert kept_of(own) == (own, {}, {})
