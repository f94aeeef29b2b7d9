// The panel of the chosen cell.

const Panel = {
  cell() {
    const panel = this.model.get("panel"), before = this.aside.isConnected;
    if (!panel) { this.chosen = null; this.aside.remove(); }
    else {
      this.aside.replaceChildren(...this.panelOf(panel));
      if (!before) this.body.after(this.aside);
      // On a small screen it lies below the section.
      if (!before && window.innerWidth < 800) this.aside.scrollIntoView({ block: "nearest" });
    }
    this.dirty = true;
  },
  panelOf(panel) {
    const story = panel.story || [];
    return [
      make("button", { type: "button", class: "tubule-close", "aria-label": "Close", onclick: () => this.drop() }, "×"),
      make("h3", {}, panel.title), make("p", { class: "tubule-where" }, panel.where),
      this.gone === null ? null : make("p", { class: "tubule-where" }, make("strong", {}, `Not there on day ${this.gone}.`), " What follows is of the day above."),
      make("dl", {}, ...panel.rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
      ...(story.length ? [make("h4", {}, "Lineage and fate"), make("ul", {}, ...story.map((line) => make("li", {}, line)))] : []),
    ].filter(Boolean);
  },
};
