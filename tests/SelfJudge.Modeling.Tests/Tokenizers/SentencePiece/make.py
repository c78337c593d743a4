#!/usr/bin/env python3
"""Trains the small SentencePiece models of this folder and writes the ids that the reference gives to each text.

Needs sentencepiece (Debian: python3-sentencepiece). Run it here; it overwrites *.model and expected.json.
"""
import itertools, json, os, sentencepiece

texts = ["", "a", "4", " a", "a ", "é", "ab", "a b", "!", "\n", " ", "  ", "日", "aa", "\t", "a\n", "\na", ".", "the  cat", "  the  cat  ", "\n\n", " \n",
         "the\n\ncat", "▁", "▁a", " ▁ a", "a▁", "\u00a0", "\u3000the", "A", "4 5", "the small cat saw a bird."]
corpus = [f"the {a} {b} saw a {c}, and then it {d}." for a, b, c, d in itertools.product(
    ["small", "old", "red", "4th"], ["cat", "bird", "Actor", "Boat"], ["mouse", "house", "song"], ["ran", "sang", "slept"])]

expected = {}
for name, options in {
    "both": {},
    "no-prefix": {"add_dummy_prefix": False},
    "extra-spaces": {"remove_extra_whitespaces": False},
    "neither": {"add_dummy_prefix": False, "remove_extra_whitespaces": False},
    "suffix": {"treat_whitespace_as_suffix": True},
    "unigram": {"model_type": "unigram", "byte_fallback": False},
    "unigram-bytes": {"model_type": "unigram"},
}.items():
    sentencepiece.SentencePieceTrainer.train(**{**dict(
        sentence_iterator=iter(corpus), model_prefix=name, model_type="bpe", vocab_size=60 if name == "unigram" else 310,
        hard_vocab_limit=False, byte_fallback=True, normalization_rule_name="identity", minloglevel=2), **options})
    os.remove(f"{name}.vocab")
    model = sentencepiece.SentencePieceProcessor(model_file=f"{name}.model")
    expected[name] = [{"text": text, "ids": model.encode(text)} for text in texts]
with open("expected.json", "w") as file:
    file.write("{\n" + ",\n".join(f'"{name}": {json.dumps(rows)}' for name, rows in expected.items()) + "\n}\n")
