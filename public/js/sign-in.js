// The sign-in page: sends the form as JSON and says what was wrong.

const form = document.querySelector("form");
const error = document.querySelector(".sign-in-error");
const submit = form.querySelector("button");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  error.hidden = true;
  submit.disabled = true;
  let text = "No connection. Try again in a moment.";
  let field = form.password;
  try {
    const answer = await fetch("/api/v1/session", {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-Postil-Csrf": "1", Accept: "application/json" },
      body: JSON.stringify({ email: form.email.value.trim(), password: form.password.value }),
    });
    if (answer.ok) {
      location.assign(form.dataset.next);
      return;
    }
    const problem = await answer.json();
    // The server names the field that it refuses; where it names none of ours, the title says what happened.
    const refused = problem.errors?.find(({ field }) => form.elements[field]?.labels);
    field = form.elements[refused?.field] ?? field;
    text = refused ? `${field.labels[0].textContent} ${refused.detail}.` : `${problem.title}.`;
  } catch {}
  error.textContent = text;
  error.hidden = false;
  submit.disabled = false;
  field.focus();
  field.select();
});
