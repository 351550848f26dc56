// The boot module: all the script that a collapsed widget runs. It speaks to the host page, holds the embedded session
// in memory, keeps the launcher's badge and faces fresh, and loads the WASM bundle when someone wants it.
//
// Hands over to the bundle as `window.postilBoot` (app/src/net/boot.rs); tells it later wishes of the host by
// `postil-host` events. Envelope between host and widget: { postil: 1, verb, … }, verbs as in public/embed.js.

const script = document.getElementById("postil-boot");
const { page, js, wasm } = script.dataset;
const root = document.documentElement;
const seed = JSON.parse(document.getElementById("postil-seed")?.textContent ?? "{}");
const embedded = page === "widget" && seed.embedded;
const theme = new URLSearchParams(location.search).get("theme");
if (theme === "light" || theme === "dark") root.dataset.theme = theme;

// Leptos looks for these even where nothing was streamed.
window.__RESOLVED_RESOURCES = [];
window.__SERIALIZED_ERRORS = [];
window.__INCOMPLETE_CHUNKS = [];

// ------------------------------------------------------------------------------------------------------------- bundle

let bundle;
function load() {
  bundle ??= import(js)
    .then(async (module) => {
      await module.default({ module_or_path: wasm });
      module.hydrate();
    })
    .catch((error) => {
      // The next wish tries again: a deploy or a dead network must not end the widget for good.
      bundle = undefined;
      throw error;
    });
  return bundle;
}

let hinted = false;
function hint() {
  if (hinted) return;
  hinted = true;
  for (const [rel, href, as] of [["modulepreload", js], ["preload", wasm, "fetch"]]) {
    const link = document.createElement("link");
    link.rel = rel;
    link.href = href;
    if (as) {
      link.as = as;
      link.crossOrigin = "anonymous";
    }
    document.head.append(link);
  }
}

// -------------------------------------------------------------------------------------------------------------- host

let port;
let origin;
const tell = (verb, more) => port?.postMessage({ postil: 1, verb, ...more });
const toApp = (detail) => dispatchEvent(new CustomEvent("postil-host", { detail: JSON.stringify(detail) }));

const met = new Promise((resolve) => {
  if (!embedded) return;
  addEventListener("message", (event) => {
    const known = window.location.ancestorOrigins?.[0] ?? event.origin;
    if (port || event.source !== parent || event.data?.postil !== 1 || event.data.verb !== "init") return;
    if (event.origin !== known || !event.ports[0]) return;
    origin = event.origin;
    port = event.ports[0];
    port.onmessage = ({ data }) => hear(data);
    if (event.data.record) hear({ verb: "context", record: event.data.record });
    if (event.data.open) show();
    resolve();
    resize();
  });
});

let gotToken;
function hear(data) {
  switch (data?.verb) {
    case "token":
      gotToken?.(data.token ?? null);
      break;
    case "open":
      show();
      break;
    case "close":
      hide();
      break;
    case "resize":
      root.classList.toggle("is-full", !!data.full);
      break;
    case "context":
      seed.record = data.record ?? null;
      toApp({ verb: "context", record: seed.record });
      break;
  }
}

// ------------------------------------------------------------------------------------------------------------ session

let session = seed.me ? { me: seed.me } : null;
const headers = () => ({
  Accept: "application/json",
  ...(session?.me && { "X-Postil-Company": session.me.companyId }),
  ...(session?.sessionToken && { Authorization: `Bearer ${session.sessionToken}` }),
});

