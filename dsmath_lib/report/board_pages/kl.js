// Three tokens under two policies: the KL, its estimators and their pull. `estimates` is held against the library.

// s: {pi: [weights], ref: [weights]} -> chances, both KLs, each token's estimates, their means and pulls.
function estimates(s) {
  const share = (w) => w.map((v) => v / w.reduce((x, y) => x + y, 0));
  const pi = share(s.pi), ref = share(s.ref);
  const rows = pi.map((p, i) => {
    const x = ref[i] / p, log = Math.log(x);
    return { pi: p, ref: ref[i], x, k1: -log, k2: log * log / 2, k3: x - log - 1, pull: x - 1 };
  });
  const mean = (key) => rows.reduce((sum, r) => sum + r.pi * r[key], 0);
  return {
    rows, kl: mean("k1"), other: rows.reduce((sum, r) => sum + r.ref * Math.log(r.x), 0),
    means: { k1: mean("k1"), k2: mean("k2"), k3: mean("k3") },
  };
}

function start(root) {
  const s = { pi: [6, 3, 1], ref: [3, 3, 4] };
  const shown = make("div", { "aria-live": "polite" });
  function draw() {
    const out = estimates(s), most = Math.max(...out.rows.map((r) => Math.abs(r.pull)));
    const n = (v) => v.toFixed(3);
    shown.replaceChildren(make("table", {},
      make("caption", {}, `KL(π‖ref) = ${n(out.kl)}, KL(ref‖π) = ${n(out.other)} nats`),
      row("th", "token", "π", "ref", "k1", "k2", "k3", make("th", { scope: "col", colspan: 2 }, "pull of the KL term, x − 1")),
      ...out.rows.map((r, i) => row("td", String(i + 1), n(r.pi), n(r.ref), n(r.k1), n(r.k2), n(r.k3), ...bar(r.pull, most, n(r.pull)))),
      row("td", "mean under π", "", "", n(out.means.k1), n(out.means.k2), n(out.means.k3), "", "")),
      make("p", {}, "A positive pull makes the token more likely: the reference likes it more than the policy does."));
  }
  const guess = predict("Predict: for which drawn token is k3 largest?", () => ["token 1", "token 2", "token 3", "0 for all"],
    () => {
      const k = estimates(s).rows.map((r) => r.k3), most = Math.max(...k);
      return most < 1e-12 ? [3] : k.flatMap((v, i) => (v > most - 1e-12 ? [i] : []));
    },
    (open) => { shown.hidden = !open; draw(); });
  const part = (name, key) => make("fieldset", {}, make("legend", {}, name), ...s[key].map((v, i) =>
    slider(`weight of token ${i + 1}`, v, 1, 10, 1, (w) => { s[key][i] = w; guess.reset(); })));
  root.append(make("div", { class: "answers" }, part("policy π", "pi"), part("reference", "ref")), guess.node, shown);
  guess.reset();
}
