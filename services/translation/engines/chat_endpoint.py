"""An OpenAI-compatible /chat/completions address: a request, its answer, and all the ways to fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from services.shared.errors import InternalError, Misconfigured, Overloaded, Timeout, Unavailable
from services.translation.engines.chat_prompt import Unusable

_MOST_BYTES: Final = 4 * 1024**2
_CONNECT_S: Final = 5.0
# How long the address is left alone when it says that it is busy, at least and at most.
_LEAST_PAUSE_S: Final = 1.0
_MOST_PAUSE_S: Final = 60.0
# An answer that is cut off here would be no JSON; tokens have about four characters, in some scripts one.
_TOKENS_PER_CHARACTER: Final = 2
_MORE_TOKENS: Final = 256

_UNAUTHORIZED: Final = (401, 402, 403, 404)
_NOT_UNDERSTOOD: Final = (400, 422)
_BUSY: Final = 429
_FAILING: Final = 500


@dataclass(frozen=True, slots=True)
class Wish:
    """One request.

    Attributes:
        model: Its name at the address.
        messages: Of the chat.
        schema: JSON Schema of the answer, for servers that can keep a model to it.
        temperature: 0 for the likeliest answer.
    """

    model: str
    messages: Sequence[Mapping[str, str]]
    schema: Mapping[str, Any]
    temperature: float

    def bare(self) -> dict[str, Any]:
        """Return what every server takes."""
        return {"model": self.model, "messages": list(self.messages), "stream": False}

    def full(self) -> dict[str, Any]:
        """Return it with all that makes a usable answer likelier."""
        length = len(self.messages[-1]["content"])
        shape = {"name": "translations", "strict": True, "schema": self.schema}
        return {
            **self.bare(),
            "temperature": self.temperature,
            "max_tokens": _TOKENS_PER_CHARACTER * length + _MORE_TOKENS,
            "response_format": {"type": "json_schema", "json_schema": shape},
        }


class ChatEndpoint:
    """Speaks to one address and no other: neither redirects nor proxies of the environment are followed.

    Args:
        url: Such as http://llm:8000/v1.
        key: Sent as a bearer token; empty for none.
        timeout_s: In which an answer must have come.

    Raises:
        Misconfigured: the address is none, or the key cannot stand in a header (chat_incomplete).
    """

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        if not (key.isascii() and key.isprintable()):
            raise _malformed("DRAGOMAN_TRANSLATION_CHAT_KEY")
        try:
            self._url = httpx.URL(f"{url.rstrip('/')}/chat/completions")
        except httpx.InvalidURL:
            raise _malformed("DRAGOMAN_TRANSLATION_CHAT_URL") from None
        self._timeout_s = timeout_s
        headers = {"accept-encoding": "identity"} | ({"authorization": f"Bearer {key}"} if key else {})
        self._client = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            follow_redirects=False,
            trust_env=False,
        )
        self._lock = threading.Lock()
        self._quiet_until_s = 0.0
        self._takes_all = True

    def complete(self, wish: Wish) -> str:
        """Return what the model answers.

        A server that does not understand the full request is asked in the bare form from then on.

        Raises:
            Unusable: the answer is none, or was cut off.
            DragomanError: see ChatEngine.translate_in.
        """
        with self._lock:
            if time.monotonic() < self._quiet_until_s:
                raise _busy()
        if self._takes_all:
            status, body = self._posted(wish.full())
            if status not in _NOT_UNDERSTOOD:
                return self._content(status, body)
        status, body = self._posted(wish.bare())
        if status < min(_NOT_UNDERSTOOD):
            self._takes_all = False
        return self._content(status, body)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _posted(self, request: Mapping[str, Any]) -> tuple[int, bytes]:
        """Send a request; what comes back is bounded in bytes and in time."""
        ends_s = time.monotonic() + self._timeout_s
        try:
            with self._client.stream("POST", self._url, json=request) as response:
                if response.status_code == _BUSY:
                    self._rest(response.headers.get("retry-after", ""))
                body = bytearray()
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise Unusable("too many bytes")
                    if time.monotonic() > ends_s:
                        raise _late()
                return response.status_code, bytes(body)
        except httpx.TimeoutException:
            raise _late() from None
        except httpx.TransportError as error:
            raise _away(type(error).__name__) from None

    def _rest(self, retry_after: str) -> None:
        pause_s = float(retry_after) if retry_after.isdecimal() else _LEAST_PAUSE_S
        with self._lock:
            self._quiet_until_s = time.monotonic() + min(max(pause_s, _LEAST_PAUSE_S), _MOST_PAUSE_S)

    def _content(self, status: int, body: bytes) -> str:
        match status:
            case 200:
                return _message(body)
            case 408 | 504:
                raise _late()
            case _ if status == _BUSY:
                raise _busy()
            case _ if status >= _FAILING:
                raise _away(f"HTTP {status}")
            case _ if status in _UNAUTHORIZED:
                raise Misconfigured(
                    f"The chat address refuses (HTTP {status}): check DRAGOMAN_TRANSLATION_CHAT_URL, "
                    "DRAGOMAN_TRANSLATION_CHAT_KEY and the model's name in DRAGOMAN_TRANSLATION_ENGINES.",
                    code="chat_refused",
                )
            case _ if 300 <= status < 400:  # noqa: PLR2004 - HTTP's
                raise Misconfigured(
                    f"The chat address redirects (HTTP {status}), which is not followed: set "
                    "DRAGOMAN_TRANSLATION_CHAT_URL to where it leads.",
                    code="chat_redirects",
                )
            case _:
                raise InternalError(
                    f"The chat address does not take the request (HTTP {status}); see its log.",
                    code="chat_not_understood",
                )


def _message(body: bytes) -> str:
    """Return the one message of an answer that the model ended by itself."""
    try:
        (choice,) = json.loads(body)["choices"]
        content, reason = choice["message"]["content"], choice.get("finish_reason")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        raise Unusable("no completion") from None
    if reason not in ("stop", None):
        raise Unusable("cut off")
    if not isinstance(content, str):
        raise Unusable("no text")
    return content


def _malformed(variable: str) -> Misconfigured:
    return Misconfigured(f"{variable} is malformed; see the README of the room.", code="chat_incomplete")


def _late() -> Timeout:
    return Timeout(
        "The chat address took too long; see DRAGOMAN_TRANSLATION_CHAT_TIMEOUT_S.", code="chat_timeout"
    )


def _away(how: str) -> Unavailable:
    return Unavailable(
        f"The chat address cannot be reached or fails ({how}); see DRAGOMAN_TRANSLATION_CHAT_URL.",
        code="chat_unavailable",
    )


def _busy() -> Overloaded:
    return Overloaded("The chat address has too much to do; try again shortly.", code="chat_busy")
