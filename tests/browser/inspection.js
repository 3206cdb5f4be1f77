// What must hold for any page, whatever is on it: returns a sentence for each thing that does not.
({ isFramed, isLaidOut }) => {
  const problems = [];
  const show = (el) => el.outerHTML.replace(/\s+/g, " ").slice(0, 140);
  const say = (what, el) => problems.push(el ? `${what}: ${show(el)}` : what);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const seen = (el) => el.checkVisibility({ visibilityProperty: true });

  const clips = (el) => {
    const { overflowX, overflowY } = getComputedStyle(el);
    return [overflowX !== "visible", overflowY !== "visible"];
  };
  const isHeld = (el) => {
    for (let up = el.parentElement; up && up !== document.body; up = up.parentElement) if (clips(up)[0]) return true;
    return false;
  };

  const sideways = () => {
    const wide = document.documentElement.scrollWidth - innerWidth;
    if (wide <= 0) return;
    const guilty = all("body *").filter((el) => seen(el) && el.getBoundingClientRect().right > innerWidth + 1 && !isHeld(el));
    const innermost = guilty.filter((el) => !guilty.some((other) => other !== el && el.contains(other)));
    for (const el of innermost.slice(0, 3)) say(`scrolls ${wide} px sideways`, el);
    if (!innermost.length) say(`scrolls ${wide} px sideways`);
  };

  // Heads of a table that is a list of cards on a phone, what only a screen reader is told, and tiles that have no
  // room on the wall: how many there are is said above them.
  const UNSEEN = "svg, script, style, noscript, .hidden, .skip, option, textarea, table.stack thead, .wall-services";

  // What is left of the text after every box that cuts it: words that nobody can see are as good as not there.
  const clipped = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const el = node.parentElement;
      if (!node.data.trim() || !el || el.closest(UNSEEN) || !seen(el)) continue;
      range.selectNodeContents(node);
      let { left, right, top, bottom } = range.getBoundingClientRect();
      const [wide, high] = [right - left, bottom - top];
      if (!wide && !high) { say("text without a size", el); continue; }
      for (let up = el; up && up !== document.body; up = up.parentElement) {
        const [isCutX, isCutY] = clips(up);
        if (!isCutX && !isCutY) continue;
        const box = up.getBoundingClientRect();
        const { overflowX, overflowY } = getComputedStyle(up);
        if (overflowX === "auto" || overflowX === "scroll" || overflowY === "auto" || overflowY === "scroll") break;
        if (isCutX) [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
        if (isCutY) [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
      }
      if (right - left < Math.min(wide, 8) - 0.5 || bottom - top < Math.min(high, 8) - 0.5) say("text cut to nothing", el);
    }
  };

  const frame = () => {
    if (document.title === "owned") say("a script of somebody else ran");
    if (all("main script, main img[src=x], main b b").length) say("markup of somebody else is markup here");
    if (!/\S.* · StayCalm$/.test(document.title) && isFramed) say(`title "${document.title}"`);
    if (!document.documentElement.lang) say("no language");
    const heads = all("h1").filter(seen);
    if (heads.length !== 1) say(`${heads.length} h1`);
    else if (!heads[0].textContent.trim()) say("empty h1");
    const ids = all("[id]").map((el) => el.id);
    const twice = ids.filter((id, n) => ids.indexOf(id) !== n);
    if (twice.length) say(`ids given twice: ${[...new Set(twice)]}`);
    if (!isFramed) return;
    if (all("main").length !== 1) say(`${all("main").length} main`);
    if (all("header").filter((el) => !el.closest("main")).length !== 1) say("no banner");
    for (const nav of all("nav")) if (!nav.getAttribute("aria-label") && !nav.getAttribute("aria-labelledby")) say("nav without a name", nav);
  };

  const named = () => {
    for (const el of all("input:not([type=hidden], [hidden]), select, textarea")) {
      if (!el.labels?.length && !el.getAttribute("aria-label") && !el.getAttribute("aria-labelledby")) say("no label", el);
    }
    for (const el of all("button, a[href], summary")) {
      const words = el.textContent + (el.getAttribute("aria-label") || "") + (el.title || "");
      const pictured = [...el.querySelectorAll("[aria-label], img[alt]")].some((each) => each.ariaLabel || each.alt);
      if (!words.trim() && !pictured) say("no name", el);
    }
    for (const el of all("a[href^='http']")) if (new URL(el.href).origin !== location.origin && !/noopener|noreferrer/.test(el.rel)) say("leads away without rel", el);
  };

  const PAGES = /\b(?:INC|DEP|ALG|ACT|REL|SIL|MNT)-\d+\b/g;
  const linked = () => {
    const walker = document.createTreeWalker(document.querySelector("main") || document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const found = (node.data.match(PAGES) || []).filter((id) => !location.pathname.includes(id));
      const el = node.parentElement;
      if (!found.length || !seen(el)) continue;
      if (el.closest("a, h1, pre, code, textarea, option, button, summary, svg, label")) continue;
      say(`${found[0]} is no link`, el);
    }
  };

  const copied = () => {
    if (!document.documentElement.classList.contains("scripted")) return;
    for (const table of all("main table")) {
      if (!table.tHead || table.dataset.copy === "off" || table.matches(".calendar") || table.querySelector(".empty")) continue;
      const bar = (table.closest(".card.flush, .scroll") || table).nextElementSibling;
      const near = table.closest("details, section, article, main").querySelector("p.copy");
      if (!bar?.matches("p.copy") && !near) say("a table nobody can copy", table);
    }
  };

  // Needs a key pressed before, so that the browser shows where the focus is.
  const focusable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const focused = () => {
    const reached = all(focusable).filter((el) => !el.disabled && seen(el));
    for (const el of reached.length > 240 ? [...reached.slice(0, 180), ...reached.slice(-60)] : reached) {
      el.focus();
      if (document.activeElement !== el) continue;
      const style = getComputedStyle(el);
      const shape = el.closest("svg") && el.querySelector("rect, path");
      const isMarked = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1)
        || (shape && parseFloat(getComputedStyle(shape).strokeWidth) >= 2);
      if (!isMarked) say("the focus does not show", el);
    }
    document.activeElement?.blur?.();
    scrollTo(0, 0);
  };

  sideways();
  clipped();
  if (isLaidOut) return problems;
  frame();
  named();
  // The wall is for a screen that nobody touches, a report for somebody without an account.
  if (isFramed) linked();
  copied();
  focused();
  return problems;
}
