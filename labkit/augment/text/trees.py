"""Sentences as trees, and changes of a tree that keep what it says.

A tree is a nested tuple ``(label, child, …)``; a leaf is a word. Labels are those of the Penn Treebank where it has
one::

    ("S", ("NP", "Anna"), ("VP", ("VBD", "beat"), ("NP", "Ben")))

*Phrase structure.* ``swap_conjuncts`` exchanges A and B in "A and B"; ``front`` moves the last prepositional phrase
to the beginning; ``passive`` makes "B was beaten by A" of "A beat B", and ``active`` undoes it. Each gives None where
it doesn't apply, and none changes who did what.

*Dependencies.* Word i hangs on word ``heads[i]``, the root on −1. With the root's children as fragments: ``crop``
keeps the root with some of them, ``rotate`` puts the fragments into another order around the root.

Source: for crop and rotate, G. Şahin and M. Steedman, *Data Augmentation via Dependency Tree Morphing for
Low-Resource Languages*, 2018 (https://arxiv.org/abs/1903.09460). Rotating keeps the meaning in languages that mark
cases; in English it does not.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

Tree = tuple[object, ...]
"""A label and its children: trees, or words."""

PARTICIPLES = {
    "beat": "beaten", "defeated": "defeated", "outplayed": "outplayed", "surprised": "surprised", "loved": "loved",
    "saw": "seen", "praised": "praised", "chased": "chased", "wrote": "written", "found": "found",
}  # fmt: skip
"""The participles of some verbs in the past tense."""


def leaves(tree: Tree | str) -> list[str]:
    """The words of a tree, from left to right.

    >>> leaves(("NP", ("DT", "the"), ("NN", "film")))
    ['the', 'film']
    """
    if isinstance(tree, str):
        return [tree]
    return [word for child in children(tree) for word in leaves(child)]


def children(tree: Tree) -> tuple[Tree | str, ...]:
    """What hangs below a node.

    Raises:
        ValueError: if it is no node.
    """
    if not isinstance(tree, tuple) or not tree or not isinstance(tree[0], str):
        raise ValueError(f"a tree is a tuple of a label and its children; this is {tree!r:.60}")
    return tree[1:]  # type: ignore[return-value]


def label(tree: Tree | str) -> str:
    """The label of a node; "" for a word."""
    return str(tree[0]) if isinstance(tree, tuple) else ""


def read_tree(text: str) -> Tree:
    """A tree from brackets.

    Raises:
        ValueError: if the brackets don't make one tree.

    >>> read_tree("(NP (DT the) (NN film))")
    ('NP', ('DT', 'the'), ('NN', 'film'))
    """
    stack: list[list[object]] = [[]]
    for piece in re.findall(r"[()]|[^\s()]+", text):
        if piece == "(":
            stack.append([])
        elif piece == ")":
            node = tuple(stack.pop())
            if not stack or not node:
                raise ValueError(f"the brackets of {text!r:.60} don't match")
            stack[-1].append(node)
        else:
            stack[-1].append(piece)
    if len(stack) != 1 or len(stack[0]) != 1 or not isinstance(stack[0][0], tuple):
        raise ValueError(f"the brackets of {text!r:.60} don't make one tree")
    return stack[0][0]


def show_tree(tree: Tree | str, *, depth: int = 0) -> str:
    """A tree as indented lines; a node above a single word stands on one.

    >>> print(show_tree(("S", ("NP", "Anna"), ("VP", ("VBD", "won")))))
    S
      NP Anna
      VP
        VBD won
    """
    pad = "  " * depth
    if isinstance(tree, str):
        return pad + tree
    below = children(tree)
    if len(below) == 1 and isinstance(below[0], str):
        return f"{pad}{label(tree)} {below[0]}"
    return "\n".join([pad + label(tree), *(show_tree(child, depth=depth + 1) for child in below)])


# ── phrase structure ──────────────────────────────────────────────────────────────────────────────────────────────────


def swap_conjuncts(tree: Tree) -> Tree | None:
    """The tree with the two sides of each "X and X" exchanged, at every depth; None where there is none.

    >>> swap_conjuncts(read_tree("(NP (JJ young) (CC and) (JJ fast))"))
    ('NP', ('JJ', 'fast'), ('CC', 'and'), ('JJ', 'young'))
    """
    swapped = _swapped(tree)
    return None if swapped == tree else swapped


def _swapped(tree: Tree) -> Tree:
    below = [_swapped(child) if isinstance(child, tuple) else child for child in children(tree)]
    kinds = [label(child) for child in below]
    for i in range(len(below) - 2):
        if kinds[i + 1] == "CC" and kinds[i] == kinds[i + 2] and kinds[i]:
            below[i], below[i + 2] = below[i + 2], below[i]
            break
    return (label(tree), *below)


def front(tree: Tree) -> Tree | None:
    """The sentence with the last prepositional phrase of its verb at the beginning, before a comma; None if it has
    none.

    A "by" that names the one who acts stays.

    >>> leaves(front(read_tree("(S (NP Anna) (VP (VBD won) (PP (IN on) (NP Sunday))))")))
    ['on', 'Sunday', ',', 'Anna', 'won']
    """
    match children(tree):
        case (*before, ("VP", *parts)) if len(parts) > 1 and label(parts[-1]) == "PP" and label(before[0]) == "NP":  # type: ignore[arg-type]
            if leaves(parts[-1])[0] != "by":  # type: ignore[arg-type]
                return (label(tree), parts[-1], (",", ","), *before, ("VP", *parts[:-1]))
    return None


def passive(tree: Tree, *, participles: Mapping[str, str] = PARTICIPLES) -> Tree | None:
    """The passive voice, "B was beaten by A" for "A beat B"; None where there is no such verb with an object.

    >>> leaves(passive(read_tree("(S (NP Anna) (VP (VBD beat) (NP (DT the) (NNS boys)) (PP (IN on) (NP Sunday))))")))
    ['the', 'boys', 'were', 'beaten', 'by', 'Anna', 'on', 'Sunday']
    """
    match tree:
        case ("S", *before, ("NP", *_) as agent, ("VP", ("VBD", str() as verb), ("NP", *_) as patient, *rest)):
            if verb in participles:
                be = "were" if is_plural(tuple(patient)) else "was"
                by = ("PP", ("IN", "by"), agent)
                verbs = (("VBD", be), ("VBN", participles[verb]))
                return ("S", *before, patient, ("VP", *verbs, by, *rest))
    return None


def active(tree: Tree, *, participles: Mapping[str, str] = PARTICIPLES) -> Tree | None:
    """The active voice, "A beat B" for "B was beaten by A": the inverse of ``passive``.

    >>> leaves(active(passive(read_tree("(S (NP Anna) (VP (VBD saw) (NP Ben)))"))))
    ['Anna', 'saw', 'Ben']
    """
    verbs = {participle: verb for verb, participle in participles.items()}
    match tree:
        case ("S", *before, ("NP", *_) as patient,
              ("VP", ("VBD", "was" | "were"), ("VBN", str() as verb), ("PP", ("IN", "by"), agent), *rest)):  # fmt: skip
            if verb in verbs:
                return ("S", *before, agent, ("VP", ("VBD", verbs[verb]), patient, *rest))
    return None


def is_plural(phrase: Tree) -> bool:
    """Whether a noun phrase is plural: its noun is, or it joins two with "and"."""
    kinds = [label(child) for child in children(phrase)]
    nouns = [child for child in children(phrase) if label(child) in ("NNS", "NNPS")]
    return bool(nouns) or ("CC" in kinds and "NP" in kinds)


# ── dependencies ──────────────────────────────────────────────────────────────────────────────────────────────────────


def fragments(heads: Sequence[int]) -> tuple[int, list[list[int]]]:
    """The root's place, and for each of its children the places of all words below it, in their order.

    Raises:
        ValueError: if there is not exactly one root, or the heads make a circle.

    >>> fragments([1, 2, -1, 4, 2])
    (2, [[0, 1], [3, 4]])
    """
    roots = [i for i, head in enumerate(heads) if head == -1]
    if len(roots) != 1 or not all(-1 <= head < len(heads) for head in heads):
        raise ValueError(f"heads are {list(heads)}; expected the place of a word for each, and −1 for one root")
    root, groups = roots[0], {i: [i] for i, head in enumerate(heads) if head == roots[0]}
    for i in range(len(heads)):
        if i != root and i not in groups:
            groups[_below_root(heads, i, root)].append(i)
    return root, [sorted(group) for _, group in sorted(groups.items())]


def _below_root(heads: Sequence[int], i: int, root: int) -> int:
    for _ in heads:
        if heads[i] == root:
            return i
        i = heads[i]
    raise ValueError(f"the heads {list(heads)} make a circle")


def crop(words: Sequence[str], heads: Sequence[int], *, keep: Collection[int]) -> list[str]:
    """The root and the fragments whose numbers are in ``keep``, in the order of the sentence.

    Raises:
        ValueError: as ``fragments``.

    >>> crop("my friends loved the film".split(), [1, 2, -1, 4, 2], keep=[0])
    ['my', 'friends', 'loved']
    """
    root, groups = fragments(heads)
    return [words[i] for i in sorted([root, *(i for k in keep for i in groups[k])])]


def rotate(words: Sequence[str], heads: Sequence[int], *, order: Sequence[int]) -> list[str]:
    """The fragments in another order; the root keeps its rank among them.

    Raises:
        ValueError: as ``fragments``, or if ``order`` doesn't name each fragment once.

    >>> rotate("my friends loved the film".split(), [1, 2, -1, 4, 2], order=[1, 0])
    ['the', 'film', 'loved', 'my', 'friends']
    """
    root, groups = fragments(heads)
    if sorted(order) != list(range(len(groups))):
        raise ValueError(f"order is {list(order)}; expected each of the {len(groups)} fragments once, from 0")
    rank = sum(group[0] < root for group in groups)
    turned = [groups[k] for k in order]
    return [words[i] for group in (*turned[:rank], [root], *turned[rank:]) for i in group]


def nodes(tree: Tree | str) -> Iterator[Tree]:
    """All nodes of a tree, each before those below it."""
    if isinstance(tree, tuple):
        yield tree
        for child in children(tree):
            yield from nodes(child)
