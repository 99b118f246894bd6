// The console's own behaviour, one module for each thing. Every page works
// without any of it, apart from passkeys, which browsers only give to scripts.
import "./copy.js";
import "./dialogs.js";
import "./live.js";
import "./passkey.js";
import "./times.js";
import "./upload.js";

for (const el of document.querySelectorAll(".js-only")) el.classList.add("ready");

// Forms marked so are sent as soon as a choice is made.
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

// A form is sent once: a second click would ask for a second key.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.target) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
});

// A page that the browser kept as it was must not be shown after sign-out, and
// its forms may be sent again.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
