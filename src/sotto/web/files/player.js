/** The recording beside its transcript. */

import { make } from "../ui/dom.js";

const STEP_SECONDS = 5;

export class Player {
  /**
   * @param {HTMLElement} root
   * @param {{onTime: (seconds: number) => void, onError: () => void}} handlers
   */
  constructor(root, { onTime, onError }) {
    this.#root = root;
    this.#onTime = onTime;
    this.#onError = onError;
  }

  #root;
  #onTime;
  #onError;
  /** @type {HTMLMediaElement | null} */
  #media = null;
  #url = "";

  /** @param {File} file */
  open(file) {
    this.close();
    this.#url = URL.createObjectURL(file);
    const tag = file.type.startsWith("video/") ? "video" : "audio";
    const media = make(tag, { controls: true, preload: "auto", playsinline: true, "aria-label": file.name });
    media.addEventListener("timeupdate", () => this.#onTime(media.currentTime));
    media.addEventListener("seeking", () => this.#onTime(media.currentTime));
    media.addEventListener("play", () => this.#tick(media));
    media.addEventListener("error", this.#onError);
    media.src = this.#url;
    this.#root.replaceChildren(media);
    this.#media = media;
  }

  close() {
    this.#media?.pause();
    this.#root.replaceChildren();
    URL.revokeObjectURL(this.#url);
    this.#media = null;
  }

  /** @param {number} seconds */
  seek(seconds) {
    if (this.#media) this.#media.currentTime = seconds;
  }

  /** @param {number} seconds */
  playFrom(seconds) {
    this.seek(seconds);
    this.#play();
  }

  /**
   * Plain letters, and only while nothing is being typed or chosen: the browser's own keys
   * (space, arrows, anything with Ctrl, Alt or Meta) stay the browser's.
   * @param {KeyboardEvent} event
   */
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const media = this.#media;
    if (!media) return;
    switch (event.key.toLowerCase()) {
      case "k":
        if (media.paused) this.#play();
        else media.pause();
        break;
      case "j":
        media.currentTime -= STEP_SECONDS;
        break;
      case "l":
        media.currentTime += STEP_SECONDS;
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  #play() {
    this.#media?.play().catch((error) => {
      // Another seek or pause came first, or the file cannot be played: onError said so.
      if (!(error instanceof DOMException)) throw error;
    });
  }

  /**
   * `timeupdate` comes four times a second, too seldom for words.
   * @param {HTMLMediaElement} media
   */
  #tick(media) {
    if (media.paused || media !== this.#media) return;
    this.#onTime(media.currentTime);
    requestAnimationFrame(() => this.#tick(media));
  }
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof Element && target.matches("input, select, textarea");
}
