"""Transfer measured: weights under covariate shift, two real languages, texts with few labels, tastes, speed.

    python -m benchmarks.transfer [weights] [languages] [texts] [tastes] [speed]

``languages`` needs TREC and SST-2 below ``LABKIT_DATA`` and Debian's apertium-eng-spa, which translates them;
``texts`` needs the first two, ``tastes`` MovieLens 100k.
"""

import shutil
import subprocess
from functools import cache

import numpy as np
import scipy.sparse
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import kit
from benchmarks.kit import Row
from labkit import metrics, train, transfer

DIMENSIONS = 50
NUMBERS = (20, 50, 100, 400)


# ── weights ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def estimate(method: str, n: int, seed: int) -> Row:
    """How near estimated weights are to the true ratio of two Gaussians in the plane, and what a line gains by them."""
    g = kit.seeded(seed)
    x, z = torch.randn(n, 2, generator=g), 0.7 + 0.8 * torch.randn(n, 2, generator=g)
    eye, mean = torch.eye(2), torch.full((2,), 0.7)
    true = transfer.gaussian_ratio(x, source=(torch.zeros(2), eye), target=(mean, 0.64 * eye))
    weights = {
        "none": lambda: torch.ones(n),
        "the true ratio": lambda: true,
        "classifier of domains": lambda: transfer.classifier_weights(x, z, degree=2),
        "KLIEP": lambda: transfer.kliep(x, z, width=1.0, generator=g),
        "kernel mean matching": lambda: transfer.kernel_mean_matching(x, z, slack=0.05),
    }[method]()
    curve = lambda v: (v**2).sum(1) - v[:, 0]  # noqa: E731
    y = curve(x) + 0.3 * torch.randn(n, generator=g)
    line = transfer.least_squares(x, y, weights=weights)(z)[:, 0]
    right = transfer.least_squares(transfer.polynomial(x, 2), y, weights=weights)(transfer.polynomial(z, 2))[:, 0]
    correlation = float(torch.corrcoef(torch.stack([weights, true]))[0, 1]) if method != "none" else 0.0
    return {
        "correlation": correlation,
        "size": float(transfer.effective_sample_size(weights)),
        "line": float((line - curve(z)).square().mean().sqrt()),
        "right": float((right - curve(z)).square().mean().sqrt()),
    }


def measure_weights(runs: kit.Runs, *, n: int = 400) -> None:
    """Five ways to weigh."""
    for seed in runs.seeds:
        for method in ("none", "the true ratio", "classifier of domains", "KLIEP", "kernel mean matching"):
            runs.once(estimate, method=method, n=n, seed=seed)


def show_weights(rows: list[Row]) -> str:
    """A row for each way."""
    lines = [
        [method, "–" if method == "none" else kit.mean(same, "correlation"), kit.mean(same, "size"),
         kit.mean(same, "line"), kit.mean(same, "right")]
        for (method,), same in kit.groups(rows, "method").items()
    ]  # fmt: skip
    return (
        "400 samples of N(0, 1) as the source, 400 of N(0.7, 0.8²) as the target, in the plane; a curve with noise to "
        "be learned. Root of the mean squared error in the target: a straight plane, which is misspecified, gains by "
        "weights; the right model doesn't need them, and pays for them.\n\n"
        + kit.table(["weights", "correlation with the truth", "effective size", "error, plane", "error, right model"],
                    lines)
    )  # fmt: skip


# ── two languages ─────────────────────────────────────────────────────────────────────────────────────────────────────


def english() -> list[str]:
    """The questions of TREC and the sentences of SST-2, training sets without their labels."""
    folder = kit.real_data("text")
    lines = [
        (folder / name).read_text(encoding="latin-1").splitlines() for name in ("TREC.train.all", "stsa.binary.train")
    ]
    return [line.partition(" ")[2].lower() for part in lines for line in part]


