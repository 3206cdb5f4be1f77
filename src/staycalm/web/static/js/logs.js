// A log that is followed: its lines are asked for anew while somebody looks, and the view stays at the end unless
// the reader has scrolled up. What is typed into the search is asked for at once.
"use strict";
(() => {
  const EVERY_MS = 2000;
  const TYPING_MS = 250;
  const card = document.querySelector("[data-log]");
  if (!card) return;
  const lines = card.querySelector("[data-log-lines]");
  const form = card.querySelector("form");
  const field = form.querySelector("[name=q]");
  const state = calm.make("span", { class: "small muted", role: "status" });
  const follow = calm.make("input", { type: "checkbox", checked: true, "data-shortcut": "f", "data-label": "Follow the log" });
  form.append(calm.make("label", { class: "follow" }, follow, " Follow"), state);
  form.querySelector("button")?.classList.add("hidden");

  let timer = null;
  let asked = null;
  let tag = "";
  const pane = () => lines.querySelector("pre");
  const toEnd = () => { const shown = pane(); if (shown) shown.scrollTop = shown.scrollHeight; };
  const isAtEnd = () => { const shown = pane(); return !shown || shown.scrollHeight - shown.scrollTop - shown.clientHeight < 24; };
  const isChosen = () => { const chosen = getSelection(); return chosen && !chosen.isCollapsed && lines.contains(chosen.anchorNode); };

  const ask = async () => {
    clearTimeout(timer);
    asked?.abort();
    asked = new AbortController();
    const address = card.dataset.log + "?" + new URLSearchParams({ log: card.dataset.of, q: field.value });
    try {
      const answer = await fetch(address, { signal: asked.signal, headers: tag ? { "If-None-Match": tag } : {} });
      const html = await answer.text();
      if (answer.status === 200 && !isChosen()) {
        const wasAtEnd = isAtEnd();
        const from = pane()?.scrollTop ?? 0;
        // Of what is shown: an answer that was given up half-way is none.
        tag = answer.headers.get("ETag") || "";
        lines.innerHTML = html;
        if (wasAtEnd) toEnd(); else if (pane()) pane().scrollTop = from;
      }
      state.textContent = answer.ok || answer.status === 304 ? "" : "The log cannot be read now.";
    } catch (error) {
      if (error.name === "AbortError") return;
      state.textContent = "The server does not answer: these lines may be old.";
    }
    plan();
  };
  const plan = () => {
    clearTimeout(timer);
    if (follow.checked && !document.hidden) timer = setTimeout(ask, EVERY_MS);
  };

  form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, TYPING_MS);
    const here = new URL(location.href);
    if (field.value) here.searchParams.set("q", field.value); else here.searchParams.delete("q");
    history.replaceState(null, "", here.href);
  });
  follow.addEventListener("change", () => { if (follow.checked) { toEnd(); ask(); } else clearTimeout(timer); });
  document.addEventListener("visibilitychange", plan);
  toEnd();
  plan();
})();
