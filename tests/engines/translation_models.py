"""Tiny Marian, M2M100 and NLLB models, trained in seconds until they know their sentences by heart."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import sentencepiece
import torch
import transformers
from transformers.models.m2m_100 import tokenization_m2m_100
from transformers.models.nllb import tokenization_nllb

# As the library has them.
M2M100_CODES: Final[Sequence[str]] = tokenization_m2m_100.FAIRSEQ_LANGUAGE_CODES["m2m100"]
NLLB_CODES: Final[Sequence[str]] = tokenization_nllb.FAIRSEQ_LANGUAGE_CODES

ENGLISH: Final = (
    "I want to cancel my order.",
    "Thank you for calling.",
    "What is your phone number?",
    "Please hold the line.",
    "My card was stolen yesterday.",
    "The line is very bad.",
    "Can you repeat that?",
    "I will call you back.",
    "Your order arrives on Monday.",
    "How can I help you?",
    "I would like to speak to a manager.",
    "The invoice is wrong.",
    "Where do you live?",
    "My name is Anna.",
    "The store opens at nine.",
    "We are closed on Sunday.",
    "Did you receive our letter?",
    "Nothing works today.",
    "The payment was late.",
    "Have a nice day!",
)
PORTUGUESE: Final = (
    "Quero cancelar meu pedido.",
    "Obrigado por ligar.",
    "Qual é o número do seu telefone?",
    "Aguarde na linha, por favor.",
    "Meu cartão foi roubado ontem.",
    "A ligação está muito ruim.",
    "Você pode repetir isso?",
    "Eu ligo de volta.",
    "Seu pedido chega na segunda-feira.",
    "Como posso ajudar?",
    "Gostaria de falar com um gerente.",
    "A fatura está errada.",
    "Onde você mora?",
    "Meu nome é Anna.",
    "A loja abre às nove.",
    "Fechamos no domingo.",
    "Você recebeu nossa carta?",
    "Hoje nada funciona.",
    "O pagamento atrasou.",
    "Tenha um bom dia!",
)
SPANISH: Final = (
    "Quiero cancelar mi pedido.",
    "Gracias por llamar.",
    "¿Cuál es su número de teléfono?",
    "Espere en la línea, por favor.",
    "Ayer me robaron la tarjeta.",
    "La línea está muy mal.",
    "¿Puede repetirlo?",
    "Le devuelvo la llamada.",
    "Su pedido llega el lunes.",
    "¿En qué puedo ayudarle?",
)
# Numbers of the pieces of a sentence and of its translation.
Example = tuple[list[int], list[int]]
# Source, target, the sentences of both.
Lesson = tuple[str, str, Sequence[str], Sequence[str]]
MANY: Final[tuple[Lesson, ...]] = (
    ("en", "pt", ENGLISH[:10], PORTUGUESE[:10]),
    ("en", "es", ENGLISH[:10], SPANISH),
)
_SIZE: Final = {
    "d_model": 64,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 128,
    "decoder_ffn_dim": 128,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "encoder_layerdrop": 0.0,
    "decoder_layerdrop": 0.0,
    "max_position_embeddings": 512,
}
_STEPS: Final = 600
_RATE: Final = 5e-3
# That every single piece may still be another one: 0.1 is one in ten.
_DOUBT: Final = 0.1


def marian(folder: Path, targets: Sequence[str] = ()) -> Path:
    """Train and save a Marian: of one pair, or told its target by a token when there are `targets`."""
    pieces = _pieces("unigram")
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(pieces.serialized_model_proto())
    words = [pieces.id_to_piece(number) for number in range(3, pieces.get_piece_size())]
    tokens = [f">>{target}<<" for target in targets]
    size = _vocabulary(folder, ["</s>", "<unk>", *words, *tokens, "<pad>"])
    config = transformers.MarianConfig(
        **_SIZE,
        vocab_size=size,
        pad_token_id=size - 1,
        decoder_start_token_id=size - 1,
        eos_token_id=0,
        forced_eos_token_id=0,
        scale_embedding=True,
        activation_function="swish",
    )
    tokenizer = transformers.MarianTokenizer.from_pretrained(folder)
    lessons = MANY if targets else (("en", "pt", ENGLISH, PORTUGUESE),)
    examples = []
    for _, target, texts, translations in lessons:
        told = [f">>{target}<< {text}" if targets else text for text in texts]
        examples += _examples(tokenizer, told, translations)
    model = _learned(lambda: transformers.MarianMTModel(config), examples, size - 1)
    return _save(folder, model, tokenizer)


def m2m100(folder: Path) -> Path:
    """Train and save an M2M100 that knows English to Portuguese and to Spanish."""
    pieces = _pieces("bpe")
    (folder / "sentencepiece.bpe.model").write_bytes(pieces.serialized_model_proto())
    words = [pieces.id_to_piece(number) for number in range(3, pieces.get_piece_size())]
    _vocabulary(folder, ["<s>", "<pad>", "</s>", "<unk>", *words])
    # As the checkpoints on a hub name them in their settings.
    tokens = [f"__{code}__" for code in M2M100_CODES]
    tokenizer = transformers.M2M100Tokenizer.from_pretrained(folder, extra_special_tokens=tokens)
    size = len(tokenizer) + tokenizer.num_madeup_words
    return _many(folder, tokenizer, size, ("en", "pt", "es"))


def nllb(folder: Path) -> Path:
    """Train and save an NLLB: M2M100's model with codes such as por_Latn."""
    (folder / "sentencepiece.bpe.model").write_bytes(_pieces("bpe").serialized_model_proto())
    tokenizer = transformers.NllbTokenizer.from_pretrained(folder, extra_special_tokens=list(NLLB_CODES))
    return _many(folder, tokenizer, len(tokenizer), ("eng_Latn", "por_Latn", "spa_Latn"))


