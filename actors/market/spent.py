"""Counts of what was used of a grant, put together."""

from __future__ import annotations

from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = ["added"]

_COUNTED = ("searches", "reads", "answer_bytes", "memories", "refused")


def added(first: pb.ListingUsage, second: pb.ListingUsage) -> pb.ListingUsage:
    """Both together. Of the throttle's window the later one counts; calls of the same one add up."""
    whole = pb.ListingUsage()
    for name in _COUNTED:
        setattr(whole, name, getattr(first, name) + getattr(second, name))
    whole.window = max(first.window, second.window)
    whole.window_calls = sum(one.window_calls for one in (first, second) if one.window == whole.window)
    for one in (first, second):
        if one.HasField("last_at") and one.last_at.ToNanoseconds() > whole.last_at.ToNanoseconds():
            whole.last_at.CopyFrom(one.last_at)
    return whole
