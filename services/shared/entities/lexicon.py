"""The number words of English, Spanish, Portuguese, French and Italian."""

from __future__ import annotations

import re
from functools import lru_cache

from services.shared.entities import italian
from services.shared.entities.words import (
    Role,
    Vocabulary,
    Word,
    articles,
    cardinals,
    ordinals,
    role,
    times,
    unaccented,
)


def _english() -> Vocabulary:
    units = (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen"
    )
    words = cardinals(units, "twenty thirty forty/fourty fifty sixty seventy eighty ninety")
    words |= times("hundred=2 thousand=3 million=6 billion=9 trillion=12", alone=False)
    for power, word in ((2, "hundredth"), (3, "thousandth"), (6, "millionth")):
        words[word] = Word(Role.TIMES, 10**power, ordinal=True, alone=False)
    units = (
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
        "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
    )
    tens = "tenth twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth"
    words |= ordinals(units, tens)
    words["a"] = Word(Role.CARDINAL, 1, row=False, alone=False)
    words |= role(Role.HALF, "half")
    words |= role(Role.AND, "and") | role(Role.POINT, "point") | role(Role.MINUS, "minus negative")
    words |= role(Role.REPEAT, "double", 2) | role(Role.REPEAT, "triple treble", 3)
    words |= role(Role.ROW, "oh o")
    joined = frozenset(10**power for power in (2, 3, 6, 9, 12))
    before_second = frozenset(("a", "per", "each", "every", "any", "split", "this", "that"))
    apart = r"one(?=\s+(?:more|of|moment|second|minute|time|that|who|is|thing|another)\b)"
    return Vocabulary(words, joined, no_second=before_second, apart=apart, commas=True, years=True)


def _spanish() -> Vocabulary:
    units = (
        "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
        "dieciséis diecisiete dieciocho diecinueve veinte veintiuno/veintiún/veintiuna veintidós "
        "veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve"
    )
    hundreds = (
        "ciento doscientos/doscientas trescientos/trescientas cuatrocientos/cuatrocientas "
        "quinientos/quinientas seiscientos/seiscientas setecientos/setecientas ochocientos/ochocientas "
        "novecientos/novecientas"
    )
    words = cardinals(units, "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa", hundreds)
    words |= {"cien": Word(Role.CARDINAL, 100)} | articles("un una")
    words |= times("mil=3", alone=True) | times("millón/millones=6 billón/billones=12", alone=False)
    units = (
        "primero/primer segundo tercero/tercer cuarto quinto sexto séptimo octavo noveno décimo undécimo "
        "duodécimo decimotercero decimocuarto decimoquinto decimosexto decimoséptimo decimoctavo "
        "decimonoveno"
    )
    tens = (
        "décimo vigésimo trigésimo cuadragésimo quincuagésimo sexagésimo septuagésimo octogésimo "
        "nonagésimo centésimo"
    )
    words |= ordinals(units, tens, romance=True)
    words |= role(Role.HALF, "medio")
    words |= role(Role.AND, "y") | role(Role.POINT, "coma punto") | role(Role.MINUS, "menos")
    words |= role(Role.REPEAT, "doble", 2) | role(Role.REPEAT, "triple", 3)
    no_minus = frozenset(("al", "o", "lo", "ni", "a"))
    return Vocabulary(
        unaccented(words),
        frozenset((10, 10**6)),
        (),
        "por",
        no_minus,
        apart=r"uno(?=\s+(?:de|que|por|más)\b)",
    )


def _portuguese() -> Vocabulary:
    units = (
        "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze/quatorze quinze "
        "dezesseis/dezasseis dezessete/dezassete dezoito dezenove/dezanove"
    )
    hundreds = (
        "cento duzentos/duzentas trezentos/trezentas quatrocentos/quatrocentas quinhentos/quinhentas "
        "seiscentos/seiscentas setecentos/setecentas oitocentos/oitocentas novecentos/novecentas"
    )
    tens = "vinte trinta quarenta cinquenta/cinqüenta sessenta setenta oitenta noventa"
    words = cardinals(units, tens, hundreds)
    words |= {"cem": Word(Role.CARDINAL, 100)} | articles("uma") | articles("duas", 2)
    words |= times("mil=3", alone=True)
    words |= times("milhão/milhões=6 bilhão/bilhões=9 trilhão/trilhões=12", alone=False)
    units = "primeiro segundo terceiro quarto quinto sexto sétimo oitavo nono"
    tens = (
        "décimo vigésimo trigésimo quadragésimo quinquagésimo sexagésimo septuagésimo octogésimo "
        "nonagésimo centésimo"
    )
    words |= ordinals(units, tens, romance=True)
    words |= role(Role.HALF, "meio")
    words |= role(Role.AND, "e") | role(Role.POINT, "vírgula ponto") | role(Role.MINUS, "menos")
    words |= role(Role.REPEAT, "duplo", 2) | role(Role.REPEAT, "triplo", 3) | role(Role.ROW, "meia", 6)
    joined = frozenset(10**power for power in (1, 2, 3, 6, 9, 12))
    apart = r"um(?=\s+(?:momento|minuto|segundo|instante|pouco|d[eoa]s?|que|por)\b)"
    half = r"meia[-\s](?:hora|noite|d[úu]zia|volta|entrada)"
    no_minus = frozenset(("pelo", "ao", "ou", "no"))
    return Vocabulary(unaccented(words), joined, (half,), "por", no_minus, apart=apart, commas=True)


