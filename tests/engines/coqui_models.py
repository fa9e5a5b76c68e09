"""Makes and saves small models of coqui-tts with its own classes: VITS of few channels and a tiny XTTS."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from TTS.tts.configs.shared_configs import CharactersConfig
from TTS.tts.configs.vits_config import VitsArgs, VitsConfig
from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
from TTS.tts.models.vits import Vits
from TTS.tts.models.xtts import Xtts
from TTS.tts.utils.text.characters import IPAPhonemes

# A frame of the small VITS, and how many of them each token of it takes at rate 1: see `save_vits`.
HOP: Final = 256
VITS_RATE_HZ: Final = 22_050
FRAMES_PER_TOKEN: Final = 5
LETTERS: Final = CharactersConfig(
    characters_class="TTS.tts.models.vits.VitsCharacters",
    pad="<PAD>",
    blank="<BLNK>",
    characters="abcdefghijklmnopqrstuvwxyzáãçéíóõú",
    punctuations="!?., ",
    phonemes="",
)
PHONEMES: Final = dataclasses.replace(LETTERS, characters="", phonemes=IPAPhonemes().characters)
XTTS_SPEAKERS: Final = ("Ana Souza", "Ben Reed")
XTTS_LANGUAGES: Final = ("en", "pt", "zh-cn")
# What the tiny XTTS says ends here, for its random weights know no end: 1024 samples of 22,050 Hz each.
XTTS_MOST_CODES: Final = 20


def save_vits(folder: Path, **changes: Any) -> Path:
    """Save a VITS that speaks letters, each token FRAMES_PER_TOKEN frames long.

    Args:
        folder: To be made.
        changes: Of the config: languages, speakers, use_speaker_embedding, ...; `model_args` of its own.
    """
    torch.manual_seed(7)
    args = VitsArgs(
        hidden_channels=16,
        hidden_channels_ffn_text_encoder=16,
        num_layers_text_encoder=1,
        num_layers_posterior_encoder=1,
        num_layers_flow=1,
        resblock_kernel_sizes_decoder=[3],
        resblock_dilation_sizes_decoder=[[1, 3, 5]],
        upsample_initial_channel_decoder=32,
        init_discriminator=False,
        speaker_embedding_channels=8,
        **({"use_sdp": False} | changes.pop("model_args", {})),
    )
    args.use_speaker_embedding = changes.get("use_speaker_embedding", False)
    config = VitsConfig(
        model_args=args,
        **({"characters": LETTERS, "text_cleaner": "basic_cleaners"} | changes),
    )
    model = Vits(config)
    _pace(model, args.use_sdp)
    _louden(model.waveform_decoder, 80.0)
    folder.mkdir(parents=True)
    model.config.save_json(str(folder / "config.json"))
    torch.save({"model": model.state_dict(), "config": model.config.to_dict()}, folder / "model_file.pth")
    return folder


def _louden(vocoder: Any, times: float) -> None:
    """Make the noise audible that random weights speak, without the constant that it would drown in."""
    weight = vocoder.conv_post.weight.data
    weight -= weight.mean(-1, keepdim=True)
    weight *= times


def _pace(model: Vits, stochastic: bool) -> None:
    """Let the predictor say the same for every token, a little less than it is rounded up to."""
    if not stochastic:
        projection = model.duration_predictor.proj
        torch.nn.init.zeros_(projection.weight)
        torch.nn.init.constant_(projection.bias, math.log(FRAMES_PER_TOKEN - 0.01))


def vits_ms(tokens: int, rate: float = 1.0) -> float:
    """Return how long the small VITS speaks so many tokens, silence included."""
    frames = math.ceil((FRAMES_PER_TOKEN - 0.01) / rate)
    return tokens * frames * HOP * 1000 / VITS_RATE_HZ


def tokens(text: str) -> int:
    """Return the tokens of a text: a blank before, between and after the letters."""
    return 2 * len(text) + 1


def save_xtts(folder: Path, speakers: tuple[str, ...] = XTTS_SPEAKERS) -> Path:
    """Save an XTTS with one layer; only its vocoder and its speaker encoder have their fixed size."""
    torch.manual_seed(7)
    folder.mkdir(parents=True)
    _save_vocabulary(folder / "vocab.json")
    config = XttsConfig(
        languages=list(XTTS_LANGUAGES),
        model_args=XttsArgs(
            gpt_layers=1,
            gpt_n_model_channels=64,
            gpt_n_heads=2,
            gpt_max_audio_tokens=XTTS_MOST_CODES + 3,
            gpt_max_text_tokens=402,
            gpt_num_audio_tokens=66,
            gpt_start_audio_token=64,
            gpt_stop_audio_token=65,
            gpt_use_perceiver_resampler=True,
            decoder_input_dim=64,
            tokenizer_file=str(folder / "vocab.json"),
        ),
    )
    model = Xtts(config)
    model.tokenizer.tokenizer = Tokenizer.from_file(str(folder / "vocab.json"))
    model.init_models()
    config.save_json(str(folder / "config.json"))
    # It never says that it has ended, so that all it may say is said.
    torch.nn.init.constant_(model.gpt.mel_head.bias[65:], -1e4)
    _louden(model.hifigan_decoder.waveform_decoder, 4.0)
    torch.save({"model": model.state_dict(), "config": config.to_dict()}, folder / "model.pth")
    if speakers:
        torch.save({name: _speaker(at) for at, name in enumerate(speakers)}, folder / "speakers_xtts.pth")
    return folder


def _speaker(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "gpt_cond_latent": torch.randn(1, 32, 64, generator=generator),
        "speaker_embedding": torch.nn.functional.normalize(
            torch.randn(1, 512, 1, generator=generator), dim=1
        ),
    }


def _save_vocabulary(path: Path) -> None:
    marks = ["[STOP]", "[UNK]", "[SPACE]", "[START]", *(f"[{language}]" for language in XTTS_LANGUAGES)]
    words = {
        word: at for at, word in enumerate([*marks, *"abcdefghijklmnopqrstuvwxyz0123456789.,!?'áãçéíóõú"])
    }
    tokenizer = Tokenizer(BPE(vocab=words, merges=[], unk_token="[UNK]"))
    tokenizer.add_special_tokens(marks)
    tokenizer.save(str(path))


def rewrite(folder: Path, **changes: Any) -> Path:
    """Change a saved config.json; a value of None takes its key away."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return folder
