"""Word vectors, and two languages aligned. Oracles: slow loops, scipy, closed forms; gensim in the slow tests."""

import importlib
import math
import struct
from collections import Counter

import jaxtyping
import numpy as np
import pytest
import scipy.linalg
import torch
from torch.nn import functional

from labkit import transfer
from labkit.data import simulate
from labkit.train import Minibatches, fit
from labkit.transfer.words import SkipGramStep

SLOTS = importlib.import_module("labkit.data.simulate.sentences").WORDS


def seeded(s=0):
    return torch.Generator().manual_seed(s)


@pytest.fixture(scope="module")
def films():
    """Simulated sentences, their vocabulary, and their words."""
    texts = simulate.sentences(600, generator=seeded(0)).x
    words = transfer.Vocabulary.of(texts)
    return texts, words, words.corpus(texts)


# ── what stands near what ─────────────────────────────────────────────────────────────────────────────────────────────


def slow_pairs(corpus, window):
    ids, sentence = corpus.ids.tolist(), corpus.sentence.tolist()
    return [(i, j) for i in range(len(ids)) for j in range(len(ids))
            if i != j and abs(i - j) <= window and sentence[i] == sentence[j]]  # fmt: skip


@pytest.mark.parametrize("window", [1, 2, 5])
def test_pairs_and_cooccurrences_are_those_of_a_slow_loop(window):
    words = transfer.Vocabulary.of(["a b c a", "b a", "c", "d b d c a b"])
    corpus = words.corpus(["a b c a", "b a", "c", "d b d c a b", "unknown words"])
    expected = slow_pairs(corpus, window)
    ids = corpus.ids.tolist()
    pairs = transfer.skipgram_pairs(corpus, window=window)
    assert Counter(map(tuple, pairs.tolist())) == Counter((ids[i], ids[j]) for i, j in expected)
    for harmonic in (True, False):
        table = np.zeros((4, 4))
        for i, j in expected:
            table[ids[i], ids[j]] += 1 / abs(i - j) if harmonic else 1
        places, x = transfer.cooccurrences(corpus, size=4, window=window, harmonic=harmonic)
        np.testing.assert_allclose(x.numpy(), table[tuple(places.T.numpy())], rtol=1e-6)
        assert len(x) == (table > 0).sum()


def test_a_drawn_reach_prefers_the_near():
    corpus = transfer.Corpus(torch.arange(2000), torch.zeros(2000, dtype=torch.int64))
    pairs = transfer.skipgram_pairs(corpus, window=4, generator=seeded(0))
    distances = Counter((pairs[:, 0] - pairs[:, 1]).abs().tolist())
    for distance in range(1, 5):  # a reach of r happens for r of 4 draws
        assert distances[distance] / 4000 == pytest.approx((5 - distance) / 4, abs=0.05)


def test_thinning_and_noise_follow_the_paper():
    counts = torch.tensor([900, 90, 10])
    assert transfer.keep_probability(counts, t=0.01).tolist() == pytest.approx([math.sqrt(0.01 / 0.9), 1 / 3, 1])
    powers = [v**0.75 for v in (900, 90, 10)]
    assert transfer.noise_distribution(counts).tolist() == pytest.approx([v / sum(powers) for v in powers])


def test_sentences_become_rows_and_unknown_words_vanish(films):
    texts, words, corpus = films
    table = words.table([*texts[:3], "zzz"])
    assert table.shape[0] == 4
    assert bool((table[3] == -1).all())
    assert torch.equal(table[:3][table[:3] >= 0], corpus.ids[corpus.sentence < 3])
    assert int(words.counts.sum()) == len(corpus)
    assert words.counts.tolist() == sorted(words.counts.tolist(), reverse=True)


# ── skip-gram and GloVe ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_is_that_of_a_slow_loop(dtype):
    g = seeded(0)
    v, u = (torch.randn(7, 3, generator=g, dtype=dtype, requires_grad=True) for _ in range(2))
    centre, context = torch.randint(7, (5,), generator=g), torch.randint(7, (5,), generator=g)
    negatives = torch.randint(7, (5, 4), generator=g)
    negatives[0, 0] = context[0]  # it counts nothing
    sigma = lambda z: 1 / (1 + math.exp(-z))  # noqa: E731
    dot = lambda i, o: sum(a * b for a, b in zip(v[i].tolist(), u[o].tolist()))  # noqa: E731
    total = 0.0
    for c, o, row in zip(centre.tolist(), context.tolist(), negatives.tolist()):
        total -= math.log(sigma(dot(c, o))) + sum(math.log(sigma(-dot(c, k))) for k in row if k != o)
    loss = transfer.sgns_loss(v, u, centre, context, negatives)
    assert float(loss.detach()) == pytest.approx(total / 5, rel=1e-5)
    assert loss.dtype == dtype
    slopes = torch.autograd.grad(loss, [v, u])
    assert all(float(s.abs().max()) > 0 for s in slopes)


