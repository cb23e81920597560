"""What is written is read again, in any order of writing; unchanged parts stay as they were; the unknown is kept."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from interchange_bundles import BEGAN, item, items, write_bundle

from memcube.interchange.mip import (
    BundleWriter,
    CubeAbout,
    Descriptor,
    Known,
    PublicKey,
    SeqRange,
    Signer,
    apply_delta,
    convert,
    open_bundle,
    verify,
    write_delta,
)
from memcube.interchange.mip.chunks import chunks_of_items
from memcube.interchange.mip.fields import RawItem
from memcube.interchange.mip.limits import CHUNK_BYTES, LEAST_CHUNK_BYTES
from memcube.interchange.mip.runs import Runs
from memcube.model.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError, UntrustedError
from memcube.model.item import Form, Item, Source, Status, Usage

ABOUT = Descriptor(cube=CubeAbout(id="user:alice"))


def test_every_field_of_an_item_goes_along(tmp_path: Path, signer: Signer) -> None:
    """An item with everything set is the same behind a bundle: a new field of Item has to be put into it."""
    made = Item(
        id="äö-1",
        version=7,
        cube_id="user:alice",
        memory='Zwei\nZeilen \u2028 \U0001f375 \\ "',
        recorded_at=BEGAN,
        created_at=BEGAN - timedelta(microseconds=1),
        form=Form.ACTIVATION,
        memory_type=item(3).memory_type,
        key="k",
        tags=("a", "b"),
        info={"n": 1.5, "deep": [{"x": None}], "yes": True},
        confidence=0.25,
        status=Status.ARCHIVED,
        visibility="shared",
        sensitivity="personal",
        valid_from=BEGAN,
        valid_to=BEGAN + timedelta(days=1),
        expires_at=datetime(2200, 1, 1, tzinfo=UTC),
        sources=(Source("document", "d", "Bo", "user", BEGAN, 1, 2, 3), Source("mip", "x")),
        derived_from=("p", "q"),
        usage=Usage(3, BEGAN),
        user_id="u",
        agent_id="ag",
        run_id="r",
        session_id="s",
        reasoning="because",
        merged_into="m",
        superseded_by="n",
    )
    plain = Item("i", 1, "c", "m", BEGAN + timedelta(1), BEGAN + timedelta(1))
    unset = [field.name for field in fields(Item) if getattr(made, field.name) == getattr(plain, field.name)]
    assert unset == [], "set them above"
    with BundleWriter(tmp_path / "b", ABOUT, signer) as writer:
        writer.add(made)
        writer.finish()
    with open_bundle(tmp_path / "b") as bundle:
        assert [one.item for one in bundle.items()] == [made]


def test_order_of_adding_is_no_matter(tmp_path: Path, signer: Signer) -> None:
    """Items added in any order, over many runs on disk, make the same bundle; an id twice is refused."""
    made = list(items(300))
    Random(3).shuffle(made)
    about = Descriptor(cube=CubeAbout(id="user:alice"), created_at="2026-01-01T00:00:00Z")
    digests = []
    for name, memories, run_bytes in (("a", list(items(300)), 1 << 30), ("b", made, 2_000)):
        with BundleWriter(tmp_path / name, about, signer) as writer:
            writer._runs = Runs(run_bytes=run_bytes)
            for memory in memories:
                writer.add(memory)
            digests.append(writer.finish().digest)
    assert digests[0] == digests[1]
    assert verify(tmp_path / "b", [signer.public]).present == 300
    with BundleWriter(tmp_path / "c", about, signer) as writer:
        writer.add(item(1))
        writer.add(item(1))
        with pytest.raises(InvalidArgumentError, match="m-00000001"):
            writer.finish()
    assert not (tmp_path / "c" / "index.json").exists()


def test_a_later_item_replaces_an_earlier_one_where_asked(tmp_path: Path, signer: Signer) -> None:
    """While a cube is exported it changes: the last state of each memory counts, and what is gone is left out."""
    with BundleWriter(tmp_path / "b", ABOUT, signer, replacing=True) as writer:
        writer._runs = Runs(replacing=True, run_bytes=500)
        for version in (1, 2, 3):
            for number in range(9):
                writer.add(item(number, version))
        writer.forget(["m-00000004"])
        writer.finish()
    with open_bundle(tmp_path / "b") as bundle:
        found = {one.item.id: one.item.version for one in bundle.items()}
    assert found == {f"m-{number:08d}": 3 for number in range(9) if number != 4}


def test_unknown_fields_members_and_layers_are_kept(tmp_path: Path, signer: Signer) -> None:
    """What this version does not know comes out of a bundle as it was, and out of the next one made of it."""
    thing = b"\x00nobody knows this"
    about = Descriptor(cube=CubeAbout(id="c"), **{"x.weather": {"rain": [1, 2.5]}})
    with BundleWriter(tmp_path / "a", about, signer, annotations={"n": "v"}, manifest_extra={"x.m": 1}) as writer:
        writer.add(item(1), {"x.colour": {"deep": [1, None]}}, {"x.level": 2, "unknown_type": "DreamMemory"})
        writer.layer(thing, "application/vnd.example.thing+octets", {"a": "b"})
        writer.finish()
    with open_bundle(tmp_path / "a") as first, BundleWriter(tmp_path / "b", first.descriptor, signer) as writer:
        for one in first.items():
            assert one.extra == {"x.colour": {"deep": [1, None]}}
            assert one.header_extra == {"x.level": 2, "unknown_type": "DreamMemory"}
            writer.add(one.item, one.extra, one.header_extra)
        for layer in first.unknown_layers:
            writer.copy_layer(first.source, layer)
        writer.finish()
        headers = [raw.header for raw, _ in first.raw_items()]
    verify(tmp_path / "b", [signer.public])
    with open_bundle(tmp_path / "b") as second:
        assert [raw.header for raw, _ in second.raw_items()] == headers
        assert second.descriptor.model_extra == {"x.weather": {"rain": [1, 2.5]}}
        (layer,) = second.unknown_layers
        assert b"".join(second.source.steps(layer)) == thing
        assert layer.annotations == {"a": "b"}


def test_a_change_in_one_place_leaves_most_chunks_as_they_were() -> None:
    """Of a second export with 1 % more memories, or 1 % changed in one place, most chunks are those of the first."""
    raws = [RawItem(f"m-{number:08d}", b"%08d" % number * 100, ()) for number in range(20_200)]
    first, second = (
        {sha256(chunk).digest(): chunk for chunk in chunks_of_items(raws[:count])} for count in (20_000, 20_200)
    )
    assert len(first) > 10
    assert all(LEAST_CHUNK_BYTES <= len(chunk) <= 4 * CHUNK_BYTES for chunk in [*first.values()][:-1])
    new = sum(len(chunk) for digest, chunk in second.items() if digest not in first)
    assert new / sum(map(len, second.values())) < 0.2
    changed = [replace(raw, header=raw.header[:-1] + b"x") if 9_000 <= n < 9_200 else raw for n, raw in enumerate(raws)]
    third = {sha256(chunk).digest(): chunk for chunk in chunks_of_items(changed)}
    assert sum(len(chunk) for digest, chunk in third.items() if digest not in second) / len(raws) / 800 < 0.2


def test_a_delta_holds_what_changed_and_leads_to_the_same_state(tmp_path: Path, signer: Signer) -> None:
    """1 % changed all over: the delta is below 5 % of the whole, and parent and delta together are the child."""
    before = list(items(1_000))
    after = [replace(one, version=2, memory="changed") if n % 100 == 7 else one for n, one in enumerate(before)]
    del after[300]
    write_bundle(tmp_path / "a", signer, iter(before), seq=1)
    write_bundle(tmp_path / "b", signer, iter(after), seq=2)
    with open_bundle(tmp_path / "a") as parent, open_bundle(tmp_path / "b") as child:
        write_delta(parent, child, tmp_path / "d", signer)
        known = Known(3, 1, parent.digest)
        report = verify(tmp_path / "d", [signer.public], known=known)
        assert (report.present, report.deleted) == (10, 1)
        with open_bundle(tmp_path / "d") as delta:
            assert delta.size_bytes < 0.05 * child.size_bytes
            apply_delta(parent, delta, tmp_path / "e", signer)
            with pytest.raises(InvalidArgumentError, match="parent"):
                apply_delta(child, delta, tmp_path / "f", signer)
        with open_bundle(tmp_path / "e") as applied:
            assert applied.descriptor.items.root == child.descriptor.items.root
    with pytest.raises(UntrustedError, match="change of"):
        verify(tmp_path / "d", [signer.public], known=Known(3, 1, "sha256:" + "0" * 64))


def test_older_states_are_refused_and_the_same_is_not(tmp_path: Path, signer: Signer) -> None:
    """Replays: a lower epoch or a lower event than is known; the very bundle again is fine."""
    digest = write_bundle(tmp_path / "b", signer, items(3), seq=10, epoch=4)
    verify(tmp_path / "b", [signer.public], known=Known(9, 99, digest))
    verify(tmp_path / "b", [signer.public], known=Known(4, 10, "sha256:" + "1" * 64))
    for known in (Known(5, 10, ""), Known(4, 11, ""), Known(5, 9, ""), Known(3, 11, "")):
        with pytest.raises(UntrustedError, match="older"):
            verify(tmp_path / "b", [signer.public], known=known)


def test_only_trusted_keys_count(tmp_path: Path, signer: Signer) -> None:
    """Another key, no key, and a key's text that is none."""
    write_bundle(tmp_path / "b", signer, items(3))
    for keys in ([], [Signer.generate().public]):
        with pytest.raises(UntrustedError):
            verify(tmp_path / "b", keys)
    assert PublicKey.parse(str(signer.public)) == signer.public
    for text in ("", "ed25519:short", str(signer.public) + "x", str(signer.public).replace("ed", "rsa")):
        with pytest.raises(InvalidArgumentError):
            PublicKey.parse(text)


