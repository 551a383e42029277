"use strict";
// What the boards share: elements, sliders, choices, bars, a curve, and a question to answer before the numbers show.

function make(tag, attributes, ...inside) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (v !== false) e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...inside);
  return e;
}

function slider(label, value, min, max, step, change) {
  const shown = make("output", {}, String(value));
  const input = make("input", {
    type: "range", min, max, step, value, "aria-label": label,
    oninput: () => { shown.textContent = input.value; change(Number(input.value)); },
  });
  return make("label", { class: "slider" }, label + " ", input, " ", shown);
}

function choice(label, options, value, change) {
  const select = make("select", { "aria-label": label, onchange: () => change(select.value) },
    ...options.map(([v, text]) => make("option", { value: v, selected: v === value }, text)));
  return make("label", { class: "slider" }, label + " ", select);
}

// Two cells of a table: the number, and a bar to the left or right of the middle; `most` is as wide as a bar gets.
function bar(value, most, text) {
  const width = most > 0 ? 45 * Math.abs(value) / most : 0;
  const side = value < 0 ? `right:50%;width:${width}%` : `left:50%;width:${width}%`;
  const drawn = make("span", { class: value < 0 ? "down" : "up", style: side });
  return [make("td", {}, text), make("td", { class: "bar" }, drawn)];
}

function row(kind, ...cells) {
  return make("tr", {}, ...cells.map((c) => (c instanceof Node ? c : make(kind, kind === "th" ? { scope: "col" } : {}, c))));
}

// Lines over x in a box: lines {name: [[x, y], …]}, a dot [x, y] or null; `words` for who cannot see it.
function plot(lines, dot, words) {
  // the name of a language, not an address: nothing is fetched
  const NS = "http" + "://www.w3.org/2000/svg", W = 420, H = 170, P = 30;
  const all = Object.values(lines).flat().concat(dot ? [dot] : []), xs = all.map((p) => p[0]), ys = all.map((p) => p[1]);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(0, ...ys), Math.max(0, ...ys)];
  const at = ([x, y]) => [P + (W - 2 * P) * (x - x0) / (x1 - x0 || 1), H - P + (2 * P - H) * (y - y0) / (y1 - y0 || 1)];
  const draw = (name, attributes, text) => {
    const e = document.createElementNS(NS, name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text) e.textContent = text;
    return e;
  };
  const box = draw("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": words, class: "plot" });
  const [, zero] = at([x0, 0]);
  box.append(draw("line", { x1: P, x2: W - P, y1: zero, y2: zero, stroke: "#595959" }));
  box.append(draw("text", { x: P, y: H - 8 }, x0.toFixed(1)), draw("text", { x: W - P - 18, y: H - 8 }, x1.toFixed(1)));
  box.append(draw("text", { x: 2, y: P }, y1.toFixed(1)), draw("text", { x: 2, y: H - P }, y0.toFixed(1)));
  Object.entries(lines).forEach(([name, points], i) => {
    const style = { fill: "none", stroke: ["#006ba4", "#c85200", "#595959"][i], "stroke-width": 2, "stroke-dasharray": ["", "6 4", "2 3"][i] };
    box.append(draw("polyline", { ...style, points: points.map((p) => at(p).join(",")).join(" ") }));
    box.append(draw("line", { ...style, x1: 60 + 130 * i, x2: 85 + 130 * i, y1: 12, y2: 12 }), draw("text", { x: 90 + 130 * i, y: 16 }, name));
  });
  if (dot) { const [cx, cy] = at(dot); box.append(draw("circle", { cx, cy, r: 5 })); }
  return box;
}

// A question with buttons. `choices()` are their words, `right()` the numbers of the right ones, `reveal(open)` shows the rest.
function predict(ask, choices, right, reveal) {
  const node = make("div", { class: "guess" });
  let said = null, open = false;
  function draw() {
    const words = choices(), good = right();
    node.replaceChildren(
      make("span", {}, ask + " "),
      ...words.map((c, i) => make("button", {
        type: "button", "aria-pressed": String(said === i), onclick: () => { said = i; open = true; draw(); },
      }, c)),
      make("button", { type: "button", onclick: () => { open = !open; said = null; draw(); } }, open ? "hide" : "just show"),
      make("b", { role: "status" }, said === null ? "" : good.includes(said) ? " Right." : ` No: ${good.map((i) => words[i]).join(" and ")}.`));
    reveal(open);
  }
  return { node, draw, reset: () => { said = null; open = false; draw(); } };
}
