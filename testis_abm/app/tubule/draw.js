// A slide as a microscope shows it: what each kind of cell looks like after haematoxylin and eosin, um throughout.
const SPAN = 2 * Math.PI;
// Nuclei, germ cells by step, then Sertoli and Leydig cells: SLIDE is put before this code by view.py.
const LOOKS = SLIDE.cells, NAMES = LOOKS.map((look) => look.name), LEYDIG_RADIUS = SLIDE.leydigRadius;
// Okabe and Ito's colours, one hue a group of steps, lighter as a cell goes on.
const STEP_COLOURS = [
  "#003f63", "#0072b2", "#56b4e9", "#7a2e00", "#a84300", "#d55e00", "#e69f00", "#f5c65b", "#f0e442", "#009e73", "#cc79a7", "#8a3f6b",
  "#b9b9b9", "#8f8f8f",
];
const CLONE_COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#785ef0"];
const STAGES = SLIDE.stages, NO_STAGE = SLIDE.noStage;
const SHRUNKEN = SLIDE.shrunken; // radius of a hyalinised tubule over that of another
const NO_VALUE = "#9a9a9a";
const DYING = "#e0567a"; // dying cells take up eosin
const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
const BINS = 40;
const NEAR = 4; // points of the screen for a um beyond which cells are drawn one by one
const LIGHT = { ...SLIDE.stain, ring: "#000000", lacking: NO_STAGE.map((of) => of.colour) };
const DARK = {
  stroma: "#1d151c", fibre: "#33222e", epithelium: "#3a2633", cleft: "#5d3f52", lumen: "#120d12", membrane: "#c56b9b", myoid: "#a57bb5",
  cytoplasm: "#4a3242", cytoplasmEdge: "#7d566f", eosin: "#8a4a55", eosinEdge: "#c27684", vessel: "#d0574b", plasma: "#3a1c1c",
  blood: "#c8503f", tail: "#98a2dc", ring: "#ffffff", lacking: ["#8b8b8b", "#ffffff"],
};

/** A small generator, so that a nucleus keeps its chromatin. */
function luck(seed) {
  let s = (seed * 2654435761 + 1013904223) >>> 0;
  return () => { s ^= s << 13; s >>>= 0; s ^= s >>> 17; s ^= s << 5; s >>>= 0; return s / 4294967296; };
}

