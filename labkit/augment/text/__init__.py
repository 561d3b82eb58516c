"""Topic 05: changes of sentences that keep what they say, or should.

A sentence is a list of tokens: ``tokenize`` makes it, ``join`` undoes it. Functions apply a given change to one
sentence; classes draw changes for a batch of them, one draw a sentence, and move labels and tags along::

    words = [text.tokenize(line) for line in lines]
    augment = text.eda(text.FILMS, alpha=0.1)
    changed = augment(words, y=labels, generator=g)
"""

from labkit.augment.text.base import TextTransform
from labkit.augment.text.classify import BagOfWords, Vocabulary, WordCNN
from labkit.augment.text.copies import with_copies
from labkit.augment.text.distance import chrf, share_unchanged
from labkit.augment.text.edits import (
    delete,
    insert,
    move_spans,
    move_tags,
    permute,
    permute_sentences,
    rewrite,
    sentences_of,
    substitute,
    swap,
)
from labkit.augment.text.grammar import Grammar, matches, winner
from labkit.augment.text.parallel import match_translations
from labkit.augment.text.stopwords import NEGATIONS, STOP_WORDS
from labkit.augment.text.synonym_transforms import RandomInsertion, SynonymReplacement, eda
from labkit.augment.text.thesaurus import FILMS, Dictionary, Thesaurus, Vectors
from labkit.augment.text.tokens import Token, is_word, join, tokenize
from labkit.augment.text.translation import GERMAN, Apertium, BackTranslation, Glossary, recorded_translations
from labkit.augment.text.translator import NetworkTranslator, TranslationNetwork, translation_loss
from labkit.augment.text.trees import (
    active,
    crop,
    front,
    leaves,
    passive,
    read_tree,
    rotate,
    show_tree,
    swap_conjuncts,
)
from labkit.augment.text.typos import mistype
from labkit.augment.text.word_transforms import (
    PunctuationInsertion,
    RandomDeletion,
    RandomSwap,
    SentenceShuffle,
    Typos,
    WordDropout,
    WordShuffle,
)
from labkit.augment.text.wordnet import MyThes, WordNet

__all__ = [
    "FILMS", "GERMAN", "NEGATIONS", "STOP_WORDS", "Apertium", "BackTranslation", "BagOfWords", "Dictionary",
    "Glossary", "Grammar", "MyThes", "NetworkTranslator", "PunctuationInsertion", "RandomDeletion",
    "RandomInsertion", "RandomSwap", "SentenceShuffle", "SynonymReplacement", "TextTransform", "Thesaurus",
    "Token", "TranslationNetwork", "Typos", "Vectors", "Vocabulary", "WordCNN", "WordDropout", "WordNet",
    "WordShuffle", "active", "chrf", "crop", "delete", "eda", "front", "insert", "is_word", "join", "leaves",
    "match_translations", "matches", "mistype", "move_spans", "move_tags", "passive", "permute",
    "permute_sentences", "read_tree", "recorded_translations", "rewrite", "rotate", "sentences_of",
    "share_unchanged", "show_tree", "substitute", "swap", "swap_conjuncts", "tokenize", "translation_loss",
    "winner", "with_copies",
]  # fmt: skip
