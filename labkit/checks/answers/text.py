"""Topic ``text``: what is right in exercise 05, and what is likely wrong."""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from labkit.augment import text
from labkit.checks.bank import mistake, mistakes, reference

Words = list[str]

# ── synonym_replacement ───────────────────────────────────────────────────────────────────────────────────────────────


@reference("text.synonym_replacement", instead_of=(text.substitute, text.rewrite))
def synonym_replacement(words: Words, alpha: float, synonyms: dict[str, Words], stop: Words, u: Tensor) -> Words:
    """The n words with the smallest numbers, among those that may change, each replaced by a synonym."""
    return replaced(words, alpha, synonyms, stop, u)


def replaced(
    words: Words,
    alpha: float,
    synonyms: dict[str, Words],
    stop: Words,
    u: Tensor,
    *,
    n: Callable[..., int] = lambda alpha, words, able: max(1, math.floor(alpha * len(words))),
    may: Callable[..., bool] = lambda word, synonyms, stop: word.lower() not in stop and word.lower() in synonyms,
    order: Callable[..., Any] = lambda able, u: sorted(able, key=lambda i: float(u[i, 0])),
    pick: Callable[..., str] = lambda options, u, i, k: options[int(u[i, 1] * len(options))],
    first: bool = False,
) -> Words:
    """The reference, with parts that can be exchanged. ``first``: choose places before asking what may change."""
    able = [i for i, word in enumerate(words) if first or may(word, synonyms, stop)]
    chosen = order(able, u)[: n(alpha, words, able)]
    new = list(words)
    for k, i in enumerate(chosen):
        if may(words[i], synonyms, stop):
            new[i] = pick(synonyms[words[i].lower()], u, i, k)
    return new


def replacing(**parts: Any) -> Callable[..., Words]:
    """An answer that differs from the reference in a part."""
    return lambda words, alpha, synonyms, stop, u: replaced(words, alpha, synonyms, stop, u, **parts)


mistakes(
    "text.synonym_replacement",
    {
        "nothing changes in a short sentence: n is at least 1, also where ⌊αl⌋ is 0":
            replacing(n=lambda alpha, words, able: int(alpha * len(words))),
        "αl is rounded up: n = max(1, ⌊αl⌋)": replacing(n=lambda alpha, words, able: math.ceil(alpha * len(words))),
        "n counts from the words that may change: l is the length of the sentence":
            replacing(n=lambda alpha, words, able: max(1, int(alpha * len(able)))),
        "one word changes, whatever α is: n = max(1, ⌊αl⌋)": replacing(n=lambda alpha, words, able: 1),
        "one word too many: n = max(1, ⌊αl⌋), not 1 + ⌊αl⌋":
            replacing(n=lambda alpha, words, able: 1 + int(alpha * len(words))),
        "every word that has a synonym is replaced: take n of them":
            replacing(n=lambda alpha, words, able: len(words)),
        "stop words are replaced: leave them alone":
            replacing(may=lambda word, synonyms, stop: word.lower() in synonyms),
        "capitals are not found: look the word up in lower case": (
            replacing(may=lambda word, synonyms, stop: word not in stop and word in synonyms),
            replacing(may=lambda word, synonyms, stop: word.lower() not in stop and word in synonyms),
        ),
        "the n words with the *largest* numbers change: take the smallest":
            replacing(order=lambda able, u: sorted(able, key=lambda i: -float(u[i, 0]))),
        "the first n words change: go by the numbers `u[:, 0]`": replacing(order=lambda able, u: able),
        "the columns of `u` are exchanged: the first chooses the word, the second the synonym": replacing(
            order=lambda able, u: sorted(able, key=lambda i: float(u[i, 1])),
            pick=lambda options, u, i, k: options[int(u[i, 0] * len(options))],
        ),
        "words are chosen first and asked for synonyms afterwards, so too few change: choose among those that have one":
            replacing(first=True),
        "always the first synonym is taken: `u[i, 1]` chooses among them":
            replacing(pick=lambda options, u, i, k: options[0]),
        "always the last synonym is taken: `u[i, 1]` chooses among them":
            replacing(pick=lambda options, u, i, k: options[-1]),
        "the synonym is chosen by the number of another word: word i has `u[i, 1]`":
            replacing(pick=lambda options, u, i, k: options[int(u[k, 1] * len(options))]),
        "one number chooses both: the synonym goes by `u[i, 1]`":
            replacing(pick=lambda options, u, i, k: options[int(u[i, 0] * len(options))]),
        "the place of the synonym is rounded: `int(u * len(options))` gives each the same chance":
            replacing(pick=lambda options, u, i, k: options[round(float(u[i, 1]) * (len(options) - 1))]),
    },
)  # fmt: skip


