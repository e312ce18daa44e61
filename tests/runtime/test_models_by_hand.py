"""Models that somebody loads and unloads while the server runs."""

from __future__ import annotations

import asyncio

import pytest

from sotto.errors import Draining, ModelUnavailable, UnknownModel
from sotto.runtime.metrics import Metrics
from sotto.runtime.models import ModelPool, ModelState
from tests.runtime.test_models import SPECS, FakeClock, Loader, passed, pool_of, states

ONE = SPECS[1:2]
"""tiny"""


async def turn(pool: ModelPool, state: str, name: str = "tiny") -> None:
    """Wait until the model is in that state."""
    changed = asyncio.Event()
    pool.watch(lambda *_: changed.set())
    while states(pool)[name] != state:
        changed.clear()
        await asyncio.wait_for(changed.wait(), 10)


async def test_who_holds_a_model_goes_on_and_nobody_new_gets_it() -> None:
    loader = Loader()
    async with pool_of(loader, SPECS[1:]) as pool:
        await pool.start()
        await pool.settled()
        async with pool.use("base") as (_, model):
            assert pool.unload("base").state is ModelState.DRAINING
            async with pool.use("auto") as (name, _):
                assert name == "tiny"
            with pytest.raises(ModelUnavailable, match="base cannot be had: it was taken out"):
                async with pool.use("base"):
                    pass
            assert states(pool)["base"] == "draining"
            assert not model.closed.is_set()
        await turn(pool, "unloaded", "base")
        assert model.closed.is_set()


async def test_what_was_unloaded_comes_back_by_hand_alone() -> None:
    loader = Loader()
    async with pool_of(loader, ONE) as pool:
        await pool.start()
        await pool.settled()
        pool.unload("tiny")
        await turn(pool, "unloaded")
        for name in ("auto", "tiny"):
            with pytest.raises(ModelUnavailable, match="it was taken out of use"):
                async with pool.use(name):
                    pass
        assert pool.snapshot()[0].put_away
        assert loader.order == ["tiny"]
        assert pool.load("tiny").state is ModelState.LOADING
        async with pool.use("tiny") as (name, _):
            assert name == "tiny"
        assert not pool.snapshot()[0].put_away


async def test_one_that_is_held_too_long_goes_on_to_serve_and_says_so() -> None:
    async with pool_of(Loader(), ONE) as pool, pool.use("tiny") as (_, model):
        pool.unload("tiny", within=0.0)
        await turn(pool, "ready")
        assert pool.snapshot()[0].error == "it was not unloaded: after 0 s 1 held it still"
        async with pool.use("auto") as (_, same):
            assert same is model


async def test_an_unload_can_be_called_off() -> None:
    loader = Loader()
    async with pool_of(loader, ONE) as pool:
        async with pool.use("tiny") as (_, model):
            pool.unload("tiny")
            assert pool.load("tiny").state is ModelState.READY
        async with pool.use("tiny") as (_, same):
            assert same is model
        assert loader.order == ["tiny"]


async def test_a_load_that_is_under_way_is_freed_when_it_ends() -> None:
    loader = Loader(open_gates=False)
    async with pool_of(loader, ONE) as pool:
        await pool.start()
        await passed(loader.begun["tiny"])
        asking = asyncio.create_task(pool.use("tiny").__aenter__())
        await asyncio.sleep(0)
        assert pool.unload("tiny").state is ModelState.DRAINING
        loader.gate("tiny").set()
        with pytest.raises(ModelUnavailable):
            await asking
        await turn(pool, "unloaded")
        assert loader.models[0].closed.is_set()


async def test_a_load_that_is_wanted_again_is_not_begun_twice() -> None:
    loader = Loader(open_gates=False)
    async with pool_of(loader, ONE) as pool:
        await pool.start()
        await passed(loader.begun["tiny"])
        pool.unload("tiny")
        assert pool.load("tiny").state is ModelState.LOADING
        loader.gate("tiny").set()
        async with pool.use("tiny"):
            assert loader.order == ["tiny"]


async def test_a_load_that_waits_for_its_turn_never_begins() -> None:
    loader = Loader(open_gates=False)
    async with pool_of(loader, SPECS[1:]) as pool:
        await pool.start()
        await passed(loader.begun["tiny"])
        pool.unload("base")
        loader.gate("tiny").set()
        await turn(pool, "unloaded", "base")
        assert loader.order == ["tiny"]


async def test_a_failed_model_is_tried_at_once_when_it_is_loaded_by_hand() -> None:
    loader, clock = Loader(), FakeClock()
    loader.errors["tiny"] = OSError("no network")
    async with pool_of(loader, ONE, clock) as pool:
        await pool.start()
        await pool.settled()
        assert states(pool) == {"tiny": "failed"}
        loader.errors = {}
        pool.load("tiny")
        await pool.settled()
        assert states(pool) == {"tiny": "ready"}


async def test_a_failed_model_that_is_put_away_is_tried_no_more() -> None:
    loader, clock = Loader(), FakeClock()
    loader.errors["tiny"] = OSError("no network")
    async with pool_of(loader, ONE, clock) as pool:
        await pool.start()
        await pool.settled()
        assert pool.unload("tiny").state is ModelState.UNLOADED
        clock.now += 10_000
        with pytest.raises(ModelUnavailable):
            async with pool.use():
                pass
        assert loader.order == ["tiny"]


@pytest.mark.parametrize("act", [ModelPool.load, ModelPool.unload])
async def test_only_models_by_name_and_only_while_the_server_runs(act) -> None:
    async with pool_of(Loader(), ONE) as pool:
        with pytest.raises(UnknownModel, match="expected one of tiny, got 'auto'"):
            act(pool, "auto")
        with pytest.raises(UnknownModel, match="got 'huge'"):
            act(pool, "huge")
    with pytest.raises(Draining):
        act(pool, "tiny")


async def test_the_server_may_stop_while_a_model_drains() -> None:
    async with pool_of(Loader(), ONE) as pool, pool.use("tiny") as (_, model):
        pool.unload("tiny")
        await pool.close()
        assert model.closed.is_set()


async def test_the_gauge_is_one_for_the_state_of_each_model_and_zero_for_others() -> None:
    metrics = Metrics()

    def now(name: str) -> dict[str, float]:
        (family,) = metrics.models.collect()
        own = (sample for sample in family.samples if sample.labels["model"] == name)
        return {sample.labels["state"]: sample.value for sample in own}

    async with pool_of(Loader(), ONE) as pool:
        pool.watch(metrics.model_is)
        assert now("tiny") == {state: float(state == "unloaded") for state in ModelState}
        async with pool.use("tiny"):
            assert now("tiny") == {state: float(state == "ready") for state in ModelState}
            pool.unload("tiny")
            assert now("tiny")["draining"] == 1
            assert sum(now("tiny").values()) == 1
