// What every page has: theme, shortcuts, walls by keyboard, dialogs, toasts for what htmx could not do.
import { installCsrfToken } from "./csrf.js";
import { installDialogs } from "./dialogs.js";
import { installShortcuts } from "./shortcuts.js";
import { installThemeToggle } from "./theme-toggle.js";
import { installToasts } from "./toasts.js";
import { installWalls } from "./walls.js";

installCsrfToken();
installThemeToggle();
installDialogs();
installToasts();
installWalls();
installShortcuts();
