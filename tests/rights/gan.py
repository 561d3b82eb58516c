"""Right answers to exercise 12, written differently."""

import math

import torch

from tests.rights import right

# ── discriminator_loss ────────────────────────────────────────────────────────────────────────────────────────────────


@right("gan.discriminator_loss")
def cross_entropy_with_logits(real, fake):
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    return bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))


@right("gan.discriminator_loss")
def by_logsigmoid(real, fake):
    logsigmoid = torch.nn.functional.logsigmoid
    return -(logsigmoid(real).mean() + logsigmoid(-fake).mean())


@right("gan.discriminator_loss")
def by_logaddexp(real, fake):
    zero = torch.zeros((), dtype=real.dtype)
    return torch.logaddexp(zero, -real).mean() + torch.logaddexp(zero, fake).mean()


@right("gan.discriminator_loss")
def one_sample_at_a_time(real, fake):
    terms = [torch.nn.functional.softplus(-s) / len(real) for s in real]
    terms += [torch.nn.functional.softplus(s) / len(fake) for s in fake]
    return sum(terms)


@right("gan.discriminator_loss")
def with_a_criterion_and_labels(real, fake):
    criterion = torch.nn.BCEWithLogitsLoss(reduction="sum")
    loss_real = criterion(real, torch.ones(real.shape[0], dtype=real.dtype)) / real.shape[0]
    loss_fake = criterion(fake, torch.zeros(fake.shape[0], dtype=fake.dtype)) / fake.shape[0]
    return (loss_real + loss_fake).reshape(1)


# ── slopes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("gan.slopes")
def by_autograd(d):
    s = torch.logit(d).requires_grad_()
    plus = torch.nn.functional.softplus
    return torch.autograd.grad(-plus(s).sum(), s)[0], torch.autograd.grad(plus(-s).sum(), s)[0]


@right("gan.slopes")
def by_the_chain_rule(d):
    through = d * (1 - d)
    return [through * -1 / (1 - d), through * -1 / d]


@right("gan.slopes")
def entry_by_entry(d):
    first, second = torch.empty_like(d), torch.empty_like(d)
    for i, p in enumerate(d):
        first[i], second[i] = -p, p - 1
    return first, second


@right("gan.slopes")
def by_backward(d):
    results = []
    for loss in (lambda s: torch.log(1 - torch.sigmoid(s)), lambda s: -torch.log(torch.sigmoid(s))):
        s = (torch.log(d) - torch.log(1 - d)).requires_grad_()
        loss(s).sum().backward()
        results.append(s.grad)
    return tuple(results)


# ── players ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("gan.players")
def with_no_grad_around_the_fakes(G, D, x, z):
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    with torch.no_grad():
        still = G(z)
    real, fake, moving = D(x), D(still), D(G(z))
    one, zero = torch.ones_like(real), torch.zeros_like(fake)
    return bce(real, one) + bce(fake, zero), bce(moving, torch.ones_like(moving))


@right("gan.players")
def by_log_of_sigmoids(G, D, x, z):
    fake = G(z)
    logsigmoid = torch.nn.functional.logsigmoid
    d_loss = -logsigmoid(D(x)).mean() - logsigmoid(-D(fake.detach())).mean()
    return d_loss, -logsigmoid(D(fake)).mean()


@right("gan.players")
def with_weights_of_d_put_to_rest(G, D, x, z):
    plus, fake = torch.nn.functional.softplus, G(z)
    d_loss = plus(-D(x)).mean() + plus(D(fake.clone().detach())).mean()
    weights = {name: p.detach() for name, p in D.named_parameters()}
    return [d_loss, plus(-torch.func.functional_call(D, weights, (fake,))).mean()]


@right("gan.players")
def with_one_batch_for_the_discriminator(G, D, x, z):
    fake = G(z)
    logits = D(torch.cat([x, fake.data]))
    labels = torch.cat([torch.ones(len(x)), torch.zeros(len(fake))]).to(logits)
    d_loss = 2 * torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
    return d_loss, torch.log1p(torch.exp(-D(fake))).mean()


