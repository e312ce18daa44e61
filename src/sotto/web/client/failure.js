/** What went wrong, for who uses the client. */

/** The message is a sentence for people. */
export class SottoError extends Error {
  /**
   * @param {string} sentence
   * @param {string | null} code the server's, null where it said none
   */
  constructor(sentence, code = null) {
    super(sentence);
    this.code = code;
  }
}
