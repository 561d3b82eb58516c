"""Answers to exercise 14 that students plausibly give."""

import copy

import torch
from torch import nn

from tests.mistakes import mistake, right

# ── freeze ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def norms_of(model):
    return [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]


@mistake("finetune.freeze", says="wrong way round")
def freezes_the_others(model, where):
    for name, p in model.named_parameters():
        p.requires_grad_(where(name))
    return model.train()


@mistake("finetune.freeze", says="set both")
def never_unfreezes(model, where):
    model.train()
    for name, p in model.named_parameters():
        if where(name):
            p.requires_grad_(False)
    for layer in norms_of(model):
        if not any(p.requires_grad for p in layer.parameters()):
            layer.eval()
    return model


@mistake("finetune.freeze", says="is in training mode")
def forgets_the_statistics(model, where):
    for name, p in model.named_parameters():
        p.requires_grad_(not where(name))
    return model.train()


@mistake("finetune.freeze", says="is in training mode")
def rests_them_and_wakes_them_again(model, where):
    for name, p in model.named_parameters():
        p.requires_grad_(not where(name))
    for layer in norms_of(model):
        if not layer.weight.requires_grad:
            layer.eval()
    return model.train()


@mistake("finetune.freeze", says="training mode at the end")
def leaves_all_in_evaluation_mode(model, where):
    for name, p in model.named_parameters():
        p.requires_grad_(not where(name))
    return model.eval()


@mistake("finetune.freeze", says="only frozen ones rest")
def rests_every_norm(model, where):
    for name, p in model.named_parameters():
        p.requires_grad_(not where(name))
    model.train()
    for layer in norms_of(model):
        layer.eval()
    return model


@mistake("finetune.freeze", says="requires_grad_ belongs on parameters")
def sets_the_flag_on_modules(model, where):
    for p in model.parameters():
        p.requires_grad_(True)
    for name, module in model.named_modules():
        if where(name):
            module.requires_grad = False
    return model.train()


@right("finetune.freeze")
def freezes_in_one_pass(model, where):
    model.train()
    for name, module in model.named_modules():
        own = list(module.named_parameters(recurse=False))
        for short, p in own:
            p.requires_grad = not where(f"{name}.{short}" if name else short)
        if own and isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train(any(p.requires_grad for _, p in own))
    return model


@right("finetune.freeze")
def freezes_a_set_of_names(model, where):
    names = {name for name, _ in model.named_parameters() if where(name)}
    for name, p in model.named_parameters():
        p.requires_grad_(name not in names)
    model.train(True)
    for layer in norms_of(model):
        if not layer.weight.requires_grad and not layer.bias.requires_grad:
            layer.train(False)
    return model


# ── new_head ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("finetune.new_head", says="behind")
def puts_it_behind(model, k):
    model.requires_grad_(False)
    model.classifier.append(nn.Linear(20, k).to(model.classifier[0].weight))
    return model


@mistake("finetune.new_head", says="nothing can learn")
def freezes_it_too(model, k):
    old = model.classifier[-1]
    model.classifier[-1] = nn.Linear(old.in_features, k).to(old.weight)
    return model.requires_grad_(False)


@mistake("finetune.new_head", says="base is to be frozen")
def freezes_nothing(model, k):
    old = model.classifier[-1]
    model.classifier[-1] = nn.Linear(old.in_features, k).to(old.weight)
    return model


@mistake("finetune.new_head", says="old classes")
def changes_a_number_only(model, k):
    model.requires_grad_(False)
    model.classifier[-1].out_features = k
    model.classifier[-1].requires_grad_(True)
    return model


@mistake("finetune.new_head", says="everything below it must stay")
def replaces_the_whole_classifier(model, k):
    model.requires_grad_(False)
    model.classifier = nn.Sequential(nn.Linear(12, k).to(model.classifier[0].weight))
    return model


@mistake("finetune.new_head", says="and a bias")
def leaves_out_the_bias(model, k):
    model.requires_grad_(False)
    old = model.classifier[-1]
    model.classifier[-1] = nn.Linear(old.in_features, k, bias=False).to(old.weight)
    return model


@mistake("finetune.new_head", says="it raises RuntimeError")
def forgets_the_dtype(model, k):
    model.requires_grad_(False)
    model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, k)
    return model


@right("finetune.new_head")
def rebuilds_the_sequence(model, k):
    for p in model.parameters():
        p.requires_grad = False
    weight = model.classifier[-1].weight
    head = nn.Linear(weight.shape[1], k, dtype=weight.dtype, device=weight.device)
    model.classifier = nn.Sequential(*list(model.classifier)[:-1], head)
    return model


