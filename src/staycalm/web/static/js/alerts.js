// Choosing alerts: by key, by range, a whole page. What was chosen stays so when the list is drawn anew.
"use strict";
// On a phone the facets would stand before the list: there they open when they are asked for.
(() => {
  const isNarrow = matchMedia("(max-width: 860px)");
  let isAsked = false;
  document.addEventListener("click", (event) => {
    const summary = event.target instanceof Element && event.target.closest(".facet-column > summary");
    if (summary) isAsked = !summary.parentElement.open;
  });
  calm.onDrawn(() => {
    const facets = document.querySelector(".facet-column");
    if (facets && isNarrow.matches) facets.open = isAsked;
  });
})();
(() => {
  const bar = document.querySelector("#bulk");
  if (!bar) return;
  const chosen = new Set();
  const said = bar.querySelector("[data-chosen]");
  const all = bar.querySelector("[data-choose-all]");
  let last = null;

  const boxes = () => [...document.querySelectorAll(".pick input")];
  const tell = () => {
    said.textContent = all.checked ? "all that match" : chosen.size ? chosen.size + " chosen" : "none chosen";
    bar.classList.toggle("has-chosen", all.checked || chosen.size > 0);
  };
  const set = (box, on) => {
    box.checked = on;
    chosen[on ? "add" : "delete"](box.value);
  };
  // An alert that left the list is not acted on unseen.
  calm.onDrawn(() => {
    const shown = new Set(boxes().map((box) => box.value));
    for (const id of chosen) if (!shown.has(id)) chosen.delete(id);
    for (const box of boxes()) if (box.checked) chosen.add(box.value); else box.checked = chosen.has(box.value);
    tell();
  });

  document.addEventListener("click", (event) => {
    const box = event.target instanceof Element && event.target.matches(".pick input") ? event.target : null;
    if (!box) return;
    const listed = boxes();
    const [from, to] = [listed.indexOf(last), listed.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) for (const each of listed.slice(from, to + 1)) set(each, box.checked);
    set(box, box.checked);
    last = box;
    tell();
    // A box with the focus would hold back live updates; its row takes it when a pointer was used.
    if (event.detail) box.closest("article").querySelector(".summary a").focus({ preventScroll: true });
  });
  all.addEventListener("change", () => {
    tell();
    if (all.checked) all.blur();
  });
  bar.querySelector("[data-choose-page]").addEventListener("click", () => {
    const on = boxes().some((box) => !box.checked);
    for (const box of boxes()) set(box, on);
    tell();
  });

  const row = () => document.activeElement?.closest?.("article.item");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || calm.isTyping(event.target)) return;
    const box = row()?.querySelector(".pick input");
    if (event.key === "x" && box) {
      event.preventDefault();
      set(box, !box.checked);
      last = box;
      tell();
    }
    // A verb without anything chosen means the row one stands on.
    const isVerb = [...bar.querySelectorAll(".verbs [data-shortcut]")].some((each) => each.dataset.shortcut === event.key);
    if (isVerb && box && !chosen.size && !all.checked) {
      set(box, true);
      tell();
    }
  }, { capture: true });
  bar.addEventListener("submit", (event) => {
    if (chosen.size || all.checked) return;
    event.preventDefault();
    calm.toast("Choose alerts first: tick them, or stand on one with j and k.", "warn");
  });
})();
