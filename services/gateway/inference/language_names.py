"""English names of languages, as Whisper and clients of OpenAI's API know them."""

from __future__ import annotations

import re
from typing import Final

_TABLE: Final = """
af:afrikaans am:amharic ar:arabic as:assamese az:azerbaijani ba:bashkir be:belarusian bg:bulgarian
bn:bengali bo:tibetan br:breton bs:bosnian ca:catalan cs:czech cy:welsh da:danish de:german el:greek
en:english es:spanish et:estonian eu:basque fa:persian fi:finnish fo:faroese fr:french gl:galician
gu:gujarati ha:hausa haw:hawaiian he:hebrew hi:hindi hr:croatian hu:hungarian hy:armenian id:indonesian
is:icelandic it:italian ja:japanese jv:javanese ka:georgian kk:kazakh km:khmer kn:kannada ko:korean
la:latin lb:luxembourgish ln:lingala lo:lao lt:lithuanian lv:latvian mg:malagasy mi:maori mk:macedonian
ml:malayalam mn:mongolian mr:marathi ms:malay mt:maltese my:myanmar ne:nepali nl:dutch nn:nynorsk
no:norwegian oc:occitan pa:punjabi pl:polish ps:pashto pt:portuguese ro:romanian ru:russian sa:sanskrit
sd:sindhi si:sinhala sk:slovak sl:slovenian sn:shona so:somali sq:albanian sr:serbian su:sundanese
sv:swedish sw:swahili ta:tamil te:telugu tg:tajik th:thai tk:turkmen tl:tagalog tr:turkish tt:tatar
uk:ukrainian ur:urdu uz:uzbek vi:vietnamese yi:yiddish yo:yoruba yue:cantonese zh:chinese
"""
_NAMES: Final = dict(re.findall(r"(\w+):(\w+)", _TABLE))
_UNKNOWN: Final = "unknown"


def name_of(language: str) -> str:
    """Return a language's name: of "pt-BR" "portuguese"; the code itself where it has none here.

    Of a recording in which nobody spoke, the language is "unknown".
    """
    primary = language.partition("-")[0].lower()
    return _NAMES.get(primary, primary) or _UNKNOWN
