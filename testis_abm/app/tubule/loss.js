// What insults did: which niches and tubules lack what, and which insult acts on the day that is shown.

/** Return, of each tubule of a frame, how many of its niches have no germ cells, and how many stem cells that have stopped. */
function lossOf(frame, section) {
  const tubules = section.centres.length / 2, around = section.turned.length / tubules;
  return Array.from({ length: tubules }, (_, tubule) => {
    const of = frame.niche.subarray(tubule * around, (tubule + 1) * around), count = (state) => of.reduce((sum, one) => sum + (one === state), 0);
    return { there: stateOf(frame, tubule) === THERE, around, empty: count(1), blocked: count(2) };
  });
}

const Loss = {
  /** Name, in their middle, the tubules all of whose niches lack the same. */
  paintLoss(g, arm, frame, k, left, top) {
    const { centres, radius } = arm.section;
    if (radius * k < 30 * this.ratio) return;
    lossOf(frame, arm.section).forEach((of, tubule) => {
      const word = !of.there ? "" : of.empty === of.around ? "no germ cells" : of.blocked === of.around ? "stem cells blocked" : "";
      if (!word) return;
      const most = 1.7 * radius * k, x = left + centres[2 * tubule] * k, y = top - centres[2 * tubule + 1] * k;
      g.font = `italic ${12 * this.ratio}px ${this.face}`; g.textAlign = "center"; g.textBaseline = "middle";
      g.lineWidth = 3 * this.ratio; g.strokeStyle = this.night ? "#000000b3" : "#ffffffd9"; g.strokeText(word, x, y, most);
      g.fillStyle = this.night ? "#fff" : "#000"; g.fillText(word, x, y, most);
    });
    g.textAlign = "left"; g.textBaseline = "alphabetic";
  },
  /** Return the insults that act on an arm on the day that is shown; one of a single day for a day. */
  acting(arm) {
    const day = this.day + 1e-6, marks = this.model.get("marks") || [];
    return marks.filter((mark) => mark.insult && (!mark.whose || mark.whose === this.arms[arm].name) && mark.start <= day && day < Math.max(mark.end, mark.start + 1));
  },
  paintInsults(g, pane) {
    const r = this.ratio;
    let y = 6 * r;
    for (const mark of this.acting(pane.arm)) {
      g.font = `600 ${12 * r}px ${this.face}`; g.textBaseline = "alphabetic"; g.textAlign = "right";
      const width = g.measureText(mark.label).width, x = pane.canvas.width - 6 * r;
      g.fillStyle = this.night ? "#f09be4" : "#8a1c7c"; g.fillRect(x - width - 12 * r, y, width + 12 * r, 20 * r);
      g.fillStyle = this.night ? "#000" : "#fff"; g.fillText(mark.label, x - 6 * r, y + 14 * r);
      y += 24 * r;
    }
    g.textAlign = "left";
  },
  /** Return in words what an arm lacks on the day that is shown; "" if nothing. */
  lacks(which) {
    const arm = this.arms[which], frame = arm.motion && arm.motion.b;
    if (!frame) return "";
    const all = lossOf(frame, arm.section), niches = frame.niche.length, sum = (name) => all.reduce((total, of) => total + of[name], 0);
    const parts = [["empty", "without germ cells"], ["blocked", "with blocked stem cells"]].map(([name, words]) => (sum(name) ? `${sum(name)} ${words}` : "")).filter(Boolean);
    return parts.length ? `of ${niches} niches ${parts.join(", ")}` : "";
  },
};