@right("finetune.new_head")
def on_a_copy(model, k):
    new = copy.deepcopy(model).requires_grad_(False)
    old = new.classifier.pop(3)
    new.classifier.append(nn.Linear(old.in_features, k).to(old.weight.dtype))
    return new


# ── cached_features ───────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("finetune.cached_features", says="in training mode")
def stays_in_training_mode(model, x, size):
    model.train()
    with torch.no_grad():
        return torch.cat([model.features(part) for part in x.split(size)])


@mistake("finetune.cached_features", says="graph")
def keeps_the_graph(model, x, size):
    training = model.training
    model.eval()
    h = torch.cat([model.features(part) for part in x.split(size)])
    model.train(training)
    return h


@mistake("finetune.cached_features", says="another mode")
def leaves_it_in_evaluation_mode(model, x, size):
    model.eval()
    with torch.no_grad():
        return torch.cat([model.features(part) for part in x.split(size)])


@mistake("finetune.cached_features", says="logits")
def caches_the_logits(model, x, size):
    training = model.training
    model.eval()
    with torch.no_grad():
        out = torch.cat([model(part) for part in x.split(size)])
    model.train(training)
    return out


@mistake("finetune.cached_features", says="last, smaller batch")
def drops_the_last_batch(model, x, size):
    training = model.training
    model.eval()
    size = min(size, len(x))
    with torch.no_grad():
        out = torch.cat([model.features(x[i : i + size]) for i in range(0, len(x) - size + 1, size)])
    model.train(training)
    return out


@mistake("finetune.cached_features", says="at once")
def takes_all_at_once(model, x, size):
    training = model.training
    model.eval()
    with torch.no_grad():
        out = model.features(x)
    model.train(training)
    return out


@right("finetune.cached_features")
def fills_a_table(model, x, size):
    training = model.training
    model.eval()
    h = torch.empty(len(x), model.width)
    for i in range(0, len(x), size):
        with torch.no_grad():
            h[i : i + size] = model.features(x[i : i + size])
    model.train(training)
    return h


@right("finetune.cached_features")
def detaches_each_part(model, x, size):
    was = model.training
    model.train(False)
    parts = [model.body(model.normalize(part)).detach() for part in torch.split(x, size)]
    model.train(was)
    return torch.vstack(parts)


# ── parameter_groups ──────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("finetune.parameter_groups", says="leave them out")
def keeps_frozen_ones(parts, lr, factor):
    n = len(parts)
    return [{"params": list(part.parameters()), "lr": lr / factor ** (n - 1 - i)} for i, part in enumerate(parts)]


@mistake("finetune.parameter_groups", says="other way round")
def early_ones_learn_fastest(parts, lr, factor):
    groups = [([p for p in part.parameters() if p.requires_grad], lr / factor**i) for i, part in enumerate(parts)]
    return [{"params": p, "lr": rate} for p, rate in groups if p]


@mistake("finetune.parameter_groups", says="same rate")
def one_rate_for_all(parts, lr, factor):
    groups = [[p for p in part.parameters() if p.requires_grad] for part in parts]
    return [{"params": p, "lr": lr} for p in groups if p]


@mistake("finetune.parameter_groups", says="begins with the stage below")
def divides_once_too_often(parts, lr, factor):
    n = len(parts)
    groups = [
        ([p for p in part.parameters() if p.requires_grad], lr / factor ** (n - i)) for i, part in enumerate(parts)
    ]
    return [{"params": p, "lr": rate} for p, rate in groups if p]


@mistake("finetune.parameter_groups", says="empty group")
def leaves_empty_groups(parts, lr, factor):
    n = len(parts)
    return [
        {"params": [p for p in part.parameters() if p.requires_grad], "lr": lr / factor ** (n - 1 - i)}
        for i, part in enumerate(parts)
    ]


@mistake("finetune.parameter_groups", says="still counts")
def counts_only_what_learns(parts, lr, factor):
    learning = [[p for p in part.parameters() if p.requires_grad] for part in parts]
    learning = [p for p in learning if p]
    return [{"params": p, "lr": lr / factor**i} for i, p in enumerate(reversed(learning))]


@mistake("finetune.parameter_groups", says="in no group")
def forgets_the_head(parts, lr, factor):
    n = len(parts)
    groups = [([p for p in part.parameters() if p.requires_grad], n - 1 - i) for i, part in enumerate(parts[:-1])]
    return [{"params": p, "lr": lr / factor**power} for p, power in groups if p]


@right("finetune.parameter_groups")
def from_the_head_down(parts, lr, factor):
    found, rate = [], lr
    for part in reversed(parts):
        parameters = [p for p in part.parameters() if p.requires_grad]
        if parameters:
            found.append({"lr": rate, "params": parameters})
        rate = rate / factor
    return found


