/** Files by drop, or by the file dialog. */

/**
 * The whole panel takes a drop; the zone shows it.
 * @param {{panel: HTMLElement, zone: HTMLElement, input: HTMLInputElement}} parts
 * @param {(files: File[]) => void} onFiles
 */
export function mountDropZone({ panel, zone, input }, onFiles) {
  input.addEventListener("change", () => {
    onFiles([...(input.files ?? [])]);
    // The same file can be chosen again.
    input.value = "";
  });
  panel.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  panel.addEventListener("dragleave", (event) => {
    if (!(event.relatedTarget instanceof Node) || !panel.contains(event.relatedTarget)) {
      zone.classList.remove("over");
    }
  });
  panel.addEventListener("drop", (event) => {
    zone.classList.remove("over");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    onFiles(files);
  });
}
