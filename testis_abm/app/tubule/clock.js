// Time: which frames are there, which are asked for, and the day that is shown.
const MOST_FRAMES = 90; // of an arm, in the browser

const Clock = {
  get first() { return this.scenes.length ? Math.min(...this.scenes.map((s) => (s.days.length ? s.days[0] : 0))) : 0; },
  /** The last day that is recorded. */
  get last() { return this.scenes.length ? Math.max(...this.scenes.map((s) => (s.days.length ? s.days[s.days.length - 1] : 0))) : 0; },
  /** The last day of the plan, or the last recorded one if that is beyond. */
  get planned() { return Math.max(this.last, ...this.scenes.map((s) => s.planned)); },

  adopt() {
    this.scenes = this.model.get("scenes") || [];
    const before = this.arms, fresh = before.length !== this.scenes.length || this.scenes.some((s, i) => before[i].key !== s.key);
    this.arms = this.scenes.map((scene, i) => {
      const known = before[i] && before[i].key === scene.key;
      const arm = known ? before[i] : { key: scene.key, frames: new Map(), section: readStatic(scene.static), motion: null };
      arm.days = scene.days; arm.name = scene.name;
      return arm;
    });
    if (fresh) { this.following = true; this.asked = null; this.chosen = null; this.layout(); }
    if (this.following && !this.playing) this.day = this.last;
    this.day = Math.min(Math.max(this.day, this.first), this.last);
    this.dirty = true;
    this.show();
  },
  /** Return the index of the frame that is shown at the present time. */
  index(arm) {
    let low = 0, high = arm.days.length - 1;
    while (low < high) { const mid = (low + high + 1) >> 1; if (arm.days[mid] <= this.day + 1e-6) low = mid; else high = mid - 1; }
    return low;
  },
  /** Ask for what is shown, then for what comes next; one request at a time. */
  ask(now) {
    if (this.asked && now - this.asked < 4000) return;
    let best = null;
    for (let i = 0; i < this.arms.length; i++) {
      const arm = this.arms[i], at = this.index(arm), days = [];
      if (!arm.days.length) continue;
      let soonest = 0;
      for (let k = Math.max(at, 0); k < Math.min(at + 40, arm.days.length) && days.length < 6; k++) {
        if (!arm.frames.has(arm.days[k])) { if (!days.length) soonest = k - at; days.push(arm.days[k]); }
      }
      if (days.length && (!best || soonest < best.soonest)) best = { arm: i, days, soonest };
    }
    if (!best) return;
    this.asked = now;
    this.model.send({ kind: "need", arm: best.arm, key: this.arms[best.arm].key, days: best.days });
  },
  receive(view) {
    this.asked = null;
    if (!view || view.byteLength < 8) return;
    const { arm: which, frames } = readChunk(view), arm = this.arms[which];
    if (!arm) return;
    for (const frame of frames) if (frame.key === arm.key) arm.frames.set(frame.day, frame);
    if (arm.frames.size > MOST_FRAMES) { // those furthest from the clock go
      const far = [...arm.frames.keys()].sort((a, b) => Math.abs(b - this.day) - Math.abs(a - this.day));
      for (const day of far.slice(0, arm.frames.size - MOST_FRAMES)) arm.frames.delete(day);
    }
    if (this.late && !this.playing) this.tell();
    this.dirty = true;
  },

  toggle() {
    if (!this.playing && this.day >= this.last - 1e-6) this.day = this.first;
    this.playing = !this.playing; this.following = false; this.dirty = true; this.jumped = 0;
    if (!this.playing) this.tell();
    this.show();
  },
  scrub(day) {
    this.day = Math.min(Math.max(day, this.first), this.last);
    this.following = this.day >= this.last; this.dirty = true;
    this.tell();
    this.show();
  },
  tell() {
    if (this.chosen) this.again();
    this.model.send({ kind: "seen", day: Math.floor(this.day + 1e-6) });
  },
  /** Go on by what a frame of the screen took; who wants little motion sees day after day, without what lies between. */
  advance(now) {
    const spent = Math.min((now - (this.before || now)) / 1000, 0.1);
    let next = this.day + spent * this.speed;
    if (this.calm.matches) {
      this.jumped += spent * this.speed;
      next = Math.floor(this.day + 1e-6) + Math.floor(this.jumped);
      this.jumped %= 1;
    }
    next = Math.min(next, this.last);
    const ready = this.arms.every((arm) => {
      const at = this.index(arm);
      return arm.frames.has(arm.days[at]) && (at + 1 >= arm.days.length || arm.frames.has(arm.days[at + 1]));
    });
    if (ready && next !== this.day) { this.day = next; this.dirty = true; }
    if (this.day >= this.last) { this.playing = false; this.following = true; this.tell(); this.show(); }
  },
  tick(now) {
    this.ask(now);
    if (this.playing) this.advance(now);
    this.before = now;
    if (!this.dirty) return;
    this.dirty = false;
    let cells = 0;
    for (const pane of this.panes) if (pane.canvas.width) cells += this.paint(pane) || 0;
    const mark = [Math.round(this.day), Math.floor(this.day + 1e-6), ...this.arms.map((arm) => arm.motion && arm.motion.b.day)].join();
    if (mark === this.shownAt) this.point(); // within a day only the time line moves
    else { this.shownAt = mark; this.show(); }
    this.expose(now);
    this.drawn = this.playing ? [...this.drawn.filter((t) => now - t < 1000), now] : [];
    const span = now - this.drawn[0];
    if (span > 200) this.probe.fps = (1000 * (this.drawn.length - 1)) / span;
    Object.assign(this.probe, {
      day: this.day, cells, playing: this.playing, last: this.last,
      loaded: this.arms.map((arm) => arm.frames.size), milliseconds: performance.now() - now,
    });
  },
  share(arm) {
    const at = this.index(arm);
    if (at + 1 >= arm.days.length || arm.motion.a === arm.motion.b) return 0;
    return Math.min(Math.max((this.day - arm.days[at]) / (arm.days[at + 1] - arm.days[at]), 0), 1);
  },
  motionOf(arm) {
    if (!arm.days.length) return null;
    const at = this.index(arm), a = arm.frames.get(arm.days[at]);
    if (!a) return arm.motion; // the last picture stands until the next has come
    const between = this.day > arm.days[at] + 1e-6, b = (between && arm.frames.get(arm.days[at + 1])) || a;
    if (!arm.motion || arm.motion.from !== a || arm.motion.to !== b) {
      arm.motion = motion(a, b, arm.section);
      arm.motion.from = a; arm.motion.to = b;
    }
    return arm.motion;
  },
  /** Return the frame of an arm that is nearest in time, of those that are drawn. */
  nearest(arm) {
    const m = this.motionOf(arm);
    return m ? (this.share(arm) < 0.5 ? m.a : m.b) : null;
  },
};