def test_a_very_sure_model_has_a_finite_loss():
    v = torch.full((2, 1), 100.0)
    loss = transfer.sgns_loss(v, -v, torch.tensor([0]), torch.tensor([1]), torch.tensor([[0]]))
    assert float(loss) == pytest.approx(1e4)


def test_skip_gram_factorises_shifted_pmi():
    """Levy and Goldberg 2014: with enough dimensions v_c · u_o = PMI(c, o) − log k."""
    counts = torch.tensor([[4.0, 9, 3], [9, 2, 5], [3, 5, 8]])
    noise = counts.sum(0) / counts.sum()
    optimum = transfer.sgns_optimum(counts, noise, negatives=2)
    pmi = (counts * counts.sum() / (counts.sum(1, keepdim=True) * counts.sum(0))).log()
    assert torch.allclose(optimum, pmi - math.log(2), atol=1e-5)
    # The expected loss, in full: each pair as often as it occurs, each negative as often as it is drawn.
    m = torch.zeros(3, 3, requires_grad=True)
    optimizer = torch.optim.LBFGS([m], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        drawn = 2 * counts.sum(1, keepdim=True) * noise
        loss = -(counts * functional.logsigmoid(m) + drawn * functional.logsigmoid(-m)).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert torch.allclose(m.detach(), optimum, atol=1e-3)


def test_trained_skip_gram_comes_near_its_optimum():
    """On a toy corpus, in as many dimensions as words, by the training loop itself."""
    g = seeded(0)
    counts = torch.tensor([[0.0, 6, 3], [6, 0, 4], [3, 4, 0]])
    pairs = counts.nonzero().repeat_interleave(counts[counts > 0].long() * 20, 0)
    model = transfer.SkipGram(3, 3, generator=g)
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    step = SkipGramStep(model, optimizer, torch.ones(3), 6, g)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 - epoch / 120)
    fit(step, Minibatches(pairs, batch_size=150, generator=g), epochs=120, on_epoch=schedule)
    given = (model.v @ model.u.T).detach()[counts > 0]
    # Negatives that are the context count nothing: #(c) is without #(c, o).
    expected = (counts / (6 * (counts.sum(1, keepdim=True) - counts) / 3)).log()[counts > 0]
    assert float((given - expected).abs().max()) < 0.3


def test_negatives_are_drawn_as_the_noise_says():
    model = transfer.SkipGram(3, 2, generator=seeded(0))
    seen = []
    model.forward = lambda c, o, negatives: (seen.append(negatives), 0 * model.v.sum())[1]
    step = SkipGramStep(model, torch.optim.SGD([model.v], 0.1), torch.tensor([6.0, 0.0, 3.0]), 5, seeded(1))
    step((torch.zeros(4000, 2, dtype=torch.int64),))
    shares = torch.bincount(seen[0].flatten(), minlength=3) / 20000
    assert shares.tolist() == pytest.approx([2 / 3, 0, 1 / 3], abs=0.02)


def test_glove_is_weighted_least_squares():
    g = seeded(0)
    w, c = (torch.randn(4, 3, generator=g, dtype=torch.float64, requires_grad=True) for _ in range(2))
    b, d = (torch.randn(4, generator=g, dtype=torch.float64, requires_grad=True) for _ in range(2))
    places, x = torch.tensor([[0, 1], [3, 3], [2, 0]]), torch.tensor([3.0, 250.0, 40.0], dtype=torch.float64)
    total = 0.0
    for (i, j), v in zip(places.tolist(), x.tolist()):
        error = float((w[i] @ c[j] + b[i] + d[j]).detach()) - math.log(v)
        total += min(1.0, (v / 100) ** 0.75) * error**2
    assert float(transfer.glove_loss(w, c, b, d, places, x).detach()) == pytest.approx(total / 3)
    assert torch.autograd.gradcheck(lambda *a: transfer.glove_loss(*a, places, x), (w, c, b, d))