async function api(path, method = "GET", body) {
  const answer = await fetch(`/api/v1${path}`, {
    method,
    credentials: embedded ? "omit" : "same-origin",
    headers: { ...headers(), ...(method !== "GET" && { "X-Postil-Csrf": "1" }), ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw Object.assign(new Error(path), { status: answer.status });
  return answer.json();
}

/** Exchanges a fresh token of the host for a session. The token is used once and never kept. */
async function exchange() {
  await met;
  const token = await new Promise((resolve) => {
    gotToken = resolve;
    tell("token");
    setTimeout(resolve, 15000, null);
  });
  if (!token) return null;
  session = null;
  session = await api("/embed/token", "POST", { token, origin }).catch(() => null);
  return session;
}

let identified;
const identify = () =>
  (identified ??= (embedded ? exchange() : session ? Promise.resolve(session) : api("/me").then((me) => (session = { me }))).catch(() => null));

// ----------------------------------------------------------------------------------------------------------- launcher

const dock = document.getElementById("postil-launcher");
const button = dock?.querySelector("button");
const openKey = () => session?.me && `postil:${session.me.id}:${session.me.companyId}:open`;
const remember = (open) => {
  try {
    if (openKey()) localStorage.setItem(openKey(), open ? "1" : "0");
  } catch {} // Storage is blocked: the state lives as long as the page.
};
const remembered = () => {
  try {
    return localStorage.getItem(openKey()) === "1";
  } catch {
    return false;
  }
};

function hue(user) {
  // As app/src/parts/face.rs: the id's value modulo 24.
  return Number(BigInt(`0x${user.slice(4)}`) % 24n);
}

function initials(name) {
  const words = name.split(/\s+/).map((word) => [...word].find((c) => /[\p{L}\p{N}]/u.test(c))).filter(Boolean);
  return (words.length > 1 ? words[0] + words.at(-1) : words[0] ?? "").toUpperCase();
}

const count = (n) => (n > 99 ? "99+" : `${n}`);
let shown = seed.launcher ?? { unread: 0, online: [], onlineCount: 0 };

function draw(next) {
  shown = { ...shown, ...next };
  const { unread, online, onlineCount } = shown;
  dock.querySelector(".badge").textContent = unread > 0 ? count(unread) : "";
  dock.querySelector(".launcher-faces").replaceChildren(
    ...online.slice(0, 3).map((person) => {
      const face = document.createElement("span");
      face.className = `avatar small hue-${hue(person.id)}`;
      face.ariaHidden = "true";
      face.textContent = initials(person.name);
      return face;
    }),
  );
  let name = "Messages";
  if (unread > 0) name += `, ${count(unread)} unread`;
  if (onlineCount > 0) name += `, ${onlineCount} ${onlineCount === 1 ? "person" : "people"} here`;
  button.setAttribute("aria-label", name);
  tell("unread", { count: unread });
  resize();
}

function colour() {
  const company = session?.me?.companies.find((company) => company.id === session.me.companyId);
  if (company) dock.className = `scope launcher-dock hue-${Math.floor((company.hue + 7) / 15) % 24}`;
}

let refreshing;
function refresh() {
  // What comes within half a second is asked for once.
  refreshing ??= setTimeout(async () => {
    refreshing = undefined;
    if (document.visibilityState !== "visible" && !embedded) return;
    await api("/launcher").then(draw).catch(() => {});
  }, 400);
}

// ------------------------------------------------------------------------------------------------------- light socket

let socket;
let failures = 0;
let handedOver = false;
let cursor = null;

async function listen() {
  if (handedOver) return;
  try {
    const ticket = session.sessionToken && (await api("/realtime/ticket", "POST")).ticket;
    if (handedOver) return;
    const protocols = ["postil.v1", ...(ticket ? [`postil.ticket.${ticket}`] : [])];
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/realtime`, protocols);
  } catch {
    return again();
  }
  const active = () => document.visibilityState === "visible";
  socket.onopen = () => socket.send(JSON.stringify({ type: "hello", companyId: session.me.companyId, cursor, active: active() }));
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    cursor = frame.cursor ?? cursor;
    if (frame.type === "welcome") {
      failures = 0;
      const userIds = shown.online.map((person) => person.id);
      if (userIds.length) socket.send(JSON.stringify({ type: "presence.watch", userIds }));
    }
    if (frame.type !== "typing") refresh();
  };
  socket.onclose = ({ code }) => {
    socket = undefined;
    // Signed out, revoked, switched: nothing to wait for.
    if (!handedOver && ![4401, 4403, 4409].includes(code)) again();
  };
}

function again() {
  failures += 1;
  setTimeout(listen, Math.min(30000, 500 * 2 ** failures) * (1 + Math.random()));
}

document.addEventListener("visibilitychange", () => {
  if (socket?.readyState === 1) socket.send(JSON.stringify({ type: "activity", active: document.visibilityState === "visible" }));
  if (page === "widget" && document.visibilityState === "visible" && session) refresh();
});

// ------------------------------------------------------------------------------------------------------ open and close

const isOpen = () => root.classList.contains("is-open");

function resize() {
  if (!dock) return;
  const open = isOpen();
  // Room for the shadow and the focus ring around the launcher.
  tell("resize", open ? { open } : { open, width: button.offsetWidth + 28, height: 76 });
}

async function show() {
  root.classList.replace("is-collapsed", "is-open");
  button.setAttribute("aria-expanded", "true");
  resize();
  tell("open");
  remember(true);
  try {
    await load();
    // Whoever clicks before the session is known is remembered as soon as it is.
    remember(isOpen());
    toApp({ verb: "context", record: seed.record ?? null });
    toApp({ verb: "open" });
  } catch {
    hide();
    button.setAttribute("aria-label", "Messages could not be loaded. Try again");
  }
}

function hide() {
  if (!isOpen()) return;
  root.classList.replace("is-open", "is-collapsed");
  button.setAttribute("aria-expanded", "false");
  toApp({ verb: "close" });
  remember(false);
  resize();
  tell("close");
  button.focus();
  if (session) refresh();
}

// --------------------------------------------------------------------------------------------------------------- start

const title = document.title;
window.postilBoot = {
  /** The embedded session as JSON, or null. From here on the bundle has the socket. */
  async session() {
    const known = await identify();
    handedOver = true;
    socket?.close();
    return known && JSON.stringify(known);
  },
  /** A new session, from a new token of the host. */
  async renew() {
    const known = await (identified = exchange().catch(() => null));
    return known && JSON.stringify(known);
  },
  unread(unread) {
    if (page === "widget") draw({ unread });
    else document.title = unread > 0 ? `(${count(unread)}) ${title}` : title;
  },
  close: hide,
  navigate: (kind, id, url) => tell("navigate", { kind, id, url }),
};

if (page === "messages") {
  load();
} else {
  button.addEventListener("click", show);
  for (const wish of ["pointerenter", "focus", "touchstart"]) button.addEventListener(wish, hint, { passive: true });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && event.keyCode !== 229 && !event.defaultPrevented && isOpen() && !document.querySelector("dialog[open]")) hide();
  });
  if (isOpen()) show();
  identify().then((known) => {
    if (!known) return;
    colour();
    refresh();
    // People come and go unwatched: a look now and then keeps the faces honest.
    setInterval(refresh, 60000);
    // Without a socket, every half minute is often enough for a badge.
    setInterval(() => failures > 2 && refresh(), 30000);
    if (remembered() && !isOpen()) show();
    else listen();
  });
}
