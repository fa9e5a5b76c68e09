"""Translation by a chat model at an OpenAI-compatible address: the one engine that sends text elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Final

from services.shared import telemetry
from services.shared.engines import Model
from services.shared.errors import Misconfigured
from services.translation.engines.base import Context, UnusableAnswer
from services.translation.engines.chat_endpoint import ChatEndpoint, Wish
from services.translation.engines.chat_prompt import Unusable, messages, read, schema
from services.translation.languages import Pair, primary
from services.translation.settings import TranslationSettings

# The second time a little heat: a model without any says the same again.
_TEMPERATURES: Final = (0.0, 0.5)
_NOTHING: Final = Context()
# Nobody outside can say when the output of such a model changes.
_REVISION: Final = "remote"


class ChatEngine:
    """Sends sentences as JSON, several in one request, and takes only JSON that fits them for an answer.

    Args:
        endpoint: Where the model answers.
        model: Its name there.
        languages: BCP-47, one tag per language; the model is asked for just these, such as "pt-BR".
        batch: Most sentences of one request.
    """

    def __init__(self, endpoint: ChatEndpoint, model: str, languages: Sequence[str], batch: int) -> None:
        self._endpoint = endpoint
        self._model = Model(model, _REVISION)
        self._tags: Mapping[str, str] = {primary(tag): tag for tag in languages}
        self._batch = batch

    @property
    def model(self) -> Model:
        """The model, by its name at the address; its weights are not known."""
        return self._model

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every direction between the languages."""
        return tuple(Pair(*both) for both in permutations(self._tags, 2))

    @property
    def batch(self) -> int:
        """Most sentences of one request."""
        return self._batch

    def model_of(self, _pair: Pair) -> Model:
        """Return the one model there is."""
        return self._model

    def translate(self, texts: Sequence[str], pair: Pair) -> list[str]:
        """Translate without context; raises as `translate_in` does."""
        return self.translate_in(texts, pair, _NOTHING)

    def translate_in(self, texts: Sequence[str], pair: Pair, context: Context) -> list[str]:
        """Translate sentences, asking once more where the answer cannot be used.

        Raises:
            UnusableAnswer: neither answer could be used (unusable_answer).
            InternalError: the request was not understood (chat_not_understood).
            Unavailable: the address cannot be reached or says that it fails (chat_unavailable).
            Timeout: the answer took too long (chat_timeout).
            Overloaded: the address wants to be left alone for a while (chat_busy).
            Misconfigured: the address, its key or the model's name is wrong (chat_refused, chat_redirects).
        """
        if not texts:
            return []
        wanted = messages(texts, self._tags[pair.source], self._tags[pair.target], context)
        return self._answered(texts, wanted, _TEMPERATURES)

    def others(
        self, texts: Sequence[str], pair: Pair, context: Context, limits: Sequence[int]
    ) -> list[list[str]]:
        """Ask once for a shorter wording of each sentence; where any length will do, nothing is asked.

        Raises:
            DragomanError: see `translate_in`.
        """
        if not (texts and all(limits)):
            return [[] for _ in texts]
        wanted = messages(texts, self._tags[pair.source], self._tags[pair.target], context, limits)
        return [[text] for text in self._answered(texts, wanted, _TEMPERATURES[:1])]

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _answered(
        self, texts: Sequence[str], wanted: Sequence[Mapping[str, str]], temperatures: Sequence[float]
    ) -> list[str]:
        reason = ""
        for temperature in temperatures:
            wish = Wish(self._model.name, wanted, schema(len(texts)), temperature)
            try:
                return read(self._endpoint.complete(wish), texts)
            except Unusable as error:
                reason = error.reason
                telemetry.logger().warning("unusable answer", model=self._model.name, reason=reason)
        raise UnusableAnswer(
            f"The chat model's answer cannot be used: {reason}. Take a model that keeps to JSON.",
            code="unusable_answer",
        )


def load(settings: TranslationSettings, model: str = "") -> ChatEngine:
    """Return the engine; whether the address answers is seen when it is used.

    Raises:
        Misconfigured: no address or no model is named, or they are malformed (chat_incomplete), or the
            languages are (chat_languages).
    """
    if settings.translation_chat_url is None or not model:
        raise Misconfigured(
            "The chat engine needs DRAGOMAN_TRANSLATION_CHAT_URL, and its model's name as in chat:my-model.",
            code="chat_incomplete",
        )
    languages = _languages(settings)
    key = settings.translation_chat_key
    endpoint = ChatEndpoint(
        settings.translation_chat_url,
        key.get_secret_value() if key else "",
        settings.translation_chat_timeout_s,
    )
    return ChatEngine(endpoint, model, languages, settings.translation_batch)


def _languages(settings: TranslationSettings) -> list[str]:
    tags = [tag.strip() for tag in settings.translation_chat_languages.split(",") if tag.strip()]
    if len(tags) < 2 or len({primary(tag) for tag in tags}) < len(tags):  # noqa: PLR2004 - from one to another
        raise Misconfigured(
            "DRAGOMAN_TRANSLATION_CHAT_LANGUAGES takes two languages or more, each once, such as en,pt-BR.",
            code="chat_languages",
        )
    return tags
