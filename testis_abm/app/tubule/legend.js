// What the colours and marks mean: always of what is drawn at the time.
const UNITS = { age: "days since A-pale", aromatase: "relative activity, logarithmic" };

const Legend = {
  /** Return the scales in use: name, ends in words. */
  scales() {
    const scales = [], add = (name, title) => {
      const [low, high] = this.span(name), unit = UNITS[name] || (this.model.get("units") || {})[name] || "1 = reference man";
      scales.push({ name: `${title} (${unit})`, low: figure(low), high: figure(high) });
    };
    if (!["stain", "step", "clone"].includes(this.colour)) add(this.colour, COLOURS[this.colour]);
    for (const field of new Set(this.panes.map((of) => of.field))) if (field !== "none") add(field, FIELDS[field]);
    return scales;
  },
  keys() {
    const mark = [this.colour, this.night, this.stages, JSON.stringify(this.scales())].join("|");
    if (!fill(this.legend, mark, () => this.legendOf())) return;
    const r = Math.min(window.devicePixelRatio || 1, 2);
    for (const canvas of this.legend.querySelectorAll(".tubule-key")) {
      const step = +canvas.dataset.step, tint = this.colour === "step" ? STEP_COLOURS[step] : null;
      canvas.width = 26 * r; canvas.height = 22 * r;
      const g = canvas.getContext("2d"), size = (step === 13 ? 1.15 : 1.5) * r; // of a Leydig cell all is shown
      g.translate((step === 11 ? 8 : 13) * r, 11 * r); g.scale(size, -size);
      paintCell(g, step, 1, tint, this.tone, true);
    }
  },
  legendOf() {
    const parts = this.scales().map((scale) => make("div", { class: "tubule-scale" }, make("span", {}, scale.name), make("span", {}, scale.low),
      make("i", { style: `background: linear-gradient(to right, ${VIRIDIS.join()})` }), make("span", {}, scale.high)));
    if (["stain", "step"].includes(this.colour)) {
      parts.push(make("ul", {}, ...NAMES.map((name, step) => make("li", {}, make("canvas", { class: "tubule-key", "data-step": step, "aria-hidden": "true" }), name))));
    }
    if (this.stages) {
      parts.push(make("ul", { class: "tubule-stages", "aria-label": "Stages of the cycle, as rings" }, make("li", {}, "Stage of the cycle (ring):"),
        ...[...STAGES, ...NO_STAGE].map((stage) => make("li", {}, make("i", { class: "tubule-stage", style: `background: ${stage.colour}` }), stage.name))));
    }
    if (this.colour === "clone") parts.push(make("p", {}, "Cells joined by bridges share a colour; stem cells and cells of the soma are grey."));
    return parts;
  },
};
