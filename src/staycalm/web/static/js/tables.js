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
    const bar = calm.make("p", { class: "copy" }, "Copy as ");
    for (const [label, write] of [["Markdown", asMarkdown], ["CSV", asCsv]]) {
      const button = calm.make("button", { type: "button", "aria-label": "Copy the table as " + label }, label);
      button.addEventListener("click", () => {
        const many = table.tBodies[0]?.rows.length ?? 0;
        calm.copy(write(table), many === 1 ? "1 row" : many + " rows");
      });
      bar.append(button, " ");
    }
    bar.tableOf = table;
    // Not into what scrolls or clips: it would be cut off.
    (table.closest(".card.flush, .scroll") || table).after(bar);
  };
  calm.onDrawn((root) => {
    document.querySelectorAll("p.copy").forEach((bar) => { if (!bar.tableOf?.isConnected) bar.remove(); });
    for (const table of root.querySelectorAll("table")) {
      if (!table.closest("main") || !table.tHead || table.dataset.copy === "off" || table.matches(".calendar") || table.querySelector(".empty")) continue;
      add(table);
    }
  });
})();
