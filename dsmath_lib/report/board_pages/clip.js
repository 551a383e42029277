// One token of Eq. 3 under the clip. `token` is its arithmetic; the tests hold it against the library.

// s: {ratio, advantage, eps} -> both products, the objective, and its derivative by the token's log-prob.
function token(s) {
  const clipped = Math.min(Math.max(s.ratio, 1 - s.eps), 1 + s.eps);
  const plain = s.ratio * s.advantage, bound = clipped * s.advantage;
  const stopped = bound < plain;
  return { plain, bound, objective: Math.min(plain, bound), stopped, slope: stopped ? 0 : plain };
}

function start(root) {
  const s = { ratio: 1.5, advantage: 1, eps: 0.2 };
  const shown = make("div", { "aria-live": "polite" });
  function draw() {
    const t = token(s), xs = Array.from({ length: 57 }, (_, i) => 0.4 + i / 40);
    const line = (key) => xs.map((ratio) => [ratio, token({ ...s, ratio })[key]]);
    const words = `Objective over the ratio: ${t.stopped ? "flat" : "not flat"} at ratio ${s.ratio}.`;
    shown.replaceChildren(
      plot({ objective: line("objective"), "not clipped": line("plain") }, [s.ratio, t.objective], words),
      make("p", {}, `ρÂ = ${t.plain.toFixed(2)}, clip(ρ)Â = ${t.bound.toFixed(2)}; the smaller is the objective, ${t.objective.toFixed(2)}. `,
        make("b", {}, t.stopped ? "It is the clipped one, a constant: no push." : `It moves with the ratio: the log-prob is pushed ${t.slope > 0 ? "up" : t.slope < 0 ? "down" : "nowhere"} by ${Math.abs(t.slope).toFixed(2)}.`)));
  }
  const guess = predict("Predict: what does the gradient do to this token?", () => ["push it up", "push it down", "nothing"],
    () => { const { slope } = token(s); return [slope > 0 ? 0 : slope < 0 ? 1 : 2]; },
    (open) => { shown.hidden = !open; draw(); });
  const set = (key) => (v) => { s[key] = v; guess.reset(); };
  root.append(make("div", { class: "globals" },
    slider("ratio ρ", s.ratio, 0.4, 1.8, 0.05, set("ratio")),
    slider("advantage Â", s.advantage, -2, 2, 0.25, set("advantage")),
    slider("clip ε", s.eps, 0, 0.5, 0.05, set("eps"))), guess.node, shown);
  guess.reset();
}
