/** Keeps the newest words in sight, unless the reader has scrolled back. */

const NEAR = 80;

export class Follow {
  /**
   * @param {HTMLElement} scroller
   * @param {HTMLButtonElement} latest leads back to the newest words
   */
  constructor(scroller, latest) {
    this.#scroller = scroller;
    this.#latest = latest;
    scroller.addEventListener("scroll", () => {
      this.#following = this.#distance() < NEAR;
      this.#latest.hidden = this.#following;
    });
    latest.addEventListener("click", () => {
      this.#following = true;
      this.update();
    });
  }

  #scroller;
  #latest;
  #following = true;

  /** To be called after words were added. */
  update() {
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#latest.hidden = this.#following || this.#distance() < NEAR;
  }

  /** Pixels below what is seen. */
  #distance() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }
}
