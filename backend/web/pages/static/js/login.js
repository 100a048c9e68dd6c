// A login link carries its secret after the #, which browsers do not send. Submits it once, and removes it from the address bar.
const form = document.querySelector("[data-login]");

function useLink() {
  const secret = new URLSearchParams(location.hash.slice(1)).get("link");
  if (!secret) return;
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.link.value = secret;
  form.ariaBusy = "true";
  document.querySelector("[data-login-button]").textContent = "Logging you in …";
  form.submit();
}

addEventListener("hashchange", useLink);
useLink();
