// <copy-button> copies the text of the element that its "from" names, or of its
// "text", and says so to eyes and to screen readers.
class CopyButton extends HTMLElement {
  connectedCallback() {
    if (this.firstElementChild) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet small-button";
    button.textContent = "Copy";
    const what = this.getAttribute("label");
    if (what) button.setAttribute("aria-label", `Copy ${what}`);
    const status = document.createElement("span");
    status.className = "visually-hidden";
    status.setAttribute("role", "status");
    this.append(button, status);
    button.addEventListener("click", () => this.copy(button, status));
  }

  async copy(button, status) {
    const from = this.getAttribute("from");
    const source = from && document.getElementById(from);
    const text = source ? source.textContent : this.getAttribute("text");
    const done = await write(text ?? "", source);
    button.textContent = done ? "Copied" : "Select and copy";
    status.textContent = done ? "Copied" : "It could not be copied: it is selected now";
    setTimeout(() => {
      button.textContent = "Copy";
      status.textContent = "";
    }, 2000);
  }
}

// write puts text on the clipboard. Pages of plain http on another machine have
// no clipboard; there the text is selected for the person to copy.
async function write(text, source) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (source) getSelection().selectAllChildren(source);
    return false;
  }
}

customElements.define("copy-button", CopyButton);
