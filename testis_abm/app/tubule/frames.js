// Frames as they come from Python (see frame.py, section.py, Recording.link), and the motion between two of them.
const NOBODY = 0xffffffff;
const SERTOLI = 12; // germ cells below, in the order of their types; other kinds from here on
const [LIVES, RELEASED, RETAINED, DIED, DIVIDED] = [0, 1, 2, 3, 4];
const WORLD = 65535;
const [THERE, HYALINISED, REMOVED] = [0, 1, 2]; // a tubule

const bytesOf = (view) => (view.buffer ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : view);

/** Return the geometry of a section: centres, corners, feet as Float32Array of x, y in um. */
function readStatic(view) {
  const buffer = bytesOf(view);
  const [tubules, corners, feet] = new Uint32Array(buffer, 0, 3);
  const [x, y, width, height, radius, lumen] = new Float32Array(buffer, 16, 6);
  let at = 40;
  const take = (n) => { const of = new Float32Array(buffer, at, 2 * n); at += 8 * n; return of; };
  const section = { x, y, width, height, radius, lumen, centres: take(tubules), corners: take(corners), feet: take(feet) };
  // The clock of the cycle: its days, the ends of its stages, where each niche stands on day 0; in shares of a turn.
  section.cycle = new Float32Array(buffer, at, 1)[0];
  section.ends = new Float32Array(buffer, at + 4, 6);
  section.turned = new Float32Array(buffer, at + 28, feet);
  return section;
}

/** Return the frames of a chunk, with the recording and the request that it answers. */
function readChunk(view) {
  const buffer = bytesOf(view);
  const frames = [];
  let at = 8;
  while (at < buffer.byteLength) {
    const [length, frameBytes, cells, before, key] = new Uint32Array(buffer, at, 5);
    const frame = readFrame(buffer, at + 24);
    frame.key = key;
    frame.after = new Int32Array(buffer, at + 20, 1)[0];
    frame.origin = new Uint32Array(buffer, at + 24 + frameBytes, cells);
    frame.fate = new Uint8Array(buffer, at + 24 + frameBytes + 4 * cells, before);
    frames.push(frame);
    at += length;
  }
  return { arm: new Uint32Array(buffer, 0, 1)[0], frames };
}

function readFrame(buffer, start) {
  const day = new Int32Array(buffer, start, 1)[0];
  const [cells, sertoli, others, places, rows, columns, tubules] = new Uint32Array(buffer, start + 4, 7);
  const range = new Float32Array(buffer, start + 32, 4);
  let at = start + 64;
  const take = (Type, n) => { const of = new Type(buffer, at, n); at += n * Type.BYTES_PER_ELEMENT; return of; };
  const frame = { day, cells, sertoli, others, places, rows, columns, range, soma: sertoli + others };
  frame.lineage = take(Uint32Array, 2 * cells);
  frame.clone = take(Uint32Array, cells);
  frame.levels = take(Float32Array, 5 * places);
  frame.byStep = take(Float32Array, 24);
  frame.somaAromatase = take(Float32Array, sertoli + others);
  frame.x = take(Uint16Array, cells);
  frame.y = take(Uint16Array, cells);
  frame.place = take(Uint16Array, cells);
  frame.step = take(Uint8Array, cells);
  frame.tubule = take(Uint8Array, tubules);
  frame.niche = take(Uint8Array, sertoli);
  frame.interstice = take(Uint8Array, places - sertoli);
  frame.present = take(Uint8Array, sertoli + others);
  frame.age = take(Uint8Array, cells);
  frame.left = take(Uint8Array, cells);
  frame.testosterone = take(Uint8Array, rows * columns);
  frame.oestradiol = take(Uint8Array, rows * columns);
  return frame;
}

/** Return a cell's value of `quantity`, NaN where it has none. */
function valueOf(frame, row, quantity) {
  const step = frame.step[row], place = frame.place[row], n = frame.places;
  if (quantity === "age") return step < 2 || step >= SERTOLI ? NaN : frame.byStep[12 + step] + 0.1 * frame.age[row];
  if (quantity === "androgen_signal") return frame.levels[2 * n + place];
  if (quantity === "er_alpha_signal") return frame.levels[3 * n + place];
  if (quantity === "er_beta_signal") return frame.levels[4 * n + place];
  return step < SERTOLI ? frame.byStep[step] : frame.somaAromatase[row];
}

