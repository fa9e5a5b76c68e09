"""Sentences of a call centre with numbers in them, as many as are asked for, and the digits of each."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from tests.bench.fidelity.digit_forms import FORMS, KINDS
from tests.bench.fidelity.digit_judge import Expected

_NAMES: Final = {
    "en": {
        "phone": ("phone number", "mobile number", "callback number"),
        "card": ("card number", "credit card number"),
        "document": ("social security number", "tax number", "driver's license number"),
        "order": ("order number", "tracking number", "invoice number", "customer number"),
        "protocol": ("protocol number", "ticket number", "reference number", "account number"),
    },
    "pt": {
        "phone": ("número de telefone", "celular", "telefone de contato"),
        "card": ("número do cartão", "cartão de crédito"),
        "document": ("CPF", "número do documento"),
        "order": ("número do pedido", "código de rastreamento", "número da fatura"),
        "protocol": ("número de protocolo", "número de atendimento", "número da conta"),
    },
}
# {name} is what the number is called, {n} the number, {more} at times an amount, a date or a time.
_TEMPLATES: Final = {
    "en": (
        "My {name} is {n}{more}.",
        "The {name} is {n}, could you please check it{more}?",
        "Yes, it is {n}, that is my {name}{more}.",
        "Please write down the {name} {n}{more}.",
        "I called yesterday and they gave me the {name} {n}{more}.",
        "Let me repeat your {name}: {n}{more}.",
        "Can you confirm that your {name} is {n}{more}?",
        "I don't understand why the {name} {n} was blocked{more}.",
        "Sorry, I said {n}, not something else, for the {name}{more}.",
        "We found no payment for the {name} {n}{more}.",
        "Thank you for waiting, your {name} is still {n}{more}.",
        "So {n} is the {name} that I have here{more}.",
        "If the line drops, tell my colleague the {name} {n}{more}.",
        "It should be under the {name} {n}, but nobody could find it{more}.",
    ),
    "pt": (
        "Meu {name} é {n}{more}.",
        "O {name} é {n}, pode verificar por favor{more}?",
        "Sim, é {n}, esse é o meu {name}{more}.",
        "Por favor, anote o {name} {n}{more}.",
        "Liguei ontem e me passaram o {name} {n}{more}.",
        "Vou repetir o seu {name}: {n}{more}.",
        "Você pode confirmar se o seu {name} é {n}{more}?",
        "Não entendo por que o {name} {n} foi bloqueado{more}.",
        "Desculpe, eu disse {n}, e não outra coisa, para o {name}{more}.",
        "Não encontramos nenhum pagamento para o {name} {n}{more}.",
        "Obrigado por aguardar, o seu {name} continua sendo {n}{more}.",
        "Então {n} é o {name} que consta aqui{more}.",
        "Se a ligação cair, informe ao meu colega o {name} {n}{more}.",
        "Deve estar registrado no {name} {n}, mas ninguém conseguiu localizar{more}.",
    ),
}
_WITH_MORE: Final = 0.4


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence.

    Attributes:
        text: In its language.
        kind: Of its main number.
        form: How that is said.
        expected: What a translation must hold.
    """

    text: str
    kind: str
    form: str
    expected: tuple[Expected, ...]


def sentences(language: str, count: int) -> list[Said]:
    """Return sentences in "en" or "pt", always the same; kinds and forms are as frequent as one another."""
    random = Random(f"digits {language}")  # noqa: S311 - the same sentences each time
    every = [(kind, form) for form in FORMS for kind in KINDS]
    return [_sentence(random, language, *every[number % len(every)]) for number in range(count)]


def _sentence(random: Random, language: str, kind: str, form: str) -> Said:
    text, digits = FORMS[form](random, kind, language)
    more, expected = _more(random, language) if random.random() < _WITH_MORE else ("", None)
    name = random.choice(_NAMES[language][kind])
    said = random.choice(_TEMPLATES[language]).format(name=name, n=text, more=more)
    return Said(
        said[:1].upper() + said[1:], kind, form, ((digits,),) if expected is None else ((digits,), expected)
    )


def _more(random: Random, language: str) -> tuple[str, Expected]:
    return random.choice((_amount, _date, _time))(random, language)


def _amount(random: Random, language: str) -> tuple[str, Expected]:
    whole, cents = random.randint(2, 9_999), random.choice((0, random.randint(1, 99)))
    if language == "en":
        text = f" and the charge was ${whole:,}.{cents:02}"
    else:
        text = f" e a cobrança foi de R$ {whole:,}".replace(",", ".") + f",{cents:02}"
    ways = (f"{whole}{cents:02}",)
    return text, ways if cents else (*ways, str(whole))


def _date(random: Random, language: str) -> tuple[str, Expected]:
    day, month, year = random.randint(1, 28), random.randint(1, 12), random.randint(2019, 2027)
    first, second = (month, day) if language == "en" else (day, month)
    text = (" on {:02}/{:02}/{}" if language == "en" else " no dia {:02}/{:02}/{}").format(
        first, second, year
    )
    # Either order is accepted, for what is judged is whether digits get lost; a month may become a word.
    days, months = (str(day), f"{day:02}"), (str(month), f"{month:02}")
    ways = [way for d in days for m in months for way in (d + m, m + d, f"{d} ", d)]
    return text, tuple(dict.fromkeys(f"{way}{year}" for way in ways))


def _time(random: Random, language: str) -> tuple[str, Expected]:
    hour, minute = random.randint(1, 11), random.choice((15, 20, 30, 45, 50))
    afternoon = random.random() < 0.5
    late = hour + 12 if afternoon else hour
    if language == "en":
        text = f" at {hour}:{minute} {'pm' if afternoon else 'am'}"
    else:
        text = f" às {late}h{minute}"
    return text, tuple(dict.fromkeys(f"{each}{minute}" for each in (hour, f"{hour:02}", late)))
