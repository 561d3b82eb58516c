"""Answers to exercise 14, written as students of several years might, without a look at the bank."""

import copy

import torch
from torch import nn

FRESH = []


def wrong(key):
    return lambda function: FRESH.append((f"finetune.{key}", function, "wrong")) or function


def right(key):
    return lambda function: FRESH.append((f"finetune.{key}", function, "right")) or function


# ── freeze ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("freeze")
def only_freezes(model, where):
    for name, param in model.named_parameters():
        if where(name):
            param.requires_grad = False
    model.train()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d) and all(not p.requires_grad for p in m.parameters()):
            m.eval()
    return model


@wrong("freeze")
def eval_before_train(model, where):
    for name, param in model.named_parameters():
        param.requires_grad = not where(name)
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d) and not m.weight.requires_grad and not m.bias.requires_grad:
            m.eval()
    model.train()
    return model


@wrong("freeze")
def no_return(model, where):
    for name, param in model.named_parameters():
        param.requires_grad = not where(name)
    model.train()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d) and not m.weight.requires_grad and not m.bias.requires_grad:
            m.eval()


@wrong("freeze")
def any_of_the_two(model, where):
    for name, param in model.named_parameters():
        param.requires_grad_(not where(name))
    model.train()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d) and any(not p.requires_grad for p in m.parameters()):
            m.eval()
    return model


@wrong("freeze")
def by_where_of_the_module_name(model, where):
    model.train()
    for name, module in model.named_modules():
        if where(name):
            for p in module.parameters():
                p.requires_grad = False
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        else:
            for p in module.parameters():
                p.requires_grad = True
    return model


@wrong("freeze")
def typo_in_attribute(model, where):
    for name, param in model.named_parameters():
        param.require_grad = not where(name)
    model.train()
    return model


@wrong("freeze")
def deletes_gradients_instead(model, where):
    for name, param in model.named_parameters():
        if where(name):
            param.grad = None
    return model.train()


@wrong("freeze")
def calls_where_on_parameter(model, where):
    for param in model.parameters():
        param.requires_grad_(not where(param))
    return model.train()


@wrong("freeze")
def everything_in_eval(model, where):
    for name, param in model.named_parameters():
        param.requires_grad_(not where(name))
    model.eval()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d) and any(p.requires_grad for p in m.parameters()):
            m.train()
    return model


@wrong("freeze")
def stops_tracking(model, where):
    for name, param in model.named_parameters():
        param.requires_grad_(not where(name))
    model.train()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d) and not any(p.requires_grad for p in m.parameters()):
            m.track_running_stats = False
    return model


@wrong("freeze")
def momentum_zero(model, where):
    for name, param in model.named_parameters():
        param.requires_grad_(not where(name))
    model.train()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d) and not any(p.requires_grad for p in m.parameters()):
            m.momentum = 0.0
    return model


@wrong("freeze")
def zeroes_the_frozen(model, where):
    for name, param in model.named_parameters():
        param.requires_grad_(not where(name))
        if where(name):
            param.data.zero_()
    model.train()
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d) and not any(p.requires_grad for p in m.parameters()):
            m.eval()
    return model


@wrong("freeze")
def returns_the_frozen_names(model, where):
    names = []
    for name, param in model.named_parameters():
        param.requires_grad_(not where(name))
        if where(name):
            names.append(name)
    model.train()
    return names


@right("freeze")
def with_train_mode_per_layer(model, where):
    model.train()
    frozen = {n: where(n) for n, _ in model.named_parameters()}
    for n, p in model.named_parameters():
        p.requires_grad = not frozen[n]
    for prefix, layer in model.named_modules():
        if type(layer) is nn.BatchNorm2d:
            layer.train(not (frozen[prefix + ".weight"] and frozen[prefix + ".bias"]))
    return model


