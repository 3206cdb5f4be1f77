// Finds sections by words, in the index that the page has loaded. Every word must occur; titles count most.
"use strict";
(() => {
  const field = document.getElementById("search");
  const list = document.getElementById("results");
  const up = document.body.dataset.up;
  const MOST = 20;

  const escapeWord = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  function score(row, words) {
    const [, title, heading, text] = row.map((part) => part.toLowerCase());
    let sum = 0;
    for (const word of words) {
      const starts = new RegExp("(^|[^\\p{L}\\p{N}])" + escapeWord(word), "u");
      const here =
        (starts.test(title) ? 8 : 0) + (starts.test(heading) ? 6 : 0) +
        (starts.test(text) ? 2 : text.includes(word) || heading.includes(word) ? 1 : 0);
      if (!here) return 0;
      sum += here;
    }
    // What explains comes before what lists everything.
    return row[0].startsWith("reference/") ? sum / 2 : sum;
  }

  function excerpt(text, words) {
    const at = Math.max(0, text.toLowerCase().indexOf(words[0]) - 60);
    return (at ? "… " : "") + text.slice(at, at + 200) + (at + 200 < text.length ? " …" : "");
  }

  // Text is set as text: nothing of a document becomes markup.
  function marked(element, text, words) {
    const pattern = new RegExp("(" + words.map(escapeWord).join("|") + ")", "giu");
    text.split(pattern).forEach((part, place) => {
      if (place % 2) {
        const mark = document.createElement("mark");
        mark.textContent = part;
        element.append(mark);
      } else {
        element.append(part);
      }
    });
    return element;
  }

  function entry(row, words) {
    const link = document.createElement("a");
    link.href = up + row[0];
    const title = row[2] && row[2] !== row[1] ? row[1] + " › " + row[2] : row[1];
    link.append(marked(document.createElement("strong"), title, words));
    link.append(marked(document.createElement("span"), excerpt(row[3], words), words));
    return link;
  }

  function search() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    list.replaceChildren();
    list.hidden = !words.length;
    if (!words.length) return;
    const found = window.documents
      .map((row) => [score(row, words), row])
      .filter(([points]) => points)
      .sort((a, b) => b[0] - a[0]);
    const said = document.createElement("p");
    said.textContent = found.length
      ? found.length + (found.length === 1 ? " section" : " sections") +
        (found.length > MOST ? ", the best " + MOST : "")
      : "Nothing found. Try fewer or shorter words.";
    list.append(said, ...found.slice(0, MOST).map(([, row]) => entry(row, words)));
  }

  field.addEventListener("input", search);
  field.form.addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, textarea, select");
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "Escape") {
      field.value = "";
      search();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !list.hidden) {
      const links = [...list.querySelectorAll("a")];
      const next = links.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
      event.preventDefault();
      (links[next] ?? field).focus();
    }
  });
  list.addEventListener("click", () => {
    list.hidden = true;
  });

  // On a narrow screen the list of documents waits folded above the text.
  if (matchMedia("(max-width: 60rem)").matches) document.querySelector(".menu").open = false;
})();
