"""Refusals of the HTTP side: whatever the framework or the verbs raise, as the one error shape."""

from __future__ import annotations

import math
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from memcube.actors.gateway.failure import MAX_TEXT, as_error
from memcube.model.errors import ExhaustedError, InvalidArgumentError, MemCubeError, NotFoundError, UnauthenticatedError
from memcube.model.plain import error_to_plain

__all__ = ["answer_refusal", "error_body", "of_http", "of_validation"]


def error_body(error: MemCubeError) -> dict[str, Any]:
    """The one shape of every error; texts within bounds."""
    plain = error_to_plain(error)
    plain["message"] = plain["message"][:MAX_TEXT]
    plain["facts"] = {k: v[:MAX_TEXT] if isinstance(v, str) else v for k, v in error.facts.items()}
    plain["retry_after_s"] = float(error.facts.get("retry_after_s", 0.0))
    return {"error": plain}


def answer_refusal(failure: Exception) -> JSONResponse:
    """The response for a failure: its status, its shape, and Retry-After where there is a hint."""
    error = as_error(failure, "an HTTP call")
    headers = {}
    hint_s = error.facts.get("retry_after_s")
    if isinstance(hint_s, int | float) and (error.RETRYABLE or isinstance(error, ExhaustedError)):
        headers["Retry-After"] = str(max(1, math.ceil(hint_s)))
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error_body(error), status_code=error.HTTP, headers=headers)


def of_validation(failure: RequestValidationError) -> MemCubeError:
    """The first thing that the body's model found wrong, with the path of its field."""
    first = failure.errors()[0]
    raised = (first.get("ctx") or {}).get("error")
    if isinstance(raised, MemCubeError):
        return raised
    where, *inside = first["loc"] or ("body",)
    path = ""
    for part in inside:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier() or not path:
            path += f".{part}" if path else part
    if first["type"] == "json_invalid":
        return InvalidArgumentError("body", "is no JSON")
    if first["type"] == "extra_forbidden":
        return InvalidArgumentError(path or str(where), "is not known here")
    if first["type"] == "missing":
        return InvalidArgumentError(path or str(where), "is missing")
    if not inside and first["type"] in ("model_attributes_type", "dict_type", "model_type"):
        # What is no object is mostly JSON that was sent without saying so: curl -d calls it a form.
        return InvalidArgumentError("body", "is no JSON object; send it with 'content-type: application/json'")
    problem = str(first["msg"])
    return InvalidArgumentError(path or str(where), problem[:1].lower() + problem[1:])


def of_http(request: Request, failure: HTTPException) -> JSONResponse:
    """What the router itself refuses: unknown paths and methods, bodies that could not be read."""
    if isinstance(failure.__cause__, MemCubeError):
        return answer_refusal(failure.__cause__)
    if failure.status_code == 404:
        return answer_refusal(NotFoundError("path", request.url.path[:256]))
    if failure.status_code == 405:
        error = InvalidArgumentError("method", f"{request.method[:16]} is not served at this path")
        return JSONResponse(error_body(error), status_code=405, headers=failure.headers)
    return JSONResponse(
        error_body(InvalidArgumentError("body", str(failure.detail))), failure.status_code, headers=failure.headers
    )