@mistake("text.synonym_replacement", "every occurrence of a chosen word changes: replace it at the chosen place alone")
def all_occurrences(words, alpha, synonyms, stop, u):
    able = [i for i, w in enumerate(words) if w.lower() in synonyms and w.lower() not in stop]
    new = list(words)
    for i in sorted(able, key=lambda i: float(u[i, 0]))[: max(1, int(alpha * len(words)))]:
        options = synonyms[words[i].lower()]
        new = [options[int(u[i, 1] * len(options))] if word == words[i] else word for word in new]
    return new


@mistake("text.synonym_replacement", "the synonym gets the word's capitals: write it as it stands in `synonyms`")
def with_capitals(words, alpha, synonyms, stop, u):
    new = synonym_replacement(words, alpha, synonyms, stop, u)
    return [b.capitalize() if a != b and a[:1].isupper() else b for a, b in zip(words, new)]


@mistake("text.synonym_replacement", "only the replaced words come back: return the whole sentence")
def the_new_ones_alone(words, alpha, synonyms, stop, u):
    return [b for a, b in zip(words, synonym_replacement(words, alpha, synonyms, stop, u)) if a != b]


@mistake("text.synonym_replacement", says="returned a str; expected a list")
def a_text(words, alpha, synonyms, stop, u):
    return " ".join(synonym_replacement(words, alpha, synonyms, stop, u))


@mistake("text.synonym_replacement", says="it changes the list `words`")
def in_place(words, alpha, synonyms, stop, u):
    words[:] = synonym_replacement(words, alpha, synonyms, stop, u)
    return words


@mistake("text.synonym_replacement", says="two calls with the same arguments give different results")
def draws_itself(words, alpha, synonyms, stop, u):
    import random

    able = [i for i, w in enumerate(words) if w.lower() in synonyms and w.lower() not in stop]
    new = list(words)
    for i in random.sample(able, min(len(able), max(1, int(alpha * len(words))))):
        new[i] = random.choice(synonyms[words[i].lower()]) + str(random.random())
    return new


# ── random_insertion ──────────────────────────────────────────────────────────────────────────────────────────────────


@reference("text.random_insertion", instead_of=(text.insert, text.rewrite))
def random_insertion(words: Words, synonyms: dict[str, Words], stop: Words, u: Tensor) -> Words:
    """One synonym of a word of the sentence for each row of u, at any place."""
    return inserted(words, synonyms, stop, u)


def inserted(
    words: Words,
    synonyms: dict[str, Words],
    stop: Words,
    u: Tensor,
    *,
    may: Callable[..., bool] = lambda word, synonyms, stop: word.lower() in synonyms and word.lower() not in stop,
    pick: Callable[..., str] = lambda word, options, v: options[int(v * len(options))],
    places: Callable[..., int] = lambda new, words: len(new) + 1,
    source: Callable[..., Words] = lambda new, words: words,
    rows: Callable[..., Any] = lambda u: u.tolist(),
) -> Words:
    """The reference, with parts that can be exchanged."""
    new = list(words)
    for a, b, c in rows(u):
        able = [word for word in source(new, words) if may(word, synonyms, stop)]
        if able:
            word = able[int(a * len(able))]
            new.insert(int(c * places(new, words)), pick(word, synonyms.get(word.lower(), [word]), b))
    return new


def inserting(**parts: Any) -> Callable[..., Words]:
    """An answer that differs from the reference in a part."""
    return lambda words, synonyms, stop, u: inserted(words, synonyms, stop, u, **parts)


