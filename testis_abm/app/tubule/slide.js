// The slide as a whole: its elements, and what each says at the present time.
const COLOURS = {
  stain: "stain", step: "step", age: "age", androgen_signal: "AR signal", er_alpha_signal: "ER-α signal", er_beta_signal: "ER-β signal",
  aromatase: "aromatase", clone: "clone",
};
const CELL_UNITS = { age: "days since A-pale", aromatase: "relative activity, logarithmic" };
const SPEEDS = [0.5, 1, 2, 4, 8, 16];
const HELP = "Space plays, ← → move by a day (with Shift by a week), Home and End to the first and the last; +, −, double click, Ctrl + wheel and pinch zoom, drag moves, 0 shows "
  + "everything. A click shows a cell, Enter the one in the middle, Esc closes it.";

class Slide {
  constructor(model, el) {
    this.model = model;
    Object.assign(this, {
      playing: false, day: 0, speed: 2, colour: "stain", field: "none", stages: true, zero: true, following: true, gone: null, family: null,
      scenes: [], arms: [], panes: [], asked: null, dirty: true, chosen: null, ground: null, drawn: [], pointers: new Map(), jumped: 0,
      view: { x: 0, y: 0, k: 1, whole: true }, draw: DRAW,
    });
    this.media = window.matchMedia("(prefers-color-scheme: dark)");
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.build();
    el.append(this.root);
    this.probe = { fps: 0, day: 0, cells: 0, view: this };
    window.__tubule = this.probe;
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(this.body); // which narrows when the panel opens
    this.heard = [
      ["change:scenes", () => this.adopt()], ["change:dark", () => this.theme()], ["change:panel", () => this.cell()],
      ["change:courses", () => this.course(true)], ["change:units", () => this.show(true)], ["change:differences", () => { this.ground = null; this.dirty = true; this.show(true); }],
      ["msg:custom", (message, buffers) => { if (message.kind === "chunk") this.receive(buffers[0]); }],
    ];
    for (const [name, act] of this.heard) model.on(name, act);
    this.themed = () => this.theme();
    this.media.addEventListener("change", this.themed);
    this.theme();
    this.adopt();
    this.alive = true;
    const ticking = (now) => { if (this.alive) { this.tick(now); requestAnimationFrame(ticking); } };
    requestAnimationFrame(ticking);
  }
  leave() {
    this.alive = false;
    this.sized.disconnect();
    this.media.removeEventListener("change", this.themed);
    for (const [name, act] of this.heard) this.model.off(name, act);
    if (window.__tubule === this.probe) delete window.__tubule;
    this.root.remove();
  }

  // ---- elements

