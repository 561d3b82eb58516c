"""Answers to exercise 05, written afresh."""

import math
import random

import numpy as np
import torch

# ── synonym_replacement ───────────────────────────────────────────────────────────────────────────────────────────────


def ceils(words, alpha, synonyms, stop, u):
    n = math.ceil(alpha * len(words))
    cand = [
        (float(u[i][0]), i) for i in range(len(words)) if words[i].lower() in synonyms and words[i].lower() not in stop
    ]
    out = words.copy()
    for _, i in sorted(cand)[:n]:
        s = synonyms[words[i].lower()]
        out[i] = s[int(float(u[i][1]) * len(s))]
    return out


def int_only(words, alpha, synonyms, stop, u):
    n = int(alpha * len(words))
    out = list(words)
    order = torch.argsort(u[:, 0]).tolist()
    for i in order:
        if n == 0:
            break
        w = words[i].lower()
        if w in synonyms and w not in stop:
            out[i] = synonyms[w][int(u[i, 1] * len(synonyms[w]))]
            n -= 1
    return out


def forgets_lower(words, alpha, synonyms, stop, u):
    n = max(1, int(alpha * len(words)))
    out = list(words)
    for i in np.argsort(u[:, 0].numpy()):
        if n > 0 and words[i] in synonyms and words[i] not in stop:
            out[i] = synonyms[words[i]][int(u[i, 1] * len(synonyms[words[i]]))]
            n -= 1
    return out


def forgets_stop(words, alpha, synonyms, stop, u):
    able = [i for i in range(len(words)) if words[i].lower() in synonyms]
    able.sort(key=lambda i: u[i, 0].item())
    out = words[:]
    for i in able[: max(1, int(alpha * len(words)))]:
        opts = synonyms[words[i].lower()]
        out[i] = opts[int(u[i, 1].item() * len(opts))]
    return out


def random_choice(words, alpha, synonyms, stop, u):
    n = max(1, int(alpha * len(words)))
    able = [i for i, w in enumerate(words) if w.lower() in synonyms and w.lower() not in stop]
    random.shuffle(able)
    out = list(words)
    for i in able[:n]:
        out[i] = random.choice(synonyms[words[i].lower()])
    return out


def descending(words, alpha, synonyms, stop, u):
    n = max(1, int(alpha * len(words)))
    able = [i for i, w in enumerate(words) if w.lower() in synonyms and w.lower() not in stop]
    out = list(words)
    for i in sorted(able, key=lambda i: u[i, 0], reverse=True)[:n]:
        opts = synonyms[words[i].lower()]
        out[i] = opts[int(u[i, 1] * len(opts))]
    return out


def writes_into_words(words, alpha, synonyms, stop, u):
    able = [i for i, w in enumerate(words) if w.lower() in synonyms and w.lower() not in stop]
    for i in sorted(able, key=lambda i: u[i, 0])[: max(1, int(alpha * len(words)))]:
        words[i] = synonyms[words[i].lower()][int(u[i, 1] * len(synonyms[words[i].lower()]))]
    return words


def keeps_the_capital(words, alpha, synonyms, stop, u):
    able = [i for i, w in enumerate(words) if w.lower() in synonyms and w.lower() not in stop]
    out = list(words)
    for i in sorted(able, key=lambda i: u[i, 0])[: max(1, int(alpha * len(words)))]:
        new = synonyms[words[i].lower()][int(u[i, 1] * len(synonyms[words[i].lower()]))]
        out[i] = new.capitalize() if words[i][0].isupper() else new
    return out


def with_enumerate_and_set(words, alpha, synonyms, stop, u):
    stop_set = set(stop)
    eligible = [i for i, w in enumerate(words) if w.lower() not in stop_set and synonyms.get(w.lower())]
    chosen = set(sorted(eligible, key=u[:, 0].tolist().__getitem__)[: max(1, math.floor(alpha * len(words)))])
    return [synonyms[w.lower()][math.floor(u[i, 1].item() * len(synonyms[w.lower()]))] if i in chosen else w
            for i, w in enumerate(words)]  # fmt: skip


