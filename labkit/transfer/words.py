"""Word2Vec and GloVe written out: vectors of words, learned only from which words stand near each other.

    skip-gram   L = −[log σ(u_o · v_c) + Σ_k log σ(−u_k · v_c)],   k drawn from P_n           negative sampling
    its optimum v_c · u_o = log #(c, o) − log(k #(c) P_n(o))                                  shifted PMI
    GloVe       J = Σ_ij f(X_ij) (w_i · w̃_j + b_i + b̃_j − log X_ij)²,   f(x) = min(1, (x / x_max)^¾)

v_c is the vector of the centre word and u_o that of a context word: two tables. A negative that happens to be the
context itself doesn't count. Skip-gram gives v, GloVe w + w̃.

T. Mikolov and others, "Distributed Representations of Words and Phrases and their Compositionality", 2013; J.
Pennington, R. Socher and C. Manning, "GloVe: Global Vectors for Word Representation", 2014; O. Levy and Y. Goldberg,
"Neural Word Embedding as Implicit Matrix Factorization", 2014.
"""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from labkit.shapes import Float, Int, Scalar
from labkit.train import Minibatches, descend, fit
from labkit.transfer import inputs
from labkit.transfer.corpus import (
    Corpus,
    Vocabulary,
    cooccurrences,
    keep_probability,
    noise_distribution,
    skipgram_pairs,
)
from labkit.transfer.vectors import WordVectors


def sgns_loss(
    v: Float[Tensor, "w d"],
    u: Float[Tensor, "w d"],
    centre: Int[Tensor, " b"],
    context: Int[Tensor, " b"],
    negatives: Int[Tensor, "b k"],
) -> Scalar:
    """Skip-gram's loss with negative sampling, the mean over the pairs.

    Args:
        v: vectors of words as centres.
        u: vectors of words as contexts.
        centre, context: the pairs, as numbers of words.
        negatives: k words for each pair that are not its context; one that is counts nothing.

    Raises:
        ValueError: if the tables differ in shape, or there is not one context and one row of negatives for each centre.

    >>> v, u = torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [2.0]])
    >>> float(sgns_loss(v, u, torch.tensor([0]), torch.tensor([1]), torch.tensor([[0, 1]])))
    0.820075...
    """
    if v.shape != u.shape or centre.shape != context.shape or negatives.shape[:1] != centre.shape:
        raise ValueError(
            f"tables have shapes {tuple(v.shape)} and {tuple(u.shape)}, pairs {tuple(centre.shape)} and "
            f"{tuple(context.shape)}, negatives {tuple(negatives.shape)}; expected (V, d) twice, (B,) twice, (B, K)"
        )
    c = v[centre]
    positive = functional.logsigmoid((c * u[context]).sum(1))
    negative = functional.logsigmoid(-torch.einsum("bd,bkd->bk", c, u[negatives]))
    counted = (negatives != context[:, None]).to(negative)
    return -(positive + (negative * counted).sum(1)).mean()


def sgns_optimum(counts: Float[Tensor, "v v"], noise: Float[Tensor, " v"], *, negatives: int) -> Float[Tensor, "v v"]:
    """What v_c · u_o would be with enough dimensions: log #(c, o) − log(k #(c) P_n(o)); −inf where #(c, o) is 0.

    Negatives that are the context itself are counted here, as in the paper; ``sgns_loss`` leaves them out, which makes
    a difference among a handful of words only: #(c) becomes #(c) − #(c, o).

    Args:
        counts: how often context o (column) stands near centre c (row).
        noise: P_n.
        negatives: k.

    Raises:
        ValueError: if the shapes don't fit, or k is below 1.

    >>> sgns_optimum(torch.tensor([[2.0, 2.0]] * 2), torch.tensor([0.5, 0.5]), negatives=1)
    tensor([[0., 0.],
            [0., 0.]])
    """
    if counts.shape != (len(noise), len(noise)) or negatives < 1:
        raise ValueError(
            f"counts {tuple(counts.shape)}, noise {tuple(noise.shape)}, k = {negatives}: expected (V, V), (V,), k ≥ 1"
        )
    return counts.log() - (negatives * counts.sum(1, keepdim=True) * noise).log()


