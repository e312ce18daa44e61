"""Jobs for engines that ask another server."""

from __future__ import annotations

import numpy as np
import pytest

from sotto.errors import EngineFailed
from sotto.interfaces.engine import DecodeJob, Engine, Priority
from sotto.transcript.options import DecodeOptions


def a_job(id: int = 1, frames: int = 150, **options: object) -> DecodeJob:
    """Sound in the middle third."""
    mel = np.full((frames, 80), -8, np.float32)
    mel[frames // 3 : 2 * frames // 3] = -1
    decode = DecodeOptions(**options)  # type: ignore[arg-type]
    return DecodeJob(id=id, mel=mel, options=decode, priority=Priority.FINAL)


def failure(engine: Engine, job: DecodeJob | None = None) -> EngineFailed:
    with pytest.raises(EngineFailed) as raised:
        engine.decode([job or a_job()])
    return raised.value
