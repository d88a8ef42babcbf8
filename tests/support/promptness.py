"""What ends within a moment, on a machine that may be busy with other things."""

import time

TRIES = 5
SLOWEST = 10  # a machine that is slower yet says nothing


def slowness():
    """Return how many times longer than alone a thread works here just now."""
    began, cpu = time.monotonic(), time.thread_time()
    while time.thread_time() - cpu < 0.05:
        pass
    return min(max((time.monotonic() - began) / 0.05, 1), SLOWEST)


def promptly(bound, act):
    """Return what `act` gives once it takes less than `bound` seconds; it gives that and how long it took.

    A busy machine makes one try late, and where it works at half its speed, twice the time is as prompt; what is slow
    itself is late in each.
    """
    late = []
    while len(late) < TRIES:
        found, seconds = act()
        if seconds < bound or seconds < bound * slowness():
            return found
        late.append(seconds)
        if seconds > bound * SLOWEST:
            break
    raise AssertionError(f"it took {late} s, never less than {bound} s")


def timed(act):
    """Do what `promptly` wants: act, and say how long it took."""
    began = time.monotonic()
    return act(), time.monotonic() - began