def counts_down(words, alpha, synonyms, stop, u):
    left, new = max(int(len(words) * alpha), 1), {}
    for number, i in sorted(zip(u[:, 0].tolist(), range(len(words)))):
        key = words[i].lower()
        if left and key in synonyms and key not in stop:
            new[i] = synonyms[key][int(len(synonyms[key]) * u[i, 1])]
            left -= number >= 0
    return [new.get(i, word) for i, word in enumerate(words)]


# ── random_insertion ──────────────────────────────────────────────────────────────────────────────────────────────────


def no_place_at_the_end(words, synonyms, stop, u):
    able = [w for w in words if w.lower() in synonyms and w.lower() not in stop]
    new = words[:]
    if not able:
        return new
    for r in u:
        w = able[int(r[0] * len(able))]
        s = synonyms[w.lower()]
        new.insert(int(r[2] * len(new)), s[int(r[1] * len(s))])
    return new


def crashes_without_synonyms(words, synonyms, stop, u):
    able = [w for w in words if w.lower() in synonyms and w.lower() not in stop]
    new = words[:]
    for a, b, c in u.tolist():
        s = synonyms[able[int(a * len(able))].lower()]
        new.insert(int(c * (len(new) + 1)), s[int(b * len(s))])
    return new


def returns_none_of_insert(words, synonyms, stop, u):
    able = [w for w in words if w.lower() in synonyms and w.lower() not in stop]
    new = words[:]
    for a, b, c in u.tolist():
        if able:
            s = synonyms[able[int(a * len(able))].lower()]
            new = new.insert(int(c * (len(new) + 1)), s[int(b * len(s))])
    return new


def chooses_from_all(words, synonyms, stop, u):
    new = list(words)
    for a, b, c in u.tolist():
        w = words[int(a * len(words))].lower()
        if w in synonyms and w not in stop:
            new.insert(int(c * (len(new) + 1)), synonyms[w][int(b * len(synonyms[w]))])
    return new


def appends(words, synonyms, stop, u):
    able = [synonyms[w.lower()] for w in words if w.lower() in synonyms and w.lower() not in stop]
    return list(words) + [
        able[int(a * len(able))][int(b * len(able[int(a * len(able))]))] for a, b, _ in u.tolist() if able
    ]


def by_pool(words, synonyms, stop, u):
    pool = [synonyms[t] for t in map(str.lower, words) if t in synonyms and t not in stop]
    result = list(words)
    if pool:
        for row in u.tolist():
            options = pool[int(row[0] * len(pool))]
            k = int(row[2] * (1 + len(result)))
            result[k:k] = [options[int(row[1] * len(options))]]
    return result


def by_building_anew(words, synonyms, stop, u):
    usable = tuple(w.lower() for w in words if w.lower() in synonyms and not w.lower() in stop)  # noqa: E713
    out = [*words]
    for a, b, c in u.tolist() * bool(usable):
        word = usable[math.floor(a * len(usable))]
        at = math.floor(c * (len(out) + 1))
        out = [*out[:at], synonyms[word][math.floor(b * len(synonyms[word]))], *out[at:]]
    return out


# ── random_swap ───────────────────────────────────────────────────────────────────────────────────────────────────────


def with_itself(words, u):
    new = list(words)
    for a, b in u:
        i, j = int(a * len(words)), int(b * len(words))
        new[i], new[j] = new[j], new[i]
    return new


def loses_a_word(words, u):
    new = list(words)
    n = len(words)
    for a, b in u:
        if n > 1:
            i, j = int(a * n), int(b * (n - 1))
            if j >= i:
                j += 1
            new[i] = new[j]
            new[j] = new[i]
    return new


def off_by_one(words, u):
    new = list(words)
    n = len(words)
    for a, b in u.tolist():
        if n < 2:
            continue
        i, j = int(a * n), int(b * (n - 1))
        if j > i:
            j = j + 1
        new[i], new[j] = new[j], new[i]
    return new


