// Dark or light theme: that of the system until the user chooses one, which is remembered.
const root = document.documentElement;
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemIsDark.matches);

export function toggleTheme() {
  root.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // The choice applies to this page only.
  }
  showTheme();
}

function showTheme() {
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.setAttribute("aria-label", isDark() ? "Use the light theme" : "Use the dark theme");
  }
}

export function installThemeToggle() {
  showTheme();
  systemIsDark.addEventListener("change", showTheme);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) toggleTheme();
  });
}
