"""One conversation of `pipecat-ai`'s service; prints what came of it as one JSON object.

Run with the address of `/v1/realtime`, a file of s16le at 24 kHz, and what is written to the model.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMMessagesAppendFrame,
    LLMRunFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

url, clip, written = sys.argv[1:]
SOUND = Path(clip).read_bytes()
RATE, TENTH = 24_000, 4_800
"""Samples a second; bytes of a tenth of one."""
LISTENED = 1.5
"""Seconds of the long answer that are heard."""
UNTIL = 60
"""Seconds."""
calls: list[dict[str, str]] = []


class Ear(BaseObserver):
    """What the service tells, in the order in which it came."""

    def __init__(self, service: OpenAIRealtimeLLMService) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.sounds: list[int] = []
        self.errors: list[str] = []
        self.interruptions = 0
        self.answers: dict[str, events.ConversationItem] = {}
        self.starts: asyncio.Queue[None] = asyncio.Queue()
        self.ends: asyncio.Queue[None] = asyncio.Queue()
        self._service = service
        self._seen: set[int] = set()
        self._sounding = False
        service.add_event_handler("on_conversation_item_updated", self._updated)

    async def on_push_frame(self, data: FramePushed) -> None:
        if data.frame.id not in self._seen:  # each is pushed from one processor to the next
            self._seen.add(data.frame.id)
            if data.source is self._service or isinstance(
                data.frame, ErrorFrame | InterruptionFrame
            ):
                self._hear(data.frame)

    def _hear(self, frame: Frame) -> None:
        match frame:
            case TranscriptionFrame():
                self.heard.append(frame.text)
            case TTSAudioRawFrame():
                if not self._sounding:
                    self._sounding = True
                    self.sounds.append(0)
                    self.starts.put_nowait(None)
                self.sounds[-1] += len(frame.audio)
            case InterruptionFrame():
                self.interruptions += 1
            case ErrorFrame():
                self.errors.append(frame.error)

    async def _updated(self, _: Any, id: str, item: events.ConversationItem | None) -> None:
        if item is not None and item.role == "assistant" and id not in self.answers:
            self._sounding = False
            self.answers[id] = item
            self.ends.put_nowait(None)


async def find_parcel(params: FunctionCallParams) -> None:
    calls.append(dict(params.arguments))
    await params.result_callback("in Oslo")


def made() -> OpenAIRealtimeLLMService:
    detection = events.TurnDetection(silence_duration_ms=1_000)
    heard = events.AudioInput(
        turn_detection=detection, transcription=events.InputAudioTranscription()
    )
    wanted = events.SessionProperties(audio=events.AudioConfiguration(input=heard))
    service = OpenAIRealtimeLLMService(
        api_key="sk-any",
        base_url=url,
        settings=OpenAIRealtimeLLMService.Settings(
            session_properties=wanted, system_instruction="Find parcels."
        ),
    )
    service.register_function("find_parcel", find_parcel)
    return service


async def speak(worker: PipelineWorker) -> None:
    for at in range(0, len(SOUND), TENTH):
        piece = SOUND[at : at + TENTH]
        await worker.queue_frame(InputAudioRawFrame(audio=piece, sample_rate=RATE, num_channels=1))


async def converse(worker: PipelineWorker, service: OpenAIRealtimeLLMService, ear: Ear) -> None:
    await worker.queue_frame(LLMRunFrame())
    await ear.ends.get()  # the greeting
    await speak(worker)
    await ear.ends.get()
    more = [{"role": "user", "content": written}]
    for _ in range(ear.starts.qsize()):
        ear.starts.get_nowait()
    await service.queue_frame(LLMMessagesAppendFrame(messages=more, run_llm=True))
    await ear.starts.get()
    await asyncio.sleep(LISTENED)  # what is played goes by the clock
    await speak(worker)
    for _ in ("the long answer", "the last one"):
        await ear.ends.get()
    await worker.queue_frame(EndFrame())


async def main() -> None:
    tool = FunctionSchema(
        name="find_parcel",
        description="Where a parcel is.",
        properties={"number": {"type": "string"}},
        required=["number"],
    )
    context = LLMContext(
        [{"role": "user", "content": "Say hello."}], ToolsSchema(standard_tools=[tool])
    )
    pair, service = LLMContextAggregatorPair(context), made()
    ear = Ear(service)
    worker = PipelineWorker(
        Pipeline([pair.user(), service, pair.assistant()]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        observers=[ear],
        enable_rtvi=False,
        enable_turn_tracking=False,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    async with asyncio.timeout(UNTIL), asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.run())
        tasks.create_task(converse(worker, service, ear))
    said = [item.content[0].transcript for item in ear.answers.values()]
    told = {
        "heard": ear.heard,
        "calls": calls,
        "sounds": ear.sounds,
        "errors": ear.errors,
        "interruptions": ear.interruptions,
        "answers": said,
        "context": context.get_messages(),
    }
    print(json.dumps(told))


asyncio.run(main())
