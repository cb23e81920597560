"""OCI registries: ``oci://host/repository:tag``, or ``@sha256:…`` for exactly that one.

A MIP bundle is an OCI artifact as it is: its blobs and its manifest go there unchanged, its signature as a referrer. A
dump in a foreign format becomes an artifact with a layer for each file, as other tools for artifacts make them.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from memcube.interchange.index import digest_of_file, files_in
from memcube.interchange.mip import open_bundle
from memcube.interchange.mip.manifest import LAYOUT, Blob, index_of
from memcube.interchange.mip.media import BUNDLE, ENVELOPE
from memcube.interchange.package import is_bundle, safe_name
from memcube.interchange.strict_json import loads
from memcube.interchange.targets.registry import INDEX as INDEX_TYPE
from memcube.interchange.targets.registry import MANIFEST, Registry
from memcube.model.errors import InvalidArgumentError, NotFoundError, TooLargeError

__all__ = ["OciTarget"]

DUMP = "application/vnd.memcube.dump.v1"
TITLE = "org.opencontainers.image.title"
MAX_LAYERS = 10_000
MAX_REFERRERS = 64
MAX_LAYER_BYTES = 64 << 30
_ADDRESS = re.compile(
    r"oci://(?P<host>[A-Za-z0-9.-]+(?::\d{1,5})?)/(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_EMPTY = b"{}"


class OciTarget:
    """See ``Target``."""

    def __init__(self, address: str, field: str = "target") -> None:
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise InvalidArgumentError(field, f"{address[:100]!r} is no oci://host/repository:tag")
        self._host, self._repository = match["host"], match["repository"]
        self._tag, self._digest = match["tag"] or "latest", match["digest"] or ""
        self._field = field

    def send(self, folder: Path) -> str:
        """See ``Target``; the tag is set last, when all that it names is there."""
        if self._digest:
            raise InvalidArgumentError(self._field, "names a digest: a dump goes to a tag, and is told its digest")
        with Registry(self._host, self._repository) as registry:
            digest = _push_bundle(registry, folder, self._tag) if is_bundle(folder) else self._push(registry, folder)
        return f"oci://{self._host}/{self._repository}:{self._tag}@{digest}"

    def _push(self, registry: Registry, folder: Path) -> str:
        layers = []
        for name, path in files_in(folder):
            digest = f"sha256:{digest_of_file(path)}"
            registry.put_blob(digest, path)
            layer = {"mediaType": "application/octet-stream", "digest": digest, "size": path.stat().st_size}
            layers.append({**layer, "annotations": {TITLE: name}})
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": DUMP,
            "config": _put_empty(registry, folder),
            "layers": layers,
        }
        body = json.dumps(manifest, separators=(",", ":")).encode()
        registry.put_manifest(body, self._tag)
        return "sha256:" + hashlib.sha256(body).hexdigest()

    def fetch(self, into: Path) -> Path:
        """See ``Target``."""
        with Registry(self._host, self._repository) as registry:
            body, digest = registry.manifest(self._digest or self._tag)
            manifest = _manifest(body, digest)
            kind = manifest.get("artifactType")
            if kind == BUNDLE:
                _pull_bundle(registry, manifest, body, digest, into)
            elif kind == DUMP or not kind:
                _pull(registry, manifest, into)
            else:
                raise InvalidArgumentError("manifest.artifactType", f"{str(kind)[:80]!r} is no dump and no bundle")
        return into


def _put_empty(registry: Registry, folder: Path) -> dict[str, Any]:
    """The empty config that artifacts have."""
    digest = "sha256:" + hashlib.sha256(_EMPTY).hexdigest()
    place = folder.parent / "empty.json"
    place.write_bytes(_EMPTY)
    registry.put_blob(digest, place)
    return {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": len(_EMPTY)}


def _push_bundle(registry: Registry, folder: Path, tag: str) -> str:
    with open_bundle(folder) as bundle:
        manifests = {bundle.digest: bundle.manifest_bytes}
        index = loads(bundle.index_bytes.decode(), "index.json")
        for one in index["manifests"]:
            path = folder / "blobs" / "sha256" / str(one["digest"]).removeprefix("sha256:")
            manifests[one["digest"]] = path.read_bytes()
        for blob in bundle.blobs():
            if blob.digest not in manifests:
                registry.put_blob(blob.digest, folder / "blobs" / "sha256" / blob.hex)
        registry.put_manifest(manifests[bundle.digest], bundle.digest)
        kept = True
        signatures = [one for one in index["manifests"] if one["digest"] != bundle.digest]
        for one in signatures:
            kept = registry.put_manifest(manifests[one["digest"]], one["digest"]) and kept
        if signatures and not kept:
            # A registry without the referrers API: a tag named after the digest stands for it.
            listed = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": signatures}
            registry.put_manifest(json.dumps(listed).encode(), bundle.digest.replace(":", "-"), INDEX_TYPE)
        registry.put_manifest(manifests[bundle.digest], tag)
        return bundle.digest


def _manifest(body: bytes, digest: str) -> dict[str, Any]:
    try:
        manifest = loads(body.decode(), "manifest")
    except UnicodeDecodeError as error:
        raise InvalidArgumentError("manifest", "is not UTF-8") from error
    layers = manifest.get("layers") if isinstance(manifest, dict) else None
    if not isinstance(layers, list) or not isinstance(manifest.get("config"), dict):
        raise InvalidArgumentError("manifest", f"{digest} is no image manifest")
    if len(layers) > MAX_LAYERS:
        raise TooLargeError("manifest.layers", len(layers), MAX_LAYERS, "layers")
    for place, one in enumerate([manifest["config"], *layers]):
        field = f"manifest.layers[{place - 1}]" if place else "manifest.config"
        if not isinstance(one, dict) or not re.fullmatch(r"sha256:[0-9a-f]{64}", str(one.get("digest"))):
            raise InvalidArgumentError(field, "has no sha256 digest")
        if type(one.get("size")) is not int or not 0 <= one["size"] <= MAX_LAYER_BYTES:
            raise InvalidArgumentError(field, "has no size that is taken")
    return dict(manifest)


def _pull(registry: Registry, manifest: dict[str, Any], into: Path) -> None:
    for place, layer in enumerate(manifest["layers"]):
        field = f"manifest.layers[{place}]"
        noted = layer.get("annotations")
        name = noted.get(TITLE) if isinstance(noted, dict) else None
        target = into / safe_name(field, str(name or f"layer-{place}"))
        if target.exists():
            raise InvalidArgumentError(field, f"is a second file {target.name[:100]!r}")
        registry.fetch_blob(layer["digest"], layer["size"], target)
    if not manifest["layers"]:
        raise NotFoundError("layers in", registry.repository)


def _pull_bundle(registry: Registry, manifest: dict[str, Any], body: bytes, digest: str, into: Path) -> None:
    """A bundle as the folder it was: its manifest, its blobs, and the signatures that refer to it."""
    blobs = into / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (into / "oci-layout").write_bytes(LAYOUT)
    (blobs / digest.removeprefix("sha256:")).write_bytes(body)
    wanted = [manifest["config"], *manifest["layers"]]
    signatures: list[Blob] = []
    for one in registry.referrers(digest)[:MAX_REFERRERS]:
        signature, name = registry.manifest(one["digest"])
        told = _manifest(signature, name)
        if told.get("artifactType") != ENVELOPE:
            continue  # what others say of the bundle is no part of it
        (blobs / name.removeprefix("sha256:")).write_bytes(signature)
        wanted += [told["config"], *told["layers"]]
        signatures.append(Blob(name, len(signature), MANIFEST))
    for one in {one["digest"]: one for one in wanted}.values():
        registry.fetch_blob(one["digest"], one["size"], blobs / str(one["digest"]).removeprefix("sha256:"))
    (into / "index.json").write_bytes(index_of(Blob(digest, len(body), MANIFEST), signatures))