const hex = (colour) => [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
/** Return the colour (three numbers) at a share of the way through some colours. */
function ramp(colours, share) {
  const at = Math.min(Math.max(share, 0), 1) * (colours.length - 1), k = Math.min(Math.floor(at), colours.length - 2);
  const [a, b] = [hex(colours[k]), hex(colours[k + 1])];
  return a.map((of, i) => Math.round(of + (at - k) * (b[i] - of)));
}
const viridis = (share) => ramp(VIRIDIS, share);
const BIN_COLOURS = Array.from({ length: BINS }, (_, k) => `rgb(${viridis(k / (BINS - 1)).join()})`);

function ellipse(g, x, y, length, width, angle) {
  g.beginPath();
  g.ellipse(x, y, length / 2, width / 2, angle, 0, SPAN);
}

/** Paint a cell at the origin, its long axis (towards the lumen) along x; `tint` colours it instead of the stain. */
function paintCell(g, step, variant, tint, tone, alone, opacity = 1) {
  const { length, width, fill, edge, specks, speck } = LOOKS[step];
  const next = luck(31 * step + variant + 7);
  g.lineWidth = 0.4;
  if (step === 13) {
    g.beginPath();
    const wave = [next() * SPAN, next() * SPAN];
    for (let k = 0; k < 16; k++) {
      const t = (k / 16) * SPAN, r = LEYDIG_RADIUS * (1 + 0.09 * Math.cos(2 * t + wave[0]) + 0.07 * Math.cos(3 * t + wave[1]));
      g.lineTo(r * Math.cos(t), r * Math.sin(t));
    }
    g.closePath();
    g.fillStyle = tint || tone.eosin; g.strokeStyle = tone.eosinEdge; g.fill(); g.stroke();
    g.translate(1.5 * (next() - 0.5), 1.5 * (next() - 0.5));
  } else if (step < 10) {
    ellipse(g, 0, 0, length + 3, length + 3, 0);
    g.globalAlpha = 0.8 * opacity;
    g.fillStyle = tone.cytoplasm; g.strokeStyle = tone.cytoplasmEdge; g.fill(); g.stroke();
    g.globalAlpha = opacity;
  }
  if (step >= 10 && step < 12) return paintSpermatid(g, step, variant, tint, tone, alone, opacity);
  const flat = step < 2 || step > 13, turn = step === 12 || flat ? 0 : next() * SPAN; // flat on the membrane: stem cells, further kinds
  if (step === 12) { // a blunt triangle whose tip points to the lumen
    g.beginPath();
    for (let k = 0; k < 24; k++) {
      const t = (k / 24) * SPAN, r = 0.5 * length * (0.88 + 0.2 * Math.cos(3 * t));
      g.lineTo(r * Math.cos(t), r * Math.sin(t));
    }
    g.closePath();
  } else ellipse(g, 0, 0, flat ? width : length, flat ? length : width, turn);
  g.fillStyle = step === 13 && tint ? "#ffffff55" : tint || fill;
  g.strokeStyle = edge;
  g.fill(); g.stroke();
  g.fillStyle = edge;
  g.globalAlpha = opacity * (tint ? 0.45 : 0.8);
  for (let k = 0; k < specks; k++) {
    const way = next() * SPAN, far = specks === 1 ? 0.12 * width * next() : 0.36 * width * Math.sqrt(0.1 + 0.9 * next());
    ellipse(g, far * Math.cos(way), far * Math.sin(way), speck, speck, 0);
    g.fill();
  }
  g.globalAlpha = opacity;
}

/** Paint a spermatid whose head points to the base, that is to -x, its tail to the lumen. */
function paintSpermatid(g, step, variant, tint, tone, alone, opacity) {
  const { length, width, fill, edge } = LOOKS[step];
  const bend = (variant % 2 ? 1 : -1) * (step === 11 ? 2.6 : 1.1), tail = (step === 11 ? 17 : 6.5) * (alone ? 0.6 : 1);
  g.strokeStyle = tone.tail; g.lineWidth = step === 11 ? 0.5 : 0.45; g.lineCap = "round";
  g.beginPath(); g.moveTo(length * 0.35, 0); g.bezierCurveTo(tail * 0.35, bend, tail * 0.65, -bend, tail, 0.6 * bend); g.stroke();
  if (step === 10) { // what is left of the cytoplasm hangs towards the lumen
    ellipse(g, 2.6, 0, 5.4, 3.4, 0);
    g.fillStyle = tone.cytoplasm; g.globalAlpha = 0.85 * opacity; g.fill(); g.globalAlpha = opacity;
  }
  g.beginPath(); g.moveTo(-length * 0.62, 0);
  g.bezierCurveTo(-length * 0.3, -width * 0.72, length * 0.5, -width * 0.66, length * 0.5, 0);
  g.bezierCurveTo(length * 0.5, width * 0.66, -length * 0.3, width * 0.72, -length * 0.62, 0);
  g.fillStyle = tint || fill; g.strokeStyle = edge; g.lineWidth = 0.3; g.fill(); g.stroke();
}

const reach = (step) => (step === 11 ? 18.5 : step === 10 ? 8 : step === 13 ? 1.2 * LEYDIG_RADIUS + 0.3 : LOOKS[step].length / 2 + 2.2);
const turns = (step) => (step >= 10 && step !== 13 ? 48 : step < 2 ? 24 : 1);
const variants = (step) => (step >= 10 && step < 12 ? 2 : step === 12 ? 1 : 5);

/** Pictures of cells at one scale, painted when first asked for. Copying their points by hand into the picture of a slide
 * takes a tenth of the time of as many calls of drawImage where no graphics card helps. */
class Sprites {
  constructor(scale, tone) {
    this.scale = scale; this.tone = tone; this.known = new Map();
    this.sheet = document.createElement("canvas");
    this.g = this.sheet.getContext("2d", { willReadFrequently: true });
  }
  /** Return a cell's picture: its size, points (premultiplied), and the stretch of each row that is not empty. `tint` is a
   * colour with number `shade`, or null. */
  of(step, variant, turn, tint, shade) {
    const key = (shade * LOOKS.length + step) * 512 + variant * 64 + turn, found = this.known.get(key);
    if (found) return found;
    const size = Math.ceil(2 * reach(step) * this.scale) + 2, g = this.g;
    if (this.sheet.width < size) this.sheet.width = this.sheet.height = size;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, size, size);
    g.translate(size / 2, size / 2);
    g.scale(this.scale, -this.scale);
    g.rotate((turn / turns(step)) * SPAN);
    paintCell(g, step, variant, tint, this.tone, false);
    const data = g.getImageData(0, 0, size, size).data, points = new Uint32Array(size * size);
    const first = new Int32Array(size).fill(size), last = new Int32Array(size);
    for (let i = 0; i < points.length; i++) {
      const alpha = data[4 * i + 3];
      if (!alpha) continue;
      const part = (c) => Math.round((data[4 * i + c] * alpha) / 255), row = Math.floor(i / size);
      points[i] = ((alpha << 24) | (part(2) << 16) | (part(1) << 8) | part(0)) >>> 0;
      first[row] = Math.min(first[row], i % size);
      last[row] = (i % size) + 1;
    }
    const sprite = { size, points, first, last };
    this.known.set(key, sprite);
    return sprite;
  }
}

