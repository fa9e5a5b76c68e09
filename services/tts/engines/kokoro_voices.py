"""The Kokoro voices whose languages espeak phonemises, and how much silence each adds to a text."""

from __future__ import annotations

from typing import Final

from services.tts.engines.base import Voice

# Per first letter of a voice's name: BCP-47 code, espeak's language, default voice. Japanese and
# Chinese voices exist too, but espeak reads kanji as "Chinese letter" and writes Chinese tones as
# digits, which the model was not trained on.
_LANGUAGES: Final = {
    "a": ("en-US", "en-us", "af_heart"),
    "b": ("en-GB", "en-gb", "bf_emma"),
    "e": ("es", "es", "ef_dora"),
    "f": ("fr", "fr-fr", "ff_siwis"),
    "h": ("hi", "hi", "hf_alpha"),
    "i": ("it", "it", "if_sara"),
    "p": ("pt-BR", "pt-br", "pf_dora"),
}

# Milliseconds of silence at both ends of a text at rate 1, which is trimmed: mean over four
# sentences of the voice's language, 1 to 11 words long; standard deviation 5 to 90 (af_sky 130,
# af_nicole 190).
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
    "pf_dora": 296,
    "pm_alex": 294,
    "pm_santa": 291,
}


def espeak_language(voice: str) -> str:
    """Return the espeak language of a voice."""
    return _LANGUAGES[voice[0]][1]


def _voice(name: str) -> Voice:
    language_code, _, default = _LANGUAGES[name[0]]
    return Voice(name, language_code, "female" if name[1] == "f" else "male", default=name == default)


VOICES: Final = tuple(_voice(name) for name in SILENCE_MS)