@right("freeze")
def recursive(model, where):
    def visit(module, prefix):
        module.training = True
        flags = []
        for name, p in module.named_parameters(recurse=False):
            p.requires_grad_(not where(prefix + name))
            flags.append(p.requires_grad)
        if isinstance(module, nn.BatchNorm2d) and not any(flags):
            module.training = False
        for name, child in module.named_children():
            visit(child, f"{prefix}{name}.")

    visit(model, "")
    return model


# ── new_head ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("new_head")
def appends(model, k):
    for p in model.parameters():
        p.requires_grad = False
    n = model.classifier[-1].out_features
    model.classifier.append(nn.Linear(n, k, dtype=model.classifier[-1].weight.dtype))
    return model


@wrong("new_head")
def freezes_last(model, k):
    last = model.classifier[-1]
    model.classifier[-1] = nn.Linear(last.in_features, k, dtype=last.weight.dtype)
    for p in model.parameters():
        p.requires_grad = False
    return model


@wrong("new_head")
def freezes_features_only(model, k):
    for p in model.features.parameters():
        p.requires_grad = False
    last = model.classifier[-1]
    model.classifier[-1] = nn.Linear(last.in_features, k, dtype=last.weight.dtype)
    return model


@wrong("new_head")
def out_and_in_swapped(model, k):
    model.requires_grad_(False)
    last = model.classifier[-1]
    model.classifier[-1] = nn.Linear(k, last.in_features, dtype=last.weight.dtype)
    return model


@wrong("new_head")
def keeps_out_features(model, k):
    model.requires_grad_(False)
    last = model.classifier[-1]
    model.classifier[-1] = nn.Linear(last.in_features, last.out_features, dtype=last.weight.dtype)
    return model


@wrong("new_head")
def default_dtype(model, k):
    model.requires_grad_(False)
    model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, k)
    return model


@wrong("new_head")
def head_attribute(model, k):
    model.requires_grad_(False)
    last = model.classifier[-1]
    model.head = nn.Linear(last.in_features, k, dtype=last.weight.dtype)
    return model


@wrong("new_head")
def drops_dropout(model, k):
    model.requires_grad_(False)
    last = model.classifier[-1]
    model.classifier = nn.Sequential(model.classifier[0], nn.Linear(last.in_features, k, dtype=last.weight.dtype))
    return model


@wrong("new_head")
def slices_the_weights(model, k):
    model.requires_grad_(False)
    last = model.classifier[-1]
    new = nn.Linear(last.in_features, k, dtype=last.weight.dtype)
    new.weight.data = last.weight.data[:k]
    new.bias.data = last.bias.data[:k]
    model.classifier[-1] = new.requires_grad_(False)
    return model


@wrong("new_head")
def two_layers(model, k):
    model.requires_grad_(False)
    last = model.classifier[-1]
    d = last.weight.dtype
    model.classifier[-1] = nn.Sequential(nn.Linear(last.in_features, 16, dtype=d), nn.ReLU(), nn.Linear(16, k, dtype=d))
    return model


@wrong("new_head")
def pops_without_replacement(model, k):
    model.requires_grad_(False)
    last = model.classifier[-1]
    model.classifier = model.classifier[:-2]
    model.classifier.append(nn.Linear(last.in_features, k, dtype=last.weight.dtype))
    model.features.requires_grad_(True)
    return model


@right("new_head")
def with_a_loop_and_double(model, k):
    for p in model.parameters():
        p.requires_grad_(False)
    last = len(model.classifier) - 1
    new = nn.Linear(in_features=model.classifier[last].weight.size(1), out_features=k, bias=True)
    model.classifier[last] = new.to(model.classifier[last].weight.dtype)
    return model


@right("new_head")
def module_list_rebuilt(model, k):
    layers = list(model.classifier.children())
    old = layers.pop()
    for p in model.parameters():
        p.requires_grad = False
    model.classifier = nn.Sequential(
        *layers, nn.Linear(old.in_features, k, device=old.weight.device, dtype=old.weight.dtype)
    )
    model.train()
    return model


