"""Dumps go to a folder, a tar file, S3, an OCI registry and a dataset repository, and come back as they were or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_endpoint import Hub
from oci_registry import PROGRAM, MemoryRegistry, RealRegistry

from memcube.client import Memory
from memcube.model.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError

TEXTS = ["Maya plays the viola.", "Her cat is called Ösen.", "She moved to Lisbon in 2024."]
Address = Callable[[str], str]


@pytest.fixture
def filled(memory: Memory, cube: str) -> str:
    """A cube with three memories."""
    memory.add(TEXTS, cube_id=cube, tags=["test"], metadata={"n": 1}, verbatim=True)
    return cube


def texts(memory: Memory, cube: str) -> list[str]:
    """What a cube remembers, in order."""
    return sorted(one["memory"] for one in memory.get_all(cube_id=cube)["results"])


def there_and_back(memory: Memory, cube: str, address: str, format: str, back: str = "") -> None:
    """Dump a cube to an address, and load it into another one."""
    told = memory.dump(address, cube_id=cube, format=format)
    assert told["written"] == len(TEXTS)
    report = memory.load(back or address, cube_id=f"{cube}-back")
    assert report["added"] == len(TEXTS), report
    assert texts(memory, f"{cube}-back") == sorted(TEXTS)
    again = memory.load(back or address, cube_id=f"{cube}-back")
    assert (again["added"], again["already"]) == (0, len(TEXTS))


@pytest.mark.parametrize("format", ["mip", "pam", "markdown"])
@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_folders_and_tars(format: str, name: str, memory: Memory, filled: str, tmp_path: Path) -> None:
    """A folder and a tar file hold a dump, appear whole, and are not written over."""
    there_and_back(memory, filled, str(tmp_path / name), format)
    with pytest.raises(AlreadyExistsError):
        memory.dump(tmp_path / name, cube_id=filled, format=format)
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_a_single_file(memory: Memory, filled: str, tmp_path: Path) -> None:
    """A dump that is one file goes to the very path."""
    memory.dump(tmp_path / "memories.json", cube_id=filled, format="mem0")
    assert (tmp_path / "memories.json").is_file()
    assert memory.load(tmp_path / "memories.json", cube_id=f"{filled}-2")["added"] == len(TEXTS)


def test_a_changed_tar_is_not_read(memory: Memory, filled: str, tmp_path: Path) -> None:
    """One flipped bit of a dump's file is found before anything of it is taken."""
    memory.dump(tmp_path / "out.tar", cube_id=filled, format="mem0")
    data = bytearray((tmp_path / "out.tar").read_bytes())
    place = data.index(b"viola")
    data[place] ^= 1
    (tmp_path / "out.tar").write_bytes(data)
    with pytest.raises(InvalidArgumentError, match="digest"):
        memory.load(tmp_path / "out.tar", cube_id=f"{filled}-2")
    with pytest.raises(NotFoundError):
        memory.get_cube(f"{filled}-2")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server that speaks S3, with a bucket."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    boto3 = pytest.importorskip("boto3")
    patch = pytest.MonkeyPatch()
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"), ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "us-east-1"),
    ):  # fmt: skip
        patch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="memories")
    yield "s3://memories"
    server.stop()
    patch.undo()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("format", ["mip", "oamp"])
def test_s3(format: str, s3: str, memory: Memory, filled: str) -> None:
    """S3 holds a dump; one that is there is not written over, and a changed object is not read."""
    import boto3

    address = f"{s3}/{filled}/{format}"
    there_and_back(memory, filled, address, format)
    with pytest.raises(AlreadyExistsError):
        memory.dump(address, cube_id=filled, format=format)
    client = boto3.client("s3")
    objects = client.list_objects_v2(Bucket="memories", Prefix=f"{filled}/{format}/")["Contents"]
    largest = max(objects, key=lambda one: one["Size"] * ("dump.json" not in one["Key"]))["Key"]
    body = bytearray(client.get_object(Bucket="memories", Key=largest)["Body"].read())
    body[len(body) // 2] ^= 1
    client.put_object(Bucket="memories", Key=largest, Body=bytes(body))
    with pytest.raises(InvalidArgumentError):
        memory.load(address, cube_id=f"{filled}-3")
    with pytest.raises(NotFoundError):
        memory.load(f"{s3}/nothing/here", cube_id=f"{filled}-3")


@pytest.fixture(scope="module", params=["minimal", "token", "distribution"])
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The "host:port" of a registry: our own minimal one, one that asks for a token, and the CNCF's."""
    if request.param == "distribution" and not PROGRAM:
        pytest.skip("the docker-registry program is not installed")
    real = request.param == "distribution"
    running = (
        RealRegistry(tmp_path_factory.mktemp("registry"))
        if real
        else MemoryRegistry("secret" if request.param == "token" else "")
    )
    yield running.host
    running.close()


@pytest.mark.parametrize("format", ["mip", "mem0"])
def test_registries(format: str, registry: str, memory: Memory, filled: str) -> None:
    """A registry holds a bundle with its signature, and a foreign dump, by tag and by digest."""
    address = f"oci://{registry}/team/{filled}:{format}"
    there_and_back(memory, filled, address, format)
    told = memory.dump(f"{address}-2", cube_id=filled, format=format)["target"]
    assert memory.load(told, cube_id=f"{filled}-3")["added"] == len(TEXTS)
    with pytest.raises(NotFoundError):
        memory.load(f"oci://{registry}/team/{filled}:nothing", cube_id=f"{filled}-4")


def test_a_registry_that_lies(memory: Memory, filled: str) -> None:
    """A blob that is not what its digest says is not read."""
    running = MemoryRegistry()
    address = f"oci://{running.host}/team/{filled}:v1"
    memory.dump(address, cube_id=filled, format="mip")
    largest = max(running.blobs, key=lambda digest: len(running.blobs[digest]))
    running.blobs[largest] = running.blobs[largest][:-1] + b"!"
    with pytest.raises(InvalidArgumentError, match="digest"):
        memory.load(address, cube_id=f"{filled}-2")
    running.close()


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub on loopback, which ``huggingface_hub`` is told of."""
    pytest.importorskip("huggingface_hub")
    running = Hub()
    patch = pytest.MonkeyPatch()
    import huggingface_hub.constants

    patch.setenv("HF_TOKEN", "hf_test")
    patch.setattr(huggingface_hub.constants, "ENDPOINT", running.url)
    patch.setattr(
        huggingface_hub.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        running.url + "/{repo_id}/resolve/{revision}/{filename}",
    )
    yield running
    patch.undo()
    running.close()


@pytest.mark.parametrize("format", ["mip", "claude"])
def test_dataset_repositories(format: str, hub: Hub, memory: Memory, filled: str) -> None:
    """A dataset repository holds a dump in one commit; a later commit does not change what a revision gives."""
    told = memory.dump(f"hf://me/{filled}-{format}", cube_id=filled, format=format)["target"]
    repo = told.removeprefix("hf://").partition("@")[0]
    files = dict(hub.repos[repo][-1])
    name = max(files, key=lambda one: len(files[one]))
    hub.repos[repo].append({**files, name: files[name][:-2] + b"!\n"})
    there = memory.load(told, cube_id=f"{filled}-2")
    assert there["added"] == len(TEXTS)
    with pytest.raises(InvalidArgumentError):
        memory.load(f"hf://{repo}", cube_id=f"{filled}-3")
