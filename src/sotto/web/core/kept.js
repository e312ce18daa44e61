/** What a browser keeps for a page, where it keeps anything. */

/**
 * @template T
 * @param {() => Storage} storage
 * @param {(store: Storage) => T} use
 * @returns {T | null} null where it keeps nothing: a choice then holds until a reload
 */
export function kept(storage, use) {
  try {
    return use(storage());
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}