def glove_weight(x: Float[Tensor, " e"], *, x_max: float = 100.0, alpha: float = 0.75) -> Float[Tensor, " e"]:
    """f(x) = min(1, (x / x_max)^α): rare pairs count little, frequent ones at most 1.

    >>> glove_weight(torch.tensor([0.0, 50.0, 200.0]), x_max=100.0)
    tensor([0.0000, 0.5946, 1.0000])
    """
    return (x / inputs.above_zero(x_max, "x_max")).clamp(0, 1) ** alpha


def glove_loss(
    w: Float[Tensor, "v d"],
    w_context: Float[Tensor, "v d"],
    b: Float[Tensor, " v"],
    b_context: Float[Tensor, " v"],
    places: Int[Tensor, "e 2"],
    x: Float[Tensor, " e"],
    *,
    x_max: float = 100.0,
    alpha: float = 0.75,
) -> Scalar:
    """GloVe's weighted least squares over entries X_ij above 0: their mean.

    Args:
        w, w_context: the two tables.
        b, b_context: the two biases.
        places: (i, j) of the entries.
        x: the entries, above 0.
        x_max, alpha: of the weight.

    Raises:
        ValueError: if an entry is not above 0, or there is not one for each place.

    >>> zero = torch.zeros(1, 1)
    >>> float(glove_loss(zero, zero, zero[0], zero[0], torch.tensor([[0, 0]]), torch.tensor([200.0])))
    28.072168...
    """
    if places.shape != (len(x), 2) or (x.device.type == "cpu" and not bool((x > 0).all())):
        raise ValueError(
            f"x holds one entry above 0 for each place (E, 2); here are {tuple(x.shape)}, {tuple(places.shape)}"
        )
    i, j = places.unbind(1)
    error = (w[i] * w_context[j]).sum(1) + b[i] + b_context[j] - x.log()
    return (glove_weight(x, x_max=x_max, alpha=alpha) * error.square()).mean()


class SkipGram(nn.Module):
    """The two tables, as word2vec begins with them: v uniform within ±½/d, u zero.

    >>> model = SkipGram(10, 4, generator=torch.Generator().manual_seed(0))
    >>> float(model(torch.tensor([1]), torch.tensor([2]), torch.tensor([[3, 4]])).detach())
    2.0794...
    """

    def __init__(self, size: int, d: int, *, generator: Generator | None = None) -> None:
        super().__init__()
        self.v = nn.Parameter((torch.rand(size, d, generator=generator) - 0.5) / d)
        self.u = nn.Parameter(torch.zeros(size, d))

    def forward(self, centre: Tensor, context: Tensor, negatives: Tensor) -> Scalar:
        """The loss."""
        return sgns_loss(self.v, self.u, centre, context, negatives)


def skipgram_step(
    model: SkipGram, optimizer: torch.optim.Optimizer, *, noise: Tensor, negatives: int = 5, generator: Generator
) -> "SkipGramStep":
    """A step for ``train.fit`` over batches of pairs (B, 2), that draws the negatives and reports ``loss``.

    >>> g = torch.Generator().manual_seed(0)
    >>> model = SkipGram(10, 4, generator=g)
    >>> step = skipgram_step(model, torch.optim.SGD([model.v, model.u], 0.1), noise=torch.ones(10), generator=g)
    >>> sorted(step((torch.tensor([[1, 2], [2, 1]]),)))
    ['loss']
    """
    return SkipGramStep(model, optimizer, noise, negatives, generator)