@cache
def translated() -> list[str]:
    """Their translation by Apertium.

    Raises:
        Missing: where there is no Apertium.
    """
    if not shutil.which("apertium"):
        raise kit.Missing("there is no apertium; on Debian: apt-get install apertium-eng-spa")
    text = "\n".join(english())
    done = subprocess.run(["apertium", "-u", "eng-spa"], input=text, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")


@cache
def trained(language: str) -> transfer.WordVectors:
    """Vectors of all words that occur five times or more, by gensim's skip-gram, without any label or pair."""
    from gensim.models import Word2Vec

    tokens = [transfer.tokenize(text) for text in (english() if language == "en" else translated())]
    model = Word2Vec(
        tokens, vector_size=DIMENSIONS, window=5, min_count=5, sg=1, negative=5, epochs=20, seed=1, workers=1
    )
    return transfer.WordVectors(tuple(model.wv.index_to_key), torch.from_numpy(model.wv.vectors.copy()))


@cache
def spaces() -> tuple[transfer.WordVectors, transfer.WordVectors, Tensor]:
    """Both spaces, and the lexicon: pairs that occur in translations of each other (Dice's coefficient above ½)."""
    sentences = english(), translated()
    one, other = trained("en"), trained("es")
    tables, texts = [], max(map(len, sentences))
    for vectors, part in zip((one, other), sentences):
        rows = [
            (i, vectors.index[w]) for i, text in enumerate(part) for w in set(transfer.tokenize(text)) if w in vectors
        ]
        at = np.array(rows).T
        tables.append(scipy.sparse.csr_matrix((np.ones(len(rows)), at), shape=(texts, len(vectors))))
    together = (tables[0].T @ tables[1]).tocoo()
    counts = [np.asarray(table.sum(0))[0] for table in tables]
    dice = 2 * together.data / (counts[0][together.row] + counts[1][together.col])
    good = (dice > 0.5) & (together.data >= 5)
    pairs = torch.from_numpy(np.stack([together.row[good], together.col[good]], 1)).long()
    letters = torch.tensor([one.words[i].isalpha() and one.words[i] != other.words[j] for i, j in pairs.tolist()])
    return one, other, pairs[letters]


def align(pairs: int, seed: int) -> list[Row]:
    """P@1 of the words that were held back, for each map, from so many known pairs."""
    one, other, lexicon = spaces()
    x, y = transfer.normalize_vectors(one.x), transfer.normalize_vectors(other.x)
    order = torch.randperm(len(lexicon), generator=kit.seeded(seed))
    known, test = lexicon[order[:pairs]], lexicon[order[max(NUMBERS) :]]
    a, b = x[known[:, 0]], y[known[:, 1]]
    w = transfer.procrustes(a, b)
    asked = {
        "no map": transfer.cosines(x, y),
        "least squares": transfer.cosines(x @ transfer.least_squares_map(a, b), y),
        "Procrustes": transfer.cosines(x @ w, y),
        "Procrustes, CSLS": transfer.csls(x @ w, y),
        "refined, CSLS": transfer.csls(x @ transfer.refine_map(x, y, w, most=1500), y),
    }
    return [{"method": name, "right": transfer.precision_at(s, test), "words": len(other), "lexicon": len(lexicon)}
            for name, s in asked.items()]  # fmt: skip


def measure_languages(runs: kit.Runs) -> None:
    """English and Spanish."""
    for seed in runs.seeds:
        for pairs in NUMBERS:
            runs.once(align, pairs=pairs, seed=seed)


def show_languages(rows: list[Row]) -> str:
    """A row for each map, a column for each number of pairs."""
    lines = [
        [method, *(kit.mean(cell, "right", percent=True) for cell in kit.groups(same, "pairs").values())]
        for (method,), same in kit.groups(rows, "method").items()
    ]
    return (
        f"TREC's and SST-2's training sentences, and their translation by Apertium: {DIMENSIONS} dimensions of "
        f"gensim's skip-gram for each language, trained apart; a lexicon of {rows[0]['lexicon']} pairs by Dice's "
        f"coefficient. P@1 in per cent over the {rows[0]['words']} Spanish words, on pairs that were held back; chance "
        f"is {100 / rows[0]['words']:.2f} %; mean ± standard deviation of five draws of the known pairs. The two "
        "corpora are translations of each other, so their spaces are more alike than those of two encyclopedias. MUSE "
        "has 77.4 % (Procrustes) and 81.4 % (with CSLS) for fastText's vectors of Wikipedia and 5,000 pairs.\n\n"
        + kit.table(["map", *(f"{n} pairs" for n in NUMBERS)], lines)
    )


# ── texts with few labels ─────────────────────────────────────────────────────────────────────────────────────────────


def labelled(name: str) -> tuple[list[str], Tensor]:
    """Sentences and classes of one of the files."""
    lines = kit.real_data("text", name).read_text(encoding="latin-1").splitlines()
    return [line[2:].lower() for line in lines], torch.tensor([int(line[0]) for line in lines])


def classify(task: str, per_class: int, method: str, seed: int) -> Row:
    """Train a bag of vectors on few labelled sentences; accuracy on the official test set."""
    files = {"TREC": ("TREC.train.all", "TREC.test.all"), "SST-2": ("stsa.binary.train", "stsa.binary.test")}[task]
    (texts, y), (test, truth) = (labelled(name) for name in files)
    vectors, g = trained("en"), kit.seeded(seed)
    words = transfer.Vocabulary(vectors.words, torch.ones(len(vectors), dtype=torch.int64))
    order = torch.randperm(len(y), generator=g)
    few = torch.cat([order[y[order] == k][:per_class] for k in range(int(y.max()) + 1)])
    start = functional.normalize(vectors.x, dim=1)
    if method == "from scratch":
        start = start[torch.randperm(len(start), generator=g)]  # the same numbers, at other words
    torch.manual_seed(seed)
    model = transfer.BagOfVectors(4 * start, classes=int(y.max()) + 1, frozen=method == "frozen")
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    ids = words.table([texts[i] for i in few.tolist()])
    for _ in range(60):
        train.descend(optimizer, functional.cross_entropy(model(ids), y[few]))
    return {"accuracy": metrics.accuracy(metrics.predict(model, words.table(test)), truth)}


def measure_texts(runs: kit.Runs) -> None:
    """Kinds of questions, and opinions."""
    for seed in runs.seeds:
        for task in ("TREC", "SST-2"):
            for per_class in (5, 50):
                for method in ("from scratch", "frozen", "fine-tuned"):
                    runs.once(classify, task=task, per_class=per_class, method=method, seed=seed)


def show_texts(rows: list[Row]) -> str:
    """A row for each way to begin."""
    groups = kit.groups(rows, "method")
    head = ["vectors", *(f"{task}, {n} a class" for (task, n) in kit.groups(rows, "task", "per_class"))]
    lines = [[m, *(kit.mean(c, "accuracy", percent=True) for c in kit.groups(same, "task", "per_class").values())]
             for (m,), same in groups.items()]  # fmt: skip
    return (
        "The mean of a sentence's word vectors, then a linear layer: 6 kinds of questions (TREC), 2 opinions (SST-2); "
        "accuracy in per cent on the official test sets. The vectors come from the same sentences without labels. "
        "*From scratch* begins with the same vectors at other words, so that only what is known differs; 60 steps of "
        "Adam on all labelled sentences at once, chosen beforehand for all.\n\n" + kit.table(head, lines)
    )


# ── tastes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def tastes(known: int, method: str, seed: int) -> Row:
    """Half of MovieLens' customers are the other shop: what the others think of a genre of which we know nothing."""
    folder = kit.real_data("ml-100k")
    ratings = np.loadtxt(folder / "u.data", dtype=np.int64)
    genres = np.array([[int(v) for v in line.split("|")[-19:]] for line in
                       (folder / "u.item").read_text(encoding="latin-1").splitlines()])  # fmt: skip
    kept = np.argsort(-genres.sum(0))[:8]
    flags = genres[ratings[:, 1] - 1][:, kept].astype(float)
    sums, counts = np.zeros((943, 8)), np.zeros((943, 8))
    np.add.at(sums, ratings[:, 0] - 1, flags * ratings[:, 2:3])
    np.add.at(counts, ratings[:, 0] - 1, flags)
    x = torch.from_numpy(np.where(counts >= 5, sums / np.maximum(counts, 1), np.nan))
    x = x[~x.isnan().any(1)]
    g = kit.seeded(seed)
    order = torch.randperm(len(x), generator=g)
    source, target = x[order[: len(x) // 2]], x[order[len(x) // 2 :]]
    hidden = torch.rand(target.shape, generator=g).argsort(1) >= known
    covariance = torch.cov(source.T)
    if method == "the mean of each genre":
        covariance = torch.diag(covariance.diagonal())
    elif method == "relations of another world":  # the same variances, but the columns are exchanged
        swap = torch.randperm(8, generator=g)
        sd = covariance.diagonal().sqrt()
        covariance = (covariance / sd / sd[:, None])[swap][:, swap] * sd * sd[:, None]
    filled = transfer.fill_by_relations(
        target.masked_fill(hidden, torch.nan), mean=source.mean(0), covariance=covariance, noise=0.05
    )
    return {"error": float((filled - target)[hidden].square().mean().sqrt()), "customers": len(target)}


def measure_tastes(runs: kit.Runs) -> None:
    """One genre known, or three."""
    for seed in runs.seeds:
        for known in (1, 3):
            for method in ("the mean of each genre", "relations of the other shop", "relations of another world"):
                runs.once(tastes, known=known, method=method, seed=seed)


def show_tastes(rows: list[Row]) -> str:
    """A row for each guess."""
    lines = [[m, *(kit.mean(cell, "error") for cell in kit.groups(same, "known").values())]
             for (m,), same in kit.groups(rows, "method").items()]  # fmt: skip
    return (
        f"MovieLens 100k: a customer's mean rating of each of eight genres. Half of the customers are another shop, "
        f"from which only mean and covariance come; of the other {rows[0]['customers']} we know one genre, or three, "
        "and guess the rest. Root of the mean squared error, in stars.\n\n"
        + kit.table(["guess by", "one genre known", "three known"], lines)
    )


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def race(peer: str, rounds: int) -> Row:
    """labkit against a peer, in turns, on one thread."""
    from sklearn.decomposition import sparse_encode

    g = kit.seeded(0)
    x, atoms = torch.randn(500, 64, generator=g), functional.normalize(torch.randn(100, 64, generator=g), dim=1)
    a, b = torch.randn(300, 2, generator=g), 0.7 + 0.8 * torch.randn(300, 2, generator=g)
    if peer == "scikit-learn":
        calls = {
            "labkit": lambda: transfer.sparse_codes(x, atoms, penalty=1.0, tolerance=1e-4),
            peer: lambda: sparse_encode(x.numpy(), atoms.numpy(), algorithm="lasso_cd", alpha=1.0, max_iter=1000),
        }
    else:
        from skada import KLIEPReweightAdapter

        both = torch.cat([a, b]).double().numpy()
        where = np.r_[np.ones(300), -2 * np.ones(300)].astype(int)
        calls = {
            "labkit": lambda: transfer.kliep(a, b, width=1.0),
            peer: lambda: KLIEPReweightAdapter(gamma=0.5, random_state=0).fit(both, sample_domain=where),
        }
    seconds = kit.race(calls, rounds=rounds)
    return {"ratio": kit.times_as_fast(seconds, "labkit", peer), "machine": kit.machine()}


def measure_speed(runs: kit.Runs, *, rounds: int = 5) -> None:
    """Two races."""
    for peer in ("scikit-learn", "skada"):
        runs.once(race, peer=peer, rounds=rounds)


def show_speed(rows: list[Row]) -> str:
    """Two ratios."""
    what = {"scikit-learn": "sparse codes of 500 samples, 100 atoms (`sparse_encode`, coordinate descent)",
            "skada": "KLIEP of 300 + 300 samples, 100 centres, one width (`KLIEPReweightAdapter`)"}  # fmt: skip
    lines = [[what[row["peer"]], row["peer"], f"{row['ratio']:.2g}×"] for row in rows]
    return (
        f"{rows[0]['machine']}; CPU seconds, the two in turns; how many times as fast labkit is as the peer. Our KLIEP "
        "runs until ten steps gain less than 0.00001 of mean log-likelihood.\n\n"
        + kit.table(["what", "peer", "labkit"], lines)
    )


ABOUT = """Mean ± standard deviation over five seeds. What the lecture measures on simulated data it prints itself; here
are real data, the peers, and the papers' figures where there are some."""
BENCHMARK = kit.Benchmark("transfer", "Transfer, measured", ABOUT, [
    kit.Part("weights", measure_weights, show_weights, title="Weights under covariate shift"),
    kit.Part("languages", measure_languages, show_languages, title="English and Spanish"),
    kit.Part("texts", measure_texts, show_texts, title="Texts with few labels"),
    kit.Part("tastes", measure_tastes, show_tastes, title="Tastes of another shop's customers"),
    kit.Part("speed", measure_speed, show_speed, title="Speed"),
])  # fmt: skip

if __name__ == "__main__":
    BENCHMARK.main()
