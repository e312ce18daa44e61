"""Every error that Sotto raises on purpose.

    SottoError
    ├── CallerError             the caller can mend it
    │   ├── BadAudio            bytes that are no audio, or not the audio that was announced
    │   ├── BadOption           a parameter with a wrong name, type or range
    │   │   ├── UnknownModel
    │   │   ├── UnknownLanguage
    │   │   ├── UnknownSession
    │   │   └── UnknownConversation
    │   ├── BadManifest         labelled data that is at fault, line by line
    │   ├── ProtocolViolation   a message that does not fit the dialect at this point
    │   ├── TooLarge            more bytes than the server takes
    │   ├── TooSlow             a client that does not read or does not send
    │   ├── Unauthorized        no key or token, or one that is not good
    │   ├── Forbidden           a good one, but not for this
    │   ├── RateLimited         more at once than this caller may (retryable)
    │   ├── Superseded          a stream whose session another stream carries on by now
    │   └── Gone                a client that hung up
    └── ServerError             we can mend it
        ├── Overloaded          a queue is full (retryable)
        ├── ModelNotReady       loading, or not loaded yet (retryable)
        ├── ModelUnavailable    the checkpoint cannot be had or cannot be loaded
        ├── KeysUnavailable     what tokens are checked with cannot be had just now (retryable)
        ├── StoreUnavailable    finals cannot be kept or read just now (retryable)
        ├── EngineFailed        a decode broke; the job can be tried again (retryable)
        ├── ChatUnavailable     the language model does not answer (retryable)
        ├── VoiceUnavailable    nothing here speaks that language, or its engine broke
        ├── NotInstalled        it needs a package that is not there
        ├── Unreachable         no server answers a client of ours (retryable)
        └── Draining            the server is about to stop (retryable)

`app/codes.py` alone maps them to status codes, close codes and bodies.
"""

from __future__ import annotations

from collections.abc import Sequence


class SottoError(Exception):
    """The root: a sentence for people, a `code` for programs."""

    code = "error"
    retryable = False
    retry_after: float | None = None
    """Seconds after which another try may succeed."""

    @property
    def message(self) -> str:
        """The sentence, without the type."""
        return str(self)


class CallerError(SottoError):
    """What the caller sent is at fault."""

    code = "invalid_request"


class BadAudio(CallerError):
    """The bytes are not audio, or not the audio that was announced."""

    code = "bad_audio"


class BadOption(CallerError):
    """A parameter has a wrong name, type or value."""

    code = "bad_option"

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


class UnknownModel(BadOption):
    """No model of that name is configured."""

    code = "unknown_model"

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__("model", f"expected one of {', '.join(known) or 'none'}, got {name!r}")


class UnknownLanguage(BadOption):
    """Not a language that Whisper, or the chosen model, knows."""

    code = "unknown_language"

    def __init__(self, given: str, expected: str) -> None:
        super().__init__("language", f"expected {expected}, got {given!r}")


class UnknownSession(BadOption):
    """No session of that id is kept, or is open, or none that this caller may see."""

    code = "unknown_session"

    def __init__(self, session: str, how: str = "is kept") -> None:
        super().__init__("id", f"expected the id of a session that {how}, got {session[:200]!r}")


class UnknownConversation(BadOption):
    """No conversation of that name is kept, or none of this caller's."""

    code = "unknown_conversation"

    def __init__(self, name: str) -> None:
        super().__init__(
            "id", f"expected the name of a conversation that is kept, got {name[:200]!r}"
        )


class BadManifest(CallerError):
    """Labelled data that is at fault: the first hundred faults, each as `file:line: sentence`."""

    code = "bad_manifest"
    most = 100

    def __init__(self, faults: Sequence[str]) -> None:
        more = len(faults) - self.most
        rest = [f"and {more} more"] if more > 0 else []
        super().__init__("\n".join(["the data is at fault", *faults[: self.most], *rest]))
        self.faults = tuple(faults)


class ProtocolViolation(CallerError):
    """A message that does not fit the dialect, or not at this point of it."""

    code = "protocol_violation"


class TooLarge(CallerError):
    """More bytes than the server takes at once."""

    code = "too_large"


class TooSlow(CallerError):
    """The client does not read what it asked for, or does not send what it promised."""

    code = "too_slow"


class Unauthorized(CallerError):
    """No key or token, or one that is not good."""

    code = "unauthorized"


class Forbidden(CallerError):
    """A good key or token, but not for this."""

    code = "forbidden"


class RateLimited(CallerError):
    """More at once, or in a minute, than this caller may."""

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Superseded(CallerError):
    """Another stream carries this session on by now: what this one still hears is not kept."""

    code = "superseded"


class Gone(CallerError):
    """The client hung up: nobody is there to be told."""

    code = "gone"


class ServerError(SottoError):
    """Our fault, or our limit."""

    code = "server_error"


class Overloaded(ServerError):
    """A bounded queue is full."""

    code = "overloaded"
    retryable = True
    retry_after = 1.0


class ModelNotReady(ServerError):
    """The model is known, but not loaded yet."""

    code = "model_not_ready"
    retryable = True
    retry_after = 5.0


class ModelUnavailable(ServerError):
    """The model's files cannot be had, or cannot be loaded."""

    code = "model_unavailable"


class KeysUnavailable(ServerError):
    """The keys with which callers' tokens are checked cannot be had, or cannot be read."""

    code = "keys_unavailable"
    retryable = True
    retry_after = 5.0


class StoreUnavailable(ServerError):
    """Finals cannot be kept, or read, just now."""

    code = "store_unavailable"
    retryable = True
    retry_after = 5.0


class EngineFailed(ServerError):
    """A decode broke inside the engine."""

    code = "engine_failed"
    retryable = True
    retry_after = 1.0


class ChatUnavailable(ServerError):
    """The language model cannot be reached, refuses, or broke off."""

    code = "chat_unavailable"
    retryable = True
    retry_after = 1.0


class VoiceUnavailable(ServerError):
    """Nothing here speaks the language, or what does broke."""

    code = "voice_unavailable"


class NotInstalled(ServerError):
    """It needs an optional package that this server was installed without."""

    code = "not_installed"


class Unreachable(ServerError):
    """No server answers there, or the connection to it was lost. Only clients meet it."""

    code = "unreachable"
    retryable = True
    retry_after = 1.0


class Draining(ServerError):
    """The server is about to stop and takes nothing new."""

    code = "draining"
    retryable = True
    retry_after = 5.0