# ── cached_features ───────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("cached_features")
def in_train_mode(model, x, batch_size):
    model.train()
    out = []
    with torch.no_grad():
        for i in range(0, len(x), batch_size):
            out.append(model.features(x[i : i + batch_size]))
    return torch.cat(out)


@wrong("cached_features")
def no_eval(model, x, batch_size):
    with torch.no_grad():
        return torch.cat([model.features(part) for part in x.split(batch_size)])


@wrong("cached_features")
def detach_only_last(model, x, batch_size):
    mode = model.training
    model.eval()
    feats = [model.features(part) for part in x.split(batch_size)]
    feats[-1] = feats[-1].detach()
    model.train(mode)
    return torch.cat(feats)


@wrong("cached_features")
def always_back_to_train(model, x, batch_size):
    model.eval()
    with torch.no_grad():
        h = torch.cat([model.features(part) for part in x.split(batch_size)])
    model.train()
    return h


@wrong("cached_features")
def requires_grad_off(model, x, batch_size):
    model.eval()
    model.requires_grad_(False)
    return torch.cat([model.features(part) for part in x.split(batch_size)])


@wrong("cached_features")
def stacks(model, x, batch_size):
    mode = model.training
    model.eval()
    with torch.no_grad():
        h = [model.features(part) for part in x.split(batch_size)]
    model.train(mode)
    return h


@wrong("cached_features")
def integer_batches(model, x, batch_size):
    mode = model.training
    model.eval()
    with torch.no_grad():
        h = torch.cat(
            [model.features(x[i * batch_size : (i + 1) * batch_size]) for i in range(len(x) // batch_size + 1)]
        )
    model.train(mode)
    return h[: len(x) - len(x) % batch_size]


@wrong("cached_features")
def batch_size_as_number_of_batches(model, x, batch_size):
    mode = model.training
    model.eval()
    with torch.no_grad():
        h = torch.cat([model.features(part) for part in x.chunk(batch_size)])
    model.train(mode)
    return h


@wrong("cached_features")
def softmaxed(model, x, batch_size):
    mode = model.training
    model.eval()
    with torch.no_grad():
        h = torch.cat([model(part).softmax(1) for part in x.split(batch_size)])
    model.train(mode)
    return h


@wrong("cached_features")
def shuffles(model, x, batch_size):
    mode = model.training
    model.eval()
    loader = torch.utils.data.DataLoader(x, batch_size=batch_size, shuffle=True)
    with torch.no_grad():
        h = torch.cat([model.features(part) for part in loader])
    model.train(mode)
    return h


@wrong("cached_features")
def normalised_features(model, x, batch_size):
    mode = model.training
    model.eval()
    with torch.no_grad():
        h = torch.cat([model.features(part) for part in x.split(batch_size)])
    model.train(mode)
    return nn.functional.normalize(h, dim=1)


@right("cached_features")
def with_inference_and_clone(model, x, batch_size):
    was_training = model.training
    model.eval()
    rows = []
    try:
        with torch.no_grad():
            for start in range(0, len(x), batch_size):
                rows.extend(model.features(x[start : start + batch_size]).unbind(0))
    finally:
        model.train(was_training)
    return torch.stack(rows)


@right("cached_features")
def detach_and_restore(model, x, batch_size):
    mode = model.training
    model.eval()
    pieces = []
    for i in range((len(x) + batch_size - 1) // batch_size):
        pieces.append(model.features(x[i * batch_size : (i + 1) * batch_size]).detach())
    if mode:
        model.train()
    return torch.cat(pieces)


# ── parameter_groups ──────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("parameter_groups")
def not_reversed(parts, lr, factor):
    groups = []
    for i, part in enumerate(parts):
        params = [p for p in part.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr / factor**i})
    return groups


@wrong("parameter_groups")
def all_parameters(parts, lr, factor):
    return [{"params": part.parameters(), "lr": lr / factor**i} for i, part in enumerate(reversed(parts))]


@wrong("parameter_groups")
def empties(parts, lr, factor):
    return [
        {"params": [p for p in part.parameters() if p.requires_grad], "lr": lr / factor**i}
        for i, part in enumerate(parts[::-1])
    ]


@wrong("parameter_groups")
def counter_only_for_alive(parts, lr, factor):
    groups, rate = [], lr
    for part in reversed(parts):
        params = [p for p in part.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": rate})
            rate = rate / factor
    return groups


@wrong("parameter_groups")
def divides_before(parts, lr, factor):
    groups = []
    for part in reversed(parts):
        lr = lr / factor
        params = [p for p in part.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr})
    return groups


@wrong("parameter_groups")
def reverses_in_place(parts, lr, factor):
    parts.reverse()
    groups = []
    for i, part in enumerate(parts):
        params = [p for p in part.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr / factor**i})
    return groups


@wrong("parameter_groups")
def multiplication_of_i(parts, lr, factor):
    groups = []
    for i, part in enumerate(reversed(parts)):
        params = [p for p in part.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr / (factor * i) if i else lr})
    return groups


