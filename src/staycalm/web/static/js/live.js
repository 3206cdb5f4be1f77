// Live pages: elements with data-topic are replaced by what the server sends for that topic.
// The page is complete without this script; with it, it stays current, and says when it is not.
"use strict";
(() => {
  const SILENT_MS = 40000; // the server says something every 15 s
  const HIDDEN_MS = 60000; // a browser opens six connections to a host: tabs nobody sees give theirs back
  const LONGEST_WAIT_MS = 30000;
  const state = document.querySelector("[data-live-state]");
  const parts = [...document.querySelectorAll("[data-topic]")];
  const topics = [...new Set(parts.map((part) => part.dataset.topic))];
  const waiting = new Map();

  // What the reader opened stays open, what has the focus keeps it, and a form that is being filled in is left
  // until it is done with. What has an id is known by it: lines may have come above it.
  const reachable = "a, button, summary, [tabindex]";
  const foldings = (part) => [...part.querySelectorAll("details")];
  const scrolled = (part) => [...part.querySelectorAll(".scroll")];
  // What is drawn already is not drawn again: what the reader has marked stays marked. Relative times and the now
  // line of the calendar move on by themselves.
  const inert = document.implementation.createHTMLDocument("");
  const meaning = (html) => {
    const bare = inert.createElement("div");
    bare.innerHTML = html;
    for (const time of bare.querySelectorAll("time[datetime]")) {
      time.removeAttribute("title");
      if (!time.hasAttribute("data-clock")) time.textContent = "";
    }
    for (const line of bare.querySelectorAll("[data-now]")) line.replaceWith();
    return bare.innerHTML.trim();
  };
  const drawn = new Map(parts.map((part) => [part, meaning(part.innerHTML)]));

  // Between press and release the thing under the finger stays: a click needs both on the same one.
  let isPressed = false;
  const isFilledIn = (active) => {
    if (active.matches("input, select, textarea")) return true;
    return Boolean(active.closest("form")?.querySelector("input:not([type=hidden]), select, textarea"));
  };
  const replace = (part, html) => {
    const means = meaning(html);
    if (means === drawn.get(part)) {
      waiting.delete(part);
      return;
    }
    // Whoever looks closer at something, such as a part of a chart, keeps it until they are done.
    if (!part.dispatchEvent(new CustomEvent("calm:drawing", { bubbles: true, cancelable: true }))) return;
    const active = part.contains(document.activeElement) ? document.activeElement : null;
    if (isPressed || (active && isFilledIn(active))) {
      waiting.set(part, html);
      return;
    }
    waiting.delete(part);
    drawn.set(part, means);
    const place = active ? [...part.querySelectorAll(reachable)].indexOf(active) : -1;
    const id = active?.id;
    const height = active?.getBoundingClientRect().top;
    const open = new Set(foldings(part).map((each, n) => each.open && (each.id || n)));
    const moved = scrolled(part).map((each) => each.scrollLeft);
    part.innerHTML = html;
    foldings(part).forEach((each, n) => { if (open.has(each.id || n)) each.open = true; });
    scrolled(part).forEach((each, n) => { each.scrollLeft = moved[n] || 0; });
    part.dispatchEvent(new CustomEvent("calm:drawn", { bubbles: true }));
    const again = id ? document.getElementById(id) : part.querySelectorAll(reachable)[place];
    if (!again) return;
    again.focus({ preventScroll: true });
    // News above it must not push what somebody is on out of their sight.
    scrollBy(0, again.getBoundingClientRect().top - height);
  };
  const catchUp = () => setTimeout(() => {
    for (const [part, html] of [...waiting]) replace(part, html);
  });
  const release = () => {
    isPressed = false;
    catchUp();
  };
  document.addEventListener("focusout", catchUp);
  document.addEventListener("pointerdown", (event) => { isPressed = event.button === 0; }, { capture: true });
  for (const end of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(end, release, { capture: true });
  addEventListener("blur", (event) => { if (event.target === window) release(); });

  if (!topics.length) return;

  const address = "/live?" + topics.map((topic) => "topic=" + encodeURIComponent(topic)).join("&");
  const since = calm.make("span");
  const again = calm.make("button", { type: "button" }, "Try now");
  const note = calm.make("div", { class: "stale-note", role: "alert", hidden: true }, since, again);
  document.querySelector("main").before(note);

  let source = null;
  let missing = new Set();
  let retry = null;
  let attempts = 0;
  let heardAt = Date.now();
  let isLost = false;
  let isLeaving = false;

  const say = (text, tone) => {
    if (!state) return;
    state.textContent = text;
    state.className = "live " + tone;
  };
  // Live is what has been drawn since the connection began; until then the page tells how it was.
  const heard = (topic) => {
    heardAt = Date.now();
    attempts = 0;
    missing.delete(topic);
    if (missing.size) return;
    if (isLost) calm.toast("Connected again: everything here is current.");
    isLost = false;
    note.hidden = true;
    document.body.classList.remove("stale");
    say("live", "on");
  };
  const lose = () => {
    source?.close();
    source = null;
    if (isLeaving || document.hidden) return;
    if (!isLost) {
      isLost = true;
      const at = new Date(heardAt).toISOString().slice(11, 19);
      since.textContent = "Connection lost. What you see is from " + at + " UTC; trying again by itself.";
      note.hidden = false;
      document.body.classList.add("stale");
      say("connection lost", "lost");
    }
    const wait = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** attempts) * (0.75 + Math.random() / 2);
    attempts += 1;
    clearTimeout(retry);
    retry = setTimeout(connect, wait);
  };
  // Every connection begins with each topic drawn anew: whatever a gap or a sleep missed is there at once.
  const connect = () => {
    clearTimeout(retry);
    source?.close();
    source = new EventSource(address);
    missing = new Set(topics);
    source.onerror = lose;
    // Whatever was to be drawn has been by the first beat: a topic nobody knows is never sent.
    source.addEventListener("beat", () => { missing.clear(); heard(); });
    for (const topic of topics) {
      source.addEventListener(topic, (event) => {
        for (const part of parts) if (part.dataset.topic === topic && part.isConnected) replace(part, event.data);
        heard(topic);
      });
    }
  };

  again.addEventListener("click", connect);
  addEventListener("online", connect);
  addEventListener("offline", lose);
  addEventListener("pagehide", () => { isLeaving = true; source?.close(); });
  addEventListener("pageshow", (event) => { isLeaving = false; if (event.persisted) connect(); });
  let hiding = null;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(() => { source?.close(); source = null; }, HIDDEN_MS);
    else if (!source || Date.now() - heardAt > SILENT_MS / 2) connect();
  });
  setInterval(() => { if (source && !document.hidden && Date.now() - heardAt > SILENT_MS) lose(); }, 5000);
  connect();
})();
