"""What crosses from one process to another, as bytes.

Bytes pass through Ray as they are; anything else it pickles itself, ten times as slowly. Both ends
are processes of one cluster, of which each may run whatever it likes in the others anyway.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sotto.client.failures import told
from sotto.errors import SottoError
from sotto.interfaces.engine import DecodeJob
from sotto.transports.stream import error_to_json


@dataclass(frozen=True)
class Failed:
    """What was raised, as clients are told it: most of our errors do not survive a pickle."""

    said: dict[str, Any]

    @classmethod
    def of(cls, error: SottoError) -> Failed:
        """One error."""
        return cls(error_to_json(error))

    def error(self) -> SottoError:
        """The error again."""
        return told(self.said)


def pack(value: object) -> bytes:
    """Anything of ours."""
    return pickle.dumps(value, protocol=5)


def unpack(parcel: bytes) -> Any:
    """What was packed. Raises the SottoError that it was."""
    value = pickle.loads(parcel)
    if isinstance(value, Failed):
        raise value.error()
    return value


def pack_job(job: DecodeJob) -> bytes:
    """A job with its mel as float16: half the bytes, and 0.004 off at most where mel is loudest."""
    return pack(replace(job, mel=job.mel.astype(np.float16)))


def unpack_job(parcel: bytes) -> DecodeJob:
    """The job with its mel as engines take it."""
    job: DecodeJob = pickle.loads(parcel)
    return replace(job, mel=job.mel.astype(np.float32))


def pack_call(method: str, args: Sequence[object], kwargs: dict[str, object]) -> bytes:
    """The call of a method."""
    return pack((method, tuple(args), kwargs))
