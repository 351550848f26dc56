// The sign-in page: sends the form as JSON and says what was wrong.

const form = document.querySelector("form");
const error = document.querySelector(".sign-in-error");
const submit = form.querySelector("button");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  error.hidden = true;
  submit.disabled = true;
  let text = "No connection. Try again in a moment.";
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
    text = answer.status === 422 || answer.status === 400 ? "Check the e-mail address." : problem.title;
  } catch {}
  error.textContent = text;
  error.hidden = false;
  submit.disabled = false;
  form.password.focus();
  form.password.select();
});
