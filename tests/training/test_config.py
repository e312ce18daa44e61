from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sotto.errors import BadOption
from sotto.training.config import Augment, DataSpec, Joining, ModelSpec, Recipe
from sotto.training.recipes import make_recipe, read_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL = 'name = "small"\n[[data]]\nmanifest = "talks"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def faults(path: Path, **roots: str) -> list[str]:
    with pytest.raises(BadOption) as caught:
        read_recipe(path, roots)
    assert caught.value.param == "recipe"
    return caught.value.message.splitlines()


def test_the_least_that_a_recipe_says(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, SMALL))
    assert recipe.name == "small"
    assert recipe.data[0].manifest == str(tmp_path / "talks")
    assert recipe.data[0].split == "train"
    assert (recipe.seed, recipe.never, recipe.validation.data) == (0, (), ())


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_every_recipe_that_ships_can_be_read(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    assert all(Path(spec.manifest or "/").is_absolute() for spec in recipe.data)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_all_faults_are_told_with_their_place(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        name = "no spaces"
        epochs = 3
        [[data]]
        manifest = "a"
        [[data]]
        manifest = "b"
        weigth = 2
        [data.join]
        clips = [3, 1]
        [augment]
        noise = 1.5
        speed = [1.1, 0.9]
        [schedule]
        steps = "many"
        """,
    )
    found = faults(path)
    places = {line.removeprefix(f"{path}: ").split(":")[0] for line in found}
    assert places == {
        "name",
        "epochs",
        "data.1.weigth",
        "data.1.join",
        "augment.noise",
        "augment.speed",
        "schedule.steps",
    }
    assert f"{path}: epochs: Extra inputs are not permitted, got 3" in found
    assert any(line.endswith("got [1.1, 0.9]") for line in found)


def test_what_is_no_recipe(tmp_path: Path) -> None:
    assert faults(tmp_path / "none.toml") == [
        f"cannot read {tmp_path}/none.toml: No such file or directory"
    ]
    (fault,) = faults(write(tmp_path, "name = "))
    assert fault.startswith(f"{tmp_path}/recipe.toml: Invalid value")
    (tmp_path / "recipe.toml").write_bytes(b"\xff\xfe")
    (fault,) = faults(tmp_path / "recipe.toml")
    assert "can't decode" in fault
    assert faults(write(tmp_path, 'name = "a"')) == [
        f"{tmp_path}/recipe.toml: data: Field required, got {{'name': 'a'}}"
    ]


def test_paths_begin_at_the_recipe_or_at_a_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    text = """
        name = "rooted"
        never = ["{data}/test", "../held-out"]
        [roots]
        data = "../data"
        made = "/made"
        [[data]]
        manifest = "{made}/a"
        [augment]
        noises = "{data}/noise"
        [[validation.data]]
        manifest = "/abs/dev.jsonl"
        [[synthesize]]
        output = "{made}/words"
        clips = 1
        vocabulary = ["one"]
        never = ["{data}/test"]
        """
    recipe = read_recipe(write(folder, text))
    home = folder / ".."
    assert recipe.never == (f"{home}/data/test", f"{home}/held-out")
    assert recipe.data[0].manifest == "/made/a"
    assert recipe.augment.noises == f"{home}/data/noise"
    assert recipe.validation.data[0].manifest == "/abs/dev.jsonl"
    assert recipe.synthesize[0].output == "/made/words"
    assert recipe.synthesize[0].never == (f"{home}/data/test",)
    told = read_recipe(folder / "recipe.toml", {"data": "mine", "made": "/other"})
    assert told.augment.noises == f"{tmp_path}/elsewhere/mine/noise"  # as a shell means it
    assert told.data[0].manifest == "/other/a"


def test_a_root_that_there_is_not(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL.replace("talks", "{date}/talks"))
    assert faults(path, data="x") == [
        f"{path}: expected a root of data in '{{date}}/talks', got 'date'"
    ]
    assert "expected a root of none" in faults(path)[0]
    assert "expected a root of" in faults(write(tmp_path, SMALL.replace("talks", "{}/a")))[0]


def test_checkpoints_are_folders_or_names_of_the_hub(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    path = write(tmp_path, f'{SMALL}[model]\nstart = "mine"\n[distillation]\nteacher = "a/b"\n')
    recipe = read_recipe(path)
    assert recipe.model.start == str(tmp_path / "mine")
    assert recipe.distillation.teacher == "a/b"
    path = write(tmp_path, f'{SMALL}[model]\nstart = "{{models}}/tiny"\n')
    assert read_recipe(path, {"models": "/m"}).model.start == "/m/tiny"
    path = write(tmp_path, 'name = "hub"\n[[data]]\ndataset = "someone/speech"\n')
    assert read_recipe(path).data[0].dataset == "someone/speech"


def test_a_recipe_that_was_changed_is_checked_as_well(tmp_path: Path) -> None:
    """As a search over learning rates does."""
    table = {"name": "a", "data": [{"manifest": "talks"}], "schedule": {"rate": -1}}
    with pytest.raises(BadOption, match=r"schedule\.rate: .* greater than 0, got -1"):
        make_recipe(table, tmp_path / "recipe.toml")


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({}, "expected either manifest or dataset"),
        ({"manifest": "a", "dataset": "b"}, "expected either manifest or dataset"),
        ({"manifest": "a", "language": "xx"}, "expected a language code"),
        ({"manifest": "a", "weight": 0}, "weight"),
        ({"manifest": "a", "longest": 31}, "longest"),
        ({"manifest": "a", "split": "test"}, "split"),
    ],
)
def test_sets_that_cannot_be(table: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        DataSpec.model_validate(table)


@settings(deadline=None)
@given(clips=st.tuples(st.integers(-2, 5), st.integers(-2, 5)))
def test_a_string_has_at_least_a_clip(clips: tuple[int, int]) -> None:
    if 1 <= clips[0] <= clips[1]:
        assert Joining(clips=clips).clips == clips
    else:
        with pytest.raises(ValidationError, match="expected from 1 clip up"):
            Joining(clips=clips)


@settings(deadline=None)
@given(width=st.integers(8, 400), heads=st.integers(1, 16))
def test_heads_share_the_width(width: int, heads: int) -> None:
    """And sinusoids need an even one."""
    if width % heads == width % 2 == 0:
        assert ModelSpec(width=width, heads=heads).width == width
    else:
        with pytest.raises(ValidationError, match="expected a width that"):
            ModelSpec(width=width, heads=heads)


@pytest.mark.parametrize(
    "change",
    [
        {"speed": (0.0, 1.0)},
        {"air": (-0.1, 0.5)},
        {"decay": (0.7, 0.1)},
        {"snr": (30, 0)},
        {"telephone": -0.1},
        {"band_mask": -1},
    ],
)
def test_what_would_break_sound_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(change))):
        Augment.model_validate(change)