def breaks_on_one_word(words, u):
    new = list(words)
    for a, b in u.tolist():
        i, j = int(a * len(new)), int(b * (len(new) - 1))
        j = j + 1 if j >= i else j
        new[i], new[j] = new[j], new[i]
    return new


def in_place_swap(words, u):
    n = len(words)
    if n > 1:
        for a, b in u.tolist():
            i, j = int(a * n), int(b * (n - 1))
            j += j >= i
            words[i], words[j] = words[j], words[i]
    return words


def only_the_first_row(words, u):
    new = list(words)
    n = len(new)
    if n < 2 or len(u) == 0:
        return new
    a, b = u[0].tolist()
    i, j = int(a * n), int(b * (n - 1))
    j += j >= i
    new[i], new[j] = new[j], new[i]
    return new


def with_modulo(words, u):
    new, n = [*words], len(words)
    for a, b in u.tolist():
        if n >= 2:
            i = int(n * a)
            rest = [*range(i), *range(i + 1, n)]
            j = rest[int((n - 1) * b)]
            new[i], new[j] = new[j], new[i]
    return new


# ── random_deletion ───────────────────────────────────────────────────────────────────────────────────────────────────


def may_be_empty(words, tags, p, u):
    keep = (u >= p).tolist()
    return [w for w, k in zip(words, keep) if k], [t for t, k in zip(tags, keep) if k]


def other_way_round(words, tags, p, u):
    keep = [i for i in range(len(words)) if u[i] < p]
    if not keep:
        keep = [int(u.argmax())]
    return [words[i] for i in keep], [tags[i] for i in keep]


def strict(words, tags, p, u):
    keep = [i for i in range(len(words)) if u[i] > p] or [u.argmax().item()]
    return [words[i] for i in keep], [tags[i] for i in keep]


def words_only(words, tags, p, u):
    return [w for w, x in zip(words, u) if x >= p] or [words[int(u.argmax())]]


def random_survivor(words, tags, p, u):
    keep = [i for i in range(len(words)) if u[i] >= p] or [0]
    return [words[i] for i in keep], [tags[i] for i in keep]


def removes_by_value(words, tags, p, u):
    new, new_tags = list(words), list(tags)
    for w, t, x in zip(words, tags, u.tolist()):
        if x < p and len(new) > 1:
            new.remove(w)
            new_tags.remove(t)
    return new, new_tags


def with_numpy(words, tags, p, u):
    keep = np.flatnonzero(u.numpy() >= p)
    if keep.size == 0:
        keep = np.array([int(np.argmax(u.numpy()))])
    return [words[int(i)] for i in keep], [tags[int(i)] for i in keep]


def by_pop(words, tags, p, u):
    new, new_tags = words.copy(), tags.copy()
    for i in reversed(range(len(words))):
        if u[i] < p:
            new.pop(i)
            new_tags.pop(i)
    return (new, new_tags) if new else ([words[u.argmax()]], [tags[u.argmax()]])


# ── swap_conjuncts ────────────────────────────────────────────────────────────────────────────────────────────────────


def top_only(tree):
    if len(tree) == 4 and tree[2][0] == "CC" and tree[1][0] == tree[3][0]:
        return (tree[0], tree[3], tree[2], tree[1])
    return tree


def any_cc(tree):
    if isinstance(tree, str):
        return tree
    kids = [any_cc(t) for t in tree[1:]]
    if len(kids) == 3 and isinstance(kids[1], tuple) and kids[1][0] == "CC":
        kids.reverse()
    return (tree[0], *kids)


def all_reversed(tree):
    return tree if isinstance(tree, str) else (tree[0], *[all_reversed(t) for t in reversed(tree[1:])])


def forgets_the_label(tree):
    if isinstance(tree, str):
        return tree
    kids = [forgets_the_label(t) for t in tree[1:]]
    if len(kids) == 3 and tree[2][0] == "CC" and tree[1][0] == tree[3][0]:
        kids = kids[::-1]
    return tuple(kids)


