"""Where dumps go and loads come from, by address: a folder or a file, ``s3://``, ``oci://``, ``hf://``.

A dump is made in a folder of this machine and then carried; a load is carried into one, every digest verified, and only
then read. So a bundle or an export that was changed on its way is never looked into.
"""

from __future__ import annotations

from pathlib import Path

from memcube.interchange.targets.base import Target
from memcube.interchange.targets.local import LocalTarget
from memcube.model.errors import InvalidArgumentError

__all__ = ["Target", "target_of"]


def target_of(address: str, field: str = "target") -> Target:
    """The target of an address. Raises InvalidArgumentError(field), MissingExtraError where its library is missing."""
    scheme, mark, _ = address.partition("://")
    if not mark:
        return LocalTarget(Path(address))
    if scheme == "file":
        return LocalTarget(Path(address.removeprefix("file://")))
    if scheme == "oci":
        from memcube.interchange.targets.oci import OciTarget

        return OciTarget(address, field)
    if scheme == "hf":
        from memcube.interchange.targets.hugging_face import HuggingFaceTarget

        return HuggingFaceTarget(address, field)
    if scheme == "s3":
        from memcube.interchange.targets.object_store import ObjectStoreTarget

        return ObjectStoreTarget(address, field)
    raise InvalidArgumentError(field, f"{scheme[:32]}:// is none of file, s3, oci and hf")