def test_folder_and_tar_are_the_same_bundle(tmp_path: Path, signer: Signer) -> None:
    """There and back; nothing is overwritten."""
    digest = write_bundle(tmp_path / "b", signer, items(30), full=True)
    assert convert(tmp_path / "b", tmp_path / "b.tar") == digest
    assert convert(tmp_path / "b.tar", tmp_path / "c") == digest
    convert(tmp_path / "c", tmp_path / "c.tar")
    assert (tmp_path / "b.tar").read_bytes() == (tmp_path / "c.tar").read_bytes()
    assert verify(tmp_path / "b.tar", [signer.public]) == verify(tmp_path / "b", [signer.public])
    with pytest.raises(AlreadyExistsError):
        convert(tmp_path / "b", tmp_path / "c")
    with pytest.raises(AlreadyExistsError):
        convert(tmp_path / "b", tmp_path / "c.tar")
    with pytest.raises(NotFoundError):
        open_bundle(tmp_path / "nothing")


def test_keys_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    """The file is 0600, a second call gets the same key, and two at once agree on one."""
    path = tmp_path / "keys" / "me.pem"
    first = Signer.load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer.load_or_make(path).public == first.public
    assert Signer.generate().save(path).public == first.public
    assert [one.name for one in path.parent.iterdir()] == ["me.pem"]


def test_decoys_hide_how_many_fields_there_are(tmp_path: Path, signer: Signer) -> None:
    """With decoys every header has a multiple of so many digests; the report tells what has neither."""
    write_bundle(tmp_path / "b", signer, items(5), decoys=8)
    with open_bundle(tmp_path / "b") as bundle:
        counts = [len(header["_sd"]) for _, header in bundle.raw_items()]
    assert all(count % 8 == 0 for count in counts)
    report = verify(tmp_path / "b", [signer.public])
    assert report.withheld == sum(counts) - report.disclosures > 0


def test_seq_range_reads_as_it_writes() -> None:
    """``from`` is a word of Python's."""
    assert SeqRange.of(1, 5).model_dump(by_alias=True) == {"from": 1, "to": 5}
