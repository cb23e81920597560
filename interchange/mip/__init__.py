"""The Memory Interchange Protocol's bundles: write, read, verify, derive. ``MIP.md`` beside this folder specifies them.

signer = Signer.load_or_make(Path("me.pem"))
with BundleWriter("bundle", Descriptor(cube=CubeAbout(id="user:alice")), signer) as writer:
    writer.add(item)
    writer.finish()
report = verify("bundle", [signer.public])
with open_bundle("bundle") as bundle:
    memories = [one.item for one in bundle.items()]
"""

from memcube.interchange.mip.bundle import Bundle, Record, Redaction, open_bundle
from memcube.interchange.mip.compat import Base, KvRecord, LoraRecord, Ruling, Verdict, kv_ruling, lora_ruling
from memcube.interchange.mip.convert import convert
from memcube.interchange.mip.delta import apply_delta, write_delta
from memcube.interchange.mip.derive import derive
from memcube.interchange.mip.descriptor import CubeAbout, Descriptor, ItemsAbout, SeqRange
from memcube.interchange.mip.fields import BundleItem, RawItem
from memcube.interchange.mip.keys import PublicKey, Signer
from memcube.interchange.mip.prov import provenance_of
from memcube.interchange.mip.tensors import Tensor, tensors_bytes
from memcube.interchange.mip.verify import Known, Report, check_fresh, verify, verify_bundle
from memcube.interchange.mip.writer import BundleWriter

__all__ = [
    "Base",
    "Bundle",
    "BundleItem",
    "BundleWriter",
    "CubeAbout",
    "Descriptor",
    "ItemsAbout",
    "Known",
    "KvRecord",
    "LoraRecord",
    "PublicKey",
    "RawItem",
    "Record",
    "Redaction",
    "Report",
    "Ruling",
    "SeqRange",
    "Signer",
    "Tensor",
    "Verdict",
    "apply_delta",
    "check_fresh",
    "convert",
    "derive",
    "kv_ruling",
    "lora_ruling",
    "open_bundle",
    "provenance_of",
    "tensors_bytes",
    "verify",
    "verify_bundle",
    "write_delta",
]
