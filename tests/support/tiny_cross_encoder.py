"""A cross-encoder of two layers with random weights, made in a folder: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "a",
    "is",
    "tea",
    "green",
    "black",
    "launch",
    "cook",
    "who",
    "when",
    "number",
    "one",
    "two",
    "?",
    ".",
]


def make_cross_encoder(folder: Path) -> str:
    """Save one there; needs transformers and torch. Returns the folder's path."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        num_labels=1,
    )
    BertForSequenceClassification(config).save_pretrained(folder, safe_serialization=True)
    BertTokenizer(str(vocabulary)).save_pretrained(folder)
    return str(folder)
