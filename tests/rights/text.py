"""Right answers to exercise 05, written differently."""

import torch

from tests.rights import right

# ── synonym_replacement ───────────────────────────────────────────────────────────────────────────────────────────────


@right("text.synonym_replacement")
def with_argsort(words, alpha, synonyms, stop, u):
    left, new = max(1, int(alpha * len(words))), words[:]
    for i in u[:, 0].argsort().tolist():
        options = [] if words[i].lower() in stop else synonyms.get(words[i].lower(), [])
        if options and left:
            new[i] = options[int(float(u[i, 1]) * len(options))]
            left -= 1
    return new


@right("text.synonym_replacement")
def with_infinity_and_topk(words, alpha, synonyms, stop, u):
    may = torch.tensor([w.lower() in synonyms and w.lower() not in set(stop) for w in words])
    keys = u[:, 0].masked_fill(~may, torch.inf)
    n = min(int(may.sum()), max(1, int(alpha * len(words))))
    chosen = set(keys.topk(n, largest=False).indices.tolist())
    return [synonyms[w.lower()][int(u[i, 1] * len(synonyms[w.lower()]))] if i in chosen else w
            for i, w in enumerate(words)]  # fmt: skip


# ── random_insertion ──────────────────────────────────────────────────────────────────────────────────────────────────


@right("text.random_insertion")
def with_slices(words, synonyms, stop, u):
    candidates = [synonyms[w.lower()] for w in words if w.lower() in synonyms and w.lower() not in stop]
    new = tuple(words)
    for row in u:
        if candidates:
            options = candidates[int(row[0] * len(candidates))]
            at = int(row[2] * (len(new) + 1))
            new = (*new[:at], options[int(row[1] * len(options))], *new[at:])
    return list(new)


@right("text.random_insertion")
def returns_early(words, synonyms, stop, u):
    able = list(filter(lambda w: w.lower() not in stop and w.lower() in synonyms, words))
    if not able:
        return words.copy()
    out = words.copy()
    for i in range(u.shape[0]):
        word = able[(u[i, 0] * len(able)).long()].lower()
        out.insert((u[i, 2] * (len(out) + 1)).long().item(), synonyms[word][(u[i, 1] * len(synonyms[word])).long()])
    return out


# ── random_swap ───────────────────────────────────────────────────────────────────────────────────────────────────────


@right("text.random_swap")
def with_a_list_of_the_others(words, u):
    new = words.copy()
    if len(words) == 1:
        return new
    for a, b in u:
        i = int(a * len(words))
        others = [k for k in range(len(words)) if k != i]
        j = others[int(b * len(others))]
        keep = new[i]
        new[i] = new[j]
        new[j] = keep
    return new


@right("text.random_swap")
def with_places(words, u):
    order = list(range(len(words)))
    for a, b in u.tolist():
        if len(order) > 1:
            i, j = int(a * len(order)), int(b * (len(order) - 1))
            if j >= i:
                j += 1
            order[i], order[j] = order[j], order[i]
    return [words[k] for k in order]


# ── random_deletion ───────────────────────────────────────────────────────────────────────────────────────────────────


@right("text.random_deletion")
def with_a_mask(words, tags, p, u):
    mask = u >= p
    if not mask.any():
        mask[u.argmax()] = True
    return [w for w, m in zip(words, mask) if m], [t for t, m in zip(tags, mask.tolist()) if m]


@right("text.random_deletion")
def with_pairs(words, tags, p, u):
    pairs = [(w, t) for w, t, number in zip(words, tags, u) if not number < p]
    if len(pairs) == 0:
        best = max(range(len(words)), key=lambda i: u[i].item())
        pairs = [(words[best], tags[best])]
    return tuple(w for w, _ in pairs), tuple(t for _, t in pairs)


# ── swap_conjuncts ────────────────────────────────────────────────────────────────────────────────────────────────────


@right("text.swap_conjuncts")
def with_match(tree):
    match tree:
        case (label, (x, *_) as a, ("CC", word), (y, *_) as b) if x == y:
            return (label, with_match(b), ("CC", word), with_match(a))
        case (label, *below):
            return (label, *map(with_match, below))
        case _:
            return tree


@right("text.swap_conjuncts")
def with_lists(tree):
    if not isinstance(tree, tuple):
        return tree
    new = [tree[0]]
    for child in tree[1:]:
        new.append(with_lists(child))
    if len(new) == 4 and new[2][0] == "CC" and new[1][0] == new[3][0]:
        new[1], new[3] = new[3], new[1]
    return tuple(new)


# ── safe_policy ───────────────────────────────────────────────────────────────────────────────────────────────────────


@right("text.safe_policy")
def with_a_comprehension(batch, labels, operations, safe, p, u):
    def one(words, names, row):
        go = bool(names) and float(row[0]) < p
        return operations[names[int(row[1] * len(names))]](words) if go else list(words)

    return [one(words, safe[k], row) for words, k, row in zip(batch, labels.tolist(), u)]


@right("text.safe_policy")
def on_a_copy(batch, labels, operations, safe, p, u):
    new = [words[:] for words in batch]
    for i in (u[:, 0] < p).nonzero()[:, 0].tolist():
        names = safe.get(labels[i].item(), [])
        if len(names) > 0:
            new[i] = operations[names[int(u[i, 1].item() * len(names))]](new[i])
    return new