  build() {
    const turned = (change) => (value) => { change(value); this.dirty = true; this.show(true); };
    this.play = make("button", { type: "button", class: "tubule-play", onclick: () => this.toggle() });
    this.slider = make("input", { class: "tubule-scrub", type: "range", step: 1, "aria-label": "Day", oninput: () => this.scrub(+this.slider.value) });
    this.said = make("output", { class: "tubule-day", "aria-live": "off" });
    this.recorded = make("span", { class: "tubule-recorded" });
    this.choice = chooser("Field", "Field over the tissue", { none: "none" }, "none", turned((value) => { this.field = value; this.layout(); }));
    const button = (label, says, key, act) => make("button", { type: "button", "aria-label": says, title: `${says} (${key})`, onclick: act }, label);
    this.filmer = make("button", { type: "button", onclick: () => this.film() });
    this.bar = make("div", { class: "tubule-bar", role: "toolbar", "aria-label": "Time and view" },
      make("div", { class: "tubule-time" }, this.play, this.slider, make("span", { class: "tubule-when" }, this.said, " ", this.recorded)),
      chooser("Speed", "Days a second", Object.fromEntries(SPEEDS.map((s) => [s, `${s} d/s`])), String(this.speed), (value) => { this.speed = +value; }),
      chooser("Colour", "Colour of the cells", COLOURS, this.colour, turned((value) => { this.colour = value; })),
      this.choice, box("Scale from 0", this.zero, turned((value) => { this.zero = value; this.ground = null; })), box("Stages", this.stages, turned((value) => { this.stages = value; })),
      make("span", { class: "tubule-zoom" }, button("+", "Zoom in", "+", () => this.zoom(1.5)), button("−", "Zoom out", "-", () => this.zoom(1 / 1.5)),
        button("Fit", "Show everything", "0", () => this.fit())),
      make("button", { type: "button", title: "Save what is seen as a picture (PNG)", onclick: () => this.snapshot() }, "Picture"), this.filmer);
    this.status = make("p", { class: "tubule-status", role: "status" });
    this.body = make("div", { class: "tubule-panes" });
    this.aside = make("aside", { class: "tubule-panel", "aria-live": "polite", "aria-label": "The chosen cell" });
    this.legend = make("div", { class: "tubule-legend", "aria-label": "Legend" });
    this.strip = make("div", { class: "tubule-strip", "aria-label": "Levels over the days" });
    this.root = make("section", { class: "tubule", role: "region", "aria-label": "Living cross-section of seminiferous tubules", tabindex: 0, onkeydown: (event) => this.press(event) },
      this.bar, this.status, make("div", { class: "tubule-body" }, make("div", { class: "tubule-main" }, this.body, this.legend, this.strip)), make("p", { class: "tubule-help" }, HELP));
  }
  /** Make the panes. */
  layout() {
    if (!(this.field in this.fieldChoices())) this.field = "none";
    this.panes = this.wanted().map((of, i, all) => this.pane({ ...of, first: !of.difference && all.findIndex((one) => one.arm === of.arm) === i }));
    this.body.classList.toggle("tubule-many", this.panes.length > 2);
    this.body.replaceChildren(...this.panes.map((of) => make("figure", {}, of.said, of.canvas)));
    this.ground = null;
    this.resize();
    this.fit();
  }
  pane(of) {
    of.lost = make("small", {});
    of.said = make("figcaption", {}, of.caption, " ", of.lost);
    of.canvas = make("canvas", {
      tabindex: 0, role: "img", onpointerdown: (event) => this.down(event), onpointermove: (event) => this.move(event),
      onpointerup: (event) => this.up(event, of), onpointercancel: (event) => this.cancel(event), onwheel: (event) => this.wheel(event),
      ondblclick: (event) => this.enlarge(event),
    });
    return of;
  }

  // ---- what they say

  /** Let every element say what is true now; `all`: colours too. */
  show(all = false) {
    if (!this.root) return;
    const day = Math.floor(this.day + 1e-6), way = this.playing ? "Pause" : "Play", slider = this.slider;
    this.play.textContent = this.playing ? "❚❚" : "►";
    this.play.setAttribute("aria-label", way); this.play.title = `${way} (space)`;
    slider.min = this.first; slider.max = this.planned; slider.value = Math.round(this.day);
    slider.setAttribute("aria-valuetext", `day ${Math.round(this.day)}`);
    this.said.textContent = `day ${day}`;
    this.recorded.textContent = this.last < this.planned ? `recorded to day ${this.last} of ${this.planned}` : `of ${this.planned}`;
    this.filmer.textContent = this.filming ? "Cancel film" : "Film";
    this.filmer.title = this.filming ? "Stop filming and keep nothing" : "Film from the first day to the last that is recorded (WebM), at the speed chosen";
    const lacking = this.arms.map((_, i) => this.lacks(i));
    for (const pane of this.panes) {
      pane.canvas.setAttribute("aria-label", this.label(this.scenes[pane.arm], lacking[pane.arm]));
      const lost = pane.first ? lacking[pane.arm] : "";
      if (pane.lost.textContent !== lost) pane.lost.textContent = lost;
    }
    const select = this.choice.lastChild, choices = this.fieldChoices();
    if (fill(select, Object.keys(choices).join(), () => Object.entries(choices).map(([value, text]) => make("option", { value }, text)))) select.value = this.field;
    this.course(all);
    this.keys();
  }
  label(scene, lacking) {
    const lost = [["hyalinised", HYALINISED], ["removed", REMOVED]].map(([word, state]) => {
      const count = [...(scene.tubules || [])].filter((of) => of === state).length;
      return count ? `${count} of ${scene.tubules.length} tubules ${word}; ` : "";
    });
    return `${scene.name}: section on day ${Math.round(this.day)}; ${lost.join("")}${lacking ? `${lacking}; ` : ""}Enter shows the cell in the middle`;
  }
}
