/** What an answer over HTTP says went wrong. */

/** @typedef {{code: string | null, message: string}} Trouble as the stream's errors have it */

/** @type {Readonly<Record<number, string>>} */
const BY_STATUS = { 401: "unauthorized", 403: "forbidden" };

/**
 * The body is OpenAI's {"error": {…}} where the server itself answers, anything where a proxy
 * does: the status then says what there is to say.
 * @param {number} status
 * @param {string} body
 * @returns {Trouble}
 */
export function troubleOf(status, body) {
  const { code, message } = errorIn(body);
  return {
    code: typeof code === "string" ? code : (BY_STATUS[status] ?? null),
    message: typeof message === "string" ? message : "",
  };
}

/**
 * @param {string} body
 * @returns {Record<string, unknown>}
 */
function errorIn(body) {
  try {
    const error = JSON.parse(body)?.error;
    return error !== null && typeof error === "object" ? error : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