/** Copy a sprite into a picture (Uint32Array of `width` by `height`) with its middle at x, y; `opacity` from 0 to 256. */
function blit(picture, width, height, sprite, x, y, opacity) {
  const { size, points, first, last } = sprite, left = Math.round(x - size / 2), top = Math.round(y - size / 2);
  const rowEnd = Math.min(size, height - top);
  for (let row = Math.max(0, -top); row < rowEnd; row++) {
    const end = Math.min(last[row], width - left);
    let from = Math.max(first[row], -left), at = (top + row) * width + left + from;
    for (let i = row * size + from; from < end; from++, i++, at++) {
      let point = points[i];
      if (opacity < 256) point = ((Math.imul(point & 0xff00ff, opacity) >>> 8) & 0xff00ff) | (Math.imul((point >>> 8) & 0xff00ff, opacity) & 0xff00ff00);
      const alpha = point >>> 24;
      if (alpha === 255) { picture[at] = point; continue; }
      if (!alpha) continue;
      const below = picture[at], rest = 256 - alpha;
      picture[at] = 0xff000000 | ((((Math.imul(below & 0xff00ff, rest) >>> 8) & 0xff00ff) + (point & 0xff00ff)) & 0xff00ff)
        | ((((Math.imul(below & 0xff00, rest) >>> 8) & 0xff00) + (point & 0xff00)) & 0xff00);
    }
  }
}

/** A closed line that wanders round a circle of `radius`. */
function ragged(g, x, y, radius, roughness, next) {
  const waves = [3, 5, 8].map((n) => [n, next() * SPAN, (roughness * (0.4 + 1.2 * next())) / 3]);
  g.beginPath();
  for (let k = 0; k < 96; k++) {
    const t = (k / 96) * SPAN;
    const r = radius * waves.reduce((sum, [n, phase, size]) => sum + size * Math.cos(n * t + phase), 1);
    g.lineTo(x + r * Math.cos(t), y + r * Math.sin(t));
  }
  g.closePath();
}

/** Return what a tubule is in a frame (none yet: it is there). */
const stateOf = (frame, tubule) => (frame ? frame.tubule[tubule] : THERE);

