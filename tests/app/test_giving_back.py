"""What is free in the heap goes back to the system."""

import asyncio
import ctypes
from pathlib import Path

import pytest

from sotto.app import memory
from tests.asking import eventually

LIBRARY = ctypes.CDLL(None)
BLOCK = 64 * 1024
"""Bytes: below what glibc takes from the system for each by itself."""
BLOCKS = 2_000


def resident() -> int:
    """Bytes of this process that are in memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not hasattr(LIBRARY, "malloc_trim"), reason="only glibc gives back when asked")
async def test_what_lies_between_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PERIOD", 0.01)
    LIBRARY.malloc.restype = ctypes.c_void_p
    LIBRARY.free.argtypes = [ctypes.c_void_p]
    blocks = [LIBRARY.malloc(BLOCK) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK)
    for block in blocks[:-1]:  # the last one keeps the heap from shrinking at its end
        LIBRARY.free(block)
    before = resident()
    async with memory.giving_back():
        await asyncio.to_thread(eventually, lambda: resident() < before - BLOCK * BLOCKS // 2)
    LIBRARY.free(blocks[-1])