@pytest.mark.parametrize("how", ["skip-gram", "GloVe", "PMI"])
def test_words_that_mean_the_same_become_neighbours(films, how):
    """The simulator's slots are known: a word's nearest neighbour stands in its own slot."""
    _, words, corpus = films
    if how == "skip-gram":
        vectors = transfer.train_skipgram(corpus, words, d=24, epochs=6, t=1e-2, window=4, generator=seeded(0))
    elif how == "GloVe":
        vectors = transfer.train_glove(corpus, words, d=24, epochs=40, x_max=10.0, window=4, generator=seeded(0))
    else:
        places, x = transfer.cooccurrences(corpus, size=len(words), window=4)
        counts = torch.zeros(len(words), len(words)).index_put(tuple(places.T), x)
        vectors = transfer.WordVectors(words.words, transfer.pmi_vectors(counts, d=24))
    slots = {name: [w for w in SLOTS[name] if w in words.index]
             for name in ("film", "part", "good", "bad")}  # fmt: skip
    asked = [(word, slot) for slot in slots.values() for word in slot]
    right = sum(vectors.nearest(word, k=1)[0][0] in slot for word, slot in asked)
    assert right / len(asked) > 0.4, f"{right} of {len(asked)}; by chance about 9 %"


# ── vectors, analogies, files ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_words_of_the_question_are_no_answer():
    x = torch.tensor([[1.0, 0.0, 0.1], [1.0, 1.0, 0.1], [0.0, 0.1, 1.0], [0.2, 0.6, 1.0], [-1.0, 0.0, 0.0]])
    vectors = transfer.WordVectors(("man", "king", "woman", "queen", "stone"), x)
    assert vectors.analogy("man", "king", "woman", k=1)[0][0] == "queen"
    answers = [word for word, _ in vectors.analogy("man", "king", "woman", k=9)]
    assert not {"man", "king", "woman"} & set(answers)
    assert "king" in [word for word, _ in vectors.analogy("man", "king", "woman", k=3, exclude=False)]
    assert [word for word, _ in vectors.nearest("man", k=9)].count("man") == 0
    with pytest.raises(KeyError, match="no vector for 'duke'"):
        vectors["duke"]


def test_rows_follow_the_words_and_the_unknown_get_a_random_one():
    vectors = transfer.WordVectors(("a", "b"), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    table = vectors.rows(["b", "new", "a"], generator=seeded(0))
    assert table[[0, 2]].tolist() == [[3, 4], [1, 2]]
    assert torch.equal(table, vectors.rows(["b", "new", "a"], generator=seeded(0)))


GLOVE = "the 0.1 0.2 0.3\n. . 1 2 3\nthe 9 9 9\nof 4 5 6\n"


def test_files_of_glove_fasttext_and_word2vec_are_read(tmp_path):
    (tmp_path / "glove.txt").write_text(GLOVE)
    vectors = transfer.load_vectors(tmp_path / "glove.txt")
    assert vectors.words == ("the", ". .", "of")  # the first of two equal words; a word with a blank
    assert vectors["the"].tolist() == pytest.approx([0.1, 0.2, 0.3])
    (tmp_path / "fast.vec").write_text("2 3\nla 1 2 3\nel 4 5 6\n")
    assert transfer.load_vectors(tmp_path / "fast.vec", most=1).words == ("la",)
    floats = [struct.pack("<3f", *row) for row in ((1, 2, 3), (4, 5, 6))]
    (tmp_path / "w2v.bin").write_bytes(b"2 3\nla " + floats[0] + b"\nel " + floats[1])
    vectors = transfer.load_vectors(tmp_path / "w2v.bin")
    assert vectors.words == ("la", "el")
    assert vectors["el"].tolist() == [4, 5, 6]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"", "holds no vectors"),
        ("a.txt", b"cat 1 2\ndog 3\n", "line 2"),
        ("a.txt", b"cat one two\n", "line 1"),
        ("a.bin", b"nothing", "does not begin"),
        ("a.bin", b"2 3\nla \x00\x00", "ends after 0 of 2"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words):
        transfer.load_vectors(tmp_path / name)


def test_a_frozen_bag_learns_its_head_alone():
    for frozen in (True, False):
        model = transfer.BagOfVectors(torch.randn(5, 3, generator=seeded(0)), classes=2, frozen=frozen)
        before = model.vectors.detach().clone()
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(parameters, 0.1)
        functional.cross_entropy(model(torch.tensor([[0, 1, -1], [2, -1, -1]])), torch.tensor([0, 1])).backward()
        optimizer.step()
        assert torch.equal(before, model.vectors) == frozen