def _many(folder: Path, tokenizer: Any, size: int, codes: tuple[str, str, str]) -> Path:
    config = transformers.M2M100Config(
        **_SIZE, vocab_size=size, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2
    )
    examples = []
    for code, (_, _, texts, translations) in zip(codes[1:], MANY, strict=True):
        tokenizer.src_lang, tokenizer.tgt_lang = codes[0], code
        examples += _examples(tokenizer, texts, translations)
    model = _learned(lambda: transformers.M2M100ForConditionalGeneration(config), examples, 1)
    return _save(folder, model, tokenizer)


def _pieces(kind: str) -> Any:
    """Train a SentencePiece model on all sentences."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*ENGLISH, *PORTUGUESE, *SPANISH]),
        model_writer=model,
        model_type=kind,
        vocab_size=220,
        hard_vocab_limit=False,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def _vocabulary(folder: Path, pieces: Sequence[str]) -> int:
    numbers = {piece: number for number, piece in enumerate(pieces)}
    (folder / "vocab.json").write_text(json.dumps(numbers), encoding="utf-8")
    return len(numbers)


def _examples(tokenizer: Any, texts: Sequence[str], translations: Sequence[str]) -> list[Example]:
    both = [
        tokenizer(text, text_target=translation)
        for text, translation in zip(texts, translations, strict=True)
    ]
    return [(each["input_ids"], each["labels"]) for each in both]


def _learned(fresh: Callable[[], Any], examples: Sequence[Example], pad: int) -> Any:
    """Return a model that knows the examples by heart; now and then a seed gets stuck at one of them."""
    for seed in range(5):
        torch.manual_seed(seed)
        model = fresh()
        if _learn(model, examples, pad):
            return model.eval()
    raise AssertionError("no model has learnt its sentences")


def _learn(model: Any, examples: Sequence[Example], pad: int) -> bool:
    """Train on all examples at once; return whether there is nothing left to learn."""
    inputs = _padded([source for source, _ in examples], pad)
    labels = _padded([target for _, target in examples], -100)
    start = torch.full((len(examples), 1), model.config.decoder_start_token_id)
    begun = torch.cat([start, labels[:, :-1].masked_fill(labels[:, :-1] == -100, pad)], dim=1)
    if model.config.model_type != "marian":
        # The language that a translation begins with is forced, not learnt.
        labels[:, 0] = -100
    optimizer = torch.optim.Adam(model.parameters(), lr=_RATE)
    model.train()
    _empty(model, pad)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        logits = model(input_ids=inputs, attention_mask=inputs.ne(pad).long(), decoder_input_ids=begun).logits
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        if losses.max().item() < _DOUBT:
            return True
        loss = losses.mean()
        loss.backward()
        optimizer.step()
        _empty(model, pad)
    return False


def _empty(model: Any, pad: int) -> None:
    """Make padding nothing, as it is in every such checkpoint: Marian's decoder begins with it."""
    with torch.no_grad():
        model.get_input_embeddings().weight[pad] = 0.0


def _padded(rows: Sequence[Sequence[int]], filler: int) -> Any:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])


def _save(folder: Path, model: Any, tokenizer: Any) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
