"""A waker of goals whose clock a test sets."""

import asyncio
from dataclasses import dataclass


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: float

    def __call__(self):
        return self.now


async def ticked(waker):
    """Wake what is due, wait until it is settled, and give the seconds until the next."""
    wait = await waker.tick()
    await asyncio.gather(*waker.following)
    return wait