mistakes(
    "text.random_insertion",
    {
        "the word itself is inserted: take one of its synonyms": inserting(pick=lambda word, options, v: word),
        "always the first synonym is taken: the second number chooses":
            inserting(pick=lambda word, options, v: options[0]),
        "nothing is ever inserted at the end: there are len + 1 places": inserting(places=lambda new, words: len(new)),
        "places are counted in the old sentence: the list has grown since": (
            inserting(places=lambda new, words: len(words) + 1),
            inserting(places=lambda new, words: len(words)),
        ),
        "synonyms of stop words are inserted: leave them alone":
            inserting(may=lambda word, synonyms, stop: word.lower() in synonyms),
        "capitals are not found: look the word up in lower case":
            inserting(may=lambda word, synonyms, stop: word in synonyms and word not in stop),
        "synonyms of words that were inserted before are used: choose from the words of the sentence that came in":
            inserting(source=lambda new, words: new),
        "one insertion, whatever `u` holds: one for each of its rows": inserting(rows=lambda u: u.tolist()[:1]),
        "the columns of `u` are in another order: word, synonym, place":
            inserting(rows=lambda u: u[:, [2, 1, 0]].tolist()),
        "one number is used for the word, the synonym and the place: each has its column":
            inserting(rows=lambda u: u[:, [0, 0, 0]].tolist()),
        "everything is inserted at the end: the third number is the place":
            lambda words, synonyms, stop, u: [*words, *new_ones(words, synonyms, stop, u)],
        "everything is inserted at the beginning: the third number is the place":
            lambda words, synonyms, stop, u: [*new_ones(words, synonyms, stop, u)[::-1], *words],
        "only the new words come back: return the whole sentence": lambda *arguments: new_ones(*arguments),
    },
)  # fmt: skip


def new_ones(words: Words, synonyms: dict[str, Words], stop: Words, u: Tensor) -> Words:
    """What is inserted, one a row."""
    able = [word for word in words if word.lower() in synonyms and word.lower() not in stop]
    options = [synonyms[able[int(a * len(able))].lower()] for a, _, _ in u.tolist()] if able else []
    return [own[int(b * len(own))] for own, (_, b, _) in zip(options, u.tolist())]


@mistake("text.random_insertion", "a word of the sentence is replaced: insert the synonym, so that the sentence grows")
def replaces(words, synonyms, stop, u):
    new = list(words)
    for word, c in zip(new_ones(words, synonyms, stop, u), u[:, 2].tolist()):
        new[int(c * len(new))] = word
    return new


@mistake("text.random_insertion", "the word is chosen among all words: choose among those that may change")
def skips_rows(words, synonyms, stop, u):
    new = list(words)
    for a, b, c in u.tolist():
        word = words[int(a * len(words))].lower()
        if word in synonyms and word not in stop:
            new.insert(int(c * (len(new) + 1)), synonyms[word][int(b * len(synonyms[word]))])
    return new


@mistake("text.random_insertion", says="it changes the list `words`")
def grows_the_argument(words, synonyms, stop, u):
    words[:] = random_insertion(words, synonyms, stop, u)
    return words


# ── random_swap ───────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("text.random_swap", instead_of=(text.swap, text.permute, text.rewrite))
def random_swap(words: Words, u: Tensor) -> Words:
    """For each row of u two different places exchanged."""
    new = list(words)
    for i, j in pairs_of(len(words), u):
        new[i], new[j] = new[j], new[i]
    return new


def pairs_of(length: int, u: Tensor) -> list[tuple[int, int]]:
    """Two different places for each row."""
    if length < 2:
        return []
    pairs = [(int(a * length), int(b * (length - 1))) for a, b in u.tolist()]
    return [(i, j + (j >= i)) for i, j in pairs]


def swapping(pair: Callable[[int, float, float], tuple[int, int]]) -> Callable[..., Words]:
    """An answer that finds the places by another rule."""

    def answer(words: Words, u: Tensor) -> Words:
        new = list(words)
        for a, b in u.tolist() if len(words) > 1 else []:
            i, j = pair(len(words), a, b)
            new[i], new[j] = new[j], new[i]
        return new

    return answer


mistakes(
    "text.random_swap",
    {
        "a word may be swapped with itself: the second place is one of the other l − 1":
            swapping(lambda n, a, b: (int(a * n), int(b * n))),
        "the second place skips the wrong word: it moves up by one where it is not below the first": (
            swapping(lambda n, a, b: (int(a * n), int(b * (n - 1)) + (int(b * (n - 1)) > int(a * n)))),
            swapping(lambda n, a, b: (int(a * n), int(b * (n - 1)) + (int(b * (n - 1)) == int(a * n)))),
        ),
        "the last word is never swapped: the second place moves up by one where it is not below the first":
            swapping(lambda n, a, b: (int(a * (n - 1)), int(b * (n - 1)))),
        "the second place always moves up by one: only where it is not below the first":
            swapping(lambda n, a, b: (int(a * n), int(b * (n - 1)) + 1)),
        "neighbours are swapped: the second number chooses any other place":
            swapping(lambda n, a, b: (int(a * n), (int(a * n) + 1) % n)),
        "the columns of `u` are exchanged": swapping(lambda n, a, b: pairs_of(n, _row(b, a))[0]),
        "one swap, whatever `u` holds: one for each of its rows": lambda words, u: random_swap(words, u[:1]),
        "each swap begins with the old sentence, so that only the last one is seen":
            lambda words, u: random_swap(words, u[-1:]),
        "words are copied over each other, so that one is there twice and another is gone: both places at once":
            lambda words, u: overwritten(words, u),
        "swaps are done in reverse order": lambda words, u: random_swap(words, u.flip(0)),
    },
)  # fmt: skip


