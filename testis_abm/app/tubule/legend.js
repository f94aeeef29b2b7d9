// What the colours and marks mean: always of what is drawn at the time.

const Legend = {
  /** Return the bars of colours in use, each once. */
  bars() {
    const all = [this.barOfCells(), ...this.panes.map((pane) => this.barOf(pane))].filter(Boolean);
    return [...new Map(all.map((bar) => [bar.name, bar])).values()];
  },
  keys() {
    const mark = [this.colour, this.night, this.stages, JSON.stringify(this.bars())].join("|");
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
    const parts = this.bars().map((bar) => make("div", { class: "tubule-scale" }, make("span", {}, `${bar.name} (${bar.unit})`), make("span", {}, bar.low),
      make("i", { style: `background: linear-gradient(to right, ${bar.colours.join()})` }), make("span", {}, bar.high)));
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
  /** Paint the bars of colours of a pane on its picture. */
  paintScales(g, pane) {
    const r = this.ratio, bars = [pane.difference ? null : this.barOfCells(), this.barOf(pane)].filter(Boolean);
    let y = 6 * r;
    for (const bar of bars) {
      const width = Math.min(190 * r, pane.canvas.width - 12 * r);
      g.fillStyle = this.night ? "#000000b3" : "#ffffffd9"; g.fillRect(6 * r, y, width, 46 * r);
      g.fillStyle = this.night ? "#fff" : "#000";
      g.font = `${11.5 * r}px ${this.face}`; g.textBaseline = "alphabetic"; g.textAlign = "left";
      const title = `${bar.name} (${bar.unit})`;
      g.fillText(title, 12 * r, y + 14 * r, width - 12 * r);
      const ramp = g.createLinearGradient(12 * r, 0, width, 0);
      bar.colours.forEach((colour, i) => ramp.addColorStop(i / (bar.colours.length - 1), colour));
      const ink = g.fillStyle;
      g.fillStyle = ramp; g.fillRect(12 * r, y + 19 * r, width - 12 * r, 9 * r);
      g.fillStyle = ink;
      g.fillText(bar.low, 12 * r, y + 41 * r);
      g.textAlign = "right"; g.fillText(bar.high, width, y + 41 * r);
      if (bar.middle) { g.textAlign = "center"; g.fillText(bar.middle, 6 * r + width / 2, y + 41 * r); }
      y += 52 * r;
    }
    g.textAlign = "left";
  },
};
