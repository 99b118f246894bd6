// <upload-zone sign> sends files straight to the S3 address: for each it asks
// the console for a pre-signed URL, PUTs the file there and shows how far it is.
// Without it, its form sends the file through the console.
class UploadZone extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    const input = form.querySelector("input[type=file]");
    const drop = this.querySelector(".drop");
    input.multiple = true;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send([...input.files].map((file) => ({ file, name: file.name })), form);
    });
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    for (const name of ["dragleave", "drop"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.remove("over");
      });
    }
    drop.addEventListener("drop", async (event) => {
      try {
        const files = await dropped(event.dataTransfer);
        if (files.length) this.send(files, form);
        else this.say("Nothing was uploaded: there is no file in what was dropped.");
      } catch (e) {
        this.say(`Nothing was uploaded: ${e.message}`);
      }
    });
  }

  say(text) {
    const line = document.createElement("li");
    line.textContent = text;
    this.querySelector(".uploads").append(line);
  }

  async send(files, form) {
    const list = this.querySelector(".uploads");
    let failed = 0;
    for (const { file, name } of files) {
      const line = document.createElement("li");
      const label = document.createElement("span");
      const bar = document.createElement("progress");
      bar.max = 1;
      bar.value = 0;
      bar.setAttribute("aria-label", name);
      label.textContent = name;
      line.append(label, bar);
      list.append(line);
      try {
        await this.put(file, name, form, (part) => (bar.value = part));
        label.textContent = `${name}: uploaded`;
        bar.value = 1;
      } catch (e) {
        failed++;
        label.textContent = `${name}: ${e.message}`;
        bar.remove();
      }
    }
    if (!files.length || failed) return;
    // What the page was opened with, as "The bucket was made", is done and said.
    const here = new URL(location);
    here.searchParams.set("did", files.length > 1 ? "uploads" : "uploaded");
    location.replace(here);
  }

  async put(file, name, form, progress) {
    const data = new URLSearchParams({
      prefix: form.elements.prefix.value,
      name,
      type: file.type,
    });
    const answer = await fetch(this.getAttribute("sign"), { method: "POST", body: data });
    if (!answer.headers.get("Content-Type")?.startsWith("application/json")) {
      throw new Error("the session has ended: reload the page and sign in again");
    }
    const signed = await answer.json();
    if (!answer.ok) throw new Error(signed.message);
    await new Promise((done, fail) => {
      const request = new XMLHttpRequest();
      request.open("PUT", signed.url);
      if (signed.type) request.setRequestHeader("Content-Type", signed.type);
      request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
      request.addEventListener("load", () => {
        if (request.status < 300) return done();
        const message = /<Message>([^<]*)/.exec(request.responseText);
        fail(new Error(message ? message[1] : `the server answered ${request.status}`));
      });
      request.addEventListener("error", () => fail(new Error(`the S3 address ${new URL(signed.url).origin} could not be reached from this browser`)));
      request.send(file);
    });
  }
}

// dropped are the files of a drop, those in folders too, each with its path. What was
// dropped must be asked for at once: after the event it is gone.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, name: file.name }));
  const files = [];
  for (const entry of entries) await collect(entry, files);
  return files;
}

async function collect(entry, files) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    files.push({ file, name: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  // It gives a part of them at a time, and none at the end.
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return;
    for (const inner of some) await collect(inner, files);
  }
}

customElements.define("upload-zone", UploadZone);
