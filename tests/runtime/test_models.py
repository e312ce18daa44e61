from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from contextlib import asynccontextmanager

import pytest

from sotto.errors import Draining, ModelNotReady, ModelUnavailable, UnknownModel
from sotto.interfaces.engine import Traits
from sotto.runtime.models import FIRST_RETRY, ModelPool, ModelSpec


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class FakeModel:
    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = threading.Event()

    @property
    def traits(self) -> Traits:
        return Traits(revision=self.name)

    def close(self) -> None:
        self.closed.set()


class Loader:
    """Loads when it is told to; each load waits for its model's gate."""

    def __init__(self, *, open_gates: bool = True) -> None:
        self.order: list[str] = []
        self.models: list[FakeModel] = []
        self.errors: dict[str, Exception] = {}
        self.gates: dict[str, threading.Event] = {}
        self._open = open_gates
        self.running = 0
        self.most_at_once = 0
        self.begun = defaultdict(threading.Event)
        self.made = defaultdict(threading.Event)

    def gate(self, name: str) -> threading.Event:
        if name not in self.gates:
            self.gates[name] = threading.Event()
            if self._open:
                self.gates[name].set()
        return self.gates[name]

    def __call__(self, spec: ModelSpec) -> FakeModel:
        self.order.append(spec.name)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        self.begun[spec.name].set()
        assert self.gate(spec.name).wait(10)
        self.running -= 1
        if spec.name in self.errors:
            raise self.errors[spec.name]
        model = FakeModel(spec.name)
        self.models.append(model)
        self.made[spec.name].set()
        return model


SPECS = [ModelSpec("large-v3", 1550, ("large",)), ModelSpec("tiny", 39), ModelSpec("base", 74)]


@asynccontextmanager
async def pool_of(loader, specs=SPECS, clock=None, **options):
    pool = ModelPool(specs, loader, clock or FakeClock(), **options)
    try:
        yield pool
    finally:
        for gate in loader.gates.values():
            gate.set()
        await pool.close()


def states(pool) -> dict[str, str]:
    return {status.name: status.state.value for status in pool.snapshot()}


async def passed(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 10)


async def test_loads_one_at_a_time_smallest_first():
    loader = Loader(open_gates=False)
    async with pool_of(loader) as pool:
        assert set(states(pool).values()) == {"unloaded"}
        await pool.start()
        assert set(states(pool).values()) == {"loading"}
        await passed(loader.begun["tiny"])
        for spec in SPECS:
            loader.gate(spec.name).set()
        await pool.settled()
        assert loader.order == ["tiny", "base", "large-v3"]
        assert loader.most_at_once == 1
        assert [status.name for status in pool.snapshot()] == ["tiny", "base", "large-v3"]


async def test_auto_is_the_largest_ready_one_at_each_moment():
    loader = Loader(open_gates=False)
    async with pool_of(loader) as pool:
        await pool.start()
        with pytest.raises(ModelNotReady) as refused:
            async with pool.use():
                pass
        assert refused.value.retryable
        assert refused.value.retry_after is not None
        for name in ("tiny", "base", "large-v3"):
            loader.gate(name).set()
            async with pool.use(name):
                pass
            async with pool.use("auto") as (got, model):
                assert got == model.name == name


async def test_an_explicit_name_waits_for_its_load():
    loader = Loader(open_gates=False)
    async with pool_of(loader) as pool:
        await pool.start()

        async def ask() -> str:
            async with pool.use("base") as (name, _):
                return name

        asking = asyncio.create_task(ask())
        loader.gate("tiny").set()
        await passed(loader.begun["base"])
        assert not asking.done()
        loader.gate("base").set()
        assert await asking == "base"


async def test_an_explicit_name_waits_only_so_long():
    loader = Loader(open_gates=False)
    async with pool_of(loader, wait=0.0) as pool:
        await pool.start()
        with pytest.raises(ModelNotReady, match="base"):
            async with pool.use("base"):
                pass
        loader.gate("tiny").set()
        loader.gate("base").set()
        loader.gate("large-v3").set()
        await pool.settled()
        async with pool.use("base") as (name, _):
            assert name == "base"


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("base", "base"),
        ("BASE", "base"),
        (" Tiny ", "tiny"),
        ("large", "large-v3"),
        ("auto", "auto"),
        ("", "auto"),
        ("whisper-1", "auto"),
        ("gpt-4o-transcribe", "auto"),
        ("GPT-4o-mini-transcribe", "auto"),
    ],
)
async def test_names_are_found_in_any_case_and_by_alias(asked, got):
    async with pool_of(Loader()) as pool:
        assert pool.resolve(asked) == got


