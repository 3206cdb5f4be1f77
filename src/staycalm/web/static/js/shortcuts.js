// Keys. They are declared where they act, and told by "?":
//   <a href="/alerts" data-go="a">           g a   goes there
//   <button data-shortcut="p">Pause</button>  p     presses it while it is shown (data-label: its words in the list)
//   <input data-search>                       /     puts the cursor there
// j and k walk the rows of the list, Enter follows the row's link.
"use strict";
(() => {
  const ROW = "main tbody a[href], main article.item .summary a[href], main article h3 a[href], main [data-row-link]";
  const GO_MS = 1500;
  let goUntil = 0;
  let before = null;

  const label = (element) => element.dataset.label || element.textContent.replace(/\s+/g, " ").trim();
  const declared = () => [...document.querySelectorAll("[data-shortcut]")].filter(calm.isShown);
  calm.pageActions = () => declared().map((element) => ({
    title: label(element), key: element.dataset.shortcut, run: () => press(element),
  }));

  const press = (element) => {
    const folding = element.closest("summary")?.parentElement;
    if (folding) {
      folding.open = !folding.open;
      const first = folding.open ? folding.querySelector("input:not([type=hidden]), select, textarea, button") : element;
      first?.focus();
    } else if (element.matches("input:not([type=checkbox], [type=radio]), select, textarea")) element.focus();
    else element.click();
  };

  const walk = (by) => {
    const links = [];
    let row = null;
    for (const link of document.querySelectorAll(ROW)) {
      const own = link.closest("tr, article, li") || link;
      if (own !== row && calm.isShown(link)) links.push(link);
      row = own;
    }
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.max(0, Math.min(links.length - 1, at + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };

  const group = (title, pairs) => {
    const list = calm.make("dl");
    for (const [keys, words] of pairs) {
      const shown = calm.make("dt");
      keys.split(" ").forEach((key, n) => shown.append(n ? " " : "", calm.make("kbd", {}, key)));
      list.append(shown, calm.make("dd", {}, words));
    }
    return calm.make("section", {}, calm.make("h3", {}, title), list);
  };
  calm.showShortcuts = () => {
    if (document.querySelector("dialog[open]")) return;
    const close = calm.make("button", { type: "button", class: "quiet" }, "Close");
    const going = [...document.querySelectorAll("[data-go]")].map((link) => ["g " + link.dataset.go, label(link)]);
    const here = declared().map((element) => [element.dataset.shortcut, label(element)]);
    const always = [
      ["Ctrl K", "Search everything"], ["/", "Search or filter"], ["j", "Next row"], ["k", "Row before"],
      ["Enter", "Open the row"], ["t", "Times exact or relative"], ["?", "This list"], ["Esc", "Close what is open"],
    ];
    const body = calm.make("div", { class: "keys" });
    if (here.length) body.append(group("On this page", here));
    body.append(group("Everywhere", always), group("Go to", going));
    const dialog = calm.make("dialog", { "aria-labelledby": "keys-title", class: "shortcuts" },
      calm.make("div", { class: "head" }, calm.make("h2", { id: "keys-title" }, "Keyboard shortcuts"), close), body);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => { dialog.remove(); before?.focus(); });
    before = document.activeElement;
    document.body.append(dialog);
    dialog.showModal();
  };

  const search = () => {
    const field = [...document.querySelectorAll("main [data-search], main .filter input")].find(calm.isShown);
    if (field) field.focus(); else calm.openPalette();
  };
  const everywhere = { "?": calm.showShortcuts, "/": search, t: () => calm.toggleExactTimes(), j: () => walk(1), k: () => walk(-1) };

  const closeOpen = () => {
    const open = [...document.querySelectorAll("details.confirm[open], details.menu[open]")].pop();
    if (!open) return false;
    open.open = false;
    open.querySelector("summary").focus();
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && closeOpen()) return;
    if (calm.isTyping(event.target)) return;
    const isGoing = Date.now() < goUntil;
    goUntil = 0;
    const target = isGoing
      ? document.querySelector(`[data-go="${CSS.escape(event.key)}"]`)
      : declared().find((element) => element.dataset.shortcut === event.key);
    if (target) {
      event.preventDefault();
      if (isGoing) location.href = target.href; else press(target);
    } else if (!isGoing && event.key === "g") goUntil = Date.now() + GO_MS;
    else if (!isGoing && everywhere[event.key]) {
      event.preventDefault();
      everywhere[event.key]();
    }
  });
  // An address that names a folded part opens it: /incidents#declare.
  const unfold = () => {
    const named = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folding = named && (named.closest("details") || named.querySelector("details"));
    if (!folding) return;
    folding.open = true;
    folding.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  };
  addEventListener("hashchange", unfold);
  unfold();

  // A menu closes when something else is clicked.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    if (event.target instanceof Element && event.target.closest("[data-show-shortcuts]")) calm.showShortcuts();
  });
})();
