// Says what an action did: after a form was sent and the next page is not a refusal, and when a script asks.
"use strict";
(() => {
  const SHOWN_MS = 6000;
  const KEPT_MS = 15000;
  // It exists before anything is said: a screen reader tells changes of a region it knows.
  const region = calm.make("div", { class: "toasts", role: "status", "aria-live": "polite" });
  document.body.append(region);

  calm.toast = (text, tone = "") => {
    const toast = calm.make("div", { class: "toast " + tone }, calm.make("span", {}, text));
    const close = calm.make("button", { type: "button", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => toast.remove());
    toast.append(close);
    region.append(toast);
    while (region.children.length > 3) region.firstChild.remove();
    const leave = () => setTimeout(() => (toast.matches(":hover, :focus-within") ? leave() : toast.remove()), SHOWN_MS);
    leave();
  };

  const remember = (text) => {
    try { sessionStorage.setItem("toast", JSON.stringify({ text, at: Date.now() })); } catch { /* private window */ }
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.dataset.toast === "off" || !document.querySelector(".top nav")) return;
    const label = (event.submitter?.dataset.label || event.submitter?.textContent || "").trim();
    const text = event.submitter?.dataset.toast || form.dataset.toast || (label && label + ": done.");
    if (text) remember(text);
  });

  const told = () => {
    try {
      const kept = JSON.parse(sessionStorage.getItem("toast") || "null");
      sessionStorage.removeItem("toast");
      return kept && Date.now() - kept.at < KEPT_MS ? kept.text : "";
    } catch { return ""; }
  };
  const text = told();
  if (text && !document.querySelector("[data-refused], main [role=alert], main [name=password]")) calm.toast(text);
})();
