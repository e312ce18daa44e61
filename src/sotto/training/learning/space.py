"""What a search varies: a recipe's table `[search]`.

    [search]
    trials = 20
    at_once = 2

    [search.space]
    "schedule.rate" = {low = 1e-4, high = 3e-3, log = true}
    "model.encoder_layers" = {low = 2, high = 6, integer = true}
    "model.dropout" = {choices = [0.0, 0.1, 0.2]}

The keys of the space are dotted keys of the recipe.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo

from sotto.errors import BadOption
from sotto.training.fields import Table

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Value: TypeAlias = bool | int | float | str
"""What a key of a recipe is given in a trial."""

SHARED = ("name", "model.n_mels")
"""Keys that all trials have in common, because their features are."""


class Range(Table):
    """Numbers from `low` to `high`, both included."""

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    log: bool = False
    """Whether to draw evenly in powers, as from 0.001 to 0.1."""
    integer: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"expected low < high, got {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"expected low > 0, as log = true; got {self.low:g}")
        if self.integer and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"expected whole numbers, got {self.low:g} and {self.high:g}")
        return self

    @property
    def examples(self) -> tuple[Value, ...]:
        """The ends; and a number with a fraction, if there are any such."""
        if self.integer:
            return int(self.low), int(self.high)
        return self.low, self.high, math.nextafter(self.low, self.high)

    def distribution(self) -> BaseDistribution:
        """For Optuna."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)


class Choices(Table):
    """One of these."""

    choices: tuple[Value, ...] = Field(min_length=1)

    @property
    def examples(self) -> tuple[Value, ...]:
        """All."""
        return self.choices

    def distribution(self) -> BaseDistribution:
        """For Optuna."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.choices)


def _kind(said: object) -> str:
    listed = "choices" in said if isinstance(said, Mapping) else isinstance(said, Choices)
    return "choices" if listed else "range"


Domain: TypeAlias = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)
]


class SearchSpec(Table):
    """A recipe's table `[search]`."""

    trials: int = Field(default=20, ge=1)
    metric: Literal["wer"] = "wer"
    """Of validation; the least wins."""
    at_once: int = Field(default=1, ge=1)
    """Trials at a time, which share the processors and GPUs."""
    grace: int = Field(default=1, ge=1)
    """Validations before a trial may be stopped."""
    seed: int = Field(default=0, ge=0)
    space: dict[str, Domain] = Field(min_length=1)
    """Dotted keys of the recipe."""


def check_space(spec: SearchSpec, recipe: type[BaseModel]) -> None:
    """Raises BadOption with every key that a recipe has not, and every value that does not fit."""
    faults = list(_faults(spec, dict(_leaves(recipe))))
    if faults:
        raise BadOption("search", "\n".join(f"search.space: {fault}" for fault in faults))


def _faults(spec: SearchSpec, known: Mapping[str, FieldInfo]) -> Iterator[str]:
    for key, domain in spec.space.items():
        if key in SHARED:
            yield f"expected a key in which trials may differ, got {key!r}"
        elif key in known:
            kind: Any = known[key].annotation
            one = create_model(key, value=(kind, known[key]))
            found = (_fault(one, key, value) for value in domain.examples)
            yield from islice(filter(None, found), 1)
        else:
            near = get_close_matches(key, known, n=3, cutoff=0) or known
            yield f"expected a key of the recipe, such as {', '.join(near)}; got {key!r}"


def _leaves(table: type[BaseModel], within: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every dotted key that has a value, not a table."""
    for name, field in table.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, f"{within}{name}.")
        else:
            yield f"{within}{name}", field


def _fault(one: type[BaseModel], key: str, value: Value) -> str | None:
    try:
        one.model_validate({"value": value})
    except ValidationError as error:
        return f"{key}: {error.errors()[0]['msg']}, got {value!r}"
    return None


def changed(table: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    """A TOML table with other values at dotted keys; the table itself stays as it is."""
    made = dict(table)
    for key, value in values.items():
        head, _, rest = key.partition(".")
        inner = made.get(head, {})
        if rest and isinstance(inner, Mapping):
            made[head] = changed(inner, {rest: value})
        else:
            made[head] = value
    return made
