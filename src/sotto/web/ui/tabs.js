/**
 * The tabs: WAI-ARIA's tabs pattern, where a tab opens as it is focused. Its panel hears the event
 * `opened` then.
 */

import { Roving } from "./roving.js";

/**
 * The open tab is in the address (#files), so that it can be linked and survives a reload.
 * @param {HTMLElement} list
 */
export function mountTabs(list) {
  const tabs = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[role=tab]")]);
  new Roving(list, "[role=tab]").refresh();
  const open = (/** @type {HTMLElement} */ chosen) => {
    for (const tab of tabs) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      panelOf(tab).hidden = !selected;
    }
    panelOf(chosen).dispatchEvent(new Event("opened"));
  };
  for (const tab of tabs) {
    const choose = () => {
      open(tab);
      history.replaceState(null, "", `#${panelOf(tab).id}`);
    };
    tab.addEventListener("focus", choose);
    tab.addEventListener("click", choose);
  }
  const linked = tabs.find((tab) => `#${panelOf(tab).id}` === location.hash);
  if (linked) open(linked);
}

/**
 * @param {HTMLElement} tab
 * @returns {HTMLElement}
 */
function panelOf(tab) {
  const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
  if (!panel) throw new Error(`expected a panel for the tab ${tab.id}, got none`);
  return panel;
}
