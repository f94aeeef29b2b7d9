// The view of the tissue, and what hands do to it: keys, pointers, the wheel, the choice of a cell.

const Hand = {
  press(event) {
    if (["SELECT", "INPUT"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    const stride = event.shiftKey ? 7 : 1, on = {
      ArrowRight: () => this.scrub(Math.floor(this.day + 1e-6) + stride), ArrowLeft: () => this.scrub(Math.ceil(this.day - 1e-6) - stride),
      Home: () => this.scrub(this.first), End: () => this.scrub(this.last), "+": () => this.zoom(1.5), "=": () => this.zoom(1.5),
      "-": () => this.zoom(1 / 1.5), 0: () => this.fit(), Escape: () => this.drop(),
    };
    if (event.target.tagName !== "BUTTON" && event.target.tagName !== "SUMMARY") {
      on[" "] = () => this.toggle();
      on.Enter = () => {
        const pane = this.panes.find((of) => of.canvas === event.target) || this.panes[0], box = pane.canvas.getBoundingClientRect();
        this.choose(pane, box.left + box.width / 2, box.top + box.height / 2, Infinity);
      };
    }
    if (!on[event.key]) return;
    event.preventDefault(); event.stopPropagation();
    on[event.key]();
  },

  // ---- view

  theme() {
    const dark = this.model.get("dark");
    this.night = dark === null || dark === undefined ? hostIsDark(this.media) : dark;
    this.tone = this.night ? DARK : LIGHT;
    this.root.classList.toggle("night", this.night);
    this.resize();
    this.ground = this.sprites = null; this.dirty = true;
    this.show(true);
  },
  resize() {
    const ratio = this.forced || Math.min(window.devicePixelRatio || 1, 2), style = getComputedStyle(this.root);
    this.face = style.fontFamily; this.ink = style.color; this.paper = style.backgroundColor; // once it is in the page
    for (const { canvas, arm: which } of this.panes) {
      const arm = this.arms[which], width = canvas.clientWidth, shape = arm.section.height / arm.section.width;
      const height = Math.round(Math.max(140, Math.min(width * shape, window.innerHeight * 0.78)));
      if (canvas.width === Math.round(width * ratio) && canvas.height === Math.round(height * ratio)) continue;
      canvas.style.height = `${height}px`;
      canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    }
    this.ratio = ratio;
    if (this.view.whole) this.fit();
    this.ground = null; this.dirty = true;
  },
  fit() {
    const pane = this.panes[0];
    if (!pane || !pane.canvas.clientWidth) return;
    const s = this.arms[pane.arm].section;
    this.view = { x: s.x + s.width / 2, y: s.y + s.height / 2, k: Math.min(pane.canvas.clientWidth / s.width, pane.canvas.clientHeight / s.height), whole: true };
    this.least = this.view.k;
    this.changed();
  },
  changed() {
    this.ground = null; this.dirty = true;
    for (const { canvas } of this.panes) canvas.style.touchAction = this.view.whole ? "pan-y" : "none";
  },
  zoom(factor, canvas, clientX, clientY) {
    const k = Math.min(Math.max(this.view.k * factor, this.least * 0.8), 14);
    if (canvas) { // the place under the pointer stays there
      const [x, y] = this.place(canvas, clientX, clientY);
      this.view.x = x + (this.view.x - x) * (this.view.k / k);
      this.view.y = y + (this.view.y - y) * (this.view.k / k);
    }
    this.view.k = k; this.view.whole = k <= this.least * 1.001;
    this.changed();
  },
  /** Return x, y in um of a point of the page. */
  place(canvas, clientX, clientY) {
    const box = canvas.getBoundingClientRect(), { x, y, k } = this.view;
    return [x + (clientX - box.left - box.width / 2) / k, y - (clientY - box.top - box.height / 2) / k];
  },
  wheel(event) {
    if (!event.ctrlKey && !event.metaKey && this.view.whole) return; // the page scrolls
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * 0.0022), event.currentTarget, event.clientX, event.clientY);
  },
  enlarge(event) { this.zoom(2.2, event.currentTarget, event.clientX, event.clientY); },
  down(event) {
    event.currentTarget.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, moved: 0 });
  },
  move(event) {
    const of = this.pointers.get(event.pointerId);
    if (!of) return;
    const dx = event.clientX - of.x, dy = event.clientY - of.y;
    if (this.pointers.size === 2) {
      const other = [...this.pointers.entries()].find(([id]) => id !== event.pointerId)[1];
      const before = Math.hypot(of.x - other.x, of.y - other.y), after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      if (before > 0) this.zoom(after / before, event.currentTarget, other.x, other.y);
    } else if (!this.view.whole || event.pointerType === "mouse") {
      this.view.x -= dx / this.view.k; this.view.y += dy / this.view.k; this.changed();
    }
    of.moved += Math.abs(dx) + Math.abs(dy); of.x = event.clientX; of.y = event.clientY;
  },
  up(event, pane) {
    const of = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    if (of && of.moved < 5) this.choose(pane, event.clientX, event.clientY, 10);
  },
  cancel(event) { this.pointers.delete(event.pointerId); },

  // ---- the chosen cell

  choose({ canvas, arm: which }, clientX, clientY, within) {
    const arm = this.arms[which], m = arm && arm.motion;
    if (!m) return;
    const [x, y] = this.place(canvas, clientX, clientY), share = this.share(arm);
    let best = -1, least = Math.max(within, 6 / this.view.k) ** 2;
    for (let i = 0; i < m.n; i++) {
      if ((share < 0.5 ? m.rowA[i] : m.rowB[i]) < 0) continue;
      const d = (m.x0[i] + share * (m.x1[i] - m.x0[i]) - x) ** 2 + (m.y0[i] + share * (m.y1[i] - m.y0[i]) - y) ** 2;
      if (d < least) { least = d; best = i; }
    }
    if (best < 0) return;
    this.take(which, share < 0.5 ? m.a : m.b, share < 0.5 ? m.rowA[best] : m.rowB[best]);
  },
  /** Choose the cell in a row of a frame. */
  take(which, frame, index) {
    const step = frame.step[index];
    this.chosen = {
      arm: which, low: frame.lineage[2 * index], high: frame.lineage[2 * index + 1], clone: step > 1 && step < SERTOLI ? frame.clone[index] : 0,
    };
    this.gone = null;
    this.model.send({ kind: "pick", arm: which, key: this.arms[which].key, day: frame.day, index });
    this.dirty = true;
  },
  /** Show the chosen cell as it is at the present time. */
  again() {
    if (this.wished && performance.now() - this.wished.at < 2000) return; // a relative is on its way
    const arm = this.arms[this.chosen.arm], frame = arm.days.length && arm.frames.get(arm.days[this.index(arm)]);
    this.late = !frame; // told once the frame has come
    if (!frame) return;
    const { low, high } = this.chosen;
    this.gone = null;
    for (let i = 0; i < frame.cells; i++) {
      if (frame.lineage[2 * i] === low && frame.lineage[2 * i + 1] === high) return this.take(this.chosen.arm, frame, i);
    }
    this.gone = frame.day;
    this.show();
  },
  drop() { this.chosen = null; this.dirty = true; this.model.send({ kind: "pick" }); },
};