class SkipGramStep:
    """What ``skipgram_step`` makes. Drawing from many words is slow, so it draws for many steps at a time."""

    def __init__(
        self, model: SkipGram, optimizer: torch.optim.Optimizer, noise: Tensor, negatives: int, generator: Generator
    ) -> None:
        self.model, self.optimizer, self.negatives, self.generator = model, optimizer, negatives, generator
        self.cumulated = (noise.double() / noise.double().sum()).cumsum(0)

    def __call__(self, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """One update."""
        centre, context = batch[0].unbind(1)
        u = torch.rand(len(centre), self.negatives, generator=self.generator, dtype=torch.float64)
        drawn = torch.searchsorted(self.cumulated, u.to(self.cumulated.device)).clamp_max(len(self.cumulated) - 1)
        loss = self.model(centre, context, drawn)
        descend(self.optimizer, loss)
        return {"loss": loss.detach()}


def train_skipgram(
    corpus: Corpus,
    vocabulary: Vocabulary,
    *,
    d: int = 50,
    window: int = 5,
    negatives: int = 5,
    t: float = 1e-3,
    epochs: int = 5,
    batch_size: int = 512,
    lr: float = 0.01,
    generator: Generator,
) -> WordVectors:
    """Vectors of a corpus by skip-gram with negative sampling; Adam, whose rate falls to 0 in a straight line.

    Args:
        corpus, vocabulary: the words.
        d: dimensions.
        window, negatives, t: of the pairs, the loss, and the thinning out, all drawn anew for each epoch.
        epochs, batch_size, lr: of the training.
        generator: of all chance, on the CPU.

    Raises:
        ValueError: if there are no two neighbours in the corpus.

    >>> sentences = ["the cat sat", "the dog sat"] * 10
    >>> words = Vocabulary.of(sentences)
    >>> vectors = train_skipgram(words.corpus(sentences), words, d=8, generator=torch.Generator().manual_seed(0))
    >>> vectors.x.shape
    torch.Size([4, 8])
    """
    model = SkipGram(len(vocabulary), d, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    step = skipgram_step(model, optimizer, noise=noise_distribution(vocabulary.counts), negatives=negatives,
                         generator=generator)  # fmt: skip
    keep = keep_probability(vocabulary.counts, t=t)
    pairs_of = lambda: skipgram_pairs(_thinned(corpus, keep, generator), window=window, generator=generator)  # noqa: E731
    if not _has_neighbours(corpus):
        raise ValueError("no two words of the corpus stand in one sentence; expected at least one pair")

    def batches() -> Minibatches:
        return Minibatches(pairs_of(), batch_size=batch_size, generator=generator)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 - epoch / epochs)
    fit(step, batches, epochs=epochs, on_epoch=schedule)
    return WordVectors(vocabulary.words, model.v.detach())


def _thinned(corpus: Corpus, keep: Tensor, generator: Generator) -> Corpus:
    """The corpus without some of its frequent words; whole if nothing were left."""
    kept = torch.rand(len(corpus), generator=generator) < keep[corpus.ids]
    thin = corpus.take(kept)
    return thin if _has_neighbours(thin) else corpus


def _has_neighbours(corpus: Corpus) -> bool:
    """Whether two words stand in one sentence."""
    return bool((corpus.sentence[1:] == corpus.sentence[:-1]).any())


def train_glove(
    corpus: Corpus,
    vocabulary: Vocabulary,
    *,
    d: int = 50,
    window: int = 5,
    x_max: float = 100.0,
    alpha: float = 0.75,
    epochs: int = 20,
    batch_size: int = 1024,
    lr: float = 0.05,
    generator: Generator,
) -> WordVectors:
    """Vectors of a corpus by GloVe; AdaGrad over the entries of the table of cooccurrences, in random order.

    Args:
        corpus, vocabulary: the words.
        d: dimensions.
        window: of the cooccurrences, counted harmonically.
        x_max, alpha: of the weight; a smaller corpus takes a smaller x_max.
        epochs, batch_size, lr: of the training.
        generator: of all chance, on the CPU.

    Raises:
        ValueError: if there are no two neighbours in the corpus.

    >>> sentences = ["the cat sat", "the dog sat"] * 10
    >>> words = Vocabulary.of(sentences)
    >>> vectors = train_glove(words.corpus(sentences), words, d=8, generator=torch.Generator().manual_seed(0))
    >>> vectors.x.shape
    torch.Size([4, 8])
    """
    places, x = cooccurrences(corpus, size=len(vocabulary), window=window)
    if len(x) == 0:
        raise ValueError("no two words of the corpus stand in one sentence; expected at least one pair")
    draw = lambda: ((torch.rand(len(vocabulary), d, generator=generator) - 0.5) / d).requires_grad_()  # noqa: E731
    w, w_context = draw(), draw()
    b, b_context = (torch.zeros(len(vocabulary), requires_grad=True) for _ in range(2))
    optimizer = torch.optim.Adagrad([w, w_context, b, b_context], lr=lr)

    def step(batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        loss = glove_loss(w, w_context, b, b_context, *batch, x_max=x_max, alpha=alpha)
        descend(optimizer, loss)
        return {"loss": loss.detach()}

    fit(step, Minibatches(places, x, batch_size=batch_size, generator=generator), epochs=epochs)
    return WordVectors(vocabulary.words, (w + w_context).detach())
