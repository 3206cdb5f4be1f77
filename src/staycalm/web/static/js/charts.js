// Charts that the server drew: the values under the pointer or the arrow keys, zoom, and saving as PNG.
// Zooming moves the view box; the range stands in the address (from, to: epoch seconds), so it can be shared.
"use strict";
(() => {
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000];
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const NS = "http://www.w3.org/2000/svg";
  const svg = (tag, attributes) => {
    const made = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  const spaced = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, " ");
  const short = (v) => v === 0 || Math.abs(v) >= 100 ? spaced(Math.round(v)) : v.toFixed(Math.abs(v) >= 0.1 ? 1 : 2);
  const odds = (v) => {
    const size = Math.abs(v) < 6 ? spaced(Math.round(10 ** Math.abs(v))) : "10^" + Math.abs(v).toFixed(0);
    return v >= 0 ? size + " : 1" : "1 : " + size;
  };
  const words = {
    share: (v) => short(100 * v) + " %",
    percent: (v) => short(v) + " %",
    points: (v) => (v >= 0 ? "+" : "") + (100 * v).toFixed(1) + " pp",
    ms: (v) => v >= 1000 ? short(v / 1000) + " s" : short(v) + " ms",
    per_s: (v) => short(v) + "/s",
    odds,
  };
  const date = (at) => new Date(1000 * at);
  const day = (at) => at.getUTCDate() + " " + MONTHS[at.getUTCMonth()];
  const ticks = (start, end) => {
    const step = STEPS.find((each) => (end - start) / each <= 6) || 2592000;
    const found = [];
    let before = null;
    for (let at = Math.ceil(start / step) * step; at <= end; at += step) {
      const here = date(at);
      const clock = here.toISOString().slice(11, step >= 60 ? 16 : 19);
      found.push([at, step >= 86400 || (before !== null && before !== here.getUTCDate()) ? day(here) : clock]);
      before = here.getUTCDate();
    }
    return found;
  };
  const anchor = (percent) => percent < 5 ? "start" : percent > 95 ? "end" : "middle";

  const nearest = (times, at) => {
    let best = -1;
    times.forEach((time, n) => { if (best < 0 || Math.abs(time - at) < Math.abs(times[best] - at)) best = n; });
    return best;
  };

  // A live page draws its charts anew under the reader's hand: what is being read or dragged outlives the drawing.
  const current = new Map();
  let drag = null;
  let reading = null;
  const dragged = (event, act) => {
    const held = drag && current.get(drag.key);
    if (held) held[act](drag.from, held.timeOf(event));
  };
  document.addEventListener("pointermove", (event) => dragged(event, "choose"));
  document.addEventListener("pointerup", (event) => {
    dragged(event, "drop");
    drag = null;
  });
  document.addEventListener("pointercancel", (event) => {
    dragged(event, "cancel");
    drag = null;
  });

  const setUp = (box) => {
    if (box.dataset.ready) return;
    box.dataset.ready = "yes";
    const start = Number(box.dataset.start);
    const end = Number(box.dataset.end);
    const view = { start, end };
    const panels = [...box.querySelectorAll("figure[data-panel]")].map((figure) => ({
      figure,
      key: figure.dataset.key,
      data: JSON.parse(figure.dataset.panel),
      chart: figure.querySelector("svg.chart"),
      canvas: figure.querySelector(".canvas"),
      times: figure.querySelector("svg.times"),
      cursor: svg("path", { class: "cursor", d: "M0 0V100", visibility: "hidden" }),
      chosen: svg("rect", { class: "chosen", y: 0, height: 100, visibility: "hidden" }),
    }));
    if (!panels.length) return;
    const tip = calm.make("div", { class: "chart-tip", role: "status", hidden: true });
    const labels = [...box.querySelectorAll("svg.mark-labels text")];
    const toX = (at) => 1000 * (at - start) / (end - start);
    const percent = (at) => 100 * (at - view.start) / (view.end - view.start);

    const paint = () => {
      const left = toX(view.start);
      for (const { chart, times } of panels) {
        chart.setAttribute("viewBox", `${left} 0 ${toX(view.end) - left} 100`);
        const shown = ticks(view.start, view.end);
        chart.querySelector(".upright").setAttribute("d", shown.map(([at]) => `M${toX(at)} 0V100`).join(""));
        times.replaceChildren(...shown.map(([at, text]) => {
          const node = svg("text", { x: percent(at) + "%", y: 12, "text-anchor": anchor(percent(at)) });
          node.textContent = text;
          return node;
        }));
      }
      for (const label of labels) {
        const at = percent(Number(label.dataset.at));
        label.setAttribute("visibility", at < 0 || at > 100 ? "hidden" : "visible");
        label.setAttribute("x", at + "%");
        label.setAttribute("text-anchor", anchor(at));
      }
      const isWhole = view.start === start && view.end === end;
      whole.hidden = isWhole && !box.dataset.part;
      out.disabled = isWhole && !box.dataset.part;
      const saved = box.querySelector("[data-save-svg]");
      if (saved) saved.href = addressed(new URL(saved.href), !isWhole || box.dataset.part);
    };
    const addressed = (url, isPart) => {
      url.searchParams.delete("from");
      url.searchParams.delete("to");
      if (isPart) {
        url.searchParams.set("from", Math.floor(view.start));
        url.searchParams.set("to", Math.ceil(view.end));
      }
      return url.href;
    };
    const show = (from, to) => {
      const least = Math.min(end - start, 10);
      const middle = (from + to) / 2;
      const span = Math.max(to - from, least);
      view.start = Math.max(start, Math.min(middle - span / 2, end - span));
      view.end = Math.min(end, view.start + span);
      hide();
      paint();
      const isPart = view.start !== start || view.end !== end || Boolean(box.dataset.part);
      history.replaceState(null, "", addressed(new URL(location.href), isPart));
      if (isPart && box.dataset.refines !== undefined) refine();
    };
    // Where the server holds more than it drew, the part is drawn anew with all there is.
    let asked = null;
    const refine = async () => {
      asked?.abort();
      asked = new AbortController();
      try {
        const answer = await fetch(location.href, { signal: asked.signal });
        if (!answer.ok) return;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-charts]");
        if (!fresh || !box.isConnected) return;
        const part = panels.findIndex(({ chart }) => chart === document.activeElement);
        box.replaceWith(fresh);
        fresh.dispatchEvent(new CustomEvent("calm:drawn", { bubbles: true }));
        setUp(fresh);
        if (part >= 0) fresh.querySelectorAll("svg.chart")[part]?.focus({ preventScroll: true });
      } catch (error) {
        if (error.name !== "AbortError") calm.toast?.("No more detail: the server does not answer.");
      }
    };
    const goWhole = () => { if (box.dataset.part) location.assign(box.dataset.part); else show(start, end); };
    const zoom = (factor) => {
      const middle = (view.start + view.end) / 2;
      const half = (view.end - view.start) * factor / 2;
      if (factor > 1 && view.start === start && view.end === end) goWhole(); else show(middle - half, middle + half);
    };

    const hide = () => {
      tip.hidden = true;
      for (const { cursor } of panels) cursor.setAttribute("visibility", "hidden");
    };
    const row = (series, n, unit) => {
      const value = series.v[n];
      const low = series.lo?.[n];
      const high = series.hi?.[n];
      const said = value == null ? "not measured" : words[unit](value);
      const range = value != null && low != null && high != null ? ` (${words[unit](low)} to ${words[unit](high)})` : "";
      return calm.make("span", { class: "key " + series.role }, series.label + " ", calm.make("b", {}, said), range);
    };
    const point = (panel, at) => {
      const first = panel.data.series[0];
      const n = nearest(first.t, at);
      if (n < 0) return;
      const time = first.t[n];
      panel.at = n;
      reading = { key: panel.key, at: time };
      for (const { cursor } of panels) {
        cursor.setAttribute("d", `M${toX(time)} 0V100`);
        cursor.setAttribute("visibility", "visible");
      }
      const here = date(time);
      const local = here.toLocaleTimeString();
      const utc = (end - start > 86400 ? day(here) + " " : "") + here.toISOString().slice(11, 19) + " UTC";
      tip.replaceChildren(calm.make("b", {}, utc), calm.make("small", { class: "muted" }, " " + local + " here"),
        ...panel.data.series.map((series) => row(series, nearest(series.t, time), panel.data.unit)));
      panel.canvas.append(tip);
      tip.hidden = false;
      const room = panel.canvas.clientWidth;
      const x = room * percent(time) / 100;
      tip.style.left = Math.max(0, Math.min(room - tip.offsetWidth, x + (x > room / 2 ? -tip.offsetWidth - 12 : 12))) + "px";
    };

    const timeOf = (panel, event) => {
      const seen = panel.canvas.getBoundingClientRect();
      const share = Math.max(0, Math.min(1, (event.clientX - seen.left) / seen.width));
      return view.start + share * (view.end - view.start);
    };
    for (const panel of panels) {
      const { chart, cursor, chosen, canvas } = panel;
      chart.append(chosen, cursor);
      chart.setAttribute("tabindex", "0");
      const choose = (from, at) => {
        hide();
        chosen.setAttribute("x", toX(Math.min(from, at)));
        chosen.setAttribute("width", Math.abs(toX(at) - toX(from)));
        chosen.setAttribute("visibility", "visible");
      };
      const drop = (from, at) => {
        chosen.setAttribute("visibility", "hidden");
        if (Math.abs(percent(at) - percent(from)) > 2) show(Math.min(from, at), Math.max(from, at));
        else point(panel, at);
      };
      current.set(panel.key, {
        timeOf: (event) => timeOf(panel, event), choose, drop, point: (at) => point(panel, at),
        cancel: () => chosen.setAttribute("visibility", "hidden"),
      });
      canvas.addEventListener("pointerdown", (event) => {
        if (event.button === 0) drag = { key: panel.key, from: timeOf(panel, event) };
      });
      canvas.addEventListener("pointermove", (event) => { if (!drag) point(panel, timeOf(panel, event)); });
      const leave = () => setTimeout(() => {
        if (!chart.isConnected || drag) return;
        reading = null;
        hide();
      });
      canvas.addEventListener("pointerleave", leave);
      chart.addEventListener("blur", leave);
      chart.addEventListener("keydown", (event) => {
        const times = panel.data.series[0].t;
        const inside = times.map((at, n) => n).filter((n) => times[n] >= view.start && times[n] <= view.end);
        if (!inside.length || event.ctrlKey || event.metaKey || event.altKey) return;
        const big = Math.max(1, Math.round(inside.length / 10));
        const at = inside.includes(panel.at) ? panel.at : inside.at(-1);
        const moves = {
          ArrowLeft: at - 1, ArrowRight: at + 1, PageUp: at - big, PageDown: at + big, Home: inside[0], End: inside.at(-1),
        };
        const acts = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: goWhole, Escape: hide };
        if (event.key in moves) point(panel, times[Math.max(inside[0], Math.min(inside.at(-1), moves[event.key]))]);
        else if (event.key in acts) acts[event.key]();
        else return;
        event.preventDefault();
        event.stopPropagation();
      });
    }

    const tools = box.querySelector(".charts-tools");
    const button = (text, label, act) => {
      const made = calm.make("button", { type: "button", class: "quiet", "aria-label": label }, text);
      made.addEventListener("click", act);
      return made;
    };
    const out = button("−", "Zoom out", () => zoom(2));
    const whole = button("Whole time", "Show the whole time", goWhole);
    tools.querySelector("[data-zoom-whole]")?.remove();
    tools.prepend(calm.make("span", { class: "hint muted" }, "Drag to zoom; arrow keys read the values."),
      button("+", "Zoom in", () => zoom(0.5)), out, whole);
    const file = tools.querySelector("[data-save-svg]");
    if (file) tools.append(button("Save as PNG", "Save as PNG", () => savePng(file)));

    const asks = new URL(location.href).searchParams;
    const from = Number(asks.get("from"));
    const to = Number(asks.get("to"));
    if (!box.dataset.part && from && to > from && to > start && from < end) {
      view.start = Math.max(start, from);
      view.end = Math.min(end, to);
    }
    paint();
    if (reading && !drag && panels.some(({ key }) => key === reading.key)) current.get(reading.key).point(reading.at);
  };

  // The file of the server on a canvas, twice as large.
  const savePng = (link) => {
    const picture = new Image();
    picture.onload = () => {
      const canvas = calm.make("canvas", { width: 2 * picture.naturalWidth, height: 2 * picture.naturalHeight });
      const paper = canvas.getContext("2d");
      paper.fillStyle = "#fff";
      paper.fillRect(0, 0, canvas.width, canvas.height);
      paper.drawImage(picture, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => {
        const address = URL.createObjectURL(blob);
        const name = (link.getAttribute("download") || "chart.svg").replace(/\.svg$/, "") + ".png";
        calm.make("a", { href: address, download: name }).click();
        setTimeout(() => URL.revokeObjectURL(address), 10000);
      }, "image/png");
    };
    picture.onerror = () => calm.toast?.("The picture could not be loaded.");
    picture.src = link.href;
  };

  // A part of the time, drawn with all there is, stands still: what is new is not in it.
  document.addEventListener("calm:drawing", (event) => {
    const isPart = new URL(location.href).searchParams.has("from");
    if (isPart && event.target.querySelector("[data-charts][data-refines]")) event.preventDefault();
  });
  calm.onDrawn((root) => root.querySelectorAll("[data-charts]").forEach(setUp));
})();
