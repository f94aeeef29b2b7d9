// The panel of the chosen cell, and its relatives.

const Panel = {
  cell() {
    const panel = this.model.get("panel"), before = this.aside.isConnected;
    if (!panel) { this.chosen = null; this.family = null; this.aside.remove(); }
    else {
      this.family = new Map(panel.family || []);
      if (this.wished && panel.lineage && this.wished.lineage === panel.lineage.join()) this.turnTo(panel);
      const focused = this.aside.contains(document.activeElement);
      this.aside.replaceChildren(...this.panelOf(panel));
      if (!before) this.body.parentElement.after(this.aside);
      if (focused) this.aside.querySelector("button").focus();
      // On a small screen it lies below the section.
      if (!before && window.innerWidth < 800) this.aside.scrollIntoView({ block: "nearest" });
    }
    this.dirty = true;
  },
  /** Show a relative that was asked for, on the day on which it is there. */
  turnTo(panel) {
    const [low, high] = panel.lineage;
    this.wished = null; this.playing = false; this.gone = null;
    this.chosen = { arm: panel.arm, low, high, clone: panel.clone };
    if (Math.abs(this.day - panel.day) > 1e-6) {
      this.day = panel.day; this.following = this.day >= this.last;
      this.show();
    }
  },
  chooseKin(of) {
    const whole = BigInt(of.lineage);
    this.wished = { lineage: `${whole & 0xffffffffn},${whole >> 32n}`, at: performance.now() };
    this.model.send({ kind: "kin", key: this.arms[this.chosen ? this.chosen.arm : 0].key, lineage: of.lineage, day: of.day });
  },
  panelOf(panel) {
    const story = panel.story || [], relatives = panel.relatives || [];
    return [
      make("button", { type: "button", class: "tubule-close", "aria-label": "Close", onclick: () => this.drop() }, "×"),
      make("h3", {}, panel.title), make("p", { class: "tubule-where" }, panel.where),
      this.gone === null ? null : make("p", { class: "tubule-where" }, make("strong", {}, `Not there on day ${this.gone}.`), " What follows is of the day above."),
      make("dl", {}, ...panel.rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
      ...(story.length ? [make("h4", {}, "Lineage and fate"), make("ul", {}, ...story.map((line) => make("li", {}, line)))] : []),
      ...(relatives.length ? [make("h4", {}, "Relatives"), make("div", { class: "tubule-kin", role: "group", "aria-label": "Relatives" },
        ...relatives.map((of) => make("button", { type: "button", title: `Choose it on day ${of.day}`, onclick: () => this.chooseKin(of) }, `${of.label}, day ${of.day}`)))] : []),
      ...(relatives.length ? [make("p", { class: "tubule-where" }, "On the slide: the cell, ", make("span", { style: `color: ${FAMILY}` }, "◌ its lineage"), ", ", make("span", { style: `color: ${CLONE_MATE}` }, "○ its clone"), ".")] : []),
    ].filter(Boolean);
  },
};
