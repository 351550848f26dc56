// The page behind an invitation's link: accepts it, signs in, and goes to the company that one belongs to now.

const form = document.querySelector("form");
const error = document.querySelector(".sign-in-error");
const submit = form.querySelector("button");
for (const name of ["name", "password"]) form.elements[name].setAttribute("aria-describedby", `${name}-hint`);

// Out of the address and its history, where the next person at this browser would find it, into this tab's memory, so that the
// page can be loaded again. Another link opened in this tab takes its place.
const KEPT = "postil:invitation";
const linked = () => location.hash.slice(1);
if (linked()) {
  sessionStorage.setItem(KEPT, linked());
  history.replaceState(null, "", location.pathname);
}
addEventListener("hashchange", () => linked() && location.reload());
const token = sessionStorage.getItem(KEPT);
let accepted = false;

function say(text, field) {
  error.textContent = text;
  error.hidden = false;
  field?.focus();
}

if (!token) {
  say("This link is not complete. Open the whole link that you were given, or ask for another.");
  for (const element of form.elements) element.disabled = true;
}

const post = (path, body) =>
  fetch(`/api/v1${path}`, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-Postil-Csrf": "1", Accept: "application/json" },
    body: JSON.stringify(body),
  });

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  error.hidden = true;
  submit.disabled = true;
  const password = form.password.value;
  try {
    const answer = await post("/invitations/accept", { token, name: form.elements.name.value.trim(), password });
    if (answer.ok) {
      // It is good once: whatever happens now, signing in is the way on.
      accepted = true;
      sessionStorage.removeItem(KEPT);
      const { email, companyId } = await answer.json();
      const session = await post("/session", { email, password });
      const me = session.ok ? await session.json() : null;
      if (me && me.companyId !== companyId) await post("/context/switch-company", { companyId });
      location.assign(me ? "/messages" : "/sign-in");
      return;
    }
    const problem = await answer.json();
    // The server names the field that it refuses; where it names none of ours, the title says what happened.
    const refused = problem.errors?.find(({ field }) => form.elements[field]?.labels);
    const field = form.elements[refused?.field];
    const text = problem.code === "invalid_invitation"
      ? "This invitation can't be accepted: the link was used, withdrawn or has run out, or you have an account already and this is not its password."
      : refused ? `${field.labels[0].textContent} ${refused.detail}.` : `${problem.title}.`;
    say(text, field ?? form.password);
  } catch {
    if (accepted) {
      location.assign("/sign-in");
      return;
    }
    say("No connection. Try again in a moment.", form.password);
  }
  submit.disabled = false;
});
