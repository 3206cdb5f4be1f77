// The on-call calendar: the now line moves, a zone of the device is offered, a calendar link is copied.
"use strict";
(() => {
  const moveNow = () => {
    for (const line of document.querySelectorAll("[data-now]")) {
      const from = Date.parse(line.dataset.from);
      const to = Date.parse(line.dataset.to);
      const share = Math.min(1, Math.max(0, (Date.now() - from) / (to - from)));
      const place = (100 * share).toFixed(3) + "%";
      line.setAttribute("x1", place);
      line.setAttribute("x2", place);
    }
  };
  calm.onDrawn(moveNow);
  setInterval(moveNow, 30000);

  const device = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const offer of document.querySelectorAll("[data-browser-zone]")) {
    if (!device || device === offer.dataset.browserZone) continue;
    const link = offer.querySelector("a");
    link.href = link.href.replace("DEVICE-ZONE", encodeURIComponent(device));
    link.textContent = device;
    offer.hidden = false;
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    const field = button.parentElement.querySelector("[data-copy-from]");
    const said = document.querySelector("[data-copied]");
    button.classList.remove("hidden");
    button.addEventListener("click", async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
        said.textContent = "Copied.";
      } catch {
        // Without https the browser keeps the clipboard to itself.
        said.textContent = document.execCommand("copy") ? "Copied." : "Marked: press Ctrl-C.";
      }
    });
  }
})();
