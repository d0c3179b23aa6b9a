// Runs before the first paint, so that a chosen theme never flashes. "auto" follows the system.
(() => {
  const root = document.documentElement;
  const read = () => { try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; } };
  const apply = (theme) => { if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme; };
  root.classList.add("scripted");
  apply(read());
  addEventListener("storage", (event) => { if (event.key === "theme") apply(read()); });
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const name = (theme) => { button.title = `Theme: ${theme}. Click for the next one`; };
    name(read());
    button.addEventListener("click", () => {
      const dark = matchMedia("(prefers-color-scheme: dark)").matches;
      const order = dark ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
      const next = order[(order.indexOf(read()) + 1) % 3];
      try { localStorage.setItem("theme", next); } catch { /* a private window keeps it for this page */ }
      apply(next);
      name(next);
      dispatchEvent(new CustomEvent("theme"));
    });
  });
})();
