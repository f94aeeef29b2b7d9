// What is seen as a picture (PNG) and as a film (WebM), with day, arms, legend and what it is.
const DISCLAIMER = "Simulated by testis_abm: research software, not medical advice.";
const SHELL = "in a shell: testis-abm export film FILE --out film.mp4 --arm both";
const LAST_STANDS = 700, LONGEST_WAIT = 8000; // milliseconds
const FILM_TYPES = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"];

/** Hand a file to whoever looks. */
function handOver(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const Film = {
  /** Return a canvas that holds the panes as they are, and what says what they show; drawn again into `sheet` if it is given. */
  compose(sheet = document.createElement("canvas")) {
    const r = this.ratio, from = this.body.getBoundingClientRect(), edge = 10 * r, width = Math.round(from.width * r + 2 * edge), head = 30 * r, below = head + Math.round(from.height * r) + 8 * r;
    const column = 250 * r, columns = Math.max(1, Math.floor((width - edge) / column)), row = 24 * r, rings = this.rings();
    const entries = [...NAMES.map((name, step) => ({ name, step })), ...STRUCTURES.map(([name]) => ({ name, step: name })), ...rings.map(({ name, colour }) => ({ name: this.stages && name.length < 4 ? `stage ${name}` : name, colour }))];
    const height = below + Math.ceil(entries.length / columns) * row + 26 * r;
    if (sheet.width !== width || sheet.height !== 2 * Math.ceil(height / 2)) { sheet.width = width; sheet.height = 2 * Math.ceil(height / 2); }
    const g = sheet.getContext("2d"), write = (text, x, y, font = `${13 * r}px ${this.face}`, most = width - x - edge) => { g.font = font; g.fillStyle = this.ink; g.fillText(text, x, y, most); };
    g.textAlign = "left"; g.textBaseline = "alphabetic";
    g.fillStyle = this.paper; g.fillRect(0, 0, sheet.width, sheet.height);
    write(`Day ${Math.floor(this.day + 1e-6)} of ${this.planned}`, edge, 20 * r, `600 ${16 * r}px ${this.face}`);
    for (const { canvas, said } of this.panes) {
      const at = canvas.getBoundingClientRect(), caption = said.getBoundingClientRect();
      write(said.textContent, edge + (caption.left - from.left) * r, head + (caption.bottom - from.top - 5) * r, `600 ${13 * r}px ${this.face}`, at.width * r);
      g.drawImage(canvas, edge + (at.left - from.left) * r, head + (at.top - from.top) * r, at.width * r, at.height * r);
    }
    entries.forEach(({ name, step, colour }, i) => {
      const x = (i % columns) * column + edge, y = below + Math.floor(i / columns) * row + row / 2;
      if (colour) { g.fillStyle = colour; g.fillRect(x + 4 * r, y - 6 * r, 18 * r, 12 * r); }
      else this.paintKey(g, step, x + 13 * r, y, r);
      write(name, x + 32 * r, y + 4 * r);
    });
    write(DISCLAIMER, edge, sheet.height - 8 * r, `${12 * r}px ${this.face}`);
    return sheet;
  },
  /** Draw all panes at so many points of theirs to a point of the page. */
  sharpen(ratio) {
    this.forced = ratio;
    this.resize();
    for (const pane of this.panes) if (pane.canvas.width) this.paint(pane);
    this.dirty = true;
  },
  snapshot() {
    this.sharpen(2);
    const sheet = this.compose();
    this.sharpen(null);
    sheet.toBlob((blob) => { handOver(blob, `testis_abm-day-${Math.floor(this.day + 1e-6)}.png`); this.report("The picture is saved."); }, "image/png");
  },
  /** Film from the first day to the last recorded one, at the speed that is chosen; again: cancel. */
  film() {
    if (this.filming) return this.cut(false);
    const type = typeof MediaRecorder === "undefined" ? null : FILM_TYPES.find((of) => MediaRecorder.isTypeSupported(of));
    if (!type || !HTMLCanvasElement.prototype.captureStream) return this.report(`This browser records no films; ${SHELL}`);
    this.day = this.first; this.playing = true; this.following = false;
    const sheet = this.compose(), stream = sheet.captureStream(30), recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: 8_000_000 });
    const filming = { sheet, recorder, track: stream.getVideoTracks()[0], parts: [], whole: false, ended: null };
    recorder.ondataavailable = (event) => { if (event.data.size) filming.parts.push(event.data); };
    recorder.onstop = () => {
      this.filming = null;
      if (filming.whole && filming.parts.length) handOver(new Blob(filming.parts, { type: "video/webm" }), "testis_abm.webm");
      this.report(!filming.whole ? "The film was cancelled." : filming.parts.length ? "The film is saved." : `This browser gave no film; ${SHELL}`);
      this.show(true);
    };
    recorder.start(250);
    this.filming = filming; this.dirty = true;
    this.show(true);
  },
  /** Take what has been drawn into the film. The last picture stands a while, and until something has come of the recorder. */
  expose(now) {
    const filming = this.filming;
    if (!filming || filming.recorder.state !== "recording") return;
    this.compose(filming.sheet);
    if (filming.track.requestFrame) filming.track.requestFrame();
    const part = (this.day - this.first) / Math.max(this.last - this.first, 1);
    if (this.playing) return this.report(`Filming: ${Math.round(100 * part)} %`);
    if (this.day < this.last - 1e-6) return this.cut(false); // somebody paused
    filming.ended = filming.ended || now;
    const stood = now - filming.ended;
    if (stood > LAST_STANDS && (filming.parts.length || stood > LONGEST_WAIT)) return this.cut(true);
    this.dirty = true;
  },
  cut(whole) {
    this.filming.whole = whole;
    this.playing = false;
    if (this.filming.recorder.state === "recording") this.filming.recorder.stop();
  },
  report(text) { if (this.status.textContent !== text) this.status.textContent = text; },
};
