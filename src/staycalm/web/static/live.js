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

  if (topics.length) {
    const query = topics.map((topic) => "topic=" + encodeURIComponent(topic)).join("&");
    const source = new EventSource("/live?" + query);
    source.onopen = () => { say("live", "on"); };
    source.onerror = () => say("connection lost, trying again: figures may be old", "lost");
    for (const topic of topics) {
      source.addEventListener(topic, (event) => {
        for (const part of document.querySelectorAll("[data-topic]")) {
          if (part.dataset.topic === topic && !part.contains(document.activeElement)) part.innerHTML = event.data;
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
  setInterval(() => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = new Date(time.getAttribute("datetime"));
      time.textContent = words((Date.now() - at) / 1000);
      if (!time.dataset.local) { time.dataset.local = "1"; time.title += " · " + at.toLocaleString(); }
    }
  }, 1000);
})();
