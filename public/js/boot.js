// The boot module: all the script that a collapsed widget runs. It speaks to the host page, holds the embedded session
// in memory, keeps the launcher's badge and faces fresh, and loads the WASM bundle when someone wants it.
//
// Hands over to the bundle as `window.postilBoot` (app/src/net/boot.rs), with the socket; tells it later wishes of the
// host by `postil-host` events. Envelope between host and widget: { postil: 1, verb, … }, verbs as in public/embed.js.

const script = document.getElementById("postil-boot");
const { page, js, wasm, style } = script.dataset;
const root = document.documentElement;
const query = new URLSearchParams(location.search);
const theme = query.get("theme");
if (theme === "light" || theme === "dark") root.dataset.theme = theme;

const nobody = { unread: 0, online: [], onlineCount: 0 };
let embedded, record, session, shown;
{
  // What is needed is taken out: a module lives as long as its page, and must not keep the first company's inbox.
  const seed = JSON.parse(document.getElementById("postil-seed")?.textContent ?? "{}");
  embedded = page === "widget" && !!seed.embedded;
  record = seed.record ?? null;
  session = seed.me ? { me: seed.me } : null;
  shown = seed.launcher ?? nobody;
}

// Leptos looks for these even where nothing was streamed.
window.__RESOLVED_RESOURCES = [];
window.__SERIALIZED_ERRORS = [];
window.__INCOMPLETE_CHUNKS = [];

// ------------------------------------------------------------------------------------------------------------- bundle

let bundle;
let attempts = 0;
function load() {
  // A browser may remember that a module failed: another try goes by another name.
  bundle ??= Promise.all([import(attempts ? `${js}?${attempts}` : js), dress()])
    .then(async ([module]) => {
      await module.default({ module_or_path: wasm });
      module.hydrate();
      handedOver = true;
      socket?.close();
    })
    .catch((error) => {
      // The next wish tries again: a dead network must not end the widget for good.
      bundle = undefined;
      attempts += 1;
      throw error;
    });
  return bundle;
}

/** The style of what is shown when the panel is open, unless the page came with it. */
let dressing;
function dress() {
  dressing ??= new Promise((resolve, reject) => {
    if (!style) return resolve();
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = style;
    link.onload = resolve;
    link.onerror = () => {
      link.remove();
      dressing = undefined;
      reject(new Error(style));
    };
    document.head.append(link);
  });
  return dressing;
}

/** Whether a deploy took away what this page names. Then the page is old, and is loaded afresh: once for each name. */
async function outdated() {
  if (query.get("again") === js) return false;
  const gone = (path) => fetch(path, { method: "HEAD", cache: "no-store" }).then(({ status }) => status === 404 || status === 410);
  return (await Promise.all([js, wasm, style].filter(Boolean).map(gone)).catch(() => [])).includes(true);
}

function afresh(why) {
  const address = new URL(location.href);
  if (why === "outdated") address.searchParams.set("again", js);
  address.searchParams.set("state", "open");
  location.replace(address);
}

let hinted = false;
function hint() {
  if (hinted) return;
  hinted = true;
  dress().catch(() => {});
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
    if (event.data.open) show(event.data.asked ? "host" : "restore");
    resolve();
    resize();
  });
});

let gotToken;
function hear(data) {
  switch (data?.verb) {
    case "token":
      gotToken?.(data);
      break;
    case "open":
      show("host");
      break;
    case "close":
      hide();
      break;
    case "resize":
      root.classList.toggle("is-full", !!data.full);
      break;
    case "context":
      record = data.record ?? null;
      toApp({ verb: "context", record });
      break;
  }
}

// ------------------------------------------------------------------------------------------------------------ session

async function api(path, method = "GET", body, as = session) {
  const answer = await fetch(`/api/v1${path}`, {
    method,
    credentials: embedded ? "omit" : "same-origin",
    headers: {
      Accept: "application/json",
      ...(as?.me && { "X-Postil-Company": as.me.companyId }),
      ...(as?.sessionToken && { Authorization: `Bearer ${as.sessionToken}` }),
      ...(method !== "GET" && { "X-Postil-Csrf": "1" }),
      ...(body && { "Content-Type": "application/json" }),
    },
    body: body && JSON.stringify(body),
  });
  if (answer.ok) return answer.json();
  throw Object.assign(new Error(path), { status: answer.status, problem: await answer.text().catch(() => "") });
}

/** From here on this is the session. Of another person or company nothing stays. */
function adopt(next) {
  const [before, now] = [session?.me, next?.me];
  session = next;
  if (before?.id === now?.id && before?.companyId === now?.companyId && before?.contextEpoch === now?.contextEpoch) return next;
  socket?.close();
  socket = undefined;
  cursor = null;
  shown = nobody;
  entitle();
  if (dock) {
    colour();
    draw();
    if (isOpen()) remember(true);
  }
  return next;
}

