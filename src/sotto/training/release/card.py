"""The model card: what a checkpoint was trained on, what it can do, what it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sotto.training.config import Recipe
from sotto.training.learning.runs import Run

RESULTS = "report.json"
"""In a run's folder: what `sotto evaluate RUN/export DATA --output RUN` wrote."""


def card(run: Run, recipe: Recipe) -> str:
    """Markdown, with the front matter that the Hugging Face hub reads."""
    parts = [
        *_front_matter(recipe),
        f"# {recipe.name}",
        "",
        *_paragraphs(recipe.claims.about),
        *_results(run),
        "## Trained on",
        "",
        *_table(
            ["set", "clips", "hours", "speakers", "weight"],
            (
                [Path(str(one["manifest"])).parent.name, *(one[key] for key in _COLUMNS)]
                for one in _read(run.folder / "data.json")
                if one["split"] in (None, "train")
            ),
        ),
        "",
        *_how(recipe),
        "",
    ]
    return "\n".join(parts)


_COLUMNS = ("clips", "hours", "speakers", "weight")


def _front_matter(recipe: Recipe) -> Iterator[str]:
    languages = recipe.claims.languages or sorted({one.language or "en" for one in recipe.data})
    yield "---"
    yield f"license: {recipe.claims.license}"
    yield f"language: [{', '.join(languages)}]"
    yield "library_name: ctranslate2"
    yield "pipeline_tag: automatic-speech-recognition"
    yield "tags: [whisper, sotto]"
    yield "---"
    yield ""


def _paragraphs(text: str) -> list[str]:
    return [text.strip(), ""] if text.strip() else []


def _results(run: Run) -> Iterator[str]:
    path = run.folder / RESULTS
    if not path.exists():
        return
    report = json.loads(path.read_text(encoding="utf-8"))
    yield "## Word error rate"
    yield ""
    yield from _table(
        ["set", "clips", "words", "WER %", "WER % streamed", "words on non-speech"],
        (
            [one["name"], one["utterances"], one["words"], *_rates(one), _invented(one)]
            for one in report["sets"]
        ),
    )
    yield ""
    yield f"Texts compared by the `{report['normalization']}` normalization of Sotto."
    yield ""


def _rates(one: dict[str, Any]) -> Iterator[str]:
    for way in ("offline", "streamed"):
        rate = (one[way] or {}).get("wer")
        yield "" if rate is None else f"{100 * rate:.1f}"


def _invented(one: dict[str, Any]) -> str:
    minutes = one["non_speech"]["minutes"]
    return f"{one['offline']['non_speech_words']} in {minutes:.1f} min" if minutes else ""


def _how(recipe: Recipe) -> Iterator[str]:
    model, learning, schedule = recipe.model, recipe.learning, recipe.schedule
    begun = f"From `{_name(model.start)}`" if model.start else "From nothing"
    shape = (
        f"width {model.width}, {model.encoder_layers} encoder and {model.decoder_layers} decoder "
        f"layers, {model.heads} heads, {model.n_mels} mel bands, {model.vocabulary} pieces of text"
    )
    yield f"{begun}{'' if model.start else f': {shape}'}. {schedule.steps} steps of "
    yield f"{schedule.batch_seconds * schedule.accumulate:g} s of sound, seed {recipe.seed}; "
    context = "its real length" if learning.context == "exact" else "30 s, padded"
    yield f"the encoder saw {context}. CTC weight {learning.ctc:g}, prompts in "
    yield f"{learning.prompt:.0%} of clips, timestamps in {learning.timestamps:.0%}, no speech in "
    yield f"{learning.non_speech:.0%}."


def _name(start: str) -> str:
    """A hub id, or a folder's own name: where it lay is nobody's business."""
    return Path(start).name if Path(start).is_absolute() else start


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join('' if cell is None else str(cell) for cell in row)} |"


def _read(path: Path) -> list[dict[str, object]]:
    if not path.exists():
        return []
    read: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    return read
