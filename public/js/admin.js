// Loads the administration pages' bundle, which takes over what the server rendered.

const { js, wasm } = document.getElementById("postil-boot").dataset;

// Leptos looks for these even where nothing was streamed.
window.__RESOLVED_RESOURCES = [];
window.__SERIALIZED_ERRORS = [];
window.__INCOMPLETE_CHUNKS = [];

// What is pressed before the bundle listens is done once it does; a form is never sent past it, into an address.
let early;
const note = ({ target }) => (early = target.closest("button"));
const hold = (event) => event.preventDefault();
document.addEventListener("click", note, true);
document.addEventListener("submit", hold, true);

try {
  const bundle = await import(js);
  await bundle.default({ module_or_path: wasm });
  bundle.hydrate();
  document.removeEventListener("click", note, true);
  document.removeEventListener("submit", hold, true);
  if (early?.isConnected && !early.disabled) early.click();
} catch (error) {
  // What stands can be read, but nothing would answer: that must be said, not discovered.
  const strip = document.createElement("p");
  strip.className = "strip error";
  strip.setAttribute("role", "alert");
  const again = document.createElement("button");
  again.className = "link";
  again.textContent = "Load again";
  again.addEventListener("click", () => location.reload());
  strip.append("This page could not be loaded completely. Nothing was changed. ", again);
  document.body.prepend(strip);
  throw error;
}
