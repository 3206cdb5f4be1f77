// Words of a post-mortem that were typed and not saved survive a reload, a crash and a lost connection.
"use strict";
(() => {
  const form = document.querySelector("[data-paper]");
  if (!form) return;
  const key = "post-mortem:" + form.getAttribute("action");
  const notice = form.querySelector("[data-kept]");
  const problem = form.querySelector("[data-paper-problem]");
  const save = form.querySelector("button[value=save]");
  const fields = [...form.querySelectorAll("textarea, input:not([type=hidden])")];
  const version = (field) => form.elements["version-" + field.name];
  const found = Object.fromEntries(fields.map((field) => [field.name, field.value]));

  const read = () => {
    try { return JSON.parse(localStorage.getItem(key) || "null"); } catch { return null; }
  };
  const forget = () => {
    try { localStorage.removeItem(key); } catch { /* private window */ }
    notice.hidden = true;
  };
  const keep = () => {
    const kept = {};
    for (const field of fields) if (field.value !== found[field.name]) kept[field.name] = [field.value, version(field).value];
    try { localStorage.setItem(key, JSON.stringify(kept)); } catch { /* full, or a private window */ }
  };
  const differ = (kept) => fields.filter((field) => kept?.[field.name] && kept[field.name][0] !== field.value);

  const kept = read();
  if (kept && differ(kept).length) {
    notice.hidden = false;
    form.querySelector("[data-put-back]").addEventListener("click", () => {
      const changed = differ(kept);
      for (const field of changed) {
        [field.value, version(field).value] = kept[field.name];
      }
      notice.hidden = true;
      changed[0]?.focus();
      keep();
    });
    form.querySelector("[data-throw-away]").addEventListener("click", forget);
  } else forget();

  form.addEventListener("input", keep);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(save);
    }
  });
  form.addEventListener("submit", async (event) => {
    keep();
    if (event.submitter?.value === "preview") return;
    event.preventDefault();
    save.disabled = true;
    problem.hidden = true;
    try {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.action, { method: "POST", body, redirect: "manual", signal: AbortSignal.timeout(15000) });
      if (answer.type === "opaqueredirect") {
        // What was typed meanwhile is offered again on the page that comes.
        if (String(new URLSearchParams(new FormData(form))) === String(body)) forget();
        location.assign(form.action);
        return;
      }
      // Refused: the server shows what was typed beside what is stored.
      form.submit();
    } catch {
      problem.textContent = "Not saved: no connection. The words are still here, and kept in this browser.";
      problem.hidden = false;
      save.disabled = false;
    }
  });
})();
