/** Conversations that the server keeps, each by its name (docs/store.md). */

import { headersOf } from "./access_key.js";

/**
 * The address at which a conversation goes on.
 * @param {URL} url
 * @param {string} name "" for one that is not kept
 */
export function inConversation(url, name) {
  const named = new URL(url);
  if (name) named.searchParams.set("conversation", name);
  return named;
}

/**
 * The server keeps nothing of it any more, if it did and may be told so.
 * @param {string} name
 * @param {string} key "" for none
 */
export async function forgetConversation(name, key) {
  try {
    // It is to be forgotten also where the page is closed at once.
    await fetch(`/v1/conversations/${name}`, { method: "DELETE", headers: headersOf(key), keepalive: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
