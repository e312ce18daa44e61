/**
 * What was made and is not acknowledged yet: the client owns its sound until the server has stored
 * what was said in it. Nothing here knows a socket or a clock; places are samples or frames,
 * counted from the run's first.
 */

/**
 * A message; one that only says how late it is has no length.
 * @typedef {{at: number, end: number, data: ArrayBuffer}} Piece
 */

/**
 * @typedef {object} TapeOptions
 * @property {number} limit samples or frames that are kept at most, but for what the open stream
 *   still has to send
 * @property {(piece: Piece, at: number) => Piece} cut a piece from a place within it on
 */

export class Tape {
  /** @param {TapeOptions} options */
  constructor({ limit, cut }) {
    this.#limit = limit;
    this.#cut = cut;
  }

  #limit;
  #cut;
  /** @type {Piece[]} */
  #pieces = [];
  /** Of the pieces, how many were sent on the open stream. */
  #sent = 0;
  #end = 0;
  /** Everything before this place is settled: nobody will ask for it again. */
  #settled = 0;
  /** Everything before this place had to go. */
  #dropped = 0;
  #streams = true;

  /** Where the pieces end. */
  get end() {
    return this.#end;
  }

  /** Up to where was taken on the open stream. */
  get taken() {
    return this.#sent ? this.#pieces[this.#sent - 1].end : Math.max(this.#settled, this.#dropped);
  }

  /** Samples or frames that wait to be taken. */
  get waiting() {
    return this.#sent < this.#pieces.length ? this.#end - this.#pieces[this.#sent].at : 0;
  }

  /** Bytes that wait to be taken. */
  get bytes() {
    return this.#pieces
      .slice(this.#sent)
      .reduce((sum, { data }) => sum + data.byteLength, 0);
  }

  /** @param {Piece} piece the one that follows */
  add(piece) {
    this.#pieces.push(piece);
    this.#end = piece.end;
    // A stream whose next piece is gone would have a hole: that one stays while the stream does.
    while (this.#isTooLong && (this.#sent > 0 || !this.#streams)) {
      this.#dropped = Math.max(this.#dropped, this.#pieces[0].end);
      this.#shift();
    }
  }

  /**
   * The next piece to send, null where all are sent.
   * @returns {Piece | null}
   */
  take() {
    if (this.#sent === this.#pieces.length) return null;
    this.#sent += 1;
    return this.#pieces[this.#sent - 1];
  }

  /**
   * What lies before a place is not needed any more.
   * @param {number} place
   */
  settle(place) {
    this.#settled = Math.max(this.#settled, Math.min(place, this.#end));
    while (this.#pieces.length && this.#pieces[0].end <= this.#settled) this.#shift();
    const first = this.#pieces[0];
    if (first && first.at < this.#settled) this.#pieces[0] = this.#cut(first, this.#settled);
  }

  /** The stream is gone; what comes now waits for the next one. */
  pause() {
    this.#streams = false;
  }

  /** Another stream begins, at the place that is told: all from there on is to be sent again. */
  rewind() {
    this.#streams = true;
    this.#sent = 0;
    this.#settled = Math.max(this.#settled, this.#dropped);
    return this.#settled;
  }

  get #isTooLong() {
    return this.#pieces.length > 1 && this.#end - this.#pieces[0].at > this.#limit;
  }

  #shift() {
    this.#pieces.shift();
    this.#sent = Math.max(0, this.#sent - 1);
  }
}