/** The session is over, or in another company: what the page still shows of it goes. */
function forget() {
  adopt(null);
  if (handedOver || embedded) return;
  // What the server rendered is the former company's, too: opened again, the page is loaded afresh.
  document.getElementById("postil-seed")?.remove();
  document.getElementById("postil-root").replaceChildren();
  left = true;
}

/** Exchanges a fresh token of the host for a session: null when the host says that nobody is signed in. One at a time. */
let exchanging;
function exchange() {
  exchanging ??= new Promise((resolve, reject) => {
    setTimeout(reject, 15000, new Error("no token"));
    gotToken = ({ token, failed }) => (failed ? reject(new Error("no token")) : resolve(token ?? null));
    met.then(() => tell("token"));
  })
    // The token is used once and never kept.
    .then((token) => token && api("/embed/token", "POST", { token, origin }, null))
    .then(adopt)
    .finally(() => (exchanging = undefined));
  return exchanging;
}

/** Who is signed in, or null. A failure is not remembered: the next who asks tries again. */
let identifying;
function identify() {
  if (session) return Promise.resolve(session);
  identifying ??= (embedded ? exchange() : api("/me").then((me) => adopt({ me }))).finally(() => (identifying = undefined));
  return identifying;
}

/** For the bundle: the session as JSON, or null; rejected with the server's problem, or an empty text without one. */
const told = (known) =>
  known.then(
    (known) => known && JSON.stringify(known),
    (error) => Promise.reject(error.problem ?? ""),
  );

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
/** Why the bundle is not there, as long as it is not. */
let trouble = "";

