"""What a caller is told of a defect: a number under which the log has the rest."""

from __future__ import annotations

import logging

from memcube.model.errors import InternalError
from memcube.model.ids import new_idempotency_key

__all__ = ["incident"]


def incident(logger: logging.Logger, error: BaseException, where: str = "") -> InternalError:
    """Log an error that nobody foresaw; returns the one to raise or send instead, which names the entry."""
    number = new_idempotency_key()[:12]
    logger.error("incident %s %s", number, where, exc_info=error)
    return InternalError(number)
