// The strip under the panes: what blood, testis and semen are over the days, for both arms, with the day that is shown.
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 64, TOP = 14; // of a course, points; room above for its highest level
const svg = (tag, attributes = {}) => {
  const of = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) of.setAttribute(name, value);
  return of;
};

const Strip = {
  get days() { return [this.first, Math.max(this.planned, this.first + 1)]; },
  /** Return how far a day is along the time line, from 0 to 100. */
  along(day) { const [first, last] = this.days; return (100 * (day - first)) / (last - first); },
  /** Draw the courses if they have changed (`fresh`), and put the day where it is. */
  course(fresh = false) {
    const courses = this.model.get("courses") || [], marks = this.model.get("marks") || [], day = Math.floor(this.day + 1e-6);
    if (fresh || this.drawnTo !== `${this.days}`) {
      this.drawnTo = `${this.days}`;
      this.charts = courses.map((course) => this.chart(course));
      const lines = marks.length ? [this.line(marks)] : [];
      this.strip.replaceChildren(...lines, make("div", { class: "tubule-courses" }, ...this.charts.map((of) => of.root)));
    }
    this.point();
    if (this.saidOn === `${day} ${this.drawnTo} ${fresh}` && !fresh) return;
    this.saidOn = `${day} ${this.drawnTo} ${fresh}`;
    (this.charts || []).forEach(({ levels, unit, root, course }) => {
      const found = course.arms.map((arm) => this.levelOn(arm, day)), on = found.map((of) => figure(of.level));
      const sampled = [...new Set(found.filter((of) => of.day !== day && of.level !== null).map((of) => `day ${of.day}`))];
      levels.forEach((of, i) => { of.textContent = on[i]; });
      unit.textContent = [course.unit, ...sampled].join(", ");
      root.setAttribute("aria-label", `${course.name}, ${unit.textContent}, on day ${day}: ${course.arms.map((_, i) => `${this.arms[i] ? this.arms[i].name : ""} ${on[i]}`).join("; ")}. A click goes to a day`);
    });
  },
  /** Put the line of the day where it is. */
  point() {
    const at = `${this.along(this.day)}`;
    for (const { cursor } of this.charts || []) { cursor.setAttribute("x1", at); cursor.setAttribute("x2", at); }
  },
  /** Return an arm's level on a day, and the day of its sample: of what is not measured daily the last. */
  levelOn({ days, values }, day) {
    let at = days.length - 1;
    while (at >= 0 && (days[at] > day || values[at] === null)) at--;
    return at < 0 ? { level: null, day } : { level: values[at], day: days[at] };
  },
  /** Go to the day that was pointed at on an element as wide as the time line. */
  goTo(event) {
    const box = event.currentTarget.getBoundingClientRect(), [first, last] = this.days;
    this.scrub(Math.round(first + ((event.clientX - box.left) / box.width) * (last - first)));
  },
  chart(course) {
    const known = course.arms.flatMap((arm) => arm.values).filter((value) => value !== null), most = Math.max(...known, 1e-9);
    const picture = svg("svg", { viewBox: `0 0 100 ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const zero = svg("line", { class: "tubule-zero", x1: 0, x2: 100, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 });
    const start = svg("line", { class: "tubule-zero", x1: this.along(0), x2: this.along(0), y1: 0, y2: HEIGHT });
    const lines = course.arms.map((arm, i) => {
      const parts = arm.days.map((day, k) => (arm.values[k] === null ? null : `${this.along(day).toFixed(2)},${(HEIGHT - 1 - ((HEIGHT - TOP - 1) * arm.values[k]) / most).toFixed(2)}`));
      return svg("polyline", { class: `tubule-curve tubule-arm${this.colourOf(i)}`, points: parts.filter(Boolean).join(" ") });
    });
    const cursor = svg("line", { class: "tubule-cursor", y1: 0, y2: HEIGHT });
    picture.append(zero, start, ...lines.reverse(), cursor);
    const levels = course.arms.map((_, i) => make("b", { class: `tubule-arm${this.colourOf(i)}` }, "–"));
    const unit = make("small", {}, course.unit), title = make("div", { class: "tubule-title" }, make("span", {}, course.name, " ", unit), make("span", { class: "tubule-levels" }, ...levels));
    const root = make("figure", { class: "tubule-course", role: "img" }, title,
      make("div", { class: "tubule-plot", title: "A click goes to this day", onclick: (event) => this.goTo(event) }, picture, make("small", { class: "tubule-most" }, figure(most))));
    return { root, cursor, levels, unit, course };
  },
  /** Return the colour of an arm: the untreated control is grey, wherever it stands. */
  colourOf(arm) { return this.arms.length > 1 && arm === this.arms.length - 1 ? 0 : 1; },
  /** Return the line of what happens to the men: treatments as bars, insults as marks, each of which goes to its first day. */
  line(marks) {
    return make("div", { class: "tubule-line", "aria-label": "Treatments and insults" }, ...marks.map((mark) => {
      const from = Math.max(this.along(mark.start), 0), to = Math.min(this.along(Math.max(mark.end, mark.start)), 100);
      const when = mark.end > mark.start ? `day ${mark.start} to ${mark.end}` : `day ${mark.start}`, whose = mark.whose ? ` (${mark.whose})` : "";
      return make("button", {
        type: "button", class: mark.insult ? "tubule-mark tubule-insult" : "tubule-mark", title: `${mark.label}${whose}: ${when}`, "aria-label": `${mark.label}${whose}, ${when}: go to its first day`,
        onclick: () => this.scrub(Math.round(mark.start)),
      }, make("i", { style: `left: ${from}%; width: max(3px, ${to - from}%)` }), make("span", { style: from < 60 ? `left: ${from}%` : `right: ${100 - to}%` }, mark.label));
    }));
  },
};
