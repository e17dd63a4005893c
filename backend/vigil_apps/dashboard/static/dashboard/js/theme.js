// Runs before the first paint, so that the wrong theme does not flash.
(() => {
  const system = () => (window.matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  const chosen = () => {
    try {
      return localStorage.getItem("vigil-theme");
    } catch {
      return null; // storage may be forbidden
    }
  };
  const apply = () => { document.documentElement.dataset.theme = chosen() ?? system(); };
  apply();
  window.matchMedia("(prefers-color-scheme: light)").addEventListener("change", apply);
  window.vigilToggleTheme = () => {
    const next = document.documentElement.dataset.theme === "light" ? "dark" : "light";
    try {
      localStorage.setItem("vigil-theme", next);
    } catch { /* it holds for this page then */ }
    document.documentElement.dataset.theme = next;
    document.dispatchEvent(new CustomEvent("vigil:theme"));
  };
})();