def _row(a: float, b: float) -> Tensor:
    import torch

    return torch.tensor([[a, b]], dtype=torch.float64)


def overwritten(words: Words, u: Tensor) -> Words:
    """One place after the other."""
    new = list(words)
    for i, j in pairs_of(len(words), u):
        new[i] = new[j]
        new[j] = new[i]
    return new


@mistake("text.random_swap", says="it changes the list `words`")
def swaps_the_argument(words, u):
    for i, j in pairs_of(len(words), u):
        words[i], words[j] = words[j], words[i]
    return words


@mistake("text.random_swap", "equal words are taken for one place: swap places, not words")
def finds_places_by_words(words, u):
    new = list(words)
    for i, j in pairs_of(len(words), u):
        a, b = new[i], new[j]
        i, j = new.index(a), new.index(b)
        new[i], new[j] = new[j], new[i]
    return new


# ── random_deletion ───────────────────────────────────────────────────────────────────────────────────────────────────


@reference("text.random_deletion", instead_of=(text.delete, text.rewrite, text.move_tags))
def random_deletion(words: Words, tags: list[int], p: float, u: Tensor) -> tuple[Words, list[int]]:
    """The words whose number is at least p, or the one with the largest, with their tags."""
    return kept(words, tags, stay(p, u) or [int(u.argmax())])


def stay(p: float, u: Tensor) -> list[int]:
    """The places of the words that stay."""
    return [i for i, number in enumerate(u.tolist()) if number >= p]


def kept(words: Words, tags: list[int], places: list[int]) -> tuple[Words, list[int]]:
    """Words and tags at some places."""
    return [words[i] for i in places], [tags[i] for i in places]


mistakes(
    "text.random_deletion",
    {
        "a sentence may become empty: where all words would go, the one with the largest number stays":
            lambda words, tags, p, u: kept(words, tags, stay(p, u)),
        "where all would go, the first word stays: it should be the one with the largest number":
            lambda words, tags, p, u: kept(words, tags, stay(p, u) or [0]),
        "where all would go, the last word stays: it should be the one with the largest number":
            lambda words, tags, p, u: kept(words, tags, stay(p, u) or [len(words) - 1]),
        "where all would go, the word with the smallest number stays: it should be the largest":
            lambda words, tags, p, u: kept(words, tags, stay(p, u) or [int(u.argmin())]),
        "where all would go, everything stays: keep one word":
            lambda words, tags, p, u: kept(words, tags, stay(p, u) or list(range(len(words)))),
        "p is the probability of *losing* a word: it stays where its number is at least p":
            lambda words, tags, p, u: kept(
                words, tags, [i for i in range(len(words)) if u[i] < p] or [int(u.argmax())]),
        "a number of exactly p means that the word stays": lambda words, tags, p, u: kept(
            words, tags, [i for i in range(len(words)) if u[i] > p] or [int(u.argmax())]),
        "the tags stay behind: they go with their words":
            lambda words, tags, p, u: (random_deletion(words, tags, p, u)[0], list(tags)),
        "the tags of the first words are kept, whichever stay: tag i belongs to word i": lambda words, tags, p, u: (
            random_deletion(words, tags, p, u)[0], tags[: len(random_deletion(words, tags, p, u)[0])]),
        "the tags of the words that are lost come back: return those of what stays": lambda words, tags, p, u: (
            random_deletion(words, tags, p, u)[0],
            [tags[i] for i in range(len(words)) if i not in (stay(p, u) or [int(u.argmax())])]),
        "words that come twice share their fate: delete places, not words": lambda words, tags, p, u: by_words(
            words, tags, {words[i] for i in range(len(words)) if u[i] < p}, u),
        "the order of the words is lost: keep it": lambda words, tags, p, u: kept(
            words, tags, sorted(stay(p, u), key=lambda i: -float(u[i])) or [int(u.argmax())]),
        "the first word always stays": lambda words, tags, p, u: kept(
            words, tags, sorted({0, *stay(p, u)}) if p < 1 else [int(u.argmax())]),
    },
)  # fmt: skip


