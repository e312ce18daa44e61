// Runs before the first paint, so that a chosen scheme does not flash. The rest is in theme.js.
try {
  const theme = localStorage.getItem("sotto.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (error) {
  // A browser that keeps nothing for this page refuses localStorage altogether.
  if (!(error instanceof DOMException)) throw error;
}