function draw(next) {
  shown = { ...shown, ...next };
  const { unread, online, onlineCount } = shown;
  dock.querySelector(".badge").textContent = unread > 0 ? count(unread) : "";
  const why = document.createElement("span");
  why.className = "tag";
  why.textContent = trouble;
  dock.querySelector(".launcher-faces").replaceChildren(
    ...(trouble ? [why] : []),
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
  if (trouble) name += `. ${trouble}`;
  button.setAttribute("aria-label", name);
  tell("unread", { count: unread });
  resize();
}

const company = () => session?.me?.companies.find((company) => company.id === session.me.companyId);

function colour() {
  const here = company();
  dock.className = `scope launcher-dock${here ? ` hue-${Math.floor((here.hue + 7) / 15) % 24}` : ""}`;
}

/** As app/src/shell.rs, with the number of unread messages. */
function entitle(unread = 0) {
  if (page === "messages") document.title = `${unread > 0 ? `(${count(unread)}) ` : ""}Messages · ${company()?.name ?? "Postil"}`;
}

let refreshing;
function refresh() {
  // What comes within half a second is asked for once.
  refreshing ??= setTimeout(async () => {
    refreshing = undefined;
    if (!session || (document.visibilityState !== "visible" && !embedded)) return;
    const asked = session;
    try {
      const next = await api("/launcher");
      if (session === asked) draw(next);
    } catch ({ status }) {
      if (session === asked && [401, 403, 409].includes(status)) over(status);
    }
  }, 400);
}

/** The server says that the session is no more what it was. A host that is still signed in makes another. */
function over(status) {
  forget();
  if (embedded && status === 401 && !handedOver) later(begin);
}

const later = (task) => setTimeout(task, 15000 * (1 + Math.random()));

// ------------------------------------------------------------------------------------------------------- light socket

let socket;
let failures = 0;
let handedOver = false;
let left = false;
let cursor = null;
let retry;

async function listen() {
  clearTimeout(retry);
  const own = session;
  // Bundle and boot never listen both; nor does anyone for a session that is over.
  const idle = () => handedOver || !own || session !== own;
  if (idle() || socket) return;
  let heard;
  try {
    const ticket = own.sessionToken && (await api("/realtime/ticket", "POST")).ticket;
    if (idle() || socket) return;
    const protocols = ["postil.v1", ...(ticket ? [`postil.ticket.${ticket}`] : [])];
    heard = socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/realtime`, protocols);
  } catch ({ status }) {
    if (idle()) return;
    return [401, 403, 409].includes(status) ? over(status) : again();
  }
  const active = () => document.visibilityState === "visible";
  heard.onopen = () => heard.send(JSON.stringify({ type: "hello", companyId: own.me.companyId, cursor, active: active() }));
  heard.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    cursor = frame.cursor ?? cursor;
    if (frame.type === "welcome") {
      failures = 0;
      const userIds = shown.online.map((person) => person.id);
      if (userIds.length) heard.send(JSON.stringify({ type: "presence.watch", userIds }));
    }
    if (frame.type !== "typing") refresh();
  };
  heard.onclose = ({ code }) => {
    if (socket === heard) socket = undefined;
    if (idle()) return;
    // Signed out, revoked, switched: nothing of it may stay.
    const status = { 4401: 401, 4403: 403, 4409: 409 }[code];
    if (status) over(status);
    else again();
  };
}

function again() {
  failures += 1;
  retry = setTimeout(listen, Math.min(30000, 500 * 2 ** failures) * (1 + Math.random()));
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

/**
 * Opens the panel: for a "person" who clicked, for the "host" that called open(), or to "restore" what was open.
 * Only who asked gets the keyboard: otherwise it stays where the person writes, in a form of the ERP's perhaps.
 */
async function show(by) {
  if (left) return afresh();
  root.classList.replace("is-collapsed", "is-open");
  button.setAttribute("aria-expanded", "true");
  resize();
  tell("open");
  remember(true);
  try {
    await load();
  } catch {
    if (await outdated()) return afresh("outdated");
    trouble = "Could not be loaded. Try again";
    hide();
    return draw();
  }
  if (trouble) {
    trouble = "";
    draw();
  }
  // Collapsed again while the bundle was on its way.
  if (!isOpen()) return;
  // Whoever clicks before the session is known is remembered as soon as it is.
  remember(true);
  toApp({ verb: "context", record });
  toApp({ verb: "open", focus: by !== "restore" });
}

function hide() {
  if (!isOpen()) return;
  // The keyboard goes to the launcher only if it was in here.
  const own = document.hasFocus();
  root.classList.replace("is-open", "is-collapsed");
  button.setAttribute("aria-expanded", "false");
  toApp({ verb: "close" });
  remember(false);
  resize();
  tell("close");
  if (own) button.focus();
  if (session) refresh();
}

// --------------------------------------------------------------------------------------------------------------- start

window.postilBoot = {
  session: () => told(identify()),
  /** A new session, from a new token of the host, instead of the one with this token: the same for all who ask. */
  renew: (stale) => told(session?.sessionToken && session.sessionToken !== stale ? Promise.resolve(session) : exchange()),
  /** Who is signed in now, as the bundle knows it: JSON, or null. */
  context(text) {
    const me = JSON.parse(text);
    // An embedded session came from here, with its token.
    if (!me || !embedded) adopt(me && { me });
  },
  unread(unread) {
    if (page === "widget") draw({ unread });
    else entitle(unread);
  },
  close: hide,
  navigate: (kind, id, url) => tell("navigate", { kind, id, url }),
};

/** The collapsed widget comes to life. */
async function begin() {
  if (handedOver) return;
  let known;
  try {
    known = await identify();
  } catch ({ status }) {
    // Without a network, or while the server is away, it is tried again; a refusal is an answer.
    if (status === undefined || status === 429 || status >= 500) later(begin);
    return;
  }
  if (!known) return;
  colour();
  refresh();
  if (remembered() && !isOpen()) show("restore");
  else listen();
}

if (page === "messages") {
  // The server's page looks alive before it is: the last click on a button until then is done as soon as somebody listens.
  let early;
  const note = ({ target }) => (early = target.closest("button"));
  addEventListener("click", note, true);
  const listening = () => {
    removeEventListener("click", note, true);
    if (early?.isConnected && !early.disabled) early.click();
  };
  load().then(listening, () => {
    const [strip, reload] = [document.createElement("div"), document.createElement("button")];
    strip.className = "strip error";
    strip.setAttribute("role", "alert");
    reload.className = "link";
    reload.type = "button";
    reload.textContent = "Reload";
    reload.addEventListener("click", () => location.reload());
    strip.append("This page did not load completely.", reload);
    document.querySelector(".panel-header").after(strip);
  });
} else {
  button.addEventListener("click", () => show("person"));
  // Rendered disabled: a click that nobody hears must not look like one.
  button.disabled = false;
  for (const wish of ["pointerenter", "focus", "touchstart"]) button.addEventListener(wish, hint, { passive: true });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && event.keyCode !== 229 && !event.defaultPrevented && isOpen() && !document.querySelector("dialog[open]")) hide();
  });
  if (isOpen()) show("restore");
  begin();
  // People come and go unwatched: a look now and then keeps the faces honest.
  setInterval(refresh, 60000);
  // Without a socket, every half minute is often enough for a badge.
  setInterval(() => failures > 2 && refresh(), 30000);
}
