"""One request and its answer: sent again where that is safe, read as a model, paged."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from dragoman import errors
from dragoman.effects import AskOptions, Emit, Flow, Open, Options, Read, Request, Send, Sleep, Stream
from dragoman.errors import DragomanError
from dragoman.models import Model

M = TypeVar("M", bound=Model)

_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 8.0
_PAGE_SIZE: Final = 100


def path(*parts: str) -> str:
    """Return a path below /v1; no part, whatever it holds, is more than one segment of it."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def answered(
    request: Request, *, opened: bool = False, max_retries: int | None = None
) -> Flow[httpx.Response]:
    """Send a request until it is answered, or will not be.

    A request that is not idempotent is sent again only where no connection came about.

    Args:
        request: What to send.
        opened: Whether the body is left to be read.
        max_retries: How often it is sent again; None for as often as the client says.

    Raises:
        Refused: the answer is an error.
        Unreachable: there is none.
    """
    options: Options = yield AskOptions()
    retries = options.max_retries if max_retries is None else max_retries
    for attempt in itertools.count():
        try:
            answer: httpx.Response = yield (Open if opened else Send)(request)
            if answer.is_success:
                return answer
            if opened:
                answer = yield from _whole(answer)
            error: DragomanError = errors.refused(answer)
            again = request.idempotent and error.retryable
        except httpx.TransportError as failure:
            error = errors.lost(failure, options.base_url)
            again = request.idempotent or isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout)
        if not again or attempt >= retries:
            raise error
        yield Sleep(wait_s(attempt, error))
    raise AssertionError("unreachable")  # for mypy: count() does not end


def document(request: Request) -> Flow[Any]:
    """Return the JSON of an answer."""
    answer = yield from answered(request)
    try:
        return answer.json()
    except ValueError:
        raise _stranger() from None


def model(kind: type[M], request: Request) -> Flow[M]:
    """Return an answer as a model."""
    answer = yield from answered(request)
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError:
        raise _stranger() from None


def pages(
    kind: type[M],
    plural: str,
    params: Mapping[str, Any],
    limit: int | None = None,
    under: tuple[str, ...] = (),
) -> Stream[M]:
    """Emit every object of a list, page after page.

    Args:
        kind: Of the objects.
        plural: Names them in the path and in the answer.
        params: The filter.
        limit: Most objects; None for all.
        under: The path before the plural.
    """
    left, token = limit, ""
    while left is None or left > 0:
        size = _PAGE_SIZE if left is None else min(left, _PAGE_SIZE)
        asked = {**params, "page_size": size, "page_token": token or None}
        page = yield from document(Request("GET", path(*under, plural), asked))
        for each in page[plural][:left]:
            yield Emit(kind.model_validate(each))
        left = None if left is None else left - len(page[plural])
        token = page.get("next_page_token", "")
        if not token:
            return


def wait_s(attempt: int, error: DragomanError) -> float:
    """Return the seconds before the next attempt: twice as long each time, or as the gateway says.

    Args:
        attempt: How many there have been, from 0.
        error: What became of the last one.
    """
    backoff_s = min(_FIRST_WAIT_S * 2.0**attempt, _LONGEST_WAIT_S)
    # So that many clients that failed together do not come back together.
    spread = 1 - 0.25 * random.random()  # noqa: S311 (spreads load, guards nothing)
    return max(backoff_s * spread, error.retry_after_s)


def _stranger() -> DragomanError:
    return errors.ServerFailure("The answer is not that of a gateway: check the address.", code="no_gateway")


def _whole(answer: httpx.Response) -> Flow[httpx.Response]:
    """Return an opened answer with its body."""
    chunks = []
    while (chunk := (yield Read())) is not None:
        chunks.append(chunk)
    return httpx.Response(answer.status_code, headers=answer.headers, content=b"".join(chunks))
