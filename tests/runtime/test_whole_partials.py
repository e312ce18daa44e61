from __future__ import annotations

import pytest

from sotto.app.build import build_service, running
from sotto.app.settings import load
from sotto.runtime.requests import StreamRequest
from sotto.testing.driving import drive
from sotto.testing.engines import VOCABULARY, OracleEngine, speak
from sotto.transcript.options import StreamOptions

SOUND = speak([(VOCABULARY[i], 50 + i * 50, 90 + i * 50) for i in range(8)], 600)


@pytest.mark.parametrize("setting", ["true", "false"])
async def test_looks_may_end_early_where_the_server_or_the_stream_wants_it(setting: str) -> None:
    service = build_service(load(environ={"SOTTO_DECODE__WHOLE_PARTIALS": setting}))
    async with running(service):
        await service.models.settled()
        for whole in (True, False):
            request = StreamRequest(stream=StreamOptions(whole_partials=whole))
            async with service.open_stream(request, "test") as stream:
                engine = OracleEngine(stream.traits)
                drive(stream.session, engine, [SOUND])
            stops = [job.stop_at for (job,) in engine.batches]
            assert any(stop is not None for stop in stops) == (not whole or setting == "false")
