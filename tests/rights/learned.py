"""Right answers to exercise 10, written differently."""

import torch
from torch import nn
from torch.nn import functional as F

from tests.rights import right


@right("learned.strength")
def with_a_dictionary(name, magnitude, sign, side):
    signed = magnitude * sign
    return {
        "rotate": 30 * signed,
        "translate_x": signed * side * 150 / 331,
        "brightness": 1 + 0.9 * signed,
        "posterize": torch.round(8 - magnitude * 4),
        "solarize": 1 - magnitude,
    }[name]


@right("learned.strength")
def one_by_one(name, magnitude, sign, side):
    out = torch.empty_like(magnitude)
    for i, (m, s) in enumerate(zip(magnitude, sign)):
        match name:
            case "rotate":
                out[i] = s * 30 * m
            case "translate_x":
                out[i] = s * (150 / 331 * side) * m
            case "brightness":
                out[i] = 1 + s * (0.9 * m)
            case "posterize":
                out[i] = 8 - torch.round(4 * m)
            case _:
                out[i] = 1 - m
    return out


@right("learned.reinforce_loss")
def with_cross_entropy(logits, actions, rewards, baseline):
    losses = F.cross_entropy(logits.expand(len(actions), -1), actions, reduction="none")
    return ((rewards - baseline).detach() * losses).mean()


@right("learned.reinforce_loss")
def with_a_distribution(logits, actions, rewards, baseline):
    log_p = torch.distributions.Categorical(logits=logits).log_prob(actions)
    with torch.no_grad():
        advantage = rewards - baseline
    return -torch.dot(advantage, log_p) / len(actions)


@right("learned.unrolled_hypergradient")
def with_func(train_loss, validation_loss, w, phi, lr):
    return torch.func.grad(lambda p: validation_loss(w - lr * torch.func.grad(train_loss)(w, p)))(phi)


@right("learned.unrolled_hypergradient")
def with_autograd(train_loss, validation_loss, w, phi, lr):
    w, phi = w.clone().requires_grad_(), phi.clone().requires_grad_()
    g = torch.autograd.grad(train_loss(w, phi), w, create_graph=True)[0]
    return torch.autograd.grad(validation_loss(w - lr * g), phi)[0]


@right("learned.unrolled_hypergradient")
def with_the_mixed_derivative(train_loss, validation_loss, w, phi, lr):
    w1, p = w.clone().requires_grad_(), phi.clone().requires_grad_()
    g = torch.autograd.grad(train_loss(w1, p), w1, create_graph=True)[0]
    after = (w - lr * g).detach().requires_grad_()
    v = torch.autograd.grad(validation_loss(after), after)[0]
    return -lr * torch.autograd.grad(g, p, grad_outputs=v)[0]


@right("learned.angles")
def by_exp(rho, u, limit):
    return u * (limit / (1 + (-rho).exp()))


@right("learned.angles")
def stacked(rho, u, limit):
    return torch.stack([rho.sigmoid().mul(limit) * v for v in u])


class StraightThrough(torch.autograd.Function):
    """Posterise with a backward pass of its own."""

    @staticmethod
    def forward(ctx, x, n):
        return torch.clamp(torch.floor(x * n), max=n - 1) / n

    @staticmethod
    def backward(ctx, slope):
        return slope, None


@right("learned.posterize")
def with_a_function(x, bits):
    return torch.cat([StraightThrough.apply(a[None], 2 ** int(b)) for a, b in zip(x, bits)])


@right("learned.posterize")
def hard_plus_soft(x, bits):
    n = 2 ** bits[:, None, None, None]
    hard = torch.min(torch.floor(x * n), (n - 1).to(x.dtype)) / n
    return hard.detach() + x - x.detach()


@right("learned.teach_loss")
def with_a_criterion(model, teacher, x, y):
    criterion = nn.CrossEntropyLoss()
    return criterion(teacher(x), y).sub(criterion(model(x), y))


@right("learned.teach_loss")
def by_gather(model, teacher, x, y):
    log_m, log_t = (net(x).log_softmax(1).gather(1, y[:, None])[:, 0] for net in (model, teacher))
    return (log_m - log_t).mean()