def by_words(words: Words, tags: list[int], lost: set[str], u: Tensor) -> tuple[Words, list[int]]:
    """Without all occurrences of some words."""
    places = [i for i, word in enumerate(words) if word not in lost]
    return kept(words, tags, places or [int(u.argmax())])


@mistake("text.random_deletion", says="it changes the list `words`")
def deletes_from_the_argument(words, tags, p, u):
    new, new_tags = random_deletion(words, tags, p, u)
    words[:] = new
    return words, new_tags


@mistake("text.random_deletion", "`remove` takes the first word that is equal, not the one at the place")
def takes_the_first_equal(words, tags, p, u):
    new, new_tags = list(words), list(tags)
    for word, tag, number in zip(words, tags, u.tolist()):
        if number < p and len(new) > 1:
            new.remove(word)
            new_tags.remove(tag)
    return new, new_tags


@mistake("text.random_deletion", says="values; expected 2")
def the_words_alone(words, tags, p, u):
    return [*random_deletion(words, tags, p, u)[0], "x", "y"]


@mistake("text.random_deletion", "the list changes while a loop goes through it, so words are skipped: build a new one")
def removes_while_it_loops(words, tags, p, u):
    pairs = list(zip(words, tags, u.tolist()))
    for pair in pairs:
        if pair[2] < p:
            pairs.remove(pair)
    if not pairs:
        pairs = [(words[int(u.argmax())], tags[int(u.argmax())], 1.0)]
    return [word for word, _, _ in pairs], [tag for _, tag, _ in pairs]


# ── swap_conjuncts ────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("text.swap_conjuncts", instead_of=(text.swap_conjuncts,))
def swap_conjuncts(tree: Any) -> Any:
    """The tree with both sides of each conjunction exchanged, at every depth."""
    return exchanged(tree)


def exchanged(
    tree: Any,
    *,
    joins: Callable[[list[Any]], bool] = lambda below: below[1][0] == "CC" and below[0][0] == below[2][0],
    deeper: Callable[[bool], bool] = lambda joined: True,
    turn: Callable[[list[Any]], list[Any]] = lambda below: below[::-1],
) -> Any:
    """The reference, with parts that can be exchanged."""
    if isinstance(tree, str):
        return tree
    below = list(tree[1:])
    joined = len(below) == 3 and not any(isinstance(child, str) for child in below) and joins(below)
    if deeper(joined):
        below = [exchanged(child, joins=joins, deeper=deeper, turn=turn) for child in below]
    return (tree[0], *(turn(below) if joined else below))


mistakes(
    "text.swap_conjuncts",
    {
        "only the top of the tree is looked at: conjunctions stand deep down, too":
            lambda tree: exchanged(tree, deeper=lambda joined: False),
        "below a conjunction nothing is swapped any more: go on with both sides":
            lambda tree: exchanged(tree, deeper=lambda joined: not joined),
        "only \"and\" counts: every node labelled CC joins": lambda tree: exchanged(
            tree, joins=lambda below: below[1] == ("CC", "and") and below[0][0] == below[2][0]),
        "sides with different labels are swapped: both must have the same": lambda tree: exchanged(
            tree, joins=lambda below: below[1][0] == "CC"),
        "any three children are turned round: the one in the middle must be a CC":
            lambda tree: exchanged(tree, joins=lambda below: below[0][0] == below[2][0]),
        "every node with three children is turned round: only X, CC, X":
            lambda tree: exchanged(tree, joins=lambda below: True),
        "every node is turned round, so that the whole sentence is read backwards": lambda tree: backwards(tree),
        "the conjunction moved to the front: only the two sides change places":
            lambda tree: exchanged(tree, turn=lambda below: [below[1], below[2], below[0]]),
        "the conjunction is lost": lambda tree: exchanged(tree, turn=lambda below: [below[2], below[0]]),
        "the right side is there twice":
            lambda tree: exchanged(tree, turn=lambda below: [below[2], below[1], below[2]]),
        "the tree comes back as it was": lambda tree: tree,
        "the words come back, not the tree": lambda tree: words_of(swap_conjuncts(tree)),
        "the labels are lost: the first entry of a node stays": lambda tree: unlabelled(swap_conjuncts(tree)),
    },
)  # fmt: skip


