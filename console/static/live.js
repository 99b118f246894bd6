// <live-region src> shows what the server sends on an event stream: each event
// "html" replaces the content of the element with the id "into". The server
// escapes what it sends; the stream ends with the session.
class LiveRegion extends HTMLElement {
  connectedCallback() {
    this.open();
  }

  disconnectedCallback() {
    this.source?.close();
  }

  open() {
    const into = document.getElementById(this.getAttribute("into"));
    const state = this.querySelector("[data-state]");
    const say = (name, text) => {
      if (!state || state.dataset.state === name) return;
      state.dataset.state = name;
      state.textContent = text;
    };
    this.source = new EventSource(this.getAttribute("src"));
    this.source.addEventListener("open", () => say("on", "Live"));
    this.source.addEventListener("html", (event) => {
      if (into) into.innerHTML = event.data;
      document.dispatchEvent(new CustomEvent("coffer:changed"));
    });
    this.source.addEventListener("reload", () => location.reload());
    this.source.addEventListener("end", () => {
      this.source.close();
      say("off", "Signed out: reload the page to sign in again");
    });
    this.source.addEventListener("error", () => {
      say("off", this.source.readyState === EventSource.CLOSED ? "Not live: reload the page" : "Connecting again…");
    });
  }
}

customElements.define("live-region", LiveRegion);
