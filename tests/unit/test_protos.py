"""The committed stubs are those that the .proto files make, and the protocol keeps its promises to other languages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor

from memcube.protos.memcube.v1 import (
    audit_pb2,
    cube_pb2,
    error_pb2,
    event_pb2,
    filter_pb2,
    governance_pb2,
    item_pb2,
    market_pb2,
    memstore_pb2,
    mip_pb2,
    service_pb2,
    task_pb2,
    work_pb2,
)

PROTOS = Path(__file__).parents[2] / "protos"
FILES: list[FileDescriptor] = [
    module.DESCRIPTOR
    for module in (
        audit_pb2,
        cube_pb2,
        error_pb2,
        event_pb2,
        filter_pb2,
        governance_pb2,
        item_pb2,
        market_pb2,
        memstore_pb2,
        mip_pb2,
        service_pb2,
        task_pb2,
        work_pb2,
    )
]


def messages(inside: FileDescriptor | Descriptor) -> Iterator[Descriptor]:
    """Every message of a file, nested ones too, without map entries."""
    found = inside.message_types_by_name if isinstance(inside, FileDescriptor) else inside.nested_types_by_name
    for message in found.values():
        if not message.GetOptions().map_entry:
            yield message
            yield from messages(message)


MESSAGES = [message for file in FILES for message in messages(file)]


def test_stubs_are_what_the_protos_make(tmp_path: Path) -> None:
    """Regenerated into a folder, file by file the same as the committed ones."""
    made = tmp_path / "memcube" / "v1"
    made.mkdir(parents=True)
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run(
        ["bash", str(PROTOS / "generate.sh"), str(tmp_path)],
        check=True, env=environment, timeout=120, capture_output=True,
    )  # fmt: skip
    names = {path.name for path in made.iterdir()}
    committed = {path.name for path in (PROTOS / "memcube" / "v1").iterdir() if "_pb2" in path.name}
    assert names == committed
    assert len(names) == 3 * len(FILES)
    for name in sorted(names):
        assert (made / name).read_text() == (PROTOS / "memcube" / "v1" / name).read_text(), f"run generate.sh: {name}"


def test_every_proto_file_is_looked_at_here() -> None:
    """A new file must be added to FILES."""
    assert {file.name for file in FILES} == {f"memcube/v1/{path.name}" for path in PROTOS.glob("memcube/v1/*.proto")}


def test_enums_start_with_an_unspecified_zero() -> None:
    """So that absent and unknown values are told from real ones in every language."""
    enums = [enum for file in FILES for enum in file.enum_types_by_name.values()]
    assert enums
    for enum in enums:
        prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper()
        assert enum.values_by_number[0].name == f"{prefix}_UNSPECIFIED"
        assert all(value.name.startswith(f"{prefix}_") for value in enum.values)


def test_every_mutating_request_has_an_idempotency_key() -> None:
    """And no reading one."""
    reads = {"Get", "GetCube", "ListCubes", "Search", "BatchSearch", "List", "ListStream", "History", "ReadEvents"}
    reads |= {"Status", "Preferences", "Understand", "ListTasks", "GetTask", "WaitTasks", "WatchTasks"}
    for rpc in service_pb2.DESCRIPTOR.services_by_name["MemCubeService"].methods:
        has_key = "idempotency_key" in rpc.input_type.fields_by_name
        assert has_key is (rpc.name not in reads), rpc.name


def test_numbers_leave_room_and_units_are_named() -> None:
    """Numbers 1 to 99 are ours; numbers that measure something say in what."""
    assert len(MESSAGES) > 40
    for message in MESSAGES:
        for field in message.fields:
            assert field.number < 100, field.full_name
            if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT) and "time" in field.name:
                assert field.name.endswith(("_s", "_ms")), field.full_name


def test_times_are_timestamps() -> None:
    """Instants in UTC, never numbers or texts."""
    for message in MESSAGES:
        for field in message.fields:
            if field.name == "time" or field.name.endswith(("_at", "_time", "valid_from", "valid_to")):
                kind = field.message_type
                assert kind is not None, field.full_name
                assert kind.full_name == "google.protobuf.Timestamp", field.full_name
