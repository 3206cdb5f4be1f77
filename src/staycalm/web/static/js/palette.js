// Ctrl K: everything by name. A combobox (WAI-ARIA APG): the focus stays in the field, the arrows move the choice.
"use strict";
(() => {
  const WAIT_MS = 60;
  let dialog = null;
  let field = null;
  let list = null;
  let empty = null;
  let options = [];
  let chosen = 0;
  let hasMoved = false;
  let isOld = false; // what is listed answers fewer letters than were typed
  let isMeant = false; // Enter was pressed before the answer came
  let asked = null;
  let timer = null;
  let before = null;

  const age = (old) => {
    isOld = old;
    list.setAttribute("aria-busy", old);
  };
  const isIn = (words, text) => {
    let at = 0;
    for (const letter of words.toLowerCase().replace(/\s/g, "")) {
      at = text.toLowerCase().indexOf(letter, at) + 1;
      if (!at) return false;
    }
    return true;
  };
  const local = (words) => [
    ...calm.pageActions().map((each) => ({ ...each, kind: "on this page" })),
    { kind: "action", title: "Keyboard shortcuts", key: "?", run: () => calm.showShortcuts() },
    { kind: "action", title: "Times exact or relative", key: "t", run: () => calm.toggleExactTimes() },
  ].filter((each) => words ? isIn(words, each.title) : each.kind === "on this page");

  const choose = (n) => {
    if (!options.length) {
      field.removeAttribute("aria-activedescendant");
      return;
    }
    chosen = (n + options.length) % options.length;
    options.forEach((each, at) => each.node.setAttribute("aria-selected", at === chosen));
    field.setAttribute("aria-activedescendant", options[chosen].node.id);
    options[chosen].node.scrollIntoView({ block: "nearest" });
  };
  const show = (found) => {
    // An answer that comes after the reader has moved takes the choice from under nobody's finger.
    const held = hasMoved ? options[chosen] : null;
    options = found.map((each, n) => {
      const node = calm.make("li", { role: "option", id: "palette-" + n, "aria-selected": "false" },
        calm.make("span", { class: "kind" }, each.kind),
        calm.make("span", { class: "name" }, calm.make("b", {}, each.title), each.detail ? " " + each.detail : ""));
      if (each.key) node.append(calm.make("kbd", {}, each.key));
      node.addEventListener("pointermove", () => { if (chosen !== n) choose(n); });
      node.addEventListener("click", () => run(n));
      return { ...each, node };
    });
    list.replaceChildren(...options.map((each) => each.node));
    empty.textContent = options.length ? `${options.length} found` : "Nothing has this name.";
    empty.classList.toggle("hidden", options.length > 0);
    const at = held ? options.findIndex((each) => each.kind === held.kind && each.title === held.title) : 0;
    choose(Math.max(0, at));
  };
  const run = (n) => {
    const each = options[n];
    if (!each) return;
    dialog.close();
    if (each.url) location.href = each.url; else each.run();
  };

  const ask = async () => {
    const words = field.value.trim();
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch("/search.json?q=" + encodeURIComponent(words.slice(0, 100)), { signal: asked.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      show([...local(words), ...(await answer.json()).results]);
      age(false);
      if (isMeant) run(chosen);
    } catch (error) {
      if (error.name === "AbortError") return;
      show(local(words));
      age(false);
      isMeant = false;
      empty.textContent = "The server does not answer: only what is on this page can be found.";
      empty.classList.remove("hidden");
    }
  };

  const build = () => {
    field = calm.make("input", {
      type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list",
      "aria-label": "Search services, people, incidents, deployments, pages and actions", maxlength: "100",
      placeholder: "Service, person, INC-7, DEP-12, page or action", autocomplete: "off", spellcheck: "false",
    });
    list = calm.make("ul", { role: "listbox", id: "palette-list", "aria-label": "Found" });
    empty = calm.make("p", { class: "pad muted", role: "status" });
    dialog = calm.make("dialog", { class: "palette", "aria-label": "Search" }, field, list, empty);
    field.addEventListener("input", () => {
      hasMoved = isMeant = false;
      age(true);
      asked?.abort();
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT_MS);
    });
    field.addEventListener("keydown", (event) => {
      const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
      if (moves[event.key]) {
        event.preventDefault();
        hasMoved = true;
        choose(chosen + moves[event.key]);
      } else if (event.key === "Enter") {
        event.preventDefault();
        // What was typed decides, not what an earlier letter found.
        if (isOld && !hasMoved) isMeant = true; else run(chosen);
      } else if (event.key === "Tab") event.preventDefault();
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => { clearTimeout(timer); asked?.abort(); before?.focus(); });
    document.body.append(dialog);
  };
  calm.openPalette = () => {
    if (document.querySelector("dialog[open]")) return;
    if (!dialog) build();
    before = document.activeElement;
    field.value = "";
    hasMoved = isMeant = false;
    age(false);
    show(local(""));
    dialog.showModal();
    field.focus();
    ask();
  };

  if (!document.querySelector("[data-palette]")) return;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      calm.openPalette();
    }
  });
  document.querySelector("[data-palette]").addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    calm.openPalette();
  });
})();
