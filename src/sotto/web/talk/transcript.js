/** What was said, turn by turn. Words of an answer stand out as they sound; what never will is struck. */

import { make } from "../ui/dom.js";
import { latencyBar } from "./latency_bar.js";

/** @typedef {import("./types.js").Turn} Turn */
/** @typedef {{turn: Turn | null, row: HTMLElement, said: HTMLElement, heard: Text, rest: HTMLElement, timed: boolean}} Row */

export class TalkTranscript {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  #root;
  /** By the turn's id. @type {Map<string, Row>} */
  #rows = new Map();

  /**
   * @param {readonly Turn[]} turns
   * @param {{hearing: string}} now the turn that is spoken
   */
  render(turns, { hearing }) {
    const kept = new Set(turns.map(({ id }) => id));
    for (const [id, { row }] of this.#rows) {
      if (kept.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    for (const turn of turns) {
      const row = this.#rows.get(turn.id) ?? this.#add(turn);
      if (row.turn !== turn) show(row, turn);
      row.row.classList.toggle("hearing", turn.id === hearing);
      // A turn in which nothing was said yet has a line only while it is spoken.
      row.row.hidden = !turn.text && turn.id !== hearing && turn.state !== "open";
    }
  }

  /**
   * @param {string} item
   * @param {readonly import("./timing.js").Stage[]} stages
   */
  time(item, stages) {
    const row = this.#rows.get(item);
    if (!row || row.timed || !stages.length) return;
    row.timed = true;
    row.row.append(latencyBar(stages));
  }

  /** @param {Turn} turn */
  #add({ id, side }) {
    const heard = document.createTextNode("");
    const rest = make("span", { class: "to-come" });
    const said = make("p", { class: "said", dir: "auto" }, heard, rest);
    const who = make("span", { class: "who" }, side === "you" ? "You" : "Sotto");
    const row = make("div", { class: `turn ${side}` }, who, said);
    /** @type {Row} */
    const made = { turn: null, row, said, heard, rest, timed: false };
    this.#rows.set(id, made);
    this.#root.append(row);
    return made;
  }
}

/**
 * @param {Row} row
 * @param {Turn} turn
 */
function show(row, turn) {
  const known = turn.side === "you" ? turn.text.length : turn.heard;
  const text = turn.text.slice(0, known);
  const rest = turn.text.slice(known);
  // A text node that stays is what a screen reader does not read twice.
  if (row.heard.data !== text) row.heard.data = text;
  if (turn.state === "cut" && row.rest.tagName !== "DEL") {
    const struck = make("del", { class: "unheard" });
    row.rest.replaceWith(struck);
    row.rest = struck;
  }
  if (row.rest.textContent !== rest) row.rest.textContent = rest;
  row.row.classList.toggle("open", turn.state === "open");
  row.row.classList.toggle("cut", turn.state === "cut");
  row.turn = turn;
}
