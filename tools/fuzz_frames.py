"""Frames to throw at a parser: random ones, damaged ones, and ones that know what is expected."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

LONGEST = 4_096
"""Bytes of a frame that is made up."""
NUMBERS = (0, 1, -1, 0.5, 1e308, -0.0, 2**31, 2**32 - 1, 2**63, 2**64, 10**30, 5e-324)
TEXTS = (
    "",
    " ",
    "\x00",
    "\ud800",
    "😀",
    "ﷺ" * 18,
    "a" * 300,
    "../..",
    "%00",
    "null",
    "-1",
    "1e999",
)
LITERALS = ("NaN", "Infinity", "1e999", "9" * 5_000, '"\\ud800"', "[" * 3_000, '{"a":' * 2_000)
"""What JSON.dumps would not write."""
INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def binary(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """A frame of bytes: one in ten at random, the others from those that a parser takes."""
    if not seeds or rng.random() < 0.1:
        return rng.randbytes(rng.choice((0, 1, 4, 12, 60, 61, 200, rng.randrange(LONGEST))))
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        _damage(rng, data, seeds)
    return bytes(data)


def text(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """A frame of JSON: half of them whole, with other values; the others damaged."""
    if rng.random() < 0.5:
        return binary(rng, seeds)
    value = json.loads(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 2, 4))):
        value = _changed(rng, value)
    written = json.dumps(value, ensure_ascii=rng.random() < 0.7)
    if rng.random() < 0.1:
        written = written.replace(rng.choice(('""', "0", "1", "true")), rng.choice(LITERALS), 1)
    return written.encode("utf-8", "surrogatepass")


def query(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """What stands in an address behind its question mark."""
    fields = [part.partition(b"=") for part in rng.choice(seeds).split(b"&")]
    for _ in range(rng.choice((0, 1, 2, 3))):
        at = rng.randrange(len(fields))
        name, equals, value = fields[at]
        anything = quote(str(_leaf(rng)).encode("utf-8", "surrogatepass"), safe="").encode()
        change = rng.randrange(4)
        if change == 0:
            fields[at] = (name, equals, anything)
        elif change == 1:
            fields[at] = (anything, equals, value)
        elif change == 2:
            fields.append((name, equals, anything))
        else:
            fields.insert(rng.randrange(len(fields)), rng.choice(fields))
    return b"&".join(b"".join(field) for field in fields)[:LONGEST]


def _damage(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at, end = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    match rng.randrange(7):
        case 0:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        case 1:
            del data[at : at + rng.randrange(1, 17)]
        case 2:
            del data[at:]
        case 3:
            other = rng.choice(seeds)
            data[at:end] = other[rng.randrange(len(other) + 1) :][:LONGEST]
        case 4:
            width = rng.choice((1, 2, 4, 8))
            order = rng.choice(("little", "big"))
            value = rng.choice(INTEGERS) % 256**width
            data[at : at + width] = value.to_bytes(width, order)
        case 5:
            data[at : at + 8] = data[at : at + 8] * rng.randrange(2, 20)
        case _:
            for place in range(at, min(at + rng.randrange(1, 5), len(data))):
                data[place] ^= 1 << rng.randrange(8)
    del data[1 << 20 :]


def _changed(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        change = rng.random()
        if change < 0.6:
            return {**value, key: _changed(rng, value[key])}
        if change < 0.75:
            return {other: value[other] for other in value if other != key}
        return {**value, str(_leaf(rng)): value[key]}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], _changed(rng, value[at]), *value[at : rng.randrange(at, at + 99)]]
    return _made_up(rng, value)


def _made_up(rng: random.Random, value: Any) -> Any:
    change = rng.random()
    if change < 0.1:
        return [value]
    if change < 0.2:
        return {"type": value}
    if change < 0.3:
        return [_leaf(rng)] * rng.choice((0, 1, 100))
    return _leaf(rng)


def _leaf(rng: random.Random) -> Any:
    return rng.choice((None, True, False, rng.choice(NUMBERS), rng.choice(TEXTS), rng.random()))