# ── two languages ─────────────────────────────────────────────────────────────────────────────────────────────────────


def spaces(s, n=60, d=5, noise=0.0):
    g = seeded(s)
    x = torch.randn(n, d, generator=g, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(d, d, generator=g, dtype=torch.float64)).Q
    return x, x @ turn + noise * torch.randn(n, d, generator=g, dtype=torch.float64), turn


@pytest.mark.parametrize("s", range(5))
def test_procrustes_is_scipys_and_may_reflect(s):
    x, y, _ = spaces(s, noise=0.3)
    ours = transfer.procrustes(x, y)
    np.testing.assert_allclose(ours.numpy(), scipy.linalg.orthogonal_procrustes(x.numpy(), y.numpy())[0], atol=1e-8)
    assert torch.allclose(ours @ ours.T, torch.eye(5, dtype=ours.dtype), atol=1e-9)
    mirror = torch.diag(torch.tensor([-1.0, 1, 1, 1, 1], dtype=x.dtype))
    assert torch.allclose(transfer.procrustes(x, x @ mirror), mirror, atol=1e-9)


def test_least_squares_is_numpys_even_with_few_pairs():
    for n in (3, 5, 40):
        x, y, _ = spaces(0, n=n, noise=0.5)
        expected = np.linalg.lstsq(x.numpy(), y.numpy(), rcond=None)[0]
        np.testing.assert_allclose(transfer.least_squares_map(x, y).numpy(), expected, atol=1e-7)
    x, y, _ = spaces(1, noise=0.5)
    ridge = np.linalg.solve(x.T.numpy() @ x.numpy() + 2 * np.eye(5), x.T.numpy() @ y.numpy())
    np.testing.assert_allclose(transfer.least_squares_map(x, y, ridge=2.0).numpy(), ridge, atol=1e-9)


@pytest.mark.parametrize("k", [1, 3, 50])
def test_csls_is_that_of_a_slow_loop(k):
    x, y = spaces(2, n=7)[0], spaces(3, n=9)[0]
    cos = [[float(functional.cosine_similarity(a, b, dim=0)) for b in y] for a in x]
    mean = lambda values: sum(sorted(values, reverse=True)[:k]) / min(k, len(values))  # noqa: E731
    r_x, r_y = [mean(row) for row in cos], [mean([row[j] for row in cos]) for j in range(9)]
    expected = [[2 * cos[i][j] - r_x[i] - r_y[j] for j in range(9)] for i in range(7)]
    np.testing.assert_allclose(transfer.csls(x, y, k=k).numpy(), expected, atol=1e-9)


def test_csls_marks_hubs_down():
    hub = torch.tensor([1.0, 1.0, 1.0])
    x = functional.normalize(torch.eye(3) + 0.75 * hub, dim=1)
    y = torch.cat([torch.eye(3), hub[None]])  # word i means i; the hub is near to all three
    assert transfer.cosines(x, y).argmax(1).tolist() == [3, 3, 3]
    assert transfer.csls(x, y, k=2).argmax(1).tolist() == [0, 1, 2]


def test_precision_counts_any_right_translation():
    similarity = torch.tensor([[0.9, 0.8, 0.1], [0.2, 0.3, 0.9], [0.5, 0.4, 0.1]])
    truth = torch.tensor([[0, 1], [0, 0], [1, 0], [2, 1]])
    assert transfer.precision_at(similarity, truth) == pytest.approx(1 / 3)
    assert transfer.precision_at(similarity, truth, k=2) == pytest.approx(2 / 3)
    assert transfer.precision_at(similarity, truth, k=3) == 1


@pytest.mark.parametrize("s", range(5))
def test_refinement_finds_the_map_from_few_pairs(s):
    x, y, turn = spaces(s, n=200, d=10, noise=0.2)
    first = transfer.procrustes(x[:12], y[:12])
    refined = transfer.refine_map(x, y, first, rounds=5)
    assert torch.linalg.norm(refined - turn) < 0.5 * torch.linalg.norm(first - turn)


def word_space(sentences, n):
    """Vectors of a simulated language, from its sentences alone."""
    corpus = transfer.Corpus(sentences.flatten(), torch.arange(len(sentences)).repeat_interleave(sentences.shape[1]))
    places, x = transfer.cooccurrences(corpus, size=n, window=5, harmonic=False)
    counts = torch.zeros(n, n).index_put(tuple(places.T), x)
    return transfer.normalize_vectors(transfer.pmi_vectors(counts, d=16))


