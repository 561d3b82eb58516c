"""Plans written shortly: the same draws and sentences as word by word."""

import random

import pytest
import torch

from labkit.augment import text
from labkit.augment.text import edits
from labkit.augment.text.base import Draws, all_word_places, count, word_places
from labkit.augment.text.short_plans import Deletions, Insertions, Swaps
from labkit.draws import uniform

TOKENS = ["good", "film", "?", "!", "well-known", "'s", "a", "7", ",", "..", "", "I"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(seed):
    """Up to eight sentences of words and marks, some of them empty."""
    dice = random.Random(seed)
    plain = dice.random() < 0.5
    return [
        [dice.choice(TOKENS[:2] + TOKENS[6:8] if plain else TOKENS) for _ in range(dice.randint(0, 12))]
        + (["?"] if dice.random() < 0.5 else [])
        for _ in range(dice.randint(0, 8))
    ]


def swap_plans(x, alpha, generator):
    """Word by word."""
    places = [word_places(words) for words in x]
    numbers = [count(alpha, len(own)) if len(own) > 1 else 0 for own in places]
    draw = Draws(sum(2 * n for n in numbers), generator)
    plans = []
    for words, own, n in zip(x, places, numbers):
        pairs = []
        for _ in range(n):
            a, b = draw.below(len(own)), draw.below(len(own) - 1)
            pairs.append((own[a], own[b + (b >= a)]))
        plans.append(edits.swap_plan(len(words), pairs))
    return plans


def deletion_plans(x, p, protect, generator):
    """Word by word."""
    u = iter(uniform((sum(map(len, x)),), generator=generator).tolist())
    plans = []
    for words in x:
        own = [next(u) for _ in words]
        places = word_places(words)
        lost = [i for i in places if own[i] < torch.tensor(p) and words[i].lower() not in protect]
        if lost and len(lost) == len(places):
            lost.remove(max(places, key=own.__getitem__))
        plans.append([i for i in range(len(words)) if i not in lost])
    return plans


def mark_plans(x, share, marks, generator):
    """Word by word."""
    places = [word_places(words) for words in x]
    first = Draws(len(x), generator)
    numbers = [1 + first.below(most) if (most := count(share, len(own))) else 0 for own in places]
    draw = Draws(sum(2 * n for n in numbers), generator)
    plans = []
    for words, own, n in zip(x, places, numbers):
        able = list(own)
        new = [(able.pop(draw.below(len(able))), marks[draw.below(len(marks))]) for _ in range(n)]
        plans.append(edits.insertion_plan(len(words), new))
    return plans


@pytest.mark.parametrize("strength", [0.01, 0.1, 0.4, 1.0])
def test_the_draws_and_the_sentences_are_those_of_a_loop_over_words(strength):
    marks = text.PunctuationInsertion()
    for seed in range(60):
        x, safe = batch(seed), {"film"} if seed % 2 else set()
        pairs = (
            (text.RandomSwap(strength), swap_plans(x, strength, seeded(seed))),
            (text.RandomDeletion(strength, protect=safe), deletion_plans(x, strength, safe, seeded(seed))),
            (text.PunctuationInsertion(strength), mark_plans(x, strength, marks.marks, seeded(seed))),
        )
        for transform, plans in pairs:
            params = transform.make_params(x, generator=seeded(seed))
            assert list(params["plan"]) == plans
            assert transform.apply(x, params) == [edits.rewrite(words, plan) for words, plan in zip(x, plans)]
        found, sizes = all_word_places(x)
        assert found.tolist() == [i for words in x for i in word_places(words)]
        assert sizes.tolist() == [len(word_places(words)) for words in x]


@pytest.mark.parametrize(
    ("plans", "longhand"),
    [
        (Swaps([3, 2, 0], [(0, 2, 0, 1), (), ()]), [[1, 2, 0], [0, 1], []]),
        (Deletions([3, 2], [(2, 0), ()]), [[1], [0, 1]]),
        (Insertions([2, 1], [[(0, "!"), (1, "?")], []]), [[(-1, "!"), 0, (-1, "?"), 1], [0]]),
    ],
)
def test_short_plans_are_a_sequence_of_plans(plans, longhand):
    assert list(plans) == longhand == [plans[k] for k in range(len(plans))]
    assert plans == longhand
    assert plans[1:] == longhand[1:]
    assert plans[-1] == longhand[-1]
    assert repr(plans) == repr(longhand)
    words = [list("abc")[: plans.lengths[k]] for k in range(len(plans))]
    assert plans.rewrite(words) == [edits.rewrite(own, plan) for own, plan in zip(words, longhand)]
    assert words == [list("abc")[: plans.lengths[k]] for k in range(len(plans))]