/** Paint what does not move: stroma, walls, epithelium, lumen, bodies of the Sertoli cells, capillaries, as far as they are there. */
function paintTissue(g, section, tone, area, frame) {
  g.fillStyle = tone.stroma;
  g.fillRect(area.x, area.y, area.width, area.height);
  paintFibres(g, section, tone);
  const { centres, radius, lumen, feet } = section, n = centres.length / 2, per = feet.length / centres.length;
  for (let k = 0; k < n; k++) {
    const [x, y] = [centres[2 * k], centres[2 * k + 1]], next = luck(k + 5), state = stateOf(frame, k);
    if (state !== THERE) {
      (state === REMOVED ? paintRemoved : paintHyalinised)(g, x, y, radius, tone, next);
      continue;
    }
    ragged(g, x, y, radius, 0.012, next);
    g.fillStyle = tone.epithelium; g.fill();
    g.strokeStyle = tone.cleft; g.lineWidth = 0.6; g.globalAlpha = 0.55;
    for (let i = 0; i < per; i++) { // borders of the Sertoli cells, from the wall to the lumen
      const t = Math.atan2(feet[2 * (k * per + i) + 1] - y, feet[2 * (k * per + i)] - x) + Math.PI / per, bend = 0.05 * (next() - 0.5);
      g.beginPath();
      g.moveTo(x + radius * Math.cos(t), y + radius * Math.sin(t));
      g.quadraticCurveTo(x + 0.65 * radius * Math.cos(t + bend), y + 0.65 * radius * Math.sin(t + bend), x + lumen * Math.cos(t), y + lumen * Math.sin(t));
      g.stroke();
    }
    g.globalAlpha = 1;
    ragged(g, x, y, lumen * 1.02, 0.2, next);
    g.fillStyle = tone.lumen; g.fill();
  }
  paintWalls(g, section, tone, frame);
  for (let k = 0; k < section.corners.length; k += 2) {
    if (!frame || frame.interstice[k / 2]) paintCapillary(g, section.corners[k], section.corners[k + 1], luck(k + 77), tone);
  }
}

/** Paint a tubule that has lost its cells: shrunken, its wall thickened in layers, hardly a lumen. */
function paintHyalinised(g, x, y, radius, tone, next) {
  const r = SHRUNKEN * radius;
  ragged(g, x, y, r, 0.05, next);
  g.fillStyle = tone.epithelium; g.strokeStyle = tone.membrane; g.lineWidth = 1.3; g.fill(); g.stroke();
  g.globalAlpha = 0.5; g.lineWidth = 0.8;
  for (let share = 0.86; share > 0.25; share -= 0.14) { ragged(g, x, y, share * r, 0.07, next); g.stroke(); }
  g.globalAlpha = 1;
  ragged(g, x, y, 0.14 * r, 0.3, next);
  g.fillStyle = tone.lumen; g.fill();
  paintMyoid(g, x, y, r, next, tone);
  paintWord(g, x, y + r + 10, "hyalinised", tone);
}

/** Paint the place of a tubule whose testis has been taken away. */
function paintRemoved(g, x, y, radius, tone) {
  ellipse(g, x, y, 2 * radius, 2 * radius, 0);
  g.fillStyle = tone.lumen; g.fill();
  g.setLineDash([6, 5]); g.strokeStyle = tone.myoid; g.lineWidth = 1; g.stroke(); g.setLineDash([]);
  paintWord(g, x, y, "removed", tone);
}

function paintWord(g, x, y, word, tone) {
  g.save();
  g.translate(x, y); g.scale(1, -1); // um go upwards
  g.font = "italic 13px sans-serif"; g.textAlign = "center"; g.textBaseline = "middle"; g.fillStyle = tone.myoid;
  g.fillText(word, 0, 0);
  g.restore();
}

/** Paint basement membranes, and the flat nuclei of the myoid cells on them. */
function paintWalls(g, section, tone, frame) {
  const { centres, radius } = section;
  for (let k = 0; k < centres.length / 2; k++) {
    if (stateOf(frame, k) !== THERE) continue;
    const [x, y] = [centres[2 * k], centres[2 * k + 1]];
    g.strokeStyle = tone.membrane;
    g.lineWidth = 1.3; ragged(g, x, y, radius, 0.012, luck(k + 5)); g.stroke();
    g.globalAlpha = 0.6;
    g.lineWidth = 0.45; ragged(g, x, y, radius + 2.6, 0.012, luck(k + 5)); g.stroke();
    ragged(g, x, y, radius + 4.4, 0.014, luck(k + 5)); g.stroke();
    g.globalAlpha = 1;
    paintMyoid(g, x, y, radius, luck(k + 900), tone);
  }
}