async def test_a_configured_name_wins_over_an_alias():
    specs = [ModelSpec("large-v3", 3, ("large", "whisper-1")), ModelSpec("large", 2)]
    async with pool_of(Loader(), specs) as pool:
        assert pool.resolve("large") == "large"
        assert pool.resolve("whisper-1") == "large-v3"


async def test_an_unknown_name_is_said_with_the_known_ones():
    async with pool_of(Loader()) as pool:
        with pytest.raises(UnknownModel, match=r"tiny.*base.*large-v3.*got 'huge'"):
            async with pool.use("huge"):
                pass


@pytest.mark.parametrize(
    "error", [OSError("disk"), ValueError("bad"), RuntimeError("cuda"), ModelUnavailable("gone")]
)
async def test_a_failure_keeps_its_reason_and_others_go_on(error):
    loader = Loader()
    loader.errors["base"] = error
    async with pool_of(loader) as pool:
        await pool.start()
        await pool.settled()
        assert states(pool) == {"tiny": "ready", "base": "failed", "large-v3": "ready"}
        assert {s.name: s.error for s in pool.snapshot()}["base"] == str(error)
        with pytest.raises(ModelUnavailable, match=str(error)):
            async with pool.use("base"):
                pass


async def test_a_failed_model_may_be_tried_again_after_a_back_off_that_doubles():
    loader, clock = Loader(), FakeClock()
    loader.errors["tiny"] = OSError("no network")
    async with pool_of(loader, [SPECS[1]], clock) as pool:

        async def fails() -> int:
            with pytest.raises(ModelUnavailable, match="no network"):
                async with pool.use("tiny"):
                    pass
            return len(loader.order)

        assert await fails() == 1
        assert await fails() == 1
        clock.now += FIRST_RETRY
        assert await fails() == 2
        clock.now += FIRST_RETRY
        assert await fails() == 2
        clock.now += FIRST_RETRY
        del loader.errors["tiny"]
        async with pool.use("tiny") as (name, _):
            assert name == "tiny"
        assert pool.snapshot()[0].error is None


async def test_auto_says_why_where_all_failed_and_brings_them_back_later():
    loader, clock = Loader(), FakeClock()
    loader.errors = {"tiny": OSError("one"), "base": OSError("two")}
    async with pool_of(loader, SPECS[1:], clock) as pool:
        await pool.start()
        await pool.settled()
        with pytest.raises(ModelUnavailable, match=r"tiny: one; base: two"):
            async with pool.use():
                pass
        clock.now += FIRST_RETRY
        loader.errors = {}
        with pytest.raises(ModelNotReady):
            async with pool.use():
                pass
        await pool.settled()
        async with pool.use() as (name, _):
            assert name == "base"


async def test_auto_retries_a_larger_failed_one_while_a_smaller_serves():
    loader, clock = Loader(), FakeClock()
    loader.errors = {"base": OSError("no network")}
    async with pool_of(loader, SPECS[1:], clock) as pool:
        await pool.start()
        await pool.settled()
        loader.errors = {}
        clock.now += FIRST_RETRY
        async with pool.use() as (name, _):
            assert name == "tiny"
        await pool.settled()
        async with pool.use() as (name, _):
            assert name == "base"


async def test_only_models_that_nobody_held_for_so_long_are_freed():
    loader, clock = Loader(), FakeClock()
    async with pool_of(loader, SPECS[1:], clock, idle_unload=60.0) as pool:
        await pool.start()
        await pool.settled()
        tiny, base = loader.models
        async with pool.use("tiny"):
            clock.now += 59.0
            pool.sweep()
            assert states(pool) == {"tiny": "ready", "base": "ready"}
            clock.now += 1.0
            pool.sweep()
            assert states(pool) == {"tiny": "ready", "base": "unloaded"}
            assert base.closed.is_set()
            assert not tiny.closed.is_set()
            assert pool.snapshot()[0].in_use == 1
        pool.sweep()
        assert states(pool)["tiny"] == "ready"
        clock.now += 60.0
        pool.sweep()
        assert tiny.closed.is_set()
        assert pool.snapshot()[0].traits == Traits()


async def test_a_freed_model_is_loaded_again_for_who_asks():
    loader, clock = Loader(), FakeClock()
    async with pool_of(loader, SPECS[1:], clock, idle_unload=60.0) as pool:
        await pool.start()
        await pool.settled()
        clock.now += 60.0
        pool.sweep()
        async with pool.use("tiny") as (_, model):
            assert not model.closed.is_set()
        async with pool.use("auto") as (name, _):
            assert name == "tiny"
        await pool.settled()
        async with pool.use("auto") as (name, _):
            assert name == "base"


