// Relative times move on by themselves; the exact one, in UTC and here, is in the title, below a finger, and on "t".
"use strict";
(() => {
  const units = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  // The zone of one's account, else the browser's. UTC is told anyway, and is what an account has that never chose.
  const chosen = (() => {
    const kept = document.documentElement.dataset.zone;
    const name = kept && kept !== "UTC" ? kept : undefined;
    try { new Date().toLocaleString(undefined, { timeZone: name }); return name; } catch { return undefined; }
  })();
  const zone = chosen || Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
  let isExact = false;

  const words = (seconds) => {
    let rest = Math.max(1, Math.round(Math.abs(seconds)));
    const found = [];
    for (const [size, unit] of units) {
      const amount = Math.floor(rest / size);
      rest -= amount * size;
      if (amount) found.push(amount + unit);
    }
    const text = found.slice(0, 2).join(" ");
    return seconds < 0 ? "in " + text : text + " ago";
  };

  const utc = (at) => at.toISOString().slice(0, 19).replace("T", " ") + " UTC";
  const local = (at) => at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium", timeZone: chosen }) + " (" + zone + ")";

  const tick = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.getAttribute("datetime"));
      if (Number.isNaN(at.getTime())) continue;
      const isClock = time.hasAttribute("data-clock"); // a time-line is read by the clock
      const ago = words((Date.now() - at) / 1000);
      const title = utc(at) + "\n" + local(at) + (isClock ? "\n" + ago : "");
      if (time.title !== title) time.title = title;
      if (isClock) continue;
      const text = isExact ? utc(at) : ago;
      if (time.textContent !== text) time.textContent = text;
    }
  };
  calm.onDrawn(tick);
  setInterval(() => tick(document), 1000);

  calm.toggleExactTimes = () => {
    isExact = !isExact;
    tick(document);
    calm.toast(isExact ? "Times are exact, in UTC." : "Times are relative.");
  };

  // Paper does not move on.
  let wasExact = false;
  addEventListener("beforeprint", () => { wasExact = isExact; isExact = true; tick(document); });
  addEventListener("afterprint", () => { isExact = wasExact; tick(document); });

  // A finger has no hover: a tap on a time shows what the title says.
  let tip = null;
  const close = () => { tip?.remove(); tip = null; };
  document.addEventListener("click", (event) => {
    const time = event.target instanceof Element ? event.target.closest("time[datetime]") : null;
    close();
    if (!time || time.closest("a, button, summary")) return;
    tip = calm.make("div", { class: "tip", role: "tooltip" }, time.title);
    document.body.append(tip);
    const at = time.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(at.left, innerWidth - tip.offsetWidth - 8)) + scrollX + "px";
    tip.style.top = at.bottom + scrollY + 6 + "px";
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
})();
