// <passkey-form> wraps a form: it fetches a challenge from "begin" or takes its
// "options", asks the browser for a passkey, and sends the form with the answer
// in its field "credential". mode is "create" or "get".
class PasskeyForm extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    if (!form || !window.PublicKeyCredential) return;
    this.hidden = false;
    form.addEventListener("submit", (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      this.run(form);
    });
  }

  async run(form) {
    const error = this.querySelector("[role=alert]");
    error.textContent = "";
    try {
      const options = await this.begin(form);
      form.elements.credential.value = JSON.stringify(await this.ask(options));
      delete form.dataset.sent;
      form.requestSubmit();
    } catch (e) {
      form.elements.credential.value = "";
      error.textContent = e.name === "NotAllowedError"
        ? "The passkey was not used: it was cancelled, or it took too long. Try again."
        : `The passkey could not be used: ${e.message}`;
    }
  }

  // begin returns what the browser is to be asked with: the page has it already
  // where a challenge is open.
  async begin(form) {
    if (this.hasAttribute("options")) return JSON.parse(this.getAttribute("options"));
    const answer = await fetch(this.getAttribute("begin"), { method: "POST", body: new URLSearchParams() });
    const begun = await answer.json();
    if (!answer.ok) throw new Error(begun.message);
    form.elements.challenge.value = begun.challenge;
    return begun.options;
  }

  async ask(options) {
    if (this.getAttribute("mode") === "create") {
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey);
      return (await navigator.credentials.create({ publicKey })).toJSON();
    }
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey);
    return (await navigator.credentials.get({ publicKey })).toJSON();
  }
}

customElements.define("passkey-form", PasskeyForm);