def with_a_stack_of_cases(tree):
    match tree:
        case str():
            return tree
        case (label, (a, *_) as x, ("CC", *_) as c, (b, *_) as y) if a == b and not isinstance(x, str):
            return [label, with_a_stack_of_cases(y), c, with_a_stack_of_cases(x)]
        case (label, *kids):
            return [label, *[with_a_stack_of_cases(k) for k in kids]]


def by_steps(tree):
    if type(tree) is str:
        return tree
    label, *kids = tree
    kids = list(map(by_steps, kids))
    if [type(kid) for kid in kids] == [tuple] * 3 and kids[1][0] == "CC" and kids[0][0] == kids[2][0]:
        kids[0], kids[2] = kids[2], kids[0]
    return (label, *kids)


# ── safe_policy ───────────────────────────────────────────────────────────────────────────────────────────────────────


def one_row_for_all(batch, labels, operations, safe, p, u):
    a, b = u[0]
    out = []
    for words, k in zip(batch, labels.tolist()):
        names = safe[k]
        out.append(operations[names[int(b * len(names))]](words) if names and a < p else list(words))
    return out


def ignores_p(batch, labels, operations, safe, p, u):
    out = []
    for i, words in enumerate(batch):
        names = safe[labels[i].item()]
        out.append(operations[names[int(u[i, 1] * len(names))]](words) if names else words[:])
    return out


def forgets_empty(batch, labels, operations, safe, p, u):
    out = []
    for i, words in enumerate(batch):
        names = safe[int(labels[i])]
        if u[i, 0] < p:
            out.append(operations[names[int(u[i, 1] * len(names))]](words))
        else:
            out.append(list(words))
    return out


def any_operation(batch, labels, operations, safe, p, u):
    names = list(operations)
    return [operations[names[int(b * len(names))]](w) if a < p else list(w) for w, (a, b) in zip(batch, u.tolist())]


def drops_the_others(batch, labels, operations, safe, p, u):
    out = []
    for i, words in enumerate(batch):
        names = safe[int(labels[i])]
        if names and u[i, 0] < p:
            out.append(operations[names[int(u[i, 1] * len(names))]](words))
    return out


def tensor_as_a_key(batch, labels, operations, safe, p, u):
    return [operations[safe[k][int(b * len(safe[k]))]](w) if a < p else w
            for w, k, (a, b) in zip(batch, labels, u.tolist())]  # fmt: skip


def with_map(batch, labels, operations, safe, p, u):
    def change(i):
        names = safe[labels.tolist()[i]]
        if not names or not bool(u[i, 0] < p):
            return batch[i].copy()
        return operations[names[math.floor(float(u[i, 1]) * len(names))]](batch[i])

    return list(map(change, range(len(batch))))


KEYS = {
    "synonym_replacement": (
        [ceils, int_only, forgets_lower, forgets_stop, random_choice, descending, writes_into_words, keeps_the_capital],
        [with_enumerate_and_set, counts_down],
    ),
    "random_insertion": (
        [no_place_at_the_end, crashes_without_synonyms, returns_none_of_insert, chooses_from_all, appends],
        [by_pool, by_building_anew],
    ),
    "random_swap": (
        [with_itself, loses_a_word, off_by_one, breaks_on_one_word, in_place_swap, only_the_first_row],
        [with_modulo],
    ),
    "random_deletion": (
        [may_be_empty, other_way_round, strict, words_only, random_survivor, removes_by_value],
        [with_numpy, by_pop],
    ),
    "swap_conjuncts": ([top_only, any_cc, all_reversed, forgets_the_label], [with_a_stack_of_cases, by_steps]),
    "safe_policy": (
        [one_row_for_all, ignores_p, forgets_empty, any_operation, drops_the_others, tensor_as_a_key],
        [with_map],
    ),
}
FRESH = [
    (f"text.{key}", answer, kind)
    for key, lists in KEYS.items()
    for answers, kind in zip(lists, ("wrong", "right"))
    for answer in answers
]
