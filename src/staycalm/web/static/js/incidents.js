// Notes without leaving the page: Enter adds one, Shift Enter begins a line. A note that could not be added stays.
"use strict";
(() => {
  const form = document.querySelector("[data-note]");
  if (form) {
    const area = form.querySelector("textarea");
    const button = form.querySelector("button");
    const problem = form.querySelector("[data-note-problem]");
    const fit = () => {
      area.rows = Math.min(8, area.value.split("\n").length + (area.value ? Math.floor(area.value.length / 120) : 0));
    };
    const refuse = (text) => {
      problem.textContent = text;
      problem.hidden = !text;
    };
    area.addEventListener("input", fit);
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") area.blur();
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (area.value.trim()) form.requestSubmit();
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      button.disabled = true;
      refuse("");
      const sent = area.value;
      try {
        const body = new URLSearchParams(new FormData(form));
        const answer = await fetch(form.action, { method: "POST", body, redirect: "manual", signal: AbortSignal.timeout(15000) });
        if (answer.type === "opaqueredirect") {
          // What was typed meanwhile is the next note.
          area.value = area.value.startsWith(sent) ? area.value.slice(sent.length) : area.value;
          fit();
        } else refuse("The note was not added (" + answer.status + "). It is still here.");
      } catch {
        refuse("The note was not added: no connection. It is still here; try again.");
      }
      button.disabled = false;
    });
  }

  // The server draws every line; the page shows the kinds that were asked for.
  const page = document.querySelector(".incident-page");
  if (!page) return;
  const chosen = new Set(new URLSearchParams(location.search).get("show")?.split(",").filter(Boolean) ?? []);
  const narrow = () => {
    page.classList.remove(...[...page.classList].filter((name) => name.startsWith("show-")));
    page.classList.add(...[...chosen].map((kind) => "show-" + kind));
    page.classList.toggle("is-narrowed", chosen.size > 0);
    for (const link of page.querySelectorAll("[data-kind]")) {
      const isOn = link.dataset.kind ? chosen.has(link.dataset.kind) : !chosen.size;
      if (isOn) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }
  };
  page.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("[data-kind]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const kind = link.dataset.kind;
    if (!kind) chosen.clear();
    else if (!chosen.delete(kind)) chosen.add(kind);
    const query = chosen.size ? "?show=" + [...chosen].join(",") : "";
    history.replaceState(null, "", location.pathname + query);
    narrow();
  });
  calm.onDrawn(narrow);
})();
