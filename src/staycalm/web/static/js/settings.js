// What forms of settings and set-up gain from a script; without it everything works by the buttons.
"use strict";
(() => {
  // A secret that is shown once: one press selects it, another copies it.
  for (const field of document.querySelectorAll("[data-select]")) field.addEventListener("focus", () => field.select());
  for (const button of document.querySelectorAll("[data-copy-from]")) {
    const field = document.getElementById(button.dataset.copyFrom);
    button.addEventListener("click", async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
        calm.toast("Copied.");
      } catch {
        calm.toast("It is selected: copy it with Ctrl C.");
      }
    });
  }

  // The theme is tried on before it is saved.
  for (const choice of document.querySelectorAll("[data-theme-choice]")) {
    choice.addEventListener("change", () => { document.documentElement.dataset.theme = choice.value; });
  }

  // Where the browser is, the person probably is too.
  for (const select of document.querySelectorAll("[data-zone-guess]")) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (select.value === "UTC" && [...select.options].some((each) => each.value === zone)) select.value = zone;
  }

  // What is under way is looked at again until it has an end (data-final); then what hangs on it is drawn anew.
  const redraw = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-redraw]")) {
      const part = fresh.getElementById(old.id);
      if (part && !old.contains(document.activeElement)) old.replaceWith(part);
    }
  };
  for (const part of document.querySelectorAll("[data-poll]")) {
    const every = Number(part.dataset.every || 1000);
    const isOver = () => part.querySelector("[data-final]") !== null;
    const look = async () => {
      try {
        const answer = await fetch(part.dataset.poll, { headers: { Accept: "text/html" } });
        const html = answer.ok ? await answer.text() : "";
        if (html && html !== part.dataset.seen) {
          part.dataset.seen = html;
          part.innerHTML = html;
          part.dispatchEvent(new CustomEvent("calm:drawn", { bubbles: true }));
        }
        if (isOver()) {
          await redraw();
          return;
        }
      } catch { /* the next look tells */ }
      setTimeout(look, every);
    };
    if (!isOver()) setTimeout(look, every);
  }

  // A file is checked while it is written: half a second after the last key.
  for (const form of document.querySelectorAll("form[data-check]")) {
    const said = document.getElementById(form.dataset.said);
    let timer = 0;
    let latest = 0;
    const check = async () => {
      const mine = ++latest;
      try {
        const answer = await fetch(form.dataset.check, { method: "POST", body: new URLSearchParams(new FormData(form)) });
        const html = await answer.text();
        if (mine === latest && answer.ok) said.innerHTML = html;
      } catch { /* the button still checks */ }
    };
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(check, 500);
    });
  }
})();