# ── class_term ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("gan.class_term")
def by_log_softmax(real, y, fake, y_fake):
    first = real.log_softmax(1).gather(1, y[:, None]).mean()
    return -first - fake.log_softmax(1).gather(1, y_fake[:, None]).mean()


@right("gan.class_term")
def sample_by_sample(real, y, fake, y_fake):
    total = torch.zeros((), dtype=real.dtype)
    for logits, labels in ((real, y), (fake, y_fake)):
        for row, k in zip(logits, labels.tolist()):
            total = total + (torch.logsumexp(row, 0) - row[k]) / len(logits)
    return total


@right("gan.class_term")
def with_a_criterion(real, y, fake, y_fake):
    criterion = torch.nn.CrossEntropyLoss()
    return criterion(real, y.long()) + criterion(fake, y_fake.long())


@right("gan.class_term")
def by_one_hot_labels(real, y, fake, y_fake):
    k = real.size(1)
    a = torch.einsum("bk,bk->b", real.log_softmax(-1), torch.nn.functional.one_hot(y, k).to(real.dtype))
    b = torch.einsum("bk,bk->b", fake.log_softmax(-1), torch.nn.functional.one_hot(y_fake, k).to(fake.dtype))
    return -(a.sum() / len(y) + b.sum() / len(y_fake))


# ── copy_score ────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("gan.copy_score")
def by_scipy(generated, training, held_out):
    from scipy.stats import mannwhitneyu

    flat = training.flatten(1)
    d, e = (torch.cdist(v.flatten(1), flat).amin(1) for v in (generated, held_out))
    n, m = len(d), len(e)
    u = mannwhitneyu(d.numpy(), e.numpy()).statistic
    return torch.tensor((u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12))


@right("gan.copy_score")
def pair_by_pair(generated, training, held_out):
    def to_training(v):
        return [min(float((one - t).norm()) for t in training) for one in v]

    d, e = to_training(generated), to_training(held_out)
    n, m = len(d), len(e)
    u = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in d for b in e)
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


@right("gan.copy_score")
def by_signs_of_squared_distances(generated, training, held_out):
    def squared(v):
        return (v.flatten(1)[:, None] - training.flatten(1)[None]).square().sum(2).min(1).values

    d, e = squared(generated), squared(held_out)
    n, m = d.numel(), e.numel()
    u = (1 + torch.sign(d.unsqueeze(1) - e.unsqueeze(0))).sum() / 2
    return (u - n * m / 2).div((n * m * (n + m + 1) / 12) ** 0.5)


@right("gan.copy_score")
def by_ranks(generated, training, held_out):
    from scipy.stats import rankdata

    t = training.reshape(len(training), -1).numpy()
    d, e = (((v.reshape(len(v), 1, -1).numpy() - t) ** 2).sum(2).min(1) for v in (generated, held_out))
    n, m = len(d), len(e)
    u = rankdata([*d, *e])[:n].sum() - n * (n + 1) / 2
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


# ── cas ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@right("gan.cas")
def counts_one_by_one(learn, x, y, test_x, test_y):
    model = learn(x, y)
    hits = [int(model(one[None])[0].argmax()) == int(k) for one, k in zip(test_x, test_y)]
    return sum(hits) / len(hits)


@right("gan.cas")
def with_softmax_and_no_grad(learn, x, y, test_x, test_y):
    model = learn(x, y).eval()
    with torch.no_grad():
        predicted = model(test_x).softmax(dim=1).max(dim=1).indices
    return predicted.eq(test_y).float().mean()


@right("gan.cas")
def from_what_is_wrong(learn, x, y, test_x, test_y):
    logits = learn(x, y)(test_x)
    return 1 - (logits.topk(1).indices.squeeze(1) - test_y).count_nonzero() / test_y.numel()


@right("gan.cas")
def by_numpy(learn, x, y, test_x, test_y):
    predictions = learn(x, y)(test_x).numpy().argmax(axis=1)
    return (predictions == test_y.numpy()).mean()