@right("finetune.parameter_groups")
def a_group_for_each_parameter(parts, lr, factor):
    n = len(parts)
    return [
        {"params": [p], "lr": lr * factor ** -(n - 1 - i)}
        for i, part in enumerate(parts)
        for p in part.parameters()
        if p.requires_grad
    ]


# ── early stopping ────────────────────────────────────────────────────────────────────────────────────────────────────


@mistake("finetune.early_stopping", says="last weights")
def keeps_the_last_weights(model, step, loss, epochs, patience):
    best, since = float("inf"), 0
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        best, since = (value, 0) if value < best else (best, since + 1)
        if since >= patience:
            break
    return epoch


@mistake("finetune.early_stopping", says="clone them")
def keeps_references_instead_of_copies(model, step, loss, epochs, patience):
    best, since, kept = float("inf"), 0, None
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        if value < best:
            best, since, kept = value, 0, model.state_dict()
        else:
            since += 1
        if since >= patience:
            break
    model.load_state_dict(kept)
    return epoch


@mistake("finetune.early_stopping", says="the buffers are not")
def keeps_parameters_only(model, step, loss, epochs, patience):
    best, since, kept = float("inf"), 0, None
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        if value < best:
            best, since, kept = value, 0, [p.detach().clone() for p in model.parameters()]
        else:
            since += 1
        if since >= patience:
            break
    with torch.no_grad():
        for p, old in zip(model.parameters(), kept):
            p.copy_(old)
    return epoch


@mistake("finetune.early_stopping", says="too early")
def stops_at_the_first_rise(model, step, loss, epochs, patience):
    before, kept = float("inf"), None
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        if value >= before:
            break
        before, kept = value, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    return epoch


@mistake("finetune.early_stopping", says="too early")
def never_forgives(model, step, loss, epochs, patience):
    best, since, kept = float("inf"), 0, None
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        if value < best:
            best, kept = value, copy.deepcopy(model.state_dict())
        else:
            since += 1
        if since >= patience:
            break
    model.load_state_dict(kept)
    return epoch


@mistake("finetune.early_stopping", says="goes on")
def compares_with_the_epoch_before(model, step, loss, epochs, patience):
    before, best, since, kept = float("inf"), float("inf"), 0, None
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        since = 0 if value < before else since + 1
        before = value
        if value < best:
            best, kept = value, copy.deepcopy(model.state_dict())
        if since >= patience:
            break
    model.load_state_dict(kept)
    return epoch


@mistake("finetune.early_stopping", says="goes on")
def never_stops(model, step, loss, epochs, patience):
    best, kept = float("inf"), None
    for _ in range(epochs):
        step(model)
        value = loss(model)
        if value < best:
            best, kept = value, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    return epochs


@mistake("finetune.early_stopping", says="how many epochs")
def returns_the_best_epoch(model, step, loss, epochs, patience):
    best, at, kept = float("inf"), 0, None
    for epoch in range(1, epochs + 1):
        step(model)
        value = loss(model)
        if value < best:
            best, at, kept = value, epoch, copy.deepcopy(model.state_dict())
        if epoch - at >= patience:
            break
    model.load_state_dict(kept)
    return at


@right("finetune.early_stopping")
def with_a_deep_copy(model, step, loss, epochs, patience):
    best, at, kept = None, 0, None
    for epoch in range(1, epochs + 1):
        step(model)
        value = loss(model)
        if best is None or value < best:
            best, at, kept = value, epoch, copy.deepcopy(model.state_dict())
        elif epoch - at >= patience:
            break
    model.load_state_dict(kept)
    return epoch


@right("finetune.early_stopping")
def begins_with_the_loss_before_training(model, step, loss, epochs, patience):
    best, at, kept = loss(model), 0, copy.deepcopy(model.state_dict())
    for epoch in range(1, epochs + 1):
        step(model)
        value = loss(model)
        if value < best:
            best, at, kept = value, epoch, copy.deepcopy(model.state_dict())
        if epoch - at >= patience:
            break
    model.load_state_dict(kept)
    return epoch


@right("finetune.early_stopping")
def with_a_list_of_losses(model, step, loss, epochs, patience):
    losses, states = [], []
    while len(losses) < epochs:
        step(model)
        losses.append(loss(model))
        states.append({k: v.detach().clone() for k, v in model.state_dict().items()})
        best = losses.index(min(losses))
        if len(losses) - 1 - best >= patience:
            break
    model.load_state_dict(states[best])
    return torch.tensor(len(losses))
