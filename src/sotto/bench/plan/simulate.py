"""Streams over a cluster whose machines die: a simulation of events, the same for the same seed.

Time is seconds. What waits where is decided by the server's own `runtime/schedule.py`. What the
model leaves out is told in docs/planning.md.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from itertools import count

from sotto.bench.plan.habits import (
    LOOK,
    OVER,
    PAUSE,
    PRE_ROLL,
    Utterance,
    utterance,
)
from sotto.bench.plan.machines import Machine, Task
from sotto.bench.plan.outcome import Outcome, Tally
from sotto.bench.plan.scene import Run, Speaker
from sotto.interfaces.engine import Priority
from sotto.runtime.schedule import Schedule

LATEST = 20.0
"""Seconds after the end in which the last words are waited for."""
AGAIN = 1.0
"""Seconds until a client asks again where nobody is."""


class Simulation:
    """One run."""

    def __init__(self, run: Run) -> None:
        self.run, self.cluster = run, run.cluster
        self.chance = random.Random(run.seed)
        self.now = 0.0
        self._order = count()
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self.engines = [self._machine() for _ in range(self.cluster.engines)]
        self.doors = [self._machine() for _ in range(self.cluster.doors)] or self.engines
        self.speakers: list[Speaker] = []
        self.tally = Tally(run.warm_up, run.warm_up + run.seconds, run.bound)

    def play(self) -> Outcome:
        """From the first stream to the end."""
        for _ in range(self.run.streams):
            engine, door = self._place()
            speaker = Speaker(engine, door)
            self.speakers.append(speaker)
            self._at(self.chance.random() * self.run.habits.cycle, self._speak, speaker)
        for machines, lives in (
            (self.engines, self.run.troubles.engine_lives),
            (self.doors if self.apart else [], self.run.troubles.door_lives),
        ):
            for machine in machines if lives else ():
                self._at(self.chance.expovariate(1 / lives), self._die, machine, lives)
        end = self.tally.end + LATEST
        while self._events and self._events[0][0] <= end:
            self.now, _, happens, arguments = heapq.heappop(self._events)
            happens(*arguments)
        for said in (said for speaker in self.speakers for said in speaker.utterances):
            for word in said.words[said.committed :]:
                self.tally.word(end, word)  # it is as late as that at least
        return self.tally.outcome(self.run.streams, self.run.seconds)

    @property
    def apart(self) -> bool:
        """Whether connections are held elsewhere than engines."""
        return self.doors is not self.engines

    def _machine(self) -> Machine:
        limits = self.cluster
        return Machine(
            Schedule(max_batch=limits.max_batch, limit=limits.queue_limit, exact=limits.exact)
        )

    def _at(self, time: float, happens: Callable[..., None], *arguments: object) -> None:
        heapq.heappush(self._events, (time, next(self._order), happens, arguments))

    def _place(self) -> tuple[Machine, Machine]:
        """Where a new stream goes: to those with the fewest."""
        engine = _emptiest(self.engines)
        engine.streams += 1
        if not self.apart:
            return engine, engine
        door = _emptiest(self.doors)
        door.streams += 1
        return engine, door

    def _leave(self, speaker: Speaker) -> None:
        speaker.engine.streams -= 1
        if self.apart:
            speaker.door.streams -= 1

    # What a stream does.

    def _speak(self, speaker: Speaker) -> None:
        """An utterance begins."""
        habits, chance = self.run.habits, self.chance
        said = utterance(habits, self.run.certain, chance, self.now)
        speaker.utterances.append(said)
        self._at(self.now + LOOK, self._look, speaker, said)
        self._at(said.end + PAUSE, self._pause, speaker, said)
        self._at(said.end + OVER, self._over, speaker, said)
        pause = habits.pause(chance, said.end - said.start)
        self._at(said.end + pause, self._speak, speaker)

    def _look(self, speaker: Speaker, said: Utterance) -> None:
        if self.now + LOOK <= said.end:
            self._at(self.now + LOOK, self._look, speaker, said)
        self._ask(speaker)

    def _pause(self, speaker: Speaker, said: Utterance) -> None:
        self._ask(speaker)

    def _over(self, speaker: Speaker, said: Utterance) -> None:
        said.over = True
        self._ask(speaker)
        if speaker.away or self.chance.random() >= self.run.habits.cycle / self.run.session:
            return
        if len(speaker.utterances) == 0:  # all is told: this stream ends, another one begins
            self._leave(speaker)
            speaker.engine, speaker.door = self._place()

    def _ask(self, speaker: Speaker) -> None:
        """There is something new to be heard."""
        speaker.due = self.now
        if speaker.away or speaker.running:
            return
        if speaker.waiting is not None:
            if speaker.waiting.owner.priority is Priority.FINAL:
                return
            speaker.engine.schedule.withdraw(speaker.waiting)
            speaker.waiting = None
            self.tally.withdrawn += 1
        self._next(speaker)

    def _next(self, speaker: Speaker) -> None:
        """Queue the job that a stream needs most; at most one of it is out."""
        while speaker.utterances and speaker.utterances[0].over and speaker.utterances[0].heard:
            self._commit(speaker.utterances.popleft(), self.now, final=True)
        if not speaker.utterances or speaker.due is None or not speaker.engine.up:
            return
        said, until = speaker.utterances[0], speaker.due
        final = said.over
        if final or len(speaker.utterances) > 1:
            until = said.end + PAUSE
        elif said.heard:
            return
        until = min(until, said.end + PAUSE)
        start = max(said.start - PRE_ROLL, until - 30.0)
        task = Task(
            speaker,
            speaker.epoch,
            until,
            until - start,
            until - max(said.tail, start),
            Priority.FINAL if final else Priority.PARTIAL,
        )
        speaker.due = self.now if len(speaker.utterances) > 1 else None
        engine = speaker.engine
        if engine.schedule.is_full and not final:
            self.tally.refused += 1
            return
        speaker.waiting = engine.schedule.put(task.job(), task)
        self._start(engine)

    # What an engine does.

    def _start(self, engine: Machine) -> None:
        if engine.batch or not engine.up:
            return
        engine.batch = engine.schedule.take()
        if not engine.batch:
            return
        tasks = [one.owner for one in engine.batch]
        for task in tasks:
            if task.epoch == task.speaker.epoch:
                task.speaker.running, task.speaker.waiting = True, None
        curve = self.cluster.curve
        took = curve.seconds(tasks)
        self.tally.batch(self.now, took, len(tasks), curve.load(tasks))
        self._at(self.now + took, self._done, engine, engine.life)

    def _done(self, engine: Machine, life: int) -> None:
        if engine.life != life:
            return
        tasks = [one.owner for one in engine.batch]
        engine.batch = []
        for task in tasks:
            speaker = task.speaker
            if task.epoch != speaker.epoch:
                continue
            speaker.running = False
            said = speaker.utterances[0]
            said.heard = task.until >= said.end + PAUSE
            self._commit(said, task.until, final=False)
            self._next(speaker)
        self._start(engine)

    def _commit(self, said: Utterance, until: float, *, final: bool) -> None:
        paused = until >= said.end + PAUSE
        while said.committed < len(said.words):
            place = said.committed
            sure = said.words[place] + said.needs[place] <= until
            quick = paused and said.needs[place] <= self.run.certain.sure
            if not (final or sure or quick):
                return
            said.committed += 1
            self.tally.word(self.now, said.words[place])
        if final:
            self.tally.finals += 1

    # What goes wrong.

    def _die(self, machine: Machine, lives: float) -> None:
        troubles = self.run.troubles
        machine.die()
        self.tally.deaths += self.now < self.tally.end
        is_door = machine in self.doors
        for speaker in self.speakers:
            if machine is speaker.door or machine is speaker.engine:
                self._cut(speaker, is_door=is_door)
        self._at(self.now + troubles.restart, self._back, machine, lives)

    def _cut(self, speaker: Speaker, *, is_door: bool) -> None:
        if speaker.waiting is not None and speaker.engine.up:
            speaker.engine.schedule.withdraw(speaker.waiting)
        speaker.epoch += 1
        speaker.waiting, speaker.running, speaker.away = None, False, True
        troubles = self.run.troubles
        wait = self.chance.uniform(*troubles.back_off) if is_door else troubles.noticed
        if is_door and self.now < self.tally.end:
            self.tally.reconnected.add(id(speaker))
        self._at(self.now + wait, self._return, speaker, speaker.epoch)

    def _return(self, speaker: Speaker, epoch: int) -> None:
        if epoch != speaker.epoch:
            return
        if not (_some(self.engines) and _some(self.doors)):
            self._at(self.now + AGAIN, self._return, speaker, epoch)
            return
        speaker.engine = _moved(speaker.engine, self.engines)
        speaker.door = _moved(speaker.door, self.doors) if self.apart else speaker.engine
        speaker.away, speaker.due = False, self.now
        self._next(speaker)

    def _back(self, machine: Machine, lives: float) -> None:
        machine.up = True
        self._at(self.now + self.chance.expovariate(1 / lives), self._die, machine, lives)


def _some(machines: Sequence[Machine]) -> bool:
    return any(machine.up for machine in machines)


def _moved(machine: Machine, machines: Sequence[Machine]) -> Machine:
    """Where a stream of that machine is now: there, or elsewhere if it is dead."""
    if machine.up:
        return machine
    machine.streams -= 1
    other = _emptiest(machines)
    other.streams += 1
    return other


def _emptiest(machines: Sequence[Machine]) -> Machine:
    return min((one for one in machines if one.up), key=lambda one: one.streams)
