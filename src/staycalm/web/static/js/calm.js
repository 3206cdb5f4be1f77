// What the other scripts share. `calm.onDrawn(f)` runs f for the page, and for every part that is drawn anew.
"use strict";
document.documentElement.classList.add("scripted");
window.calm = {
  onDrawn(work) {
    work(document);
    document.addEventListener("calm:drawn", (event) => work(event.target));
  },

  // calm.make("a", { href: "/", class: "plain" }, "text", node…): text is never markup.
  make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) made.setAttribute(name, "");
      else if (value !== false && value != null) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  },

  isTyping(target) {
    return target instanceof Element && target.closest("input, select, textarea, [contenteditable]") !== null;
  },

  isShown(element) {
    return element.checkVisibility ? element.checkVisibility() : element.offsetParent !== null;
  },
};
