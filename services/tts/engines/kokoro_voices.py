"""The Kokoro voices, what reads their texts, and how much silence each adds to one."""

from __future__ import annotations

from typing import Final

from services.tts.engines.base import Voice
from services.tts.engines.kokoro_text import has_reader

# Per first letter of a voice's name: BCP-47 code, what kokoro_text.read calls it, default voice. espeak is
# none for Japanese, of which it reads kanji as "Chinese letter", nor for Chinese, whose tones it writes as
# digits that the model was not trained on.
_LANGUAGES: Final = {
    "a": ("en-US", "en-us", "af_heart"),
    "b": ("en-GB", "en-gb", "bf_emma"),
    "e": ("es", "es", "ef_dora"),
    "f": ("fr", "fr-fr", "ff_siwis"),
    "h": ("hi", "hi", "hf_alpha"),
    "i": ("it", "it", "if_sara"),
    "j": ("ja", "ja", "jf_alpha"),
    "p": ("pt-BR", "pt-br", "pf_dora"),
    "z": ("zh", "zh", "zf_xiaobei"),
}

# Milliseconds of silence at both ends of a text at rate 1, which is trimmed: mean over four
# sentences of the voice's language, 1 to 11 words long; standard deviation 5 to 90 (af_sky 130,
# af_nicole 190). Of ja and zh, three sentences of 11 to 23 characters.
SILENCE_MS: Final = {
    "af_alloy": 403,
    "af_aoede": 759,
    "af_bella": 822,
    "af_heart": 627,
    "af_jessica": 487,
    "af_kore": 542,
    "af_nicole": 766,
    "af_nova": 405,
    "af_river": 434,
    "af_sarah": 1106,
    "af_sky": 616,
    "am_adam": 800,
    "am_echo": 474,
    "am_eric": 491,
    "am_fenrir": 614,
    "am_liam": 579,
    "am_michael": 742,
    "am_onyx": 332,
    "am_puck": 540,
    "am_santa": 326,
    "bf_alice": 486,
    "bf_emma": 792,
    "bf_isabella": 650,
    "bf_lily": 529,
    "bm_daniel": 568,
    "bm_fable": 330,
    "bm_george": 638,
    "bm_lewis": 858,
    "ef_dora": 282,
    "em_alex": 282,
    "em_santa": 286,
    "ff_siwis": 616,
    "hf_alpha": 804,
    "hf_beta": 859,
    "hm_omega": 840,
    "hm_psi": 822,
    "if_sara": 596,
    "im_nicola": 340,
    "jf_alpha": 904,
    "jf_gongitsune": 503,
    "jf_nezumi": 483,
    "jf_tebukuro": 496,
    "jm_kumo": 849,
    "pf_dora": 296,
    "pm_alex": 294,
    "pm_santa": 291,
    "zf_xiaobei": 1340,
    "zf_xiaoni": 1343,
    "zf_xiaoxiao": 1021,
    "zf_xiaoyi": 1244,
    "zm_yunjian": 1227,
    "zm_yunxi": 1270,
    "zm_yunxia": 1327,
    "zm_yunyang": 1027,
}


def reading_language(voice: str) -> str:
    """Return what `kokoro_text.read` calls the language of a voice."""
    return _LANGUAGES[voice[0]][1]


def readable() -> tuple[Voice, ...]:
    """Return the voices whose texts can be read here: those of ja and zh only where misaki is installed."""
    letters = {letter for letter, (_, language, _) in _LANGUAGES.items() if has_reader(language)}
    return tuple(_voice(name) for name in SILENCE_MS if name[0] in letters)


def _voice(name: str) -> Voice:
    language_code, _, default = _LANGUAGES[name[0]]
    return Voice(name, language_code, "female" if name[1] == "f" else "male", default=name == default)
