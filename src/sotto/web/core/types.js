/**
 * The shapes that travel on the wire and through the page. All times are seconds of sound.
 * The wire is described in docs/protocol.md; nothing here runs.
 */

/**
 * One word as it was heard; `word` keeps its leading space on the stream.
 * @typedef {{word: string, start: number, end: number, probability: number}} Word
 */

/**
 * @typedef {"unloaded" | "loading" | "ready" | "draining" | "failed"} ModelState
 */

/**
 * One row of GET /v1/models; `languages` are Whisper's codes.
 * @typedef {{id: string, state: ModelState, languages: readonly string[], translates: boolean, n_mels?: number | null}} Model
 * `n_mels`: the bands that it reads, null until it was loaded once.
 */

/**
 * @typedef {"transcribe" | "translate"} Task
 */

/**
 * What the user chose; language "auto" lets the server detect it.
 * @typedef {{model: string, language: string, task: Task}} Choice
 */

/**
 * @typedef {{id: number, start: number, end: number, text: string}} Segment
 */

/**
 * OpenAI's verbose_json: what a file gives, and what the live captions become for a download.
 * @typedef {object} Transcript
 * @property {Task} task
 * @property {string} language
 * @property {number} duration
 * @property {string} text
 * @property {readonly Segment[]} segments
 * @property {readonly Word[]} [words]
 */

/**
 * What a server says on /stream.
 * @typedef {{type: "ready", session: string, model: string, language: string | null, n_mels: number, at?: number, utterance?: number}} Ready
 * @typedef {{type: "speech_started", utterance: number, at: number}} SpeechStarted
 * @typedef {{type: "partial", utterance: number, text: string, words: Word[], until: number}} Partial
 * @typedef {{type: "committed", utterance: number, text: string, words: Word[]}} Committed
 * @typedef {{type: "speech_ended", utterance: number, at: number}} SpeechEnded
 * @typedef {{type: "final", utterance: number, text: string, start: number, end: number, language: string, words?: Word[]}} Final
 * @typedef {{type: "acknowledged", until: number}} Acknowledged
 * @typedef {{type: "warning", code: string, message: string}} Warning
 * @typedef {{type: "error", code: string, message: string, retryable: boolean, param?: string, retry_after?: number}} Failure
 * @typedef {{type: "closed", reason: string, duration: number, utterances: number}} Closed
 * @typedef {Ready | SpeechStarted | Partial | Committed | SpeechEnded | Final | Acknowledged | Warning | Failure | Closed} ServerEvent
 */

/**
 * What happens on this side of the wire.
 * `begin`: a new stream follows; `offset` is where its second 0 lies among all that was heard.
 * `heard`: so much sound was captured. `behind`: so many seconds of it wait for the network.
 * `reconnecting`: the line broke; it is tried again in so many seconds, and sound is kept meanwhile.
 * `resumed`: another stream goes on at a second of the run; what was said of this utterance and
 * later ones is void, as they are heard again.
 * @typedef {{type: "asking"}} Asking
 * @typedef {{type: "connecting"}} Connecting
 * @typedef {{type: "waiting", seconds: number, reason: string}} Waiting
 * @typedef {{type: "begin", offset: number}} Begin
 * @typedef {{type: "heard", seconds: number}} Heard
 * @typedef {{type: "behind", seconds: number}} Behind
 * @typedef {{type: "reconnecting", seconds: number, reason: string}} Reconnecting
 * @typedef {{type: "resumed", at: number, utterance: number}} Resumed
 * @typedef {{type: "finishing"}} Finishing
 * @typedef {{type: "stopped", notice: string}} Stopped
 * @typedef {{type: "clear"}} Clear
 * @typedef {Asking | Connecting | Waiting | Begin | Heard | Behind | Reconnecting | Resumed | Finishing | Stopped | Clear} LocalEvent
 */

/**
 * A stretch of speech. `words` only grows; `partial` is what follows as it looks now.
 * `seen` is the largest number of words that were on the screen at once.
 * @typedef {object} Utterance
 * @property {number} id counts from 0 over all streams
 * @property {number} start
 * @property {number | null} end null while it is open
 * @property {readonly Word[]} words
 * @property {readonly Word[]} partial
 * @property {boolean} final
 * @property {string} language
 * @property {number} seen
 */

/**
 * @typedef {"idle" | "asking" | "connecting" | "waiting" | "listening" | "reconnecting" | "finishing" | "stopped"} Phase
 */

/**
 * All that the Live tab shows.
 * @typedef {object} LiveView
 * @property {Phase} phase
 * @property {{seconds: number, reason: string} | null} retry
 * @property {boolean} speaking
 * @property {number} behind seconds of sound that wait for the network; 0 when all is well
 * @property {string} notice a sentence, or ""
 * @property {string} model
 * @property {number} offset where second 0 of the open stream lies
 * @property {number} base utterances before the open stream, cleared ones too
 * @property {number} dropped utterances that were cleared away
 * @property {number} duration seconds that were heard
 * @property {readonly Utterance[]} utterances
 */

/**
 * Spectrogram for the eye.
 * @typedef {object} Frames
 * @property {number} at the first frame, 100 a second, counted from the run's first
 * @property {number} bands
 * @property {Float32Array} mel raw log10 power: frame × bands + band
 * @property {Float32Array} speech 0..1 for each frame
 * @property {Uint8Array} sent 1 for each frame that left the device
 * @property {number[]} cuts frames at which an image begins
 */

export {};