def backwards(tree: Any) -> Any:
    """Each node's children in reverse order."""
    return tree if isinstance(tree, str) else (tree[0], *(backwards(child) for child in tree[:0:-1]))


def words_of(tree: Any) -> Words:
    """The leaves."""
    return [tree] if isinstance(tree, str) else [word for child in tree[1:] for word in words_of(child)]


def unlabelled(tree: Any) -> Any:
    """Without the labels."""
    return tree if isinstance(tree, str) else tuple(unlabelled(child) for child in tree[1:])


# ── safe_policy ───────────────────────────────────────────────────────────────────────────────────────────────────────


@reference("text.safe_policy")
def safe_policy(
    batch: list[Words],
    labels: Tensor,
    operations: dict[str, Callable[[Words], Words]],
    safe: dict[int, list[str]],
    p: float,
    u: Tensor,
) -> list[Words]:
    """Each sentence with probability p through one of the operations that keep its label."""
    return changed(batch, labels, operations, safe, p, u)


def changed(
    batch: list[Words],
    labels: Tensor,
    operations: dict[str, Callable[[Words], Words]],
    safe: dict[int, list[str]],
    p: float,
    u: Tensor,
    *,
    row: Callable[[int], int] = lambda i: i,
    now: Callable[..., bool] = lambda number, p: bool(number < p),
    allowed: Callable[..., list[str]] = lambda safe, labels, i, operations: safe[int(labels[i])],
    choose: Callable[..., int] = lambda u, i, n: int(u[i, 1] * n),
) -> list[Words]:
    """The reference, with parts that can be exchanged."""
    new = []
    for i, words in enumerate(batch):
        names = allowed(safe, labels, i, operations)
        if names and now(u[row(i), 0], p):
            new.append(operations[names[choose(u, row(i), len(names))]](words))
        else:
            new.append(list(words))
    return new


def choosing(**parts: Any) -> Callable[..., list[Words]]:
    """An answer that differs from the reference in a part."""
    return lambda batch, labels, operations, safe, p, u: changed(batch, labels, operations, safe, p, u, **parts)


mistakes(
    "text.safe_policy",
    {
        "all sentences share one draw: sentence i has row i of `u`": choosing(row=lambda i: 0),
        "every sentence is changed: only where its first number is below p":
            choosing(now=lambda number, p: True),
        "p is the probability of a change: it happens where the number is *below* p":
            choosing(now=lambda number, p: bool(number >= p)),
        "operations that don't keep the label are used: choose from `safe[label]`":
            choosing(allowed=lambda safe, labels, i, operations: list(operations)),
        "the first label decides for all: sentence i has `labels[i]`":
            choosing(allowed=lambda safe, labels, i, operations: safe[int(labels[0])]),
        "always the first operation is taken: the second number chooses": choosing(choose=lambda u, i, n: 0),
        "always the last operation is taken: the second number chooses": choosing(choose=lambda u, i, n: n - 1),
        "one number decides both: the operation goes by the second": choosing(choose=lambda u, i, n: int(u[i, 0] * n)),
        "the columns of `u` are exchanged": lambda batch, labels, operations, safe, p, u: changed(
            batch, labels, operations, safe, p, u.flip(1)),
        "sentences that stay are left out: the batch keeps its length": lambda batch, labels, operations, safe, p, u: [
            new for i, new in enumerate(safe_policy(batch, labels, operations, safe, p, u))
            if u[i, 0] < p and safe[int(labels[i])]],
        "sentences that stay come back empty: return a copy of them": lambda batch, labels, operations, safe, p, u: [
            new if u[i, 0] < p and safe[int(labels[i])] else []
            for i, new in enumerate(safe_policy(batch, labels, operations, safe, p, u))],
        "all safe operations are applied one after the other: choose one":
            lambda *arguments: one_after_the_other(*arguments),
    },
)  # fmt: skip


def one_after_the_other(
    batch: list[Words],
    labels: Tensor,
    operations: dict[str, Callable[[Words], Words]],
    safe: dict[int, list[str]],
    p: float,
    u: Tensor,
) -> list[Words]:
    """Every operation that keeps the label."""
    new = []
    for i, sentence in enumerate(batch):
        words = list(sentence)
        for name in safe[int(labels[i])] if u[i, 0] < p else []:
            words = operations[name](words)
        new.append(words)
    return new


@mistake("text.safe_policy", says="it changes the list `batch`")
def writes_into_the_batch(batch, labels, operations, safe, p, u):
    batch[:] = safe_policy(batch, labels, operations, safe, p, u)
    return batch
