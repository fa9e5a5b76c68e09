"""espeak-ng's shared library, in a copy of its own: its voices, and a text spoken by one of them."""

from __future__ import annotations

import _ctypes
import ctypes
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from services.shared.errors import InternalError

Pcm = NDArray[np.int16]

# Of speak_lib.h.
_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_CHARACTERS: Final = 1
_UTF8: Final = 1
_RATE: Final = 1
_Callback: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Voice(ctypes.Structure):
    """espeak_VOICE; `languages` is a list of a priority byte and a name each, ended by an empty one."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A voice as espeak lists it.

    Attributes:
        identifier: What it is asked for by, such as "gmw/en-US".
        language: espeak's tag, such as "en-us".
    """

    identifier: str
    language: str


class EspeakLibrary:
    """A copy of the library, to be closed after use.

    It holds global state, which changes how the next text sounds, so each text gets a copy of its own: then
    the same text sounds the same, and several may be spoken at once. A copy costs 2 ms.

    Raises:
        InternalError: it finds no data (espeak_broken).

    Attributes:
        rate_hz: Sampling rate of what it speaks.
        version: Such as "1.52.0".
    """

    def __init__(self) -> None:
        self._library = _own_copy(Path(espeakng_loader.get_library_path()))
        data = espeakng_loader.get_data_path().encode()
        self.rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if self.rate_hz <= 0:
            raise InternalError("espeak-ng finds no data in its package.", code="espeak_broken")
        self._library.espeak_Info.restype = ctypes.c_char_p
        self.version = self._library.espeak_Info(None).decode().partition(" ")[0]

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Take the copy out of memory; nothing may be asked of it afterwards."""
        self._library.espeak_Terminate()
        _ctypes.dlclose(self._library._handle)  # noqa: SLF001 - the package has no public way

    def voices(self) -> list[EspeakVoice]:
        """Return all voices, in espeak's order."""
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        listed = self._library.espeak_ListVoices(None)
        found = []
        at = 0
        while listed[at]:
            voice = listed[at].contents
            found.append(EspeakVoice(voice.identifier.decode(), _first_language(voice.languages)))
            at += 1
        return found

    def speak(self, text: str, voice: str, words_per_minute: int) -> Pcm:
        """Speak.

        Args:
            text: Plain; what looks like markup is read as it stands.
            voice: An identifier, perhaps with a variant, such as "gmw/en-US+f3".
            words_per_minute: 80 to 450.

        Raises:
            InternalError: espeak refuses (espeak_broken).
        """
        parts: list[Pcm] = []

        def take(samples: Any, count: int, _events: Any) -> int:
            if samples and count:
                parts.append(np.ctypeslib.as_array(samples, (count,)).astype(np.int16))
            return 0

        callback = _Callback(take)
        self._library.espeak_SetSynthCallback(callback)
        self._check(self._library.espeak_SetVoiceByName(voice.encode()))
        self._check(self._library.espeak_SetParameter(_RATE, words_per_minute, 0))
        spoken = text.replace("\0", " ").encode()
        self._check(self._library.espeak_Synth(spoken, len(spoken) + 1, 0, _CHARACTERS, 0, _UTF8, None, None))
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    @staticmethod
    def _check(status: int) -> None:
        if status:
            raise InternalError(f"espeak-ng refuses with status {status}.", code="espeak_broken")


def _own_copy(path: Path) -> ctypes.CDLL:
    """Load a copy of a library, so that nobody else's use of it, as for phonemes, meets this one's state."""
    with tempfile.TemporaryDirectory() as folder:
        return ctypes.CDLL(shutil.copy(path, folder))


def _first_language(address: int) -> str:
    # The priority byte comes before the first name.
    return ctypes.string_at(address + 1).decode()
