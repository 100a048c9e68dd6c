// Common to all pages: theme, shortcuts, dialogs, toasts, and indicators of loading, failures and missing pictures.
import { installAsking } from "./asking.js";
import { installCsrfToken } from "./csrf.js";
import { installDialogs } from "./dialogs.js";
import { installFailures } from "./failures.js";
import { installFocus } from "./focus.js";
import { installPictures } from "./pictures.js";
import { installShortcuts } from "./shortcuts.js";
import { installThemeToggle } from "./theme-toggle.js";
import { installToasts } from "./toasts.js";

installCsrfToken();
installThemeToggle();
installDialogs();
installToasts();
installAsking();
installFailures();
installPictures();
installShortcuts();
installFocus();
