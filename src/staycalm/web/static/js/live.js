// Live pages: elements with data-topic are replaced by what the server sends for that topic.
// The page is complete without this script; with it, it stays current.
"use strict";
(() => {
  const parts = [...document.querySelectorAll("[data-topic]")];
  const state = document.querySelector("[data-live-state]");
  const topics = [...new Set(parts.map((part) => part.dataset.topic))];
  const say = (text, tone) => {
    if (!state) return;
    state.textContent = text;
    state.className = "live " + tone;
    document.body.classList.toggle("stale", tone === "lost");
  };

  // What the reader opened stays open, and what has the focus keeps it; a form that is being filled in is left.
  const reachable = "a, button, summary, [tabindex]";
  const replace = (part, html) => {
    const active = part.contains(document.activeElement) ? document.activeElement : null;
    if (active && active.matches("input, select, textarea")) return;
    const place = active ? [...part.querySelectorAll(reachable)].indexOf(active) : -1;
    const open = [...part.querySelectorAll("details")].map((each) => each.open);
    part.innerHTML = html;
    part.querySelectorAll("details").forEach((each, n) => { if (open[n]) each.open = true; });
    if (place >= 0) part.querySelectorAll(reachable)[place]?.focus({ preventScroll: true });
    tick();
  };

  if (topics.length) {
    const query = topics.map((topic) => "topic=" + encodeURIComponent(topic)).join("&");
    const source = new EventSource("/live?" + query);
    source.onopen = () => { say("live", "on"); };
    source.onerror = () => say("connection lost, trying again: figures may be old", "lost");
    for (const topic of topics) {
      source.addEventListener(topic, (event) => {
        for (const part of document.querySelectorAll("[data-topic]")) {
          if (part.dataset.topic === topic) replace(part, event.data);
        }
      });
    }
  }

  // Relative times move on by themselves.
  const units = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  const words = (seconds) => {
    const ahead = seconds < 0;
    let rest = Math.max(1, Math.round(Math.abs(seconds)));
    const found = [];
    for (const [size, unit] of units) {
      const amount = Math.floor(rest / size);
      rest -= amount * size;
      if (amount) found.push(amount + unit);
    }
    const text = found.slice(0, 2).join(" ");
    return ahead ? "in " + text : text + " ago";
  };
  const tick = () => {
    for (const time of document.querySelectorAll("time[datetime]:not([data-clock])")) {
      const at = new Date(time.getAttribute("datetime"));
      time.textContent = words((Date.now() - at) / 1000);
      if (!time.dataset.local) { time.dataset.local = "1"; time.title += " · " + at.toLocaleString(); }
    }
  };
  setInterval(tick, 1000);
})();
