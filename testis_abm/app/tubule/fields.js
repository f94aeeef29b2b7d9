// Steroids over the tissue: one in each pane, all three side by side, or what a treatment changes of them.
const STEROIDS = { testosterone: "testosterone", oestradiol: "oestradiol", ratio: "T/E2" };
const DIVERGING = ["#053061", "#2166ac", "#67a9cf", "#d1e5f0", "#f7f7f7", "#fddbc7", "#ef8a62", "#b2182b", "#67001f"];

const diverging = (share) => ramp(DIVERGING, share);

const FieldsOver = {
  /** Return the choices of a field, as far as there is what they show. */
  fieldChoices() {
    const choices = { none: "none", ...STEROIDS, all: "T | E2 | T/E2" };
    if (Object.keys(this.model.get("differences") || {}).length) {
      for (const [name, title] of Object.entries(STEROIDS)) choices[`difference ${name}`] = `${title}: difference`;
      choices["difference all"] = "T | E2 | T/E2: differences";
    }
    return choices;
  },
  /** Return the panes of the chosen field: which arm and steroid each shows. */
  wanted() {
    const between = this.field.startsWith("difference "), name = between ? this.field.slice(11) : this.field;
    const steroids = name === "all" ? Object.keys(STEROIDS) : [name], arms = this.arms.map((arm, i) => ({ arm: i, field: "none", caption: arm.name }));
    if (between) {
      const of = `${this.arms[0].name} − ${this.arms[1].name.toLowerCase()}`;
      const gaps = steroids.map((field) => ({ arm: 0, field, difference: true, caption: `${of}: ${STEROIDS[field]}` }));
      return [...(name === "all" ? [] : arms), ...gaps];
    }
    return arms.flatMap((pane) => steroids.map((field) => ({ ...pane, field, caption: name === "all" ? `${pane.caption}: ${STEROIDS[field]}` : pane.caption })));
  },
  /** Return a level in the unit that is shown. */
  inUnit(field, value) { return value * ((this.model.get("units") || {})[field] || { factor: 1 }).factor; },
  unitOf(field) { return ((this.model.get("units") || {})[field] || { unit: "" }).unit; },
  /** Return what a pane lays over its tissue: values, their scale and its colours; null: nothing. */
  fieldIn(pane, frame) {
    if (pane.field === "none") return null;
    if (!pane.difference) {
      const [low, high] = this.span(pane.field);
      return { mark: [frame.day, frame.key, pane.field, low, high].join(), low, high, colour: viridis, values: () => fieldOf(frame, pane.field) };
    }
    const other = this.nearest(this.arms[1]), most = this.most(pane.field);
    if (!other || other.day !== frame.day) return null; // a difference is one of the same day
    const values = () => { const from = fieldOf(other, pane.field); return fieldOf(frame, pane.field).map((value, i) => value - from[i]); };
    return { mark: [frame.day, frame.key, "difference", pane.field, most].join(), low: -most, high: most, colour: diverging, values };
  },
  most(field) { return Math.max((this.model.get("differences") || {})[field] || 0, 1e-9); },
  /** Return the bar of colours of a pane: title, ends and colours; null if nothing is laid over it. */
  barOf(pane) {
    if (pane.field === "none") return null;
    const title = `${STEROIDS[pane.field]}${pane.difference ? ", difference" : ""}`, unit = this.unitOf(pane.field), most = this.inUnit(pane.field, this.most(pane.field));
    const [low, high] = pane.difference ? [] : this.span(pane.field).map((of) => this.inUnit(pane.field, of));
    return pane.difference
      ? { name: title, unit, low: signed(-most), middle: "0", high: signed(most), colours: DIVERGING }
      : { name: title, unit, low: figure(low), high: figure(high), colours: VIRIDIS };
  },
  /** Return the bar of the cells' colours; null if they have none. */
  barOfCells() {
    if (["stain", "step", "clone"].includes(this.colour)) return null;
    const [low, high] = this.span(this.colour);
    return { name: COLOURS[this.colour], unit: CELL_UNITS[this.colour] || "1 = reference man", low: figure(low), high: figure(high), colours: VIRIDIS };
  },
};
