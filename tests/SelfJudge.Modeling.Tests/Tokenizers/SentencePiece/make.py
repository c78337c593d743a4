#!/usr/bin/env python3
"""Trains the small SentencePiece models of this folder and writes the ids that the reference gives to each text.

Needs sentencepiece (Debian: python3-sentencepiece). Run it here; it overwrites *.model and expected.json.
"""
import itertools, json, os, sentencepiece

texts = ["", "a", "4", " a", "a ", "é", "ab", "a b", "!", "\n", " ", "  ", "日", "aa", "\t", "a\n", "\na", ".", "the  cat", "  the  cat  ", "\n\n", " \n",
         "the\n\ncat", "▁", "▁a", " ▁ a", "a▁", "\u00a0", "\u3000the", "A", "4 5", "the small cat saw a bird."]
corpus = [f"the {a} {b} saw a {c}, and then it {d}." for a, b, c, d in itertools.product(
    ["small", "old", "red", "4th"], ["cat", "bird", "Actor", "Boat"], ["mouse", "house", "song"], ["ran", "sang", "slept"])]



def without_normalizer(model):
    """A model's bytes with an empty field 3, normalizer_spec: some files say nothing there, and then the format's defaults hold."""
    def number(at):
        value, shift = 0, 0
        while True:
            value, shift, at = value | (model[at] & 127) << shift, shift + 7, at + 1
            if model[at - 1] < 128:
                return value, at

    kept, at = b"", 0
    while at < len(model):
        start = at
        key, at = number(at)
        assert key & 7 == 2, "every field of a model is a message"
        length, at = number(at)
        at += length
        kept += model[start:at] if key >> 3 != 3 else b"\x1a\x00"
    return kept


expected = {}
for name, options in {
    "both": {},
    "no-prefix": {"add_dummy_prefix": False},
    "extra-spaces": {"remove_extra_whitespaces": False},
    "neither": {"add_dummy_prefix": False, "remove_extra_whitespaces": False},
    "suffix": {"treat_whitespace_as_suffix": True},
    "no-normalizer": {},
    "unigram": {"model_type": "unigram", "byte_fallback": False},
    "unigram-bytes": {"model_type": "unigram"},
}.items():
    sentencepiece.SentencePieceTrainer.train(**{**dict(
        sentence_iterator=iter(corpus), model_prefix=name, model_type="bpe", vocab_size=60 if name == "unigram" else 310,
        hard_vocab_limit=False, byte_fallback=True, normalization_rule_name="identity", minloglevel=2), **options})
    os.remove(f"{name}.vocab")
    if name == "no-normalizer":
        with open(f"{name}.model", "rb") as file:
            stripped = without_normalizer(file.read())
        with open(f"{name}.model", "wb") as file:
            file.write(stripped)
    model = sentencepiece.SentencePieceProcessor(model_file=f"{name}.model")
    expected[name] = [{"text": text, "ids": model.encode(text)} for text in texts]
with open("expected.json", "w") as file:
    file.write("{\n" + ",\n".join(f'"{name}": {json.dumps(rows)}' for name, rows in expected.items()) + "\n}\n")
