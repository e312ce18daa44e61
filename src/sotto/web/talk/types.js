/**
 * What travels in a conversation, and what the tab Talk shows of it. The wire is OpenAI's Realtime
 * protocol; nothing here runs.
 */

/**
 * Something of a conversation, as the wire has it.
 * @typedef {object} Item
 * @property {string} id
 * @property {string} [type] `message` is the only one that is shown
 * @property {string} [role]
 * @property {readonly {type: string, text?: string, transcript?: string | null}[]} [content]
 */

/**
 * @typedef {{type?: string, code?: string | null, message?: string, event_id?: string | null, param?: string | null}} WireError
 * @typedef {{id: string, status?: string, status_details?: {reason?: string, error?: WireError} | null}} Response
 */

/**
 * Those of the server's events that the page takes notice of.
 * @typedef {{type: "session.created" | "session.updated", session: unknown}} SessionEvent
 * @typedef {{type: "input_audio_buffer.speech_started", item_id: string, audio_start_ms: number}} SpeechStarted
 * @typedef {{type: "input_audio_buffer.speech_stopped", item_id: string, audio_end_ms: number}} SpeechStopped
 * @typedef {{type: "conversation.item.added" | "conversation.item.done" | "conversation.item.retrieved", item: Item}} ItemEvent
 * @typedef {{type: "conversation.item.deleted", item_id: string}} Deleted
 * @typedef {{type: "conversation.item.truncated", item_id: string, audio_end_ms: number}} Truncated
 * @typedef {{type: "conversation.item.input_audio_transcription.delta", item_id: string, delta: string}} Words
 * @typedef {{type: "conversation.item.input_audio_transcription.completed", item_id: string, transcript: string}} Complete
 * @typedef {{type: "conversation.item.input_audio_transcription.failed", item_id: string, error: WireError}} Unheard
 * @typedef {{type: "response.created" | "response.done", response: Response}} ResponseEvent
 * @typedef {{type: "response.output_item.added", response_id: string, item: Item}} OutputItem
 * @typedef {{type: "response.output_audio_transcript.delta" | "response.output_text.delta", response_id: string, item_id: string, delta: string}} TextDelta
 * @typedef {{type: "response.output_audio_transcript.done", item_id: string, transcript: string}} SpokenDone
 * @typedef {{type: "response.output_text.done", item_id: string, text: string}} TextDone
 * @typedef {{type: "response.output_audio.delta", response_id: string, item_id: string, delta: string}} AudioDelta
 * @typedef {{type: "response.output_audio.done", response_id: string, item_id: string}} AudioDone
 * @typedef {{type: "output_audio_buffer.started" | "output_audio_buffer.stopped" | "output_audio_buffer.cleared" | "output_audio_buffer.paused" | "output_audio_buffer.resumed", response_id: string}} OutputBuffer
 * @typedef {{type: "error", error: WireError}} Failed
 * @typedef {SessionEvent | SpeechStarted | SpeechStopped | ItemEvent | Deleted | Truncated | Words | Complete | Unheard | ResponseEvent | OutputItem | TextDelta | SpokenDone | TextDone | AudioDelta | AudioDone | OutputBuffer | Failed} ServerEvent
 */

/**
 * What happens on this side of the wire.
 * `asking`: the browser asks for the microphone. `line`: which is tried, and whether answers are played
 * by the server over it. `microphone`: whether it listens. `asked`: an answer was asked for that is
 * still to come. `played`: so much of an item's sound was heard. `silent`:
 * nothing sounds any more. `stopped`: what sounded was stopped, so far. `over`: the line is closed.
 * `cleared`: a new conversation.
 * @typedef {{type: "asking"}} Asking
 * @typedef {{type: "line", plays: boolean}} LineChosen
 * @typedef {{type: "microphone", on: boolean}} Microphone
 * @typedef {{type: "asked"}} Asked
 * @typedef {{type: "played", item: string, ms: number}} Played
 * @typedef {{type: "silent"}} Silent
 * @typedef {{type: "stopped", cuts: readonly {item: string, ms: number}[]}} Stopped
 * @typedef {{type: "notice", notice: string}} Notice
 * @typedef {{type: "over", notice: string}} Over
 * @typedef {{type: "cleared"}} Cleared
 * @typedef {Asking | LineChosen | Microphone | Asked | Played | Silent | Stopped | Notice | Over | Cleared} LocalEvent
 */

/**
 * What one side said. Of an answer that is spoken, the first `heard` characters sounded by now; of
 * one that is `cut`, the others never will.
 * @typedef {object} Turn
 * @property {string} id the item's
 * @property {"you" | "answer"} side
 * @property {string} text
 * @property {"open" | "done" | "cut"} state
 * @property {string} response whose answer it is, or ""
 * @property {boolean} spoken whether it is sound
 * @property {number} heard
 * @property {number} sound milliseconds of it that came
 * @property {boolean} whole whether that is all of it
 */

/**
 * All that the tab shows of a conversation.
 * @typedef {object} TalkView
 * @property {"offline" | "asking" | "connecting" | "open"} line
 * @property {boolean} microphone
 * @property {string} hearing the turn that you speak, or ""
 * @property {boolean} awaited whether an answer is to come
 * @property {string} response the answer that is being made, or ""
 * @property {string} sounding the item that is heard, or ""
 * @property {boolean} held whether it pauses, until it is clear who speaks
 * @property {readonly Turn[]} turns
 * @property {string} notice a sentence, or ""
 * @property {boolean} plays whether the server plays the answers
 * @property {number} place where among the turns the next belongs that was said before; -1 where no
 *   such come
 */

/**
 * @typedef {"offline" | "asking" | "connecting" | "ready" | "listening" | "hearing" | "thinking" | "speaking" | "paused"} Phase
 */

/**
 * What the user chose: how it answers, by which voice, over which line.
 * @typedef {{language: string, voice: string, line: "socket" | "call"}} TalkChoice
 */

export {};