function paintMyoid(g, x, y, radius, next, tone) {
  for (let i = 0; i < 13; i++) {
    const t = ((i + 0.8 * next()) / 13) * SPAN, r = radius + 3.4;
    ellipse(g, x + r * Math.cos(t), y + r * Math.sin(t), 9 + 3 * next(), 1.7, t + Math.PI / 2);
    g.fillStyle = tone.myoid; g.fill();
  }
}

/** Return the stage of a niche on a day, from 0 (I). */
function stageOf({ cycle, ends, turned }, niche, day) {
  const share = (((turned[niche] + day / cycle) % 1) + 1) % 1, stage = ends.findIndex((end) => share < end);
  return stage < 0 ? STAGES.length - 1 : stage;
}

/** Paint a ring round each tubule that is there, a piece for each niche in the colour of its stage on a day, or of what it lacks in that of a tone (`alone`: these alone). */
function paintStages(g, section, day, frame, tone = LIGHT, alone = false) {
  const { centres, radius, turned } = section, around = turned.length / (centres.length / 2), piece = SPAN / around;
  g.lineWidth = 3.5;
  for (let i = 0; i < turned.length; i++) {
    const tubule = Math.floor(i / around), at = (i % around) * piece;
    if (stateOf(frame, tubule) !== THERE || (alone && !(frame && frame.niche[i]))) continue;
    g.beginPath();
    g.arc(centres[2 * tubule], centres[2 * tubule + 1], radius + 8, at - piece / 2, at + piece / 2);
    g.strokeStyle = frame && frame.niche[i] ? tone.lacking[frame.niche[i] - 1] : STAGES[stageOf(section, i, day)].colour;
    g.stroke();
  }
}

function paintFibres(g, section, tone) {
  const next = luck(3);
  g.strokeStyle = tone.fibre; g.lineWidth = 0.8;
  for (let k = 0; k < section.corners.length; k += 2) {
    for (let i = 0; i < 9; i++) {
      const way = next() * SPAN, x = section.corners[k] + 60 * (next() - 0.5), y = section.corners[k + 1] + 60 * (next() - 0.5);
      const [dx, dy] = [24 * Math.cos(way), 24 * Math.sin(way)], bend = 16 * (next() - 0.5);
      g.beginPath(); g.moveTo(x - dx, y - dy); g.quadraticCurveTo(x + bend, y - bend, x + dx, y + dy); g.stroke();
    }
  }
}

function paintCapillary(g, x, y, next, tone) {
  const r = 5 + next();
  ellipse(g, x, y, 2 * r, 1.75 * r, next() * SPAN);
  g.fillStyle = tone.plasma; g.strokeStyle = tone.vessel; g.lineWidth = 1; g.fill(); g.stroke();
  ellipse(g, x + r * 0.9, y + 0.6, 1.8, 4.2, 0.2);
  g.fillStyle = tone.myoid; g.fill(); // the nucleus of an endothelial cell
  g.fillStyle = tone.blood;
  for (const side of [-1.7, 1.3]) { ellipse(g, x + side, y + 1.6 * (next() - 0.5), 3.4, 2.6, next() * SPAN); g.fill(); }
}

/** Return a field as a small picture, coloured from `low` to `high` by a function of the share of that way. */
function fieldPicture(values, rows, columns, low, high, colour = viridis) {
  const picture = document.createElement("canvas");
  picture.width = columns; picture.height = rows;
  const g = picture.getContext("2d"), image = g.createImageData(columns, rows);
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
    const [r, gr, b] = colour((values[row * columns + column] - low) / Math.max(high - low, 1e-9));
    image.data.set([r, gr, b, 255], 4 * ((rows - 1 - row) * columns + column));
  }
  g.putImageData(image, 0, 0);
  return picture;
}

// For who looks from outside: tests, and a page's console.
const DRAW = { LOOKS, NAMES, LIGHT, DARK, STAGES, NO_STAGE, HYALINISED, REMOVED, motion, stageOf, paintTissue, paintStages };
