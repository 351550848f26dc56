// <postil-messenger>: Postil in a page of your ERP.
//
//   <script async src="https://postil.example/embed.js"></script>
//   <postil-messenger src="https://postil.example" company="cmp_…" token-url="/postil/token"
//                     record-kind="transaction" record-id="INV-4711"></postil-messenger>
//
// Attributes: src, company, token-url; record-kind, record-id; open; position ("end" or "start"); theme ("light", "dark").
// `token-url` is a route of your own backend that answers {"token": "<signed JWT>"} for the person who is signed in.
// Methods: open(), close(), toggle(), setContext({kind, id} | null).
// Events: postil-unread {count}; postil-navigate {kind, id, url}, cancelable: prevent it to show the record your way.
//
// A closed shadow root and an iframe. Host and frame meet once by postMessage, with exact origins both ways, then talk
// over a MessageChannel: { postil: 1, verb, … }, verb one of init, token, resize, unread, open, close, navigate, context.
// The token never shows in an address. No style attribute: a strict style-src 'self' does not mind.

(() => {
// A classic script, so that a page of another origin may load it without CORS.
const home = document.currentScript ? new URL(document.currentScript.src).origin : location.origin;

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host { position: fixed; z-index: 2147483000; inset-block-end: 4px; inset-inline-end: 4px; display: block; }
:host([position="start"]) { inset-inline: 4px auto; }
:host([hidden]) { display: none; }
iframe { display: block; border: 0; inline-size: 76px; block-size: 76px; background: transparent; color-scheme: light dark; border-radius: 14px; }
:host([theme="light"]) iframe { color-scheme: light; }
:host([theme="dark"]) iframe { color-scheme: dark; }
iframe.open { margin: 12px; inline-size: 384px; block-size: min(640px, calc(100vh - 32px)); box-shadow: 0 1px 2px rgb(0 0 0 / 0.1), 0 12px 40px -4px rgb(0 0 0 / 0.28); }
@media (max-width: 480px) { iframe.open { margin: 0; position: fixed; inset: 0; inline-size: 100%; block-size: 100%; border-radius: 0; } }
`);

const narrow = matchMedia("(max-width: 480px)");

class PostilMessenger extends HTMLElement {
  static observedAttributes = ["record-kind", "record-id"];

  #frame;
  #port;
  #size = new CSSStyleSheet();
  #open = false;
  #wanted;
  #asked = false;
  #warned = false;
  #changing = false;

  connectedCallback() {
    narrow.addEventListener("change", this.#full);
    // Moved within the page: the frame is there.
    if (this.#frame) return;
    const src = new URL(this.getAttribute("src") ?? home, location.href);
    const shadow = this.attachShadow({ mode: "closed" });
    shadow.adoptedStyleSheets = [sheet, this.#size];
    const frame = document.createElement("iframe");
    const query = new URLSearchParams({ embed: "1", state: "collapsed" });
    for (const name of ["company", "theme"]) if (this.hasAttribute(name)) query.set(name, this.getAttribute(name));
    frame.src = `${src.origin}/widget?${query}`;
    frame.title = this.getAttribute("frame-title") ?? "Messages";
    frame.allow = "clipboard-write";
    frame.addEventListener("load", () => this.#meet(src.origin));
    this.#frame = frame;
    shadow.append(frame);
  }

  disconnectedCallback() {
    narrow.removeEventListener("change", this.#full);
    // Moved within the page: the frame loads again and is met again.
    this.#port?.close();
    this.#port = undefined;
  }

  attributeChangedCallback(_, before, now) {
    if (before === now || this.#changing) return;
    // Kind and id change one after the other; the widget hears of the pair.
    this.#changing = true;
    queueMicrotask(() => {
      this.#changing = false;
      this.#tell("context", { record: this.#record() });
    });
  }

  open() {
    if (this.#port) this.#tell("open");
    else this.#wanted = this.#asked = true;
  }

  close() {
    this.#wanted = false;
    this.#tell("close");
  }

  toggle() {
    if (this.#open) this.close();
    else this.open();
  }

  setContext(record) {
    for (const name of ["kind", "id"]) {
      if (record) this.setAttribute(`record-${name}`, record[name]);
      else this.removeAttribute(`record-${name}`);
    }
  }

  #record() {
    const [kind, id] = [this.getAttribute("record-kind"), this.getAttribute("record-id")];
    return kind && id ? { kind, id } : null;
  }

  #tell(verb, more) {
    this.#port?.postMessage({ postil: 1, verb, ...more });
  }

  #full = () => this.#tell("resize", { full: narrow.matches });

  #meet(origin) {
    const { port1, port2 } = new MessageChannel();
    this.#port?.close();
    this.#port = port1;
    port1.onmessage = ({ data }) => this.#hear(data);
    const open = this.#wanted ?? this.hasAttribute("open");
    // Delivered only if the frame still shows our origin. The keyboard goes along if open() was called, and once.
    this.#frame.contentWindow.postMessage({ postil: 1, verb: "init", record: this.#record(), open, asked: this.#asked }, origin, [port2]);
    this.#asked = false;
    this.#full();
  }

  #hear(data) {
    if (data?.postil !== 1) return;
    switch (data.verb) {
      case "token":
        this.#token();
        break;
      case "resize":
        this.#open = !!data.open;
        this.#frame.classList.toggle("open", this.#open);
        // Numbers only: nothing that a frame says becomes style.
        this.#size.replaceSync(this.#open ? "" : `iframe { inline-size: ${Math.min(320, +data.width || 76)}px; block-size: ${Math.min(120, +data.height || 76)}px; }`);
        break;
      case "unread":
        this.dispatchEvent(new CustomEvent("postil-unread", { detail: { count: +data.count || 0 }, bubbles: true, composed: true }));
        break;
      case "navigate": {
        const detail = { kind: `${data.kind}`, id: `${data.id}`, url: data.url ? `${data.url}` : null };
        const event = new CustomEvent("postil-navigate", { detail, bubbles: true, composed: true, cancelable: true });
        // By default the record's own address is shown, if it is one of the web's.
        if (this.dispatchEvent(event) && /^https?:/.test(detail.url ?? "")) location.assign(detail.url);
        break;
      }
    }
  }

  /** A token; null when nobody is signed in; `failed` when that could not be found out. */
  async #token() {
    const url = this.getAttribute("token-url");
    let token = null;
    let failed = false;
    if (url) {
      try {
        const answer = await fetch(url, { method: "POST", credentials: "same-origin", headers: { Accept: "application/json" } });
        if (answer.ok) token = (await answer.json()).token ?? null;
        else failed = answer.status !== 401 && answer.status !== 403;
      } catch {
        failed = true;
      }
    } else if (!this.#warned) {
      this.#warned = true;
      console.error("<postil-messenger> has no token-url: nobody can be signed in.");
    }
    this.#tell("token", { token, failed });
  }
}

customElements.get("postil-messenger") ?? customElements.define("postil-messenger", PostilMessenger);
})();
