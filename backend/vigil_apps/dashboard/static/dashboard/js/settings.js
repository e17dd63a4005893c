// Forms that speak to the API: <form data-api="POST /api/sites/">. Errors are shown at the form; what is shown once
// (data-secret-field) is shown in a dialog; otherwise the page is reloaded, or that of data-then opened. A field `target.url` is sent as an object. An
// empty field with data-null is sent as null. A
// select with data-switch shows the fieldsets whose data-when names its value; the others are disabled and not sent.
const dialog = document.getElementById("shown-once");
const secret = dialog?.querySelector("[data-secret]");
const headers = { "Content-Type": "application/json", ...JSON.parse(document.body.getAttribute("hx-headers")) };

function valuesOf(form) {
  const values = {};
  for (const input of form.elements) {
    if (!input.name || input.matches(":disabled")) continue;
    const isNumber = input.type === "number" || "number" in input.dataset;
    const isNull = input.value === "" && "null" in input.dataset;
    if (isNumber && input.value === "" && !isNull) continue;
    const isTime = input.type === "datetime-local" && input.value !== "";
    const value = isNull ? null : isTime ? new Date(input.value).toISOString() : input.type === "checkbox" ? input.checked : input.multiple ? [...input.selectedOptions].map((option) => option.value) : isNumber ? Number(input.value) : input.value;
    const [outer, inner] = input.name.split(".");
    if (inner) values[outer] = { ...values[outer], [inner]: value };
    else values[outer] = input.value === "false" || input.value === "true" ? input.value === "true" : value;
  }
  return values;
}

function wordsOf(body, form) {
  const inputOf = (name) => [...form.elements].find((input) => input.name === name && !input.matches(":disabled"));
  const labelOf = (name) =>
    (inputOf(name) ?? inputOf(name.split(".")[0]))?.labels?.[0]?.querySelector("span")?.textContent ?? name;
  if (!body || typeof body !== "object") return "";
  if (typeof body.detail === "string") return body.detail;
  return Object.entries(body).map(([name, texts]) => (name === "non_field_errors" ? [texts].flat().join(" ") : `${labelOf(name)} ${[texts].flat().join(" ")}`)).join("\n");
}

async function submit(form) {
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) return;
  const [method, url] = form.dataset.api.split(" ");
  const place = form.querySelector(".form-errors");
  place.textContent = "";
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  try {
    const body = ["DELETE"].includes(method) ? undefined : JSON.stringify(valuesOf(form));
    const answer = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(15000) });
    const said = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (!answer.ok) place.textContent = wordsOf(said, form) || String(answer.status);
    else if (form.dataset.secretField && said?.[form.dataset.secretField]) {
      secret.textContent = said[form.dataset.secretField];
      dialog.showModal();
    } else if (form.dataset.then) window.location.assign(form.dataset.then.replace("{id}", said?.id));
    else window.location.reload();
  } catch {
    place.textContent = document.body.dataset.unreachable;
  }
  for (const button of form.querySelectorAll("button")) button.disabled = false;
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.api) return;
  event.preventDefault();
  submit(event.target);
});
function showSwitched(select) {
  for (const part of select.form.querySelectorAll("[data-when]")) part.hidden = part.disabled = !part.dataset.when.split(" ").includes(select.value);
}
for (const select of document.querySelectorAll("select[data-switch]")) showSwitched(select); // a browser restores values

document.addEventListener("change", (event) => {
  if ("switch" in event.target.dataset) showSwitched(event.target);
  const form = event.target.closest("form[data-api][data-on-change]");
  if (form) submit(form);
});
dialog?.addEventListener("close", () => window.location.reload());
dialog?.querySelector("[data-copy]").addEventListener("click", async () => {
  await navigator.clipboard?.writeText(secret.textContent);
  dialog.close();
});
