"""Right answers to exercise 14, written differently."""

import copy
import io
import math

import torch
from torch import nn

from tests.rights import right

# ── freeze ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def norms_of(model):
    return [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]


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


@right("finetune.freeze")
def asks_each_layer_for_its_own(model, where):
    for module in model.train().modules():
        if isinstance(module, nn.BatchNorm2d):
            module.training = False
    for name, p in list(model.named_parameters()):
        p.requires_grad = not bool(where(name))
    for layer in norms_of(model):
        layer.training = layer.weight.requires_grad or layer.bias.requires_grad
    return model


@right("finetune.freeze")
def freezes_all_then_wakes_some(model, where):
    model.requires_grad_(False)
    by_name = dict(model.named_parameters())
    for name in filter(lambda n: not where(n), by_name):
        by_name[name].requires_grad_(True)

    def quiet(layer):
        if isinstance(layer, nn.BatchNorm2d) and sum(p.requires_grad for p in layer.parameters()) == 0:
            layer.eval()

    return model.train().apply(quiet)


# ── new_head ──────────────────────────────────────────────────────────────────────────────────────────────────────────


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


@right("finetune.new_head")
def layer_first_then_freezing(model, k):
    old = model.classifier[-1]
    fresh = nn.Linear(old.in_features, k).type(old.weight.dtype)
    model.classifier[len(model.classifier) - 1] = fresh
    for p in model.parameters():
        p.requires_grad_(any(p is q for q in fresh.parameters()))
    return model


@right("finetune.new_head")
def with_weights_of_its_own(model, k):
    for p in [*model.features.parameters(), *model.classifier.parameters()]:
        p.requires_grad_(False)
    old = model.classifier[-1]
    new = nn.Linear(old.in_features, k).to(old.weight)
    nn.init.zeros_(new.bias)
    nn.init.normal_(new.weight, std=0.01)
    setattr(model.classifier, "3", new)
    return model


# ── cached_features ───────────────────────────────────────────────────────────────────────────────────────────────────


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


@right("finetune.cached_features")
def on_a_copy_of_the_model(model, x, batch_size):
    still = copy.deepcopy(model).eval()
    for p in still.parameters():
        p.requires_grad = False
    return torch.cat([still.features(x[i : i + batch_size]) for i in range(0, x.shape[0], batch_size)], dim=0)


@right("finetune.cached_features")
@torch.no_grad()
def with_a_data_loader(model, x, batch_size):
    modes = {module: module.training for module in model.modules()}
    model.eval()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), batch_size=batch_size)
    h = torch.cat([model.features(part) for (part,) in loader])
    for module, mode in modes.items():
        module.training = mode
    return h


# ── parameter_groups ──────────────────────────────────────────────────────────────────────────────────────────────────


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


@right("finetune.parameter_groups")
def with_a_filter(parts, lr, factor):
    found = []
    for steps, part in zip(range(len(parts) - 1, -1, -1), parts):
        params = tuple(filter(lambda p: p.requires_grad, part.parameters()))
        if len(params) > 0:
            found.append(dict(params=params, lr=lr * (1 / factor) ** steps, weight_decay=0.0))
    return found


@right("finetune.parameter_groups")
def in_one_group_a_rate(parts, lr, factor):
    by_rate, rate = {}, lr
    for part in parts[::-1]:
        for _, p in part.named_parameters():
            if p.requires_grad:
                by_rate.setdefault(rate, []).append(p)
        rate /= factor
    return [{"params": members, "lr": rate} for rate, members in by_rate.items()]


# ── early stopping ────────────────────────────────────────────────────────────────────────────────────────────────────


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


@right("finetune.early_stopping")
def with_a_while_loop(model, step, loss, epochs, patience):
    done, waited, best = 0, 0, (math.inf, None)
    while done < epochs and waited < patience:
        step(model)
        done += 1
        now = float(loss(model))
        waited += 1
        if now < best[0]:
            best = (now, [v.clone() for v in model.state_dict().values()])
            waited = 0
    with torch.no_grad():
        for target, value in zip(model.state_dict().values(), best[1]):
            target.copy_(value)
    return done


@right("finetune.early_stopping")
def through_a_buffer_of_bytes(model, step, loss, epochs, patience):
    losses = []
    for _ in range(epochs):
        step(model)
        losses.append(loss(model))
        if losses[-1] < min(losses[:-1], default=float("inf")):
            store = io.BytesIO()
            torch.save(model.state_dict(), store)
        if len(losses) > patience and min(losses[-patience:]) >= min(losses[:-patience]):
            break
    store.seek(0)
    model.load_state_dict(torch.load(store))
    return len(losses)