@wrong("parameter_groups")
def returns_optimizer(parts, lr, factor):
    groups = []
    for i, part in enumerate(reversed(parts)):
        params = [p for p in part.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr / factor**i})
    return torch.optim.SGD(groups, lr=lr)


@wrong("parameter_groups")
def learning_rate_key(parts, lr, factor):
    groups = []
    for i, part in enumerate(reversed(parts)):
        params = [p for p in part.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "learning_rate": lr / factor**i})
    return groups


@wrong("parameter_groups")
def return_too_early(parts, lr, factor):
    groups = []
    for i, part in enumerate(reversed(parts)):
        params = [p for p in part.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr / factor**i})
        return groups


@wrong("parameter_groups")
def weights_only(parts, lr, factor):
    groups = []
    for i, part in enumerate(reversed(parts)):
        params = [p for n, p in part.named_parameters() if p.requires_grad and "weight" in n]
        if params:
            groups.append({"params": params, "lr": lr / factor**i})
    return groups


@wrong("parameter_groups")
def unfreezes(parts, lr, factor):
    return [
        {"params": list(part.requires_grad_(True).parameters()), "lr": lr / factor**i}
        for i, part in enumerate(reversed(parts))
    ]


@right("parameter_groups")
def with_index_arithmetic(parts, lr, factor):
    out = []
    for j in range(len(parts)):
        trainable = [q for q in parts[j].parameters() if q.requires_grad is True]
        if not trainable:
            continue
        out.append({"params": trainable, "lr": lr * factor ** (j + 1 - len(parts))})
    return out


@right("parameter_groups")
def rate_carried_along(parts, lr, factor):
    collected = []
    for part in reversed(parts):
        moving = [p for p in part.parameters() if p.requires_grad]
        if any(p.requires_grad for p in part.parameters()):
            collected.insert(0, {"params": moving, "lr": lr})
        lr = lr / factor
    return collected


# ── early_stopping ────────────────────────────────────────────────────────────────────────────────────────────────────


@wrong("early_stopping")
def off_by_one(model, step, loss, epochs, patience):
    best, waited, state = float("inf"), 0, None
    for epoch in range(epochs):  # noqa: B007
        step(model)
        value = loss(model)
        if value < best:
            best, waited, state = value, 0, copy.deepcopy(model.state_dict())
        else:
            waited += 1
            if waited > patience:
                break
    model.load_state_dict(state)
    return epoch + 1


@wrong("early_stopping")
def returns_index(model, step, loss, epochs, patience):
    best, waited, state = float("inf"), 0, None
    for epoch in range(epochs):  # noqa: B007
        step(model)
        value = loss(model)
        if value < best:
            best, waited, state = value, 0, copy.deepcopy(model.state_dict())
        else:
            waited += 1
            if waited >= patience:
                break
    model.load_state_dict(state)
    return epoch


@wrong("early_stopping")
def shallow_state(model, step, loss, epochs, patience):
    best, waited = float("inf"), 0
    state = model.state_dict()
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        if value < best:
            best, waited, state = value, 0, model.state_dict().copy()
        else:
            waited += 1
        if waited == patience:
            break
    model.load_state_dict(state)
    return epoch


