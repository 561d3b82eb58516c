"""Two languages that say the same, and a network that learns to translate: loops, paddings, draws."""

from collections import Counter

import pytest
import torch
from torch.nn import functional as F

from labkit import nets
from labkit.augment import text
from labkit.augment.text import parallel


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def german_winner(words):
    """Who wins, read off the German words: 1 the reds, 0 the blues."""
    teams = [word for word in words if word in ("Roten", "Blauen")]
    assert sorted(teams) == ["Blauen", "Roten"]
    return int(teams["wurden" in words] == "Roten")


def test_both_languages_say_the_same_in_all_their_ways():
    english, german, y = text.match_translations(300, generator=seeded())
    back = {new: old for old, new in parallel.WORDS.items()}
    ways = set()
    for first, second, won in zip(english, german, y.tolist()):
        words, foreign = text.tokenize(first), second.split()
        assert text.winner(words) == german_winner(foreign) == won
        meant = {"the", ",", "were", "by", "beaten", *parallel.VERBS}
        content = Counter(word for word in words if word not in meant)
        assert content == Counter(back[word] for word in foreign if word in back)
        ways.add(("were" in words, "," in words, "wurden" in foreign, foreign[0] in ("am", "bei")))
    assert len({way[:2] for way in ways}) == len({way[2:] for way in ways}) == 4
    assert (True, False, False, False) in ways
    assert (False, False, True, False) in ways


@pytest.fixture(scope="module")
def network():
    with nets.seeded_weights(0):
        return text.TranslationNetwork(9, 7, width=8).eval()


X = torch.tensor([[2, 3, 4, 0], [5, 0, 0, 0], [8, 7, 6, 5]])
Y = torch.tensor([[2, 3, 0], [6, 5, 4], [3, 0, 0]])


def test_padding_changes_nothing_and_each_sentence_stands_alone(network):
    logits = network(X, Y)
    assert logits.shape == (3, 4, 7)
    for i, (n, m) in enumerate([(3, 2), (1, 3), (4, 1)]):
        torch.testing.assert_close(network(X[i : i + 1, :n], Y[i : i + 1, :m])[0], logits[i, : m + 1])


def test_the_loss_is_the_loop_over_words_and_ends(network):
    logits = network(X, Y)
    terms = []
    for i, words in enumerate([[2, 3, 0], [6, 5, 4, 0], [3, 0]]):
        terms += [-logits[i, t].log_softmax(0)[word] for t, word in enumerate(words)]
    torch.testing.assert_close(text.translation_loss(network, X, Y), torch.stack(terms).mean())


def test_a_translation_takes_the_best_word_each_time(network):
    with torch.no_grad():
        found = network.translate(X, length=5)
        assert (found != 1).all()
        for t in range(found.shape[1]):
            logits = network(X, found[:, :t])[:, -1]
            logits[:, 1] = -torch.inf
            open_ = (found[:, :t] != 0).all(1)
            assert torch.equal(found[open_, t], logits.argmax(1)[open_])


def test_words_are_drawn_from_their_probabilities(network):
    with torch.no_grad():
        x = X[:1].expand(6000, -1)
        drawn = network.translate(x, length=1, temperature=2.0, generator=seeded())[:, 0]
        logits = network(X[:1], torch.zeros(1, 0, dtype=torch.long))[0, 0] / 2
        logits[1] = -torch.inf
    p = F.softmax(logits, 0)
    assert (torch.bincount(drawn, minlength=7) / 6000 - p).abs().max() < 0.03
    again = network.translate(x, length=1, temperature=2.0, generator=seeded())[:, 0]
    assert torch.equal(drawn, again)


def test_a_network_learns_its_pairs_and_translates_texts():
    english, german, _ = text.match_translations(12, generator=seeded())
    sides = [[text.tokenize(line) for line in side] for side in (english, german)]
    words = [text.Vocabulary(side) for side in sides]
    x, y = (vocabulary.encode(side) for vocabulary, side in zip(words, sides))
    with nets.seeded_weights(0):
        network = text.TranslationNetwork(len(words[0]), len(words[1]), width=32)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(120):
        loss = text.translation_loss(network, x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    there = text.NetworkTranslator(network, *words)
    assert there(english) == german
    assert text.BackTranslation(there, list)([text.tokenize(english[0])]) == [german[0].split()]
    assert there([]) == []


def test_numbers_become_words_as_they_were_mostly_written():
    words = text.Vocabulary([["On", "Sunday", ","], ["on", "Sunday"], ["On", "sunday"], ["On"]])
    assert words.decode(words.encode([["on", "SUNDAY", "!"], []])) == [["On", "Sunday", "?"], []]


def test_impossible_translations_are_refused(network):
    with pytest.raises(ValueError, match="length is 0"):
        network.translate(X, length=0)
    with pytest.raises(ValueError, match="temperature -1"):
        network.translate(X, temperature=-1)