/** Return a steroid over the window, nmol/L ("ratio": one over the other), with its shape. */
function fieldOf(frame, name) {
  const [tLow, tHigh, eLow, eHigh] = frame.range;
  const n = frame.rows * frame.columns, values = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const t = tLow + (frame.testosterone[i] / 255) * (tHigh - tLow);
    const e = eLow + (frame.oestradiol[i] / 255) * (eHigh - eLow);
    values[i] = name === "testosterone" ? t : name === "oestradiol" ? e : t / Math.max(e, 1e-9);
  }
  return values;
}

/** Return where every cell goes from frame `a` to frame `b` (the same one: all stand still), in the order to draw. */
function motion(a, b, section) {
  const tied = a !== b && b.after === a.day && b.key === a.key;
  const going = [];
  if (tied) for (let i = a.soma; i < a.cells; i++) if (b.fate[i] && b.fate[i] !== DIVIDED) going.push(i);
  const shown = []; // rows of b, then of a: a cell of the soma may have gone with its tubule
  for (let i = 0; i < b.cells; i++) if (i >= b.soma || b.present[i]) shown.push(i);
  const staying = shown.length, n = staying + going.length;
  const m = {
    a: tied ? a : b, b, n, x0: new Float32Array(n), y0: new Float32Array(n), x1: new Float32Array(n), y1: new Float32Array(n),
    rowA: new Int32Array(n).fill(-1), rowB: new Int32Array(n).fill(-1), fate: new Uint8Array(n),
    angle: new Float32Array(n),
  };
  const kx = section.width / WORLD, ky = section.height / WORLD;
  const stepAt = (i) => (i < staying ? b.step[shown[i]] : a.step[going[i - staying]]);
  // Soma below, then the steps in their order: the heads of sperm lie on top.
  const kinds = LOOKS.length, rank = (step) => (step + kinds - SERTOLI) % kinds;
  const start = new Uint32Array(kinds + 1);
  for (let i = 0; i < n; i++) start[rank(stepAt(i)) + 1]++;
  for (let k = 0; k < kinds; k++) start[k + 1] += start[k];
  for (let k = 0; k < n; k++) {
    const at = start[rank(stepAt(k))]++;
    if (k < staying) {
      const i = shown[k], origin = tied ? b.origin[i] : i;
      m.rowB[at] = i;
      m.rowA[at] = origin === NOBODY ? -1 : origin;
      m.x1[at] = section.x + kx * b.x[i];
      m.y1[at] = section.y + ky * b.y[i];
      const from = origin === NOBODY ? -1 : origin;
      m.x0[at] = from < 0 ? m.x1[at] : section.x + kx * m.a.x[from];
      m.y0[at] = from < 0 ? m.y1[at] : section.y + ky * m.a.y[from];
    } else {
      const row = going[k - staying];
      m.rowA[at] = row;
      m.fate[at] = b.fate[row];
      m.x0[at] = m.x1[at] = section.x + kx * a.x[row];
      m.y0[at] = m.y1[at] = section.y + ky * a.y[row];
    }
    const home = nearest(section.centres, m.x1[at], m.y1[at]);
    const dx = section.centres[2 * home] - m.x1[at], dy = section.centres[2 * home + 1] - m.y1[at];
    m.angle[at] = Math.atan2(dy, dx);
    if (m.fate[at] === RELEASED) { // swept towards the middle of the lumen
      m.x1[at] += 0.7 * dx;
      m.y1[at] += 0.7 * dy;
    }
  }
  return m;
}

function nearest(centres, x, y) {
  let best = 0, least = Infinity;
  for (let k = 0; k < centres.length; k += 2) {
    const d = (centres[k] - x) ** 2 + (centres[k + 1] - y) ** 2;
    if (d < least) { least = d; best = k / 2; }
  }
  return best;
}
