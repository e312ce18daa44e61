from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sotto.errors import BadOption
from sotto.training.config import Recipe
from sotto.training.learning.space import SearchSpec, changed, check_space
from sotto.training.learning.trials import (
    FILE,
    Ledger,
    Trial,
    Trials,
    picture,
    read_trials,
    toml_of,
)
from sotto.training.recipes import make_recipe, read_recipe

SPACE = {
    "schedule.rate": {"low": 1e-4, "high": 3e-3, "log": True},
    "learning.ctc": {"low": 0.1, "high": 0.5},
    "model.dropout": {"choices": [0.0, 0.1, 0.2]},
    "model.encoder_layers": {"low": 2, "high": 6, "integer": True},
}
VALUES = {
    "schedule.rate": 0.001,
    "learning.ctc": 0.25,
    "model.dropout": 0.1,
    "model.encoder_layers": 3,
}
WRITTEN = """
name = "mine"
never = ["{data}/kept"]
[roots]
data = "../data"
[[data]]
manifest = "{data}/talks"
weight = 2.0
[[data]]
manifest = "near"
split = "dev"
[model]
start = "openai/whisper-small"
dropout = 0.3
[augment]
noises = "{data}/noise"
speed = [1.0, 1.0]
[validation]
data = [{manifest = "{data}/talks", split = "dev"}]
every = 2
"""


def spec(space: object = None, **said: object) -> SearchSpec:
    return SearchSpec.model_validate({"space": space or SPACE} | said)


def faults(space: dict[str, object]) -> list[str]:
    with pytest.raises(BadOption) as caught:
        check_space(spec(space), Recipe)
    assert caught.value.param == "search"
    return caught.value.message.splitlines()


def recipe(folder: Path, **search: object) -> Recipe:
    table = tomllib.loads(WRITTEN) | {"search": {"space": SPACE} | search}
    return make_recipe(table, folder / "mine.toml")


def trial(number: int, *rates: float, **changes: object) -> Trial:
    curve = tuple((2 * place, rate) for place, rate in enumerate(rates, 1))
    said = {"number": number, "values": VALUES, "status": "finished", "curve": curve}
    return Trial.model_validate(said | {"wer": min(rates, default=None)} | changes)


