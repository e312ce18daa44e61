"""`sotto mel`: a file in, its spectrogram as an image out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sotto.audio.chunk import Mel

HELP = """Make an image of what is said in a file: its spectrogram, as silent clients send it.

[bold]Examples[/bold]

  sotto mel talk.mp3 -o talk.png
  sotto mel talk.mp3 -o talk.tga       [dim]# as hush sends them[/dim]
  sotto mel talk.mp3 -o talk.png --anonymize
  sotto transcribe talk.png

docs/mel-image.md describes the formats. Only what is Whisper's spectrogram is
kept, in 80 bands; large-v3 and turbo read 128. --anonymize makes it harder to
tell who speaks: docs/silent-mode.md says how much harder.
"""


def mel(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Any audio or video container.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="IMAGE", help="A .png, .tga or .mel8 file.")
    ],
    bands: Annotated[int, typer.Option(help="80 or 128, as the model reads.")] = 80,
    anonymize: Annotated[
        bool, typer.Option("--anonymize", help="Hide some of the voice, each time in another way.")
    ] = False,
) -> None:
    """Write the image."""
    from sotto.audio.format import MEL_BANDS
    from sotto.audio.image import make_image
    from sotto.audio.mel8 import make_mel8
    from sotto.errors import BadOption
    from sotto.runtime.picture import paint

    make = {".png": paint, ".tga": make_image, ".mel8": make_mel8}.get(output.suffix.lower())
    if make is None:
        raise BadOption(
            "output", f"expected an image called .png, .tga or .mel8, got {output.name}"
        )
    if bands not in MEL_BANDS:
        raise BadOption("bands", f"expected 80 or 128 bands, got {bands}")
    spectrogram = _spectrogram(file, bands)
    image = make(_disguised(spectrogram) if anonymize else spectrogram)
    try:
        output.write_bytes(image)
    except OSError as error:
        raise BadOption("output", f"cannot write {output}: {error.strerror}") from error


def _disguised(mel: Mel) -> Mel:
    """In a disguise that is drawn anew and kept nowhere."""
    import numpy as np

    from sotto.audio.anonymize import Anonymizer, Disguise

    return Anonymizer(mel.shape[1], Disguise.drawn(np.random.default_rng())).frames(mel)


def _spectrogram(file: Path, bands: int) -> Mel:
    """Raw, of 1 to MAX_FRAMES frames. Raises BadAudio, TooLarge, BadOption."""
    import numpy as np

    from sotto.audio.format import SAMPLE_RATE, seconds
    from sotto.audio.mel import LogMel
    from sotto.audio.mel8 import MAX_FRAMES
    from sotto.errors import BadAudio, BadOption
    from sotto.runtime.container import read_file
    from sotto.runtime.intake import at_most

    log_mel = LogMel(bands)
    most = seconds(MAX_FRAMES)
    try:
        parts = [log_mel.receive(samples) for samples in at_most(most, read_file(file))]
    except OSError as error:
        raise BadOption("file", f"cannot read {file}: {error.strerror}") from error
    spectrogram: Mel = np.concatenate([*parts, log_mel.finish()])
    if not len(spectrogram):
        raise BadAudio(f"expected {SAMPLE_RATE // 100} samples of sound or more, got fewer")
    return spectrogram
