// Every table copies as Markdown or CSV. A cell is what its reader sees; a time is its exact UTC.
// data-copy="off" on a table leaves it out; data-value on a cell replaces its text.
"use strict";
(() => {
  const text = (cell) => {
    if (cell.dataset.value !== undefined) return cell.dataset.value;
    const seen = cell.cloneNode(true);
    seen.querySelectorAll("form, button, script, svg:not([aria-label]), [aria-hidden=true], .hidden").forEach((each) => each.remove());
    seen.querySelectorAll("time[datetime]").forEach((time) => {
      const at = new Date(time.getAttribute("datetime"));
      if (!Number.isNaN(at.getTime())) time.textContent = at.toISOString().replace(/\.\d+Z$/, "Z");
    });
    seen.querySelectorAll("svg").forEach((svg) => svg.replaceWith(""));
    seen.querySelectorAll(".block, p, div, li, br").forEach((each) => each.before(" "));
    return seen.textContent.replace(/\s+/g, " ").trim();
  };
  const rows = (table) => [...table.rows].map((row) => [...row.cells].flatMap(
    (cell) => [text(cell), ...Array(cell.colSpan - 1).fill("")],
  ));

  // A spreadsheet runs what begins so as a formula (OWASP, CSV injection); a plain number is none.
  const isFormula = (value) => /^[=+\-@\t\r]/.test(value) && !/^[+-]?\d+([.,]\d+)?( ?[%a-z/]+)?$/i.test(value);
  const csvCell = (value) => {
    const safe = isFormula(value) ? "'" + value : value;
    return /[",\r\n;\t']/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  };
  const asCsv = (table) => rows(table).map((row) => row.map(csvCell).join(",") + "\r\n").join("");

  const mdCell = (value) => value.replace(/[\\`*_[\]<>|]/g, "\\$&");
  const mdRow = (row) => "| " + row.map(mdCell).join(" | ") + " |\n";
  const asMarkdown = (table) => {
    const [head, ...body] = rows(table);
    return mdRow(head) + "|" + head.map(() => " --- |").join("") + "\n" + body.map(mdRow).join("");
  };

  // Without permission, or on plain http, the reader copies what is selected already.
  const byHand = (copied) => {
    const area = calm.make("textarea", { readonly: true, "aria-label": "What to copy" });
    area.value = copied;
    const dialog = calm.make("dialog", { class: "copy-by-hand", "aria-label": "Copy by hand" },
      calm.make("p", {}, "The browser does not let this page copy. It is selected: press Ctrl C, then Escape."), area);
    document.body.append(dialog);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.showModal();
    area.select();
  };
  calm.copy = async (copied, what) => {
    try {
      await navigator.clipboard.writeText(copied);
      calm.toast(what + " copied.");
    } catch {
      byHand(copied);
    }
  };

  const add = (table) => {
    const menu = calm.make("details", { class: "copy" }, calm.make("summary", {}, "Copy ▾"));
    const list = calm.make("div", { class: "menu-list" });
    for (const [label, write] of [["as Markdown", asMarkdown], ["as CSV", asCsv]]) {
      const button = calm.make("button", { type: "button" }, label);
      button.addEventListener("click", () => {
        menu.open = false;
        menu.querySelector("summary").focus();
        calm.copy(write(table), `${table.tBodies[0]?.rows.length ?? 0} rows`);
      });
      list.append(button);
    }
    menu.append(list);
    // Not into what scrolls or clips: the menu would be cut off.
    const home = table.closest(".card.flush, .scroll") || table;
    home.before(menu);
    menu.tableOf = table;
  };
  calm.onDrawn((root) => {
    document.querySelectorAll("details.copy").forEach((menu) => { if (!menu.tableOf?.isConnected) menu.remove(); });
    for (const table of root.querySelectorAll("main table, table")) {
      if (!table.closest("main") || !table.tHead || table.dataset.copy === "off" || table.matches(".calendar")) continue;
      add(table);
    }
  });
})();