def test_a_space_that_fits_the_recipe() -> None:
    check_space(spec(), Recipe)


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ({"low": 2, "high": 2}, "expected low < high, got 2 and 2"),
        ({"low": 0, "high": 1, "log": True}, "expected low > 0"),
        ({"low": 1, "high": 1.5, "integer": True}, "expected whole numbers, got 1 and 1.5"),
        ({"low": 1, "high": float("inf")}, "finite number"),
        ({"low": 1}, "Field required"),
        ({"choices": []}, "at least 1 item"),
        ({"choices": [1], "low": 1}, "Extra inputs"),
        (3, "dictionary"),
    ],
)
def test_a_domain_that_makes_no_sense(domain: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        spec({"learning.ctc": domain})
    assert caught.value.error_count() == 1


@pytest.mark.parametrize(
    "said", [{"trials": 0}, {"at_once": 0}, {"grace": 0}, {"metric": "loss"}, {"space": {}}]
)
def test_a_search_that_makes_no_sense(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SearchSpec.model_validate({"space": SPACE} | said)


def test_keys_that_a_recipe_has_not_are_told_with_the_nearest() -> None:
    (fault,) = faults({"shedule.rate": {"low": 1, "high": 2}})
    assert "such as schedule.rate" in fault
    assert "got 'shedule.rate'" in fault


def test_all_faults_of_a_space_are_told() -> None:
    told = faults(
        {
            "model": {"choices": [1]},
            "model.dropout": {"choices": [0.1, "much"]},
            "learning.ctc": {"choices": [0.1, 2.0]},
            "model.encoder_layers": {"low": 2, "high": 6},
            "model.n_mels": {"choices": [80, 128]},
            "schedule.rate": {"low": -1, "high": 1},
        }
    )
    assert [fault.partition(":")[2].split(",")[0].strip() for fault in told] == [
        "expected a key of the recipe",
        "model.dropout: Input should be a valid number",
        "learning.ctc: Input should be less than or equal to 1",
        "model.encoder_layers: Input should be a valid integer",
        "expected a key in which trials may differ",
        "schedule.rate: Input should be greater than 0",
    ]


def test_values_are_put_into_a_table_that_stays_as_it_is() -> None:
    table = {"name": "mine", "model": {"width": 64, "dropout": 0.1}}
    made = changed(table, {"model.dropout": 0.3, "schedule.rate": 0.01, "seed": 7})
    assert made == {
        "name": "mine",
        "model": {"width": 64, "dropout": 0.3},
        "schedule": {"rate": 0.01},
        "seed": 7,
    }
    assert table == {"name": "mine", "model": {"width": 64, "dropout": 0.1}}


@given(st.dictionaries(st.sampled_from(["a.b.c", "a.b.d", "a.e", "f"]), st.integers()))
def test_each_value_is_found_where_it_was_put(values: dict[str, int]) -> None:
    made = changed({"a": {"b": {"x": 1}}, "f": {"g": 2}}, values)
    for key, value in values.items():
        at: object = made
        for part in key.split("."):
            assert isinstance(at, dict)
            at = at[part]
        assert at == value


def test_the_best_recipe_means_the_same_in_another_folder(tmp_path: Path) -> None:
    pytest.importorskip("tomli_w")
    (tmp_path / "a").mkdir()
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    table = changed(tomllib.loads(WRITTEN), VALUES)
    asked = make_recipe(table, tmp_path / "a" / "mine.toml")
    path = tmp_path / "elsewhere" / "deep" / "best.toml"
    path.write_text(toml_of(asked))
    assert read_recipe(path) == asked.model_copy(update={"roots": {}})
    assert asked.data[0].manifest == str(tmp_path / "a" / "../data/talks")
    assert asked.model.start == "openai/whisper-small"
    said = tomllib.loads(path.read_text())
    assert said["schedule"] == {"rate": 0.001}
    assert "search" not in said


def test_the_best_trial_is_that_with_the_least_wer_and_without_a_failure(tmp_path: Path) -> None:
    found = Trials(recipe=recipe(tmp_path))
    assert found.best is None
    for one in (
        trial(0, 0.5, 0.3),
        trial(2, 0.4, 0.2, 0.6),
        trial(1, 0.1, status="failed", error="no"),
        trial(3, status="begun"),
    ):
        found = found.put(one)
    assert found.best == trial(2, 0.4, 0.2, 0.6)
    head, rows = found.table()
    assert head == ["trial", "WER %", "status", "steps", "minutes", *SPACE]
    assert [row[0] for row in rows] == ["2", "0", "1", "3"]
    assert rows[0][1] == "20.00"
    assert rows[3][1] == "-"


def test_a_trial_is_what_its_run_tells() -> None:
    lines = [{"step": 2, "wer": 0.5}, {"step": 3, "loss": 1.0}, {"step": 4, "wer": 0.6}]
    told = trial(0).measured([*lines, {"step": 5, "loss": 1.0}], 7.06)
    assert told.curve == ((2, 0.5), (4, 0.6))
    assert (told.wer, told.steps, told.seconds) == (0.5, 5, 7.1)
    assert trial(0).measured([], 0).wer is None


def test_trials_are_read_as_they_were_written(tmp_path: Path) -> None:
    asked = recipe(tmp_path)
    ledger = Ledger(tmp_path / "new", read_trials(tmp_path / "new", asked), print)
    assert ledger.trials == ()
    for one in (trial(0, 0.5), trial(1, status="begun"), trial(1, 1.5, status="stopped")):
        ledger.put(one)
        assert read_trials(ledger.folder, asked) == ledger.all
    assert len(ledger.trials) == 2


def test_a_search_may_go_on_with_more_trials_but_not_in_another_space(tmp_path: Path) -> None:
    Ledger(tmp_path, Trials(recipe=recipe(tmp_path)), print).put(trial(0, 0.5))
    more = read_trials(tmp_path, recipe(tmp_path, trials=100, at_once=4))
    assert more.trials == (trial(0, 0.5),)
    assert more.recipe.search is not None
    assert more.recipe.search.trials == 100
    with pytest.raises(BadOption, match="got another one"):
        read_trials(tmp_path, recipe(tmp_path, seed=1))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"trials": 3}'])
def test_a_file_that_is_no_search(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BadOption, match="expected a search's trials"):
        read_trials(tmp_path, recipe(tmp_path))


@pytest.mark.parametrize("keys", [1, 2, 3, 4])
def test_the_picture_has_a_panel_for_each_key(keys: int) -> None:
    pytest.importorskip("matplotlib")
    space = dict(list(SPACE.items())[:keys])
    trials = [trial(0, 0.5, 0.4), trial(1, 0.9, status="stopped"), trial(2, status="begun")]
    drawn = picture(trials, spec(space))
    assert drawn.count('id="axes_') == keys + 1
    assert all(f"<!-- {key} -->" in drawn for key in space)


class TestDrawing:
    """What is tried next."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("optuna")

    def played(self, trials: list[Trial], until: int, seed: int = 0) -> list[Trial]:
        """The trials of a search that goes on from some; values lead to the WER, but for 4."""
        from sotto.training.learning.search import draw, remembered

        asked = spec(seed=seed)
        study, done = remembered(asked, trials), {one.number: one for one in trials}
        while sum(one.ended for one in done.values()) < until:
            drawn = draw(study, asked)
            wer = drawn.params["learning.ctc"] * (1 + drawn.params["model.dropout"])
            if drawn.number == 4:
                study.tell(drawn, state=study.trials[drawn.number].state.FAIL)
                done[4] = trial(4, values=drawn.params, status="failed")
            else:
                study.tell(drawn, wer)
                done[drawn.number] = trial(drawn.number, wer, values=drawn.params)
        return [done[number] for number in sorted(done)]

    def test_values_lie_in_the_space(self) -> None:
        for one in self.played([], 15):
            rate, ctc, dropout, layers = (one.values[key] for key in SPACE)
            assert isinstance(rate, float)
            assert 1e-4 <= rate <= 3e-3
            assert isinstance(ctc, float)
            assert 0.1 <= ctc <= 0.5
            assert dropout in (0.0, 0.1, 0.2)
            assert isinstance(layers, int)
            assert 2 <= layers <= 6

    def test_the_seed_decides(self) -> None:
        first = self.played([], 5)
        assert first == self.played([], 5)
        assert first != self.played([], 5, seed=1)
        assert len({str(one.values) for one in first}) == 5

    @pytest.mark.parametrize("stopped", [1, 5, 13])
    def test_a_search_that_was_stopped_goes_on_as_it_would_have(self, stopped: int) -> None:
        whole = self.played([], 16)
        left = [*whole[:stopped], whole[stopped].model_copy(update={"status": "begun"})]
        assert self.played(left, 16) == whole

    def test_better_values_are_tried_more_often(self) -> None:
        said = [float(one.values["learning.ctc"]) for one in self.played([], 40)]
        assert sum(said[20:]) / 20 < 0.8 * sum(said[:10]) / 10