@pytest.mark.parametrize("s", range(3))
def test_simulated_languages_can_be_aligned_and_few_pairs_need_a_rotation(s):
    world = simulate.languages(200, generator=seeded(s), sentences=3000)
    again = simulate.languages(200, generator=seeded(s), sentences=3000)
    assert torch.equal(world.first, again.first)
    assert world.first.shape == world.second.shape == (3000, 10)
    assert torch.equal(world.translation.sort().values, torch.arange(200))
    a, b = (word_space(part, 200) for part in (world.first, world.second))
    known = torch.randperm(200, generator=seeded(s))
    truth = torch.stack([torch.arange(200), world.translation], 1)
    x, y = a[known[:16]], b[world.translation[known[:16]]]
    maps = {"least squares": transfer.least_squares_map, "rotation": transfer.procrustes}
    maps["none"] = lambda x, y: torch.eye(16)
    right = {
        name: transfer.precision_at(transfer.cosines(a @ fit(x, y), b), truth[known[100:]])
        for name, fit in maps.items()
    }
    assert right["rotation"] > right["least squares"] + 0.1
    assert right["none"] < 0.05
    with pytest.raises(ValueError, match="drift"):
        simulate.languages(10, drift=2.0)


def test_centring_is_done_on_both_sides_alike():
    x, y, turn = spaces(0, n=300)
    shifted = transfer.normalize_vectors(functional.normalize(x + 3, dim=1))
    assert float(shifted.mean(0).abs().max()) < 0.1
    assert torch.allclose(shifted.norm(dim=1), torch.ones(300, dtype=x.dtype))
    a, b = (transfer.normalize_vectors(v) for v in (x, y))
    assert torch.allclose(transfer.procrustes(a[:50], b[:50]), turn, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: transfer.Vocabulary.of(["a"], least=2), "no word occurs 2"),
        (lambda: transfer.keep_probability(torch.tensor([1]), t=0.0), "above 0"),
        (lambda: transfer.skipgram_pairs(transfer.Corpus(torch.tensor([0]), torch.tensor([0])), window=0), "1 or more"),
        (lambda: transfer.sgns_loss(torch.zeros(2, 2), torch.zeros(3, 2), *torch.zeros(2, 1).long(),
                                    torch.zeros(1, 1).long()), "tables have shapes"),
        (lambda: transfer.sgns_optimum(torch.ones(2, 2), torch.ones(2) / 2, negatives=0), "k ≥ 1"),
        (lambda: transfer.glove_loss(*torch.zeros(2, 1, 1), *torch.zeros(2, 1), torch.tensor([[0, 0]]),
                                     torch.tensor([0.0])), "above 0"),
        (lambda: transfer.WordVectors(("a",), torch.zeros(2, 2)), "as many"),
        (lambda: transfer.procrustes(torch.zeros(3, 2), torch.zeros(3, 4)), "an orthogonal map needs as many"),
        (lambda: transfer.least_squares_map(torch.zeros(3, 2), torch.zeros(2, 2)), "expected pairs"),
        (lambda: transfer.csls(torch.ones(2, 2), torch.ones(2, 2), k=0), "1 or more"),
        (lambda: transfer.precision_at(torch.ones(2, 2), torch.zeros(0, 2).long()), "one or more"),
        (lambda: transfer.pmi_vectors(torch.ones(2, 2), d=3), "1 to 2 components"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_a_sentence(call, words):
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(ValueError, match=words):
            call()
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


# ── the peer ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_gensim_reads_what_we_read_and_finds_the_same_analogy(films, tmp_path):
    gensim = pytest.importorskip("gensim.models")
    _, words, corpus = films
    vectors = transfer.train_skipgram(corpus, words, d=16, epochs=3, generator=seeded(0))
    theirs = gensim.KeyedVectors(16)
    theirs.add_vectors(list(vectors.words), vectors.x.numpy())
    for name, binary in (("v.bin", True), ("v.txt", False)):
        theirs.save_word2vec_format(str(tmp_path / name), binary=binary)
        again = transfer.load_vectors(tmp_path / name)
        assert again.words == vectors.words
        assert torch.allclose(again.x, vectors.x, atol=1e-5)
    ours = vectors.analogy("film", "good", "plot", k=3)
    expected = theirs.most_similar(positive=["good", "plot"], negative=["film"], topn=3)
    assert [word for word, _ in ours] == [word for word, _ in expected]
    assert [c for _, c in ours] == pytest.approx([c for _, c in expected], abs=1e-4)
