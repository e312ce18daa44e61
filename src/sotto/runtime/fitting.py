"""What is asked for, held against what models can do."""

from __future__ import annotations

from collections.abc import Iterator

from sotto.errors import BadAudio, BadOption, ModelNotReady, UnknownLanguage
from sotto.interfaces.engine import Traits
from sotto.runtime.batcher import Recognizer
from sotto.runtime.models import ModelPool, ModelState
from sotto.transcript.events import Warned
from sotto.transcript.options import DecodeOptions, Task


def fit(options: DecodeOptions, traits: Traits) -> DecodeOptions:
    """The options, checked against what the model can do. Raises UnknownLanguage, BadOption."""
    known = ", ".join(traits.languages)
    for language in (options.language, *options.candidates):
        if language is not None and language not in traits.languages:
            raise UnknownLanguage(language, f"a language of this model ({known})")
    if options.task is Task.TRANSLATE and not traits.translates:
        raise BadOption("task", "expected transcribe: this model was not trained to translate")
    return options


def warnings(name: str, traits: Traits, options: DecodeOptions) -> Iterator[Warned]:
    """What a client should know that asks a model for this."""
    if traits.notice:
        yield Warned("limited_model", f"{name} is {traits.notice}")
    if (options.prompt or options.hotwords) and not traits.takes_context:
        yield Warned("ignored_option", f"{name} takes no prompt and no hotwords: they are ignored")


def reader(models: ModelPool[Recognizer], bands: int, wanted: str) -> str:
    """The name of a model that reads so many bands: what is wanted, else the largest, ready first.

    Raises UnknownModel; BadAudio where none of those served does; ModelNotReady where that is not
    known yet.
    """
    name = models.resolve(wanted)
    served = models.snapshot()
    fitting = [item for item in served if item.traits is not None and item.traits.n_mels == bands]
    if any(item.name == name for item in fitting):
        return name
    if fitting:
        return max(reversed(fitting), key=lambda item: item.state is ModelState.READY).name
    if any(item.traits is None and item.state is ModelState.LOADING for item in served):
        raise ModelNotReady(f"no model that reads {bands} bands is ready yet")
    known = sorted({item.traits.n_mels for item in served if item.traits is not None})
    if not known:
        return name  # none could be loaded: whoever uses it is told why
    raise BadAudio(
        f"expected an image of {' or '.join(map(str, known))} bands, as the models here read, "
        f"got {bands}"
    )
