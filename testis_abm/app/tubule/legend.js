// What the colours and marks mean, always as they are drawn at the time, and how many cells of each type there are.
const STRUCTURES = [
  ["lumen", (g, tone) => { ellipse(g, 0, 0, 12, 10, 0); g.fillStyle = tone.lumen; g.strokeStyle = tone.cleft; g.lineWidth = 0.8; g.fill(); g.stroke(); }],
  ["capillary", (g, tone) => paintCapillary(g, 0, 0, luck(77), tone)],
  ["peritubular myoid cell", (g, tone) => {
    g.strokeStyle = tone.membrane; g.lineWidth = 1; g.beginPath(); g.moveTo(-8, -2.5); g.lineTo(8, -2.5); g.stroke();
    ellipse(g, 0, 1, 11, 2.2, 0); g.fillStyle = tone.myoid; g.fill();
  }],
  ["dying cell", (g, tone) => paintCell(g, 6, 1, DYING, tone, true)],
];

const Legend = {
  /** Return the bars of colours in use, each once. */
  bars() {
    const all = [this.barOfCells(), ...this.panes.map((pane) => this.barOf(pane))].filter(Boolean);
    return [...new Map(all.map((bar) => [bar.name, bar])).values()];
  },
  /** Return how each type of cell is coloured now; null: as stained. */
  tintOf(step) { return this.colour === "step" ? STEP_COLOURS[step] : this.colour === "stain" ? null : NO_VALUE; },
  /** Return the marks in use besides cells: name and colour. */
  rings() {
    const lacking = NO_STAGE.map(({ name }, k) => ({ name, colour: this.tone.lacking[k] })).filter((_, k) => this.stages || this.arms.some((arm) => arm.motion && arm.motion.b.niche.includes(k + 1)));
    return [...(this.stages ? STAGES : []), ...lacking];
  },
  keys() {
    const mark = [this.colour, this.night, this.arms.map((arm) => arm.name), this.rings().map((of) => of.name), this.shown(), JSON.stringify(this.bars())].join("|");
    if (fill(this.legend, mark, () => this.legendOf())) {
      const r = Math.min(window.devicePixelRatio || 1, 2);
      for (const canvas of this.legend.querySelectorAll(".tubule-key")) {
        canvas.width = 26 * r; canvas.height = 22 * r;
        this.paintKey(canvas.getContext("2d"), canvas.dataset.step, 13 * r, 11 * r, r);
      }
      this.counted = "";
    }
    this.count();
  },
  /** Paint the picture of a type of cell (its number) or of a structure (its name) about x, y. */
  paintKey(g, of, x, y, r) {
    const structure = STRUCTURES.find(([name]) => name === of), step = +of;
    const size = (structure ? 1.2 : step === 13 ? 1.15 : 1.5) * r; // of a Leydig cell all is shown
    g.save();
    g.translate(x - (step === 11 ? 5 * r : 0), y); g.scale(size, -size);
    if (structure) structure[1](g, this.tone); else paintCell(g, step, 1, this.tintOf(step), this.tone, true);
    g.restore();
  },
  legendOf() {
    const key = (of) => make("canvas", { class: "tubule-key", "data-step": of, "aria-hidden": "true" });
    const arms = this.arms.map((arm, i) => make("b", { class: `tubule-arm${this.colourOf(i)}` }, arm.name.toLowerCase()));
    const heading = make("p", { class: "tubule-heading" }, `Cells per tubule cross-section, mean of ${this.shown()} shown`, ...(arms.length > 1 ? [": ", arms[0], ", ", arms[1], " (difference)"] : []));
    this.numbers = NAMES.map(() => make("span", { class: "tubule-number" }));
    const entry = (name, step) => make("li", {}, key(step), make("span", {}, name), this.numbers[step]);
    const bars = this.bars().map((bar) => make("div", { class: "tubule-scale" }, make("span", {}, `${bar.name} (${bar.unit})`), make("span", {}, bar.low),
      make("i", { style: `background: linear-gradient(to right, ${bar.colours.join()})` }), make("span", {}, bar.high)));
    const said = { clone: "Cells joined by bridges share a colour; stem cells and cells of the soma are grey.", stain: "", step: "" }[this.colour];
    const rings = this.rings();
    return [
      ...bars, heading, make("ul", {}, ...NAMES.map(entry), ...STRUCTURES.map(([name]) => make("li", {}, key(name), make("span", {}, name)))),
      said === "" ? null : make("p", {}, said || "Shapes are those of the types; grey cells have no such value."),
      rings.length ? make("ul", { class: "tubule-stages", "aria-label": this.stages ? "Stages of the cycle, as rings" : "Niches, as rings" }, make("li", {}, this.stages ? "Stage of the cycle (ring):" : "Niches (ring):"),
        ...rings.map((of) => make("li", {}, make("i", { class: "tubule-stage", style: `background: ${of.colour}` }), of.name))) : null,
    ].filter(Boolean);
  },
  shown() { return this.arms.length ? this.arms[0].section.centres.length / 2 : 0; },
  /** Say how many cells of each type there are in the frames that are shown. */
  count() {
    const frames = this.arms.map((arm) => this.nearest(arm));
    const mark = frames.map((frame) => frame && `${frame.key} ${frame.day}`).join();
    if (mark === this.counted || !this.numbers || !frames.every(Boolean)) return;
    this.counted = mark;
    const counts = frames.map((frame) => {
      const of = new Float64Array(LOOKS.length);
      for (let i = 0; i < frame.cells; i++) if (i >= frame.soma || frame.present[i]) of[frame.step[i]] += 1 / this.shown();
      return of;
    });
    const text = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
    this.numbers.forEach((of, step) => {
      const each = counts.map((count, i) => make("b", { class: `tubule-arm${this.colourOf(i)}` }, text(count[step])));
      const gap = counts.length > 1 ? counts[0][step] - counts[1][step] : null;
      const said = gap === null ? "" : Math.abs(gap) < 0.05 ? "(0)" : `(${gap > 0 ? "+" : "−"}${text(Math.abs(gap))})`;
      of.replaceChildren(...each.flatMap((one) => [one, " "]), said);
    });
  },
  /** Paint the bars of colours of a pane on its picture. */
  paintScales(g, pane) {
    const r = this.ratio, bars = [pane.difference ? null : this.barOfCells(), this.barOf(pane)].filter(Boolean);
    let y = 6 * r;
    for (const bar of bars) {
      const width = Math.min(190 * r, pane.canvas.width - 12 * r), ink = this.night ? "#fff" : "#000";
      g.fillStyle = this.night ? "#000000b3" : "#ffffffd9"; g.fillRect(6 * r, y, width, 46 * r);
      g.font = `${11.5 * r}px ${this.face}`; g.textBaseline = "alphabetic"; g.textAlign = "left"; g.fillStyle = ink;
      g.fillText(`${bar.name} (${bar.unit})`, 12 * r, y + 14 * r, width - 12 * r);
      const along = g.createLinearGradient(12 * r, 0, width, 0);
      bar.colours.forEach((colour, i) => along.addColorStop(i / (bar.colours.length - 1), colour));
      g.fillStyle = along; g.fillRect(12 * r, y + 19 * r, width - 12 * r, 9 * r);
      g.fillStyle = ink;
      g.fillText(bar.low, 12 * r, y + 41 * r);
      g.textAlign = "right"; g.fillText(bar.high, width, y + 41 * r);
      if (bar.middle) { g.textAlign = "center"; g.fillText(bar.middle, 6 * r + width / 2, y + 41 * r); }
      y += 52 * r;
    }
    g.textAlign = "left";
  },
};