async def test_auto_waits_for_the_largest_where_all_were_freed():
    loader, clock = Loader(), FakeClock()
    async with pool_of(loader, SPECS[1:], clock, idle_unload=60.0) as pool:
        await pool.start()
        await pool.settled()
        clock.now += 60.0
        pool.sweep()
        async with pool.use("auto") as (name, _):
            assert name == "base"
        assert states(pool) == {"tiny": "unloaded", "base": "ready"}


async def test_nothing_is_freed_where_nobody_asked_for_it():
    loader, clock = Loader(), FakeClock()
    async with pool_of(loader, clock=clock) as pool:
        await pool.start()
        await pool.settled()
        clock.now += 1e6
        pool.sweep()
        assert set(states(pool).values()) == {"ready"}


async def test_the_snapshot_tells_how_long_a_load_took():
    loader, clock = Loader(open_gates=False), FakeClock()
    async with pool_of(loader, SPECS[1:2], clock) as pool:
        await pool.start()
        await passed(loader.begun["tiny"])
        assert pool.snapshot()[0].seconds_to_load is None
        clock.now += 7.0
        loader.gate("tiny").set()
        await pool.settled()
        assert pool.snapshot()[0].seconds_to_load == 7.0


async def test_a_model_is_given_back_when_its_user_breaks():
    async with pool_of(Loader()) as pool:
        with pytest.raises(KeyError):
            async with pool.use("tiny"):
                assert pool.snapshot()[0].in_use == 1
                raise KeyError
        assert pool.snapshot()[0].in_use == 0


async def test_close_frees_all_and_takes_nothing_new():
    loader = Loader()
    pool = ModelPool(SPECS, loader, FakeClock())
    await pool.start()
    await pool.settled()
    await pool.close()
    assert len(loader.models) == 3
    assert all(model.closed.is_set() for model in loader.models)
    with pytest.raises(Draining):
        async with pool.use("tiny"):
            pass


async def test_close_does_not_wait_for_a_load_which_is_freed_once_it_ends():
    loader = Loader(open_gates=False)
    pool = ModelPool(SPECS[1:2], loader, FakeClock())
    await pool.start()
    asking = asyncio.create_task(pool.use("tiny").__aenter__())
    await passed(loader.begun["tiny"])
    await pool.close()
    with pytest.raises(Draining):
        await asking
    assert loader.models == []
    loader.gate("tiny").set()
    await passed(loader.made["tiny"])
    await passed(loader.models[0].closed)
    assert states(pool) == {"tiny": "unloaded"}


async def test_many_who_ask_for_one_model_share_one_load():
    loader = Loader(open_gates=False)
    async with pool_of(loader, SPECS[1:2]) as pool:

        async def ask() -> FakeModel:
            async with pool.use("tiny") as (_, model):
                return model

        asking = [asyncio.create_task(ask()) for _ in range(10)]
        await passed(loader.begun["tiny"])
        loader.gate("tiny").set()
        assert len(set(await asyncio.gather(*asking))) == 1
        assert loader.order == ["tiny"]


class Bug(Exception):
    pass


async def test_a_bug_in_a_load_is_logged_and_leaves_nobody_waiting(monkeypatch):
    logged = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda args: logged.set())
    loader = Loader()
    loader.errors["tiny"] = Bug()
    async with pool_of(loader, SPECS[1:2]) as pool:
        with pytest.raises(ModelUnavailable, match="broke off"):
            async with pool.use("tiny"):
                pass
    await passed(logged)


async def test_a_background_task_sweeps():
    loader, clock = Loader(), FakeClock()
    async with pool_of(loader, SPECS[1:2], clock, idle_unload=1e-3) as pool:
        await pool.start()
        await pool.settled()
        clock.now += 1.0
        await passed(loader.models[0].closed)
        assert states(pool) == {"tiny": "unloaded"}


def test_a_request_that_names_none_gets_the_default() -> None:
    specs = [ModelSpec("small", 2), ModelSpec("tiny", 1)]
    pool = ModelPool(specs, Loader(), FakeClock(), default="tiny")
    assert pool.resolve("") == pool.resolve("whisper-1") == "tiny"
    assert pool.resolve("auto") == "auto"
    with pytest.raises(UnknownModel):
        ModelPool(specs, Loader(), FakeClock(), default="huge")
