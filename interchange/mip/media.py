"""The media types of a bundle's parts, and what a reader of this version understands; sections 3 and 10 of MIP.md."""

from __future__ import annotations

__all__ = [
    "BUNDLE",
    "CRITICAL",
    "DELETED",
    "DESCRIPTOR",
    "EMPTY",
    "ENVELOPE",
    "GAPS",
    "ITEMS",
    "KV",
    "KV_TENSORS",
    "LINES",
    "LORA",
    "LORA_TENSORS",
    "OCI_INDEX",
    "OCI_MANIFEST",
    "ORIGIN",
    "POLICY",
    "PROVENANCE",
    "RECORDS",
    "REDACTIONS",
    "TENSORS",
    "VECTORS",
    "VECTOR_TENSORS",
    "VERSION",
]

VERSION = "1.0"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
BUNDLE = "application/vnd.mip.bundle.v1+json"
DESCRIPTOR = "application/vnd.mip.descriptor.v1+json"
ITEMS = "application/vnd.mip.items.v1+jsonl"
DELETED = "application/vnd.mip.deleted.v1+jsonl"
GAPS = "application/vnd.mip.gaps.v1+jsonl"
REDACTIONS = "application/vnd.mip.redactions.v1+jsonl"
ORIGIN = "application/vnd.mip.origin.v1+json"
PROVENANCE = "application/vnd.mip.prov.v1+json"
POLICY = "application/vnd.mip.policy.v1+cedar"
VECTORS = "application/vnd.mip.vectors.v1+json"
VECTOR_TENSORS = "application/vnd.mip.vectors.v1.safetensors"
KV = "application/vnd.mip.kv.v1+json"
KV_TENSORS = "application/vnd.mip.kv.v1.safetensors"
LORA = "application/vnd.mip.lora.v1+json"
LORA_TENSORS = "application/vnd.mip.lora.v1.safetensors"

LINES = frozenset({ITEMS, DELETED, GAPS, REDACTIONS})
"""Layers of JSON lines, each read whole."""
RECORDS = {VECTORS: VECTOR_TENSORS, KV: KV_TENSORS, LORA: LORA_TENSORS}
"""Layers that describe tensors, and the layer in which those are."""
TENSORS = frozenset(RECORDS.values())

CRITICAL = frozenset(
    {"mip", "cube", "issuer", "epoch", "seq", "parent", "created_at", "items", "deleted", "derived", "policy"}
    | {"critical", "generator"}
    | {ITEMS, DELETED, GAPS, REDACTIONS, ORIGIN, PROVENANCE, POLICY, *RECORDS, *TENSORS}
)
"""All that ``critical`` may name here: members of the descriptor, and media types of layers."""