def _french() -> Vocabulary:
    units = (
        "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize "
        "dix-sept dix-huit dix-neuf"
    )
    words = cardinals(units, "vingt trente quarante cinquante soixante septante huitante/octante nonante")
    words |= {word: Word(Role.CARDINAL, 80, room=20) for word in ("quatre-vingt", "quatre-vingts")}
    words |= {"soixante": Word(Role.CARDINAL, 60, room=20)} | articles("une")
    words |= times("cent/cents=2 mille/mil=3", alone=True)
    words |= times("million/millions=6 milliard/milliards=9 billion/billions=12", alone=False)
    units = (
        "premier/première/unième deuxième/second troisième quatrième cinquième sixième septième huitième "
        "neuvième dixième onzième douzième treizième quatorzième quinzième seizième dix-septième "
        "dix-huitième dix-neuvième"
    )
    tens = (
        "dixième vingtième trentième quarantième cinquantième soixantième septantième "
        "quatre-vingtième/huitantième/octantième nonantième"
    )
    words |= ordinals(units, tens)
    for power, word in ((2, "centième"), (3, "millième"), (6, "millionième")):
        words[word] = Word(Role.TIMES, 10**power, ordinal=True)
    words |= role(Role.HALF, "demi")
    words |= role(Role.AND, "et") | role(Role.POINT, "virgule point") | role(Role.MINUS, "moins")
    words |= role(Role.REPEAT, "double", 2) | role(Role.REPEAT, "triple", 3)
    phrases = (
        r"quatre[-\s]vingt(?:s|i[eè]me)?(?!\w)",
        r"dix[-\s](?:sept|huit|neu[fv])(?:i[eè]me)?(?!\w)",
    )
    no_minus = frozenset(("au", "du", "ou", "à", "pas"))
    apart = r"un(?=\s+(?:instant|moment|peu|de|des|autre|qui)\b)"
    coins = frozenset(("cent", "cents"))
    return Vocabulary(
        unaccented(words), frozenset((10, 20)), phrases, "pour", no_minus, apart=apart, coins=coins
    )


def _italian() -> Vocabulary:
    words = articles("un una")
    words |= times("cento=2", alone=True)
    words |= times("milione/milioni=6 miliardo/miliardi=9", alone=False)
    words |= {"mila": Word(Role.TIMES, 1000, room=1000, alone=False)}
    words |= ordinals("primo secondo terzo quarto quinto sesto settimo ottavo nono decimo", romance=True)
    del words["prima"]  # nearly always "before"
    words |= role(Role.HALF, "mezzo")
    words |= role(Role.AND, "e") | role(Role.POINT, "virgola punto") | role(Role.MINUS, "meno")
    words |= role(Role.REPEAT, "doppio doppia", 2) | role(Role.REPEAT, "triplo tripla", 3)
    joined = frozenset((10**6, 10**9))
    no_minus = frozenset(("o", "lo", "di"))
    apart = r"uno(?=\s+(?:di|de[il]|degli|delle|che|alla)\b)|sei(?=\s+un)"
    return Vocabulary(words, joined, per="per", no_minus=no_minus, apart=apart, compound=_italian_word)


@lru_cache(maxsize=4096)
def _italian_word(word: str) -> Word | None:
    value, ordinal = italian.compound(word)
    if value is None:
        return None
    # Recognisers write the parts of a word apart: "settanta sei". Ten and what ends with it take nothing.
    room = next((room for room in (1000, 100, 10) if value and value % room == 0), 1)
    room = 1 if value % 100 == 10 else room  # noqa: PLR2004 - ten
    return Word(Role.CARDINAL, value, room=room, ordinal=ordinal)


_MAKERS = {"en": _english, "es": _spanish, "pt": _portuguese, "fr": _french, "it": _italian}


@lru_cache
def vocabulary(language: str) -> Vocabulary:
    """The number words of a language, by its BCP-47 tag; none where they are not known."""
    maker = _MAKERS.get(re.split("[-_]", language.lower())[0])
    return maker() if maker else Vocabulary({}, frozenset())
