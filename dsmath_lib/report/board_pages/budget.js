// Pages with scores: how many to keep. `keep` is the library's rule with its bins; the tests hold them together.

const BINS = 4000, LIMIT = 16;

function bin(score) {
  const p = Math.min(Math.max(score, 1e-12), 1 - 1e-12);
  const logit = Math.min(Math.max(Math.log(p) - Math.log1p(-p), -LIMIT), LIMIT);
  return Math.min(Math.trunc((logit + LIMIT) / (2 * LIMIT) * BINS), BINS - 1);
}

// s: {pages: [{score, tokens, math}], budget, least} -> which are kept, their tokens, precision and recall by pages.
function keep(s) {
  const bins = [...new Set(s.pages.map((p) => bin(p.score)))].sort((a, b) => b - a);
  let cut = bins[0], sum = 0;
  for (const b of bins) {
    sum += s.pages.filter((p) => bin(p.score) === b).reduce((x, p) => x + p.tokens, 0);
    if (sum > s.budget) break;
    cut = b;
  }
  const kept = s.pages.map((p) => bin(p.score) >= Math.max(cut, bin(s.least)));
  const hits = s.pages.filter((p, i) => kept[i] && p.math).length, n = kept.filter(Boolean).length;
  return {
    kept, tokens: s.pages.reduce((x, p, i) => x + (kept[i] ? p.tokens : 0), 0),
    precision: n ? hits / n : null, recall: hits / s.pages.filter((p) => p.math).length,
  };
}

// made up: pages like the seed, mathematics in a style the seed lacks, pages full of numbers, and others
const PAGES = [
  ...[0.99, 0.98, 0.96, 0.95, 0.91, 0.88].map((score) => ({ score, tokens: 40, math: true, kind: "like the seed" })),
  ...[0.86, 0.62, 0.41, 0.33, 0.21, 0.12].map((score) => ({ score, tokens: 50, math: true, kind: "another style" })),
  ...[0.84, 0.71, 0.58, 0.44, 0.27].map((score) => ({ score, tokens: 30, math: false, kind: "full of numbers" })),
  ...[0.30, 0.18, 0.09, 0.06, 0.04, 0.02, 0.01].map((score) => ({ score, tokens: 60, math: false, kind: "other" })),
].sort((a, b) => b.score - a.score);

function start(root) {
  const s = { pages: PAGES, budget: 240, least: 0 };
  const shown = make("div", { "aria-live": "polite" });
  function draw() {
    const out = keep(s), percent = (v) => (v === null ? "–" : `${Math.round(100 * v)} %`);
    shown.replaceChildren(make("table", {},
      make("caption", {}, `kept ${out.tokens} of ${s.budget} tokens; precision ${percent(out.precision)}, recall ${percent(out.recall)}`),
      row("th", "score", "tokens", "kind of page", "mathematics?", "kept"),
      ...s.pages.map((p, i) => row("td", p.score.toFixed(2), String(p.tokens), p.kind, p.math ? "✓" : "✗", out.kept[i] ? make("td", { class: "kept" }, "kept") : ""))));
  }
  const guess = predict("Predict: which is higher, precision or recall?", () => ["precision", "recall", "equal"],
    () => { const { precision, recall } = keep(s), p = precision || 0; return [Math.abs(p - recall) < 1e-9 ? 2 : p > recall ? 0 : 1]; },
    (open) => { shown.hidden = !open; draw(); });
  root.append(make("div", { class: "globals" },
    slider("budget, tokens", s.budget, 40, 1110, 10, (v) => { s.budget = v; guess.reset(); }),
    slider("least score", s.least, 0, 0.95, 0.05, (v) => { s.least = v; guess.reset(); })), guess.node, shown);
  guess.reset();
}