@wrong("early_stopping")
def less_or_equal(model, step, loss, epochs, patience):
    best, at, state = float("inf"), 0, None
    for epoch in range(1, epochs + 1):
        step(model)
        value = loss(model)
        if value <= best:
            best, at, state = value, epoch, copy.deepcopy(model.state_dict())
        if epoch - at == patience:
            break
    model.load_state_dict(state)
    return epoch


@wrong("early_stopping")
def forgets_reset(model, step, loss, epochs, patience):
    best, waited, state = float("inf"), 0, None
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        if value < best:
            best, state = value, copy.deepcopy(model.state_dict())
        else:
            waited += 1
        if waited == patience:
            break
    model.load_state_dict(state)
    return epoch


@wrong("early_stopping")
def rebinding_the_model(model, step, loss, epochs, patience):
    best, waited = float("inf"), 0
    kept = model
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        if value < best:
            best, waited, kept = value, 0, copy.deepcopy(model)
        else:
            waited += 1
        if waited >= patience:
            break
    model = kept
    return epoch


@wrong("early_stopping")
def returns_the_best_loss(model, step, loss, epochs, patience):
    best, waited, state = float("inf"), 0, None
    for _ in range(epochs):
        step(model)
        value = loss(model)
        if value < best:
            best, waited, state = value, 0, copy.deepcopy(model.state_dict())
        else:
            waited += 1
        if waited >= patience:
            break
    model.load_state_dict(state)
    return best


@wrong("early_stopping")
def parameters_only(model, step, loss, epochs, patience):
    best, waited, state = float("inf"), 0, None
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        value = loss(model)
        if value < best:
            best, waited = value, 0
            state = {n: p.detach().clone() for n, p in model.named_parameters()}
        else:
            waited += 1
        if waited >= patience:
            break
    model.load_state_dict(state, strict=False)
    return epoch


@wrong("early_stopping")
def loss_on_every_step_twice(model, step, loss, epochs, patience):
    best, waited, state = float("inf"), 0, None
    for epoch in range(1, epochs + 1):  # noqa: B007
        step(model)
        step(model)
        value = loss(model)
        if value < best:
            best, waited, state = value, 0, copy.deepcopy(model.state_dict())
        else:
            waited += 1
        if waited >= patience:
            break
    model.load_state_dict(state)
    return epoch


@wrong("early_stopping")
def train_then_measure(model, step, loss, epochs, patience):
    for _ in range(epochs):
        step(model)
    loss(model)
    return epochs


@wrong("early_stopping")
def patience_ignored_at_best_first(model, step, loss, epochs, patience):
    losses, states = [], []
    for _ in range(epochs):
        step(model)
        losses.append(loss(model))
        states.append(copy.deepcopy(model.state_dict()))
        if len(losses) > patience and losses[-1] > losses[-1 - patience]:
            break
    model.load_state_dict(states[losses.index(min(losses))])
    return len(losses)


@right("early_stopping")
def with_min_and_lists(model, step, loss, epochs, patience):
    history = []
    for epoch in range(1, epochs + 1):
        step(model)
        history.append(loss(model))
        best_epoch = 1 + history.index(min(history))
        if best_epoch == epoch:
            saved = copy.deepcopy(model.state_dict())
        if epoch - best_epoch >= patience:
            break
    model.load_state_dict(saved)
    return epoch


@right("early_stopping")
def with_a_saved_model(model, step, loss, epochs, patience):
    counter, epoch, lowest = 0, 0, None
    while epoch < epochs:
        step(model)
        epoch = epoch + 1
        now = loss(model)
        if lowest is None or lowest - now > 0:
            lowest, counter, best_model = now, 0, copy.deepcopy(model)
        else:
            counter += 1
            if counter == patience:
                break
    model.load_state_dict(best_model.state_dict())
    return epoch
