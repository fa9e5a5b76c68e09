"""The languages whose numbers are read in full, and the words that each of them reads them with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Unit:
    """What is counted: the name of one, and of several; of both genders one can be."""

    one: str
    more: str
    feminine: bool = False


@dataclass(frozen=True, slots=True)
class Currency:
    """The names of a currency and of its hundredth part, where it has one."""

    whole: Unit
    part: Unit | None = None


@dataclass(frozen=True, slots=True)
class Tongue:
    """The words of one language.

    Attributes:
        primary: Tag of the language: "pt" for all that is spoken of it.
        cardinals: As num2words calls it.
        point: Between the whole part of a number and its decimals.
        minus, plus, percent: As they are said.
        joint: Between an amount and its hundredths.
        of: Between millions and what is counted; with an apostrophe only before a vowel, else with an e.
        months: January to December.
        marks: Of e-mail addresses.
        letters: Names of those that would be read as words even before a pause.
        currencies: By ISO 4217 code.
        in_twos: Whether digit strings are said as numbers of two digits: "zéro six, douze".
        twos_first: Whether five digits are said as two and three, as postal codes are; else three and two.
        area_codes: Whether "(11)" before a phone number is said as a number.
    """

    primary: str
    cardinals: str
    point: str
    minus: str
    plus: str
    percent: str
    joint: str
    of: str
    months: tuple[str, ...]
    marks: Mapping[str, str]
    currencies: Mapping[str, Currency]
    letters: Mapping[str, str] = field(default_factory=dict)
    in_twos: bool = False
    twos_first: bool = False
    area_codes: bool = False


def _marks(at: str, dot: str, dash: str, underscore: str, plus: str) -> Mapping[str, str]:
    return {"@": at, ".": dot, "-": dash, "_": underscore, "+": plus}


_CENT, _CENTAVO = Unit("cent", "cents"), Unit("centavo", "centavos")
_PENNY: Final = Unit("penny", "pence")

_ENGLISH: Final = Tongue(
    primary="en",
    cardinals="en",
    point="point",
    minus="minus",
    plus="plus",
    percent="percent",
    joint="and",
    of="",
    months=(
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    marks=_marks("at", "dot", "dash", "underscore", "plus"),
    currencies={
        "": Currency(Unit("dollar", "dollars"), _CENT),
        "USD": Currency(Unit("dollar", "dollars"), _CENT),
        "EUR": Currency(Unit("euro", "euros"), _CENT),
        "GBP": Currency(Unit("pound", "pounds"), _PENNY),
        "BRL": Currency(Unit("real", "reais"), _CENTAVO),
        "MXN": Currency(Unit("Mexican peso", "Mexican pesos"), _CENTAVO),
        "ARS": Currency(Unit("Argentine peso", "Argentine pesos"), _CENTAVO),
        "CLP": Currency(Unit("Chilean peso", "Chilean pesos")),
        "COP": Currency(Unit("Colombian peso", "Colombian pesos"), _CENTAVO),
        "CAD": Currency(Unit("Canadian dollar", "Canadian dollars"), _CENT),
        "AUD": Currency(Unit("Australian dollar", "Australian dollars"), _CENT),
        "CHF": Currency(Unit("Swiss franc", "Swiss francs"), Unit("centime", "centimes")),
        "JPY": Currency(Unit("yen", "yen")),
        "CNY": Currency(Unit("yuan", "yuan")),
        "INR": Currency(Unit("rupee", "rupees"), Unit("paisa", "paise")),
    },
)  # fmt: skip

_SPANISH: Final = Tongue(
    primary="es",
    twos_first=True,
    cardinals="es",
    point="coma",
    minus="menos",
    plus="más",
    percent="por ciento",
    joint="con",
    of="de",
    months=(
        "enero", "febrero", "marzo", "abril", "mayo", "junio",
        "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
    ),
    marks=_marks("arroba", "punto", "guion", "guion bajo", "más"),
    currencies={
        "": Currency(Unit("dólar", "dólares"), _CENTAVO),
        "USD": Currency(Unit("dólar", "dólares"), _CENTAVO),
        "EUR": Currency(Unit("euro", "euros"), Unit("céntimo", "céntimos")),
        "GBP": Currency(Unit("libra", "libras", feminine=True), Unit("penique", "peniques")),
        "BRL": Currency(Unit("real", "reales"), _CENTAVO),
        "MXN": Currency(Unit("peso", "pesos"), _CENTAVO),
        "ARS": Currency(Unit("peso", "pesos"), _CENTAVO),
        "CLP": Currency(Unit("peso", "pesos")),
        "COP": Currency(Unit("peso", "pesos"), _CENTAVO),
        "CAD": Currency(Unit("dólar canadiense", "dólares canadienses"), _CENTAVO),
        "AUD": Currency(Unit("dólar australiano", "dólares australianos"), _CENTAVO),
        "CHF": Currency(Unit("franco suizo", "francos suizos"), Unit("céntimo", "céntimos")),
        "JPY": Currency(Unit("yen", "yenes")),
        "CNY": Currency(Unit("yuan", "yuanes")),
        "INR": Currency(Unit("rupia", "rupias", feminine=True), Unit("paisa", "paisas", feminine=True)),
    },
    letters={"Y": "ye"},
)  # fmt: skip

_BRAZILIAN: Final = Tongue(
    primary="pt",
    twos_first=True,
    area_codes=True,
    cardinals="pt_BR",
    point="vírgula",
    minus="menos",
    plus="mais",
    percent="por cento",
    joint="e",
    of="de",
    months=(
        "janeiro", "fevereiro", "março", "abril", "maio", "junho",
        "julho", "agosto", "setembro", "outubro", "novembro", "dezembro",
    ),
    marks=_marks("arroba", "ponto", "hífen", "sublinhado", "mais"),
    currencies={
        "": Currency(Unit("dólar", "dólares"), _CENTAVO),
        "USD": Currency(Unit("dólar", "dólares"), _CENTAVO),
        "EUR": Currency(Unit("euro", "euros"), Unit("cêntimo", "cêntimos")),
        "GBP": Currency(Unit("libra", "libras", feminine=True), _PENNY),
        "BRL": Currency(Unit("real", "reais"), _CENTAVO),
        "MXN": Currency(Unit("peso mexicano", "pesos mexicanos"), _CENTAVO),
        "ARS": Currency(Unit("peso argentino", "pesos argentinos"), _CENTAVO),
        "CLP": Currency(Unit("peso chileno", "pesos chilenos")),
        "COP": Currency(Unit("peso colombiano", "pesos colombianos"), _CENTAVO),
        "CAD": Currency(Unit("dólar canadense", "dólares canadenses"), _CENTAVO),
        "AUD": Currency(Unit("dólar australiano", "dólares australianos"), _CENTAVO),
        "CHF": Currency(Unit("franco suíço", "francos suíços"), Unit("cêntimo", "cêntimos")),
        "JPY": Currency(Unit("iene", "ienes")),
        "CNY": Currency(Unit("yuan", "yuans")),
        "INR": Currency(Unit("rupia", "rupias", feminine=True), Unit("paisa", "paisas", feminine=True)),
    },
)  # fmt: skip

_EUROPEAN: Final = Tongue(
    primary="pt",
    cardinals="pt",
    point="vírgula",
    minus="menos",
    plus="mais",
    percent="por cento",
    joint="e",
    of="de",
    months=_BRAZILIAN.months,
    marks=_BRAZILIAN.marks,
    currencies=_BRAZILIAN.currencies,
)

_FRENCH: Final = Tongue(
    primary="fr",
    in_twos=True,
    cardinals="fr",
    point="virgule",
    minus="moins",
    plus="plus",
    percent="pour cent",
    joint="et",
    of="d'",
    months=(
        "janvier", "février", "mars", "avril", "mai", "juin",
        "juillet", "août", "septembre", "octobre", "novembre", "décembre",
    ),
    marks=_marks("arobase", "point", "tiret", "tiret bas", "plus"),
    currencies={
        "": Currency(Unit("dollar", "dollars"), _CENT),
        "USD": Currency(Unit("dollar", "dollars"), _CENT),
        "EUR": Currency(Unit("euro", "euros"), Unit("centime", "centimes")),
        "GBP": Currency(Unit("livre", "livres", feminine=True), _PENNY),
        "BRL": Currency(Unit("real", "reais"), _CENTAVO),
        "MXN": Currency(Unit("peso mexicain", "pesos mexicains"), _CENTAVO),
        "ARS": Currency(Unit("peso argentin", "pesos argentins"), _CENTAVO),
        "CLP": Currency(Unit("peso chilien", "pesos chiliens")),
        "COP": Currency(Unit("peso colombien", "pesos colombiens"), _CENTAVO),
        "CAD": Currency(Unit("dollar canadien", "dollars canadiens"), _CENT),
        "AUD": Currency(Unit("dollar australien", "dollars australiens"), _CENT),
        "CHF": Currency(Unit("franc suisse", "francs suisses"), Unit("centime", "centimes")),
        "JPY": Currency(Unit("yen", "yens")),
        "CNY": Currency(Unit("yuan", "yuans")),
        "INR": Currency(Unit("roupie", "roupies", feminine=True), Unit("paisa", "paisas")),
    },
)  # fmt: skip

_ITALIAN: Final = Tongue(
    primary="it",
    cardinals="it",
    point="virgola",
    minus="meno",
    plus="più",
    percent="per cento",
    joint="e",
    of="di",
    months=(
        "gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno",
        "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre",
    ),
    marks=_marks("chiocciola", "punto", "trattino", "trattino basso", "più"),
    currencies={
        "": Currency(Unit("dollaro", "dollari"), Unit("centesimo", "centesimi")),
        "USD": Currency(Unit("dollaro", "dollari"), Unit("centesimo", "centesimi")),
        "EUR": Currency(Unit("euro", "euro"), Unit("centesimo", "centesimi")),
        "GBP": Currency(Unit("sterlina", "sterline", feminine=True), _PENNY),
        "BRL": Currency(Unit("real", "reais"), _CENTAVO),
        "MXN": Currency(Unit("peso messicano", "pesos messicani"), _CENTAVO),
        "ARS": Currency(Unit("peso argentino", "pesos argentini"), _CENTAVO),
        "CLP": Currency(Unit("peso cileno", "pesos cileni")),
        "COP": Currency(Unit("peso colombiano", "pesos colombiani"), _CENTAVO),
        "CAD": Currency(Unit("dollaro canadese", "dollari canadesi"), Unit("centesimo", "centesimi")),
        "AUD": Currency(Unit("dollaro australiano", "dollari australiani"), Unit("centesimo", "centesimi")),
        "CHF": Currency(Unit("franco svizzero", "franchi svizzeri"), Unit("centesimo", "centesimi")),
        "JPY": Currency(Unit("yen", "yen")),
        "CNY": Currency(Unit("yuan", "yuan")),
        "INR": Currency(Unit("rupia", "rupie", feminine=True), Unit("paisa", "paise", feminine=True)),
    },
)  # fmt: skip

_BY_PRIMARY: Final = {each.primary: each for each in (_ENGLISH, _SPANISH, _BRAZILIAN, _FRENCH, _ITALIAN)}
# Where a "trilhão" is a "bilião"; the bare tag is Brazil's, as it is for voices.
_EUROPEAN_REGIONS: Final = ("pt-pt", "pt-ao", "pt-mz", "pt-cv", "pt-gw", "pt-st", "pt-tl")


def tongue_of(language: str) -> Tongue | None:
    """Return the words of a language, a BCP-47 tag; None where its numbers are left to the engines."""
    tag = language.lower().replace("_", "-")
    return _EUROPEAN if tag in _EUROPEAN_REGIONS else _BY_PRIMARY.get(tag.partition("-")[0])
