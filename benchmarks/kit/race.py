"""The times of several calls that take turns, so that whatever else the machine does meets all of them alike."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch


def race(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 15,
    least: float = 0.02,
    device: torch.device | str = "cpu",
    clock: Callable[[], float] | None = None,
) -> dict[str, list[float]]:
    """Seconds a call of each, one number a round. In a round they take turns, in another order than in the last.

    On the CPU, with one thread, it is the process's own time: what else the machine does isn't in it. On an
    accelerator it is the clock's, with the device waited for.

    Args:
        calls: what is raced, by name.
        rounds: how often each has its turn, after calls that warm up.
        least: seconds a turn, at least: a short call is repeated until then. With 0 a turn is one call.
        device: where the calls compute.
        clock: another clock than those.
    """
    cuda = torch.device(device).type == "cuda"
    now = clock or (time.perf_counter if cuda else time.process_time)

    def turn(call: Callable[[], object], repeats: int) -> float:
        begin = now()
        for _ in range(repeats):
            call()
        if cuda:
            torch.cuda.synchronize(device)
        return max(now() - begin, 1e-9) / repeats

    repeats = dict.fromkeys(calls, 1)
    for name, call in calls.items():
        cold = turn(call, 1)
        if least:
            repeats[name] = max(1, math.ceil(least / min(cold, turn(call, 1))))
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for i in range(rounds):
        start = i % len(order)
        for name in order[start:] + order[:start]:
            seconds[name].append(turn(calls[name], repeats[name]))
    return seconds


def times_as_fast(seconds: Mapping[str, Sequence[float]], ours: str, theirs: str) -> float:
    """How many times as fast ``ours`` is: the median over the rounds of their seconds divided by ours."""
    return statistics.median(b / a for a, b in zip(seconds[ours], seconds[theirs], strict=True))
